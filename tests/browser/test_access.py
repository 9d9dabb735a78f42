"""Nothing for axe to find, nothing wider than the screen: every view, both themes, both ends of the widths."""

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from browser.finding import cell

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
looks = pytest.mark.parametrize("theme", ["light", "dark"])
widths = pytest.mark.parametrize("width", [360, 1440])


def check(page: Page) -> None:
    found = Axe().run(page, options=WCAG).response["violations"]
    assert [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "scrolls sideways"


@pytest.fixture(scope="module")
def filled(origin, draw):
    """Three pictures, one of them in the trash."""
    ids = draw(origin, "a walk in access forest", "a sail on access sea", "an access night")
    httpx.delete(f"{origin}/v1/images/{ids[0]}").raise_for_status()
    return origin


@looks
@widths
def test_empty(nothing_yet, visit, theme, width):
    page = visit(nothing_yet, width=width, theme=theme).page
    expect(page.get_by_text("Your pictures will hang here")).to_be_visible()
    page.get_by_role("button", name="Add another prompt").click()
    page.get_by_text("More settings").click()
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_text("Write a prompt first.")).to_be_visible()
    check(page)


@looks
@widths
def test_filled(filled, visit, theme, width):
    page = visit(filled, width=width, theme=theme).page
    expect(cell(page, "access night")).to_have_count(1)
    cell(page, "access night").focus()
    page.evaluate("scrollTo(0, 0)")  # what the sticky bar half covers would count as too small
    check(page)


@looks
@widths
def test_lightbox(filled, visit, theme, width):
    page = visit(filled, "/?q=access", width=width, theme=theme).page
    cell(page, "access night").click()
    expect(page.get_by_role("dialog").get_by_role("img", name="an access night")).to_be_visible()
    expect(page.get_by_role("button", name="Use these settings")).to_be_visible()
    check(page)


@looks
@widths
def test_trash(filled, visit, theme, width):
    page = visit(filled, "/?view=trash", width=width, theme=theme).page
    expect(cell(page, "access forest")).to_have_count(1)
    check(page)


@looks
def test_sign_in(locked, visit, theme):
    visitor = visit(locked, theme=theme, width=360, go=False)
    visitor.watch.allow(r"401 \(Unauthorized\)")
    visitor.page.goto("/")
    expect(visitor.page.get_by_role("dialog")).to_be_visible()
    check(visitor.page)


def test_more_settings_are_in_sight_on_a_small_laptop(nothing_yet, visit):
    page = visit(nothing_yet, width=1280, height=800).page
    expect(page.get_by_text("Photographic")).to_be_visible()
    more = page.get_by_text("More settings").bounding_box()
    foot = page.locator(".composer-foot").bounding_box()
    assert more
    assert foot
    assert more["y"] + more["height"] <= foot["y"]
    last = page.get_by_role("radio", name="Anime")
    last.focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("Anime", exact=True)).to_be_in_viewport(ratio=1)


def test_everything_is_reached_by_tabbing(filled, visit):
    page = visit(filled).page
    expect(page.get_by_role("gridcell").first).to_be_visible()
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate(
            "document.activeElement.getAttribute('role') || document.activeElement.tagName"
        )
        if name == "BODY":
            break
        reached.add(name)
        assert page.evaluate("document.activeElement.matches(':focus-visible')")
    assert {"A", "TEXTAREA", "BUTTON", "INPUT", "SUMMARY", "SELECT", "gridcell"} <= reached


def test_the_theme_is_chosen_and_kept(origin, visit):
    page = visit(origin, theme="light").page
    page.get_by_role("button", name="Dark theme").click()
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    dark = page.evaluate(ground)
    page.reload()
    assert page.evaluate(ground) == dark
    page.get_by_role("button", name="Light theme").click()
    assert page.evaluate(ground) != dark


def test_the_policy_is_the_one_designed(origin, visit):
    page = visit(origin, go=False).page
    answer = page.goto("/")
    policy = answer.headers["content-security-policy"]
    for part in (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "trusted-types 'none'",
        "require-trusted-types-for 'script'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ):
        assert part in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-cache"
