"""What people do: write, watch, look, keep, throw away, come back."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Route, expect

from browser.finding import cell, prompt_box
from platforms import Platform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def words() -> str:
    return uuid4().hex[:10]


def test_several_prompts_are_submitted_watched_and_hung(origin, visit):
    page = visit(origin).page
    mine = words()
    prompt_box(page, 1).fill(f"a red fox in the forest {mine}")
    page.get_by_role("button", name="Add another prompt").click()
    expect(prompt_box(page, 2)).to_be_focused()
    prompt_box(page, 2).fill(f"🦊 <b>שועל</b> ../../etc/passwd {mine}")
    page.get_by_role("button", name="One picture more").click()
    expect(page.get_by_role("button", name="Generate 4 pictures")).to_be_visible()
    page.get_by_role("button", name="Generate 4 pictures").click()
    expect(page.get_by_role("heading", name="In progress")).to_be_visible()
    expect(cell(page, mine)).to_have_count(4)
    expect(cell(page, f"🦊 <b>שועל</b> ../../etc/passwd {mine}")).to_have_count(2)
    expect(prompt_box(page)).to_have_value("")
    # What went well leaves by itself: the pictures are in the gallery.
    expect(page.get_by_role("heading", name="In progress")).to_have_count(0)


def test_ctrl_enter_submits_once_and_an_empty_form_says_what_is_missing(origin, visit):
    page = visit(origin).page
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_text("Write a prompt first.")).to_be_visible()
    expect(prompt_box(page)).to_be_focused()
    mine = words()
    page.keyboard.type(f"a quiet sea {mine}")
    page.keyboard.press("Control+Enter")
    page.keyboard.press("Control+Enter")
    expect(cell(page, mine)).to_have_count(1)


def test_after_submitting_the_prompt_is_there_for_the_next(origin, visit):
    page = visit(origin, width=1280, height=640).page
    mine = words()
    prompt_box(page).fill(f"a long way down {mine}")
    page.get_by_text("More settings").click()
    page.get_by_label("Exact size").scroll_into_view_if_needed()
    expect(prompt_box(page)).not_to_be_in_viewport()
    page.get_by_role("button", name="Generate 1 picture").click()
    expect(prompt_box(page)).to_have_value("")
    expect(prompt_box(page)).to_be_focused()
    expect(prompt_box(page)).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("heading", name="What shall we paint?")).to_be_in_viewport(ratio=1)


def test_a_row_in_the_middle_is_removed_and_the_others_stay(origin, visit):
    page = visit(origin).page
    mine = words()
    for position, text in enumerate(("first", "second", "third"), 1):
        if position > 1:
            page.get_by_role("button", name="Add another prompt").click()
        prompt_box(page, position).fill(f"{text} {mine}")
    page.get_by_role("button", name="Remove prompt 2").click()
    expect(prompt_box(page, 1)).to_have_value(f"first {mine}")
    expect(prompt_box(page, 2)).to_have_value(f"third {mine}")
    expect(prompt_box(page, 2)).to_be_focused()
    page.get_by_role("button", name="Generate 2 pictures").click()
    expect(cell(page, mine)).to_have_count(2)
    expect(cell(page, f"second {mine}")).to_have_count(0)


def test_the_counter_counts_code_points_and_too_long_is_refused_before_sending(origin, visit):
    page = visit(origin).page
    prompt_box(page).fill("🦊" * 4000)
    expect(page.get_by_text("4,000 / 4,000")).to_be_visible()
    prompt_box(page).fill("🦊" * 4001)
    expect(page.get_by_text("Too long")).to_be_visible()
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_role("heading", name="In progress")).to_have_count(0)


def test_examples_and_a_draft_that_survives_a_reload(origin, visit):
    page = visit(origin).page
    page.get_by_role("button", name="Lighthouse", exact=True).click()
    expect(prompt_box(page)).to_have_value(
        "A lighthouse on a cliff in a winter storm, waves"
        " breaking over the rocks, warm light in the lantern room"
    )
    page.get_by_role("button", name="Desert").click()
    expect(prompt_box(page, 2)).to_be_focused()
    page.get_by_role("radio", name="Watercolor").check()
    page.reload()
    expect(prompt_box(page, 2)).to_have_value(
        "A caravan crossing red dunes under a sky full of stars, long shadows in the moonlight"
    )
    expect(page.get_by_role("radio", name="Watercolor")).to_be_checked()


def test_whoever_can_draw_may_come_after_the_page(origin, visit):
    visitor = visit(origin, go=False)
    page = visitor.page
    asked = []

    def nobody_yet(route):
        asked.append(route)
        answer = route.fetch()
        models = answer.json()
        for model in models["items"]:
            model["available"] = model["available"] and len(asked) > 1
        route.fulfill(response=answer, json=models)

    page.route("**/v1/models", nobody_yet)
    page.goto("/")
    expect(page.get_by_role("radio", name="16:9")).to_be_visible()
    assert len(asked) == 2


def test_a_submission_whose_outcome_is_not_known_is_the_same_after_a_reload(origin, visit):
    page = visit(origin).page
    mine = words()
    keys: list[str | None] = []

    def unheard_at_first(route):
        keys.append(route.request.headers.get("idempotency-key"))
        answer = route.fetch()
        if len(keys) > 1:
            route.fulfill(response=answer)

    page.route(lambda url: url.endswith("/v1/jobs"), unheard_at_first)
    prompt_box(page).fill(f"once {mine}")
    button = page.get_by_role("button", name="Generate 1 picture")
    with page.expect_request(lambda request: request.method == "POST"):
        button.click()
    page.reload()
    button.click()
    expect(prompt_box(page)).to_have_value("")
    assert keys == [keys[0]] * 2
    expect(cell(page, mine)).to_have_count(1)


def test_the_lightbox_by_keyboard(origin, visit, draw):
    mine = words()
    draw(origin, f"older sea {mine}", f"newer sea {mine}")
    page = visit(origin, f"/?q={mine}").page
    expect(cell(page, mine)).to_have_count(2)
    page.get_by_role("gridcell").first.focus()
    page.keyboard.press("Enter")
    box = page.get_by_role("dialog")
    expect(box.get_by_role("img", name=f"newer sea {mine}")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(box.get_by_role("img", name=f"older sea {mine}")).to_be_visible()
    expect(box.get_by_role("definition").get_by_text("demo/painter")).to_be_visible()
    page.reload()
    expect(box.get_by_role("img", name=f"older sea {mine}")).to_be_visible()
    expect(box.get_by_role("button", name="Previous picture")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(box.get_by_role("img", name=f"newer sea {mine}")).to_be_visible()
    page.keyboard.press("Escape")
    expect(box).to_have_count(0)
    expect(cell(page, f"newer sea {mine}")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(cell(page, f"older sea {mine}")).to_be_focused()
    assert "image=" not in page.url


def test_going_back_closes_the_lightbox_and_going_on_opens_it(origin, visit, draw):
    mine = words()
    draw(origin, f"a harbour {mine}")
    page = visit(origin, f"/?q={mine}").page
    cell(page, mine).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.go_forward()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_a_picture_that_does_not_exist_is_said(origin, visit):
    visitor = visit(origin, "/?image=nothing-like-this", go=False)
    visitor.watch.allow(r"404 \(Not Found\)")
    visitor.page.goto("/?image=nothing-like-this")
    expect(visitor.page.get_by_text("This picture does not exist")).to_be_visible()


def test_download(origin, visit, draw, tmp_path: Path):
    mine = words()
    draw(origin, f"A Red Fox! {mine}")
    page = visit(origin, f"/?q={mine}").page
    cell(page, mine).click()
    with page.expect_download() as started:
        page.get_by_role("dialog").get_by_role("link", name="Download").click()
    download = started.value
    assert download.suggested_filename.startswith("a-red-fox-")
    download.save_as(tmp_path / "picture")
    assert (tmp_path / "picture").read_bytes().startswith(b"\x89PNG")
    with page.expect_download():
        page.keyboard.press("d")


def test_delete_and_undo(origin, visit, draw):
    mine = words()
    draw(origin, f"one {mine}", f"two {mine}")
    page = visit(origin, f"/?q={mine}").page
    cell(page, f"two {mine}").focus()
    page.keyboard.press("Delete")
    expect(cell(page, f"two {mine}")).to_have_count(0)
    expect(cell(page, f"one {mine}")).to_be_focused()
    page.get_by_role("button", name="Undo").click()
    expect(cell(page, mine)).to_have_count(2)


def test_undo_is_in_reach_beside_the_next_picture(origin, visit, draw):
    mine = words()
    draw(origin, f"next {mine}", f"first {mine}")
    page = visit(origin, f"/?q={mine}").page
    cell(page, f"first {mine}").click()
    box = page.get_by_role("dialog")
    box.get_by_role("button", name="Delete").click()
    expect(box.get_by_role("img", name=f"next {mine}")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(box.get_by_role("button", name="Previous picture")).to_be_visible()
    page.keyboard.press("Escape")
    expect(cell(page, mine)).to_have_count(2)


def test_a_deletion_that_takes_its_time_opens_nothing_that_was_closed(origin, visit, draw):
    mine = words()
    draw(origin, f"slow {mine}", f"other {mine}")
    page = visit(origin, f"/?q={mine}").page
    held: list[Route] = []
    page.route(
        lambda url: "/v1/images/" in url,
        lambda route: held.append(route) if route.request.method == "DELETE" else route.fallback(),
    )
    cell(page, f"slow {mine}").click()
    box = page.get_by_role("dialog")
    with page.expect_request(lambda request: request.method == "DELETE"):
        box.get_by_role("button", name="Delete").click()
    page.keyboard.press("Escape")
    expect(box).to_have_count(0)
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        held.pop().continue_()
    expect(cell(page, f"slow {mine}")).to_have_count(0)
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    expect(box).to_have_count(0)
    assert "image=" not in page.url


def test_the_trash_keeps_what_was_deleted_until_it_is_purged(origin, visit, draw):
    mine = words()
    draw(origin, f"gone {mine}", f"back {mine}")
    page = visit(origin, f"/?q={mine}").page
    box = page.get_by_role("dialog")
    for text, following in (("gone", "back"), ("back", None)):
        cell(page, f"{text} {mine}").click()
        box.get_by_role("button", name="Delete").click()
        if following:
            expect(box.get_by_role("img", name=f"{following} {mine}")).to_be_visible()
            page.keyboard.press("Escape")
        expect(box).to_have_count(0)
        expect(cell(page, f"{text} {mine}")).to_have_count(0)
    page.get_by_role("link", name="Trash").click()
    cell(page, f"back {mine}").click()
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    page.keyboard.press("Escape")
    expect(cell(page, f"back {mine}")).to_have_count(0)
    cell(page, f"gone {mine}").click()
    page.get_by_role("button", name="Delete for ever").click()
    page.get_by_role("button", name="Really delete for ever").click()
    expect(cell(page, mine)).to_have_count(0)
    page.get_by_role("link", name="Gallery", exact=True).click()
    expect(cell(page, f"back {mine}")).to_have_count(1)


def test_use_these_settings(origin, visit):
    page = visit(origin).page
    mine = words()
    prompt_box(page).fill(f"a city at night {mine}")
    page.get_by_role("radio", name="Watercolor").check()
    page.get_by_text("More settings").click()
    page.get_by_label("Seed").fill("4242")
    page.get_by_label("Leave out").fill("people")
    page.get_by_role("button", name="Generate 1 picture").click()
    cell(page, mine).click()
    panel = page.get_by_role("complementary", name="About this picture")
    for text in ("4242", "people", "watercolor"):
        expect(panel.get_by_text(text, exact=True)).to_be_visible()
    panel.get_by_role("button", name="Use these settings").click()
    expect(prompt_box(page)).to_have_value(f"a city at night {mine}")
    expect(prompt_box(page)).to_be_focused()
    expect(page.get_by_label("Seed")).to_have_value("4242")


def test_the_address_keeps_the_search(origin, visit, draw):
    mine = words()
    draw(origin, f"a lonely lighthouse {mine}", f"a crowded market {mine}")
    page = visit(origin).page
    expect(cell(page, mine)).to_have_count(2)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type(f"lighthouse {mine}")
    expect(cell(page, f"market {mine}")).to_have_count(0)
    expect(cell(page, mine)).to_have_count(1)
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value(f"lighthouse {mine}")
    expect(cell(page, mine)).to_have_count(1)
    page.get_by_role("searchbox").fill(f"nothing{mine} " + "at all " * 100)  # a pasted prompt
    expect(page.get_by_text("Nothing matches")).to_be_visible()


def test_a_lost_connection_is_said_and_mended(start: Callable[..., Platform], visit, draw):
    platform = start()
    visitor = visit(platform.origin)
    page = visitor.page
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    visitor.watch.allow("ERR_CONNECTION_REFUSED|WebSocket|Failed to load resource")
    process = platform.processes["embedded"]
    process.kill()
    expect(page.get_by_text("The connection is lost")).to_be_visible()
    process.start()
    process.wait_ready()
    draw(platform.origin, "drawn while nobody listened")
    expect(page.get_by_text("The connection is lost")).to_have_count(0)
    expect(cell(page, "drawn while nobody listened")).to_have_count(1)


def test_a_browser_that_goes_offline_and_comes_back(origin, visit):
    visitor = visit(origin)
    page = visitor.page
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    visitor.watch.allow("ERR_INTERNET_DISCONNECTED|WebSocket")
    page.context.set_offline(True)
    expect(page.get_by_text("The connection is lost")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()


def test_a_protected_platform_asks_for_its_key(start: Callable[..., Platform], visit):
    platform = start(ATELIER_API_KEY="correct-horse-battery")
    visitor = visit(platform.origin, go=False)
    visitor.watch.allow(r"401 \(Unauthorized\)")
    page = visitor.page
    page.goto("/")
    expect(page.get_by_role("banner").get_by_text("Signed out")).to_be_visible()
    page.get_by_label("Key").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_text("That key was not accepted.")).to_be_visible()
    page.get_by_label("Key").fill("correct-horse-battery")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.reload()
    prompt_box(page).fill("behind the door")
    page.get_by_role("button", name="Generate 1 picture").click()
    expect(cell(page, "behind the door")).to_have_count(1)
    assert "correct-horse" not in page.evaluate("document.cookie")
