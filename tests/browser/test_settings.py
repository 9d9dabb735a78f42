"""What is offered of a model's settings, what they cost, and that the vendor gets them."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

import platforms
from browser.finding import cell, prompt_box
from browser.test_access import check
from fakes.a1111 import FakeA1111
from fakes.kit import listening
from fakes.living import living
from fakes.openai import KEY, FakeOpenAI

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

looks = pytest.mark.parametrize("theme", ["light", "dark"])
widths = pytest.mark.parametrize("width", [360, 1440])


@dataclass
class World:
    """A platform with a model that has qualities, one that has steps, and one with neither."""

    origin: str
    openai: FakeOpenAI
    webui: FakeA1111


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with living() as live:
        openai, webui = (live(listening(kind())) for kind in (FakeOpenAI, FakeA1111))
        env = {
            "ATELIER_PROVIDERS": "demo,openai,a1111",
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": f"{openai.url}/v1",
            "A1111_URL": webui.url,
        }
        with platforms.embedded(tmp_path_factory.mktemp("settings"), env=env) as platform:
            yield World(platform.origin, openai, webui)


def more(page: Page, model: str) -> None:
    """Choose `model`, and look at what else can be chosen."""
    page.get_by_label("Model").select_option(label=model)
    if not page.get_by_label("Seed").is_visible():
        page.get_by_text("More settings").click()


def between(least: str, most: str) -> str:
    return f"about ${least} \N{EN DASH} ${most}"


def test_only_what_the_model_offers_is_there(world, visit):
    page = visit(world.origin).page
    expect(page.get_by_label("Seed")).not_to_be_visible()
    more(page, "The web UI's own model")
    expect(page.get_by_label("Steps")).to_be_editable()
    expect(page.get_by_label("Guidance")).to_be_editable()
    expect(page.get_by_label("Quality")).to_have_count(0)
    more(page, "GPT Image 2")
    expect(page.get_by_label("Quality")).to_be_enabled()
    expect(page.get_by_label("Steps")).to_have_count(0)
    expect(page.get_by_label("Seed")).to_be_disabled()
    more(page, "Demo painter")
    expect(page.get_by_label("Quality")).to_have_count(0)
    expect(page.get_by_label("Steps")).to_have_count(0)
    more(page, "Automatic")
    for name in ("Quality", "Steps", "Guidance"):
        expect(page.get_by_label(name)).to_be_enabled()


def test_the_vendor_gets_what_was_chosen(world, visit):
    page = visit(world.origin).page
    mine = uuid4().hex[:10]
    more(page, "The web UI's own model")
    prompt_box(page).fill(f"slowly {mine}")
    page.get_by_label("Steps").fill("200")
    expect(page.get_by_text("Steps are a whole number from 1 to 150.")).to_be_visible()
    page.get_by_role("button", name="Generate 1 picture").click()
    expect(page.get_by_text("Steps are a whole number from 1 to 150.")).to_have_count(2)
    page.get_by_label("Steps").fill("12")
    page.get_by_label("Guidance").fill("6.5")
    page.get_by_role("button", name="Generate 1 picture").click()
    expect(cell(page, mine)).to_have_count(1)
    [body] = world.webui.bodies
    assert (body["steps"], body["cfg_scale"]) == (12, 6.5)
    page.get_by_label("Steps").fill("")
    cell(page, mine).click()
    facts = page.get_by_role("dialog").get_by_role("definition")
    expect(facts.get_by_text("12", exact=True)).to_be_visible()
    page.get_by_role("button", name="Use these settings").click()
    expect(page.get_by_label("Steps")).to_have_value("12")
    expect(page.get_by_label("Guidance")).to_have_value("6.5")


def test_what_it_costs_is_said_before_it_is_spent(world, visit):
    page = visit(world.origin).page
    price = page.locator(".submit-hint")
    mine = uuid4().hex[:10]
    more(page, "GPT Image 2")
    expect(price).not_to_contain_text("$")
    prompt_box(page).fill(f"a bill {mine}")
    expect(price).to_contain_text(between("0.006", "0.422"))
    page.get_by_label("Quality").select_option(label="High")
    expect(price).to_contain_text(between("0.211", "0.422"))
    page.get_by_role("button", name="One picture more").click()
    expect(price).to_contain_text(between("0.422", "0.844"))
    page.get_by_role("button", name="Add another prompt").click()
    prompt_box(page, 2).fill("another")
    expect(price).to_contain_text(between("0.844", "1.688"))
    page.get_by_role("button", name="Remove prompt 2").click()
    assert not world.openai.paid
    page.get_by_role("button", name="Generate 2 pictures").click()
    expect(cell(page, mine)).to_have_count(2)
    assert [body["quality"] for body in world.openai.bodies] == ["high"]
    more(page, "Demo painter")
    prompt_box(page).fill("a gift")
    expect(price).to_contain_text("Free")


@looks
@widths
def test_all_of_it_is_accessible(world, visit, theme, width):
    page = visit(world.origin, width=width, theme=theme).page
    prompt_box(page).fill("a lighthouse in a storm")
    more(page, "Automatic")
    page.get_by_label("Steps").fill("0")
    expect(page.get_by_text("Steps are a whole number")).to_be_visible()
    page.get_by_label("Steps").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Guidance")).to_be_focused()
    check(page)
