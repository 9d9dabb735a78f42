"""What happens between submitting and hanging, on a platform with one slot that others keep busy."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import httpx
import pytest
from aiohttp import web
from playwright.sync_api import Page, expect

from browser.finding import cell, prompt_box
from fakes.a1111 import FakeA1111
from fakes.kit import listening
from fakes.living import living
from platforms import Platform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
def busy(start: Callable[..., Platform]) -> Iterator[httpx.Client]:
    """A platform whose only slot has some seconds of work before it."""
    platform = start(ATELIER_WORKER_CONCURRENCY="1")
    with httpx.Client(base_url=platform.origin, timeout=30) as http:
        for number in range(4):
            submit(http, prompt=f"in the way {number}", n=10, size="1536x1024")
        yield http


def submit(http: httpx.Client, **body: object) -> str:
    answer = http.post("/v1/jobs", json=body, headers={"Idempotency-Key": uuid4().hex})
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def card(page: Page, prompt: str):
    return page.get_by_role("listitem").filter(has_text=prompt)


class TwoAreAllItDraws(FakeA1111):
    """A web UI that never finishes its third picture."""

    async def _draw(self, request: web.Request) -> web.Response:
        if len(self.bodies) == 2:
            self.gate.clear()
        return await super()._draw(request)


def test_progress_is_shown_and_what_waits_can_be_canceled(start, visit):
    with living() as live:
        webui = live(listening(TwoAreAllItDraws()))
        origin = start(
            ATELIER_WORKER_CONCURRENCY="1", ATELIER_PROVIDERS="a1111", A1111_URL=webui.url
        ).origin
        with httpx.Client(base_url=origin, timeout=30) as http:
            in_the_way = submit(http, prompt="in the way", n=10, size="256x256")
            page = visit(origin).page
            expect(page.get_by_text("Drawing")).to_be_visible()
            expect(page.get_by_role("progressbar").first).to_have_attribute(
                "aria-valuetext", "2 of 10 finished"
            )
            prompt_box(page).fill("not needed after all")
            page.get_by_role("button", name="Generate 1 picture").click()
            mine = card(page, "not needed after all")
            expect(mine.get_by_text("Queued")).to_be_visible()
            mine.get_by_role("button", name="Cancel: not needed after all").click()
            expect(mine).to_have_count(0)
            jobs = http.get("/v1/jobs", params={"status": "canceled"}).json()["items"]
            assert [job["request"]["prompt"] for job in jobs] == ["not needed after all"]
            http.post(f"/v1/jobs/{in_the_way}/cancel").raise_for_status()


def test_a_finished_picture_keeps_its_place_until_it_is_there(start, visit):
    page = visit(start().origin).page
    held = []
    open_again = []

    def hold(route):
        route.continue_() if open_again else held.append(route)

    page.route("**/thumbs/*", hold)
    prompt_box(page).fill("held back")
    page.get_by_role("button", name="Generate 1 picture").click()
    mine = card(page, "held back")
    expect(mine.get_by_text("Finished")).to_be_visible()
    expect(mine.locator(".slot .skeleton")).to_be_visible()
    open_again.append(True)
    for route in held:
        route.continue_()
    expect(mine.locator('.slot [data-loaded="true"]')).to_be_visible()


def test_what_went_wrong_is_said_and_can_be_tried_again(busy, visit):
    submit(busy, prompt="in a hurry", deadline=2, size="256x256")
    page = visit(str(busy.base_url).rstrip("/")).page
    mine = card(page, "in a hurry")
    expect(mine.get_by_text("Ran out of time")).to_be_visible(timeout=40_000)
    expect(mine.get_by_text("the deadline passed")).to_be_visible()
    assert mine.inner_text().endswith("There was no time left: the deadline passed.")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=40_000)
    mine.get_by_role("button", name="Try again").click()
    expect(cell(page, "in a hurry")).to_have_count(1)


def test_the_gallery_scrolls_without_end_and_mounts_what_is_seen(start, visit):
    platform = start()
    count = 150
    with httpx.Client(base_url=platform.origin, timeout=60) as http:
        body = {"prompts": [f"picture {number:03}" for number in range(count)], "size": "256x256"}
        answer = http.post("/v1/batches", json=body, headers={"Idempotency-Key": uuid4().hex})
        assert answer.status_code == 202, answer.text
        batch = answer.json()["id"]
        while not http.get(f"/v1/batches/{batch}").json()["done"]:
            pass
    page = visit(platform.origin).page
    first = page.get_by_role("gridcell").first
    expect(first).to_be_visible()
    first.focus()
    name = first.get_attribute("aria-label")
    # Every jump to the end brings the next page, until there is none.
    last = page.locator('[role="grid"]:not([aria-rowcount="-1"])')
    for _ in range(160):  # 40 seconds
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        if last.count():
            break
        page.wait_for_timeout(250)
    columns = int(page.get_by_role("grid").get_attribute("aria-colcount"))
    assert int(page.get_by_role("grid").get_attribute("aria-rowcount")) == -(-count // columns)
    assert page.get_by_role("gridcell").count() < 60
    expect(page.get_by_role("gridcell", name=name)).to_be_focused()
    page.keyboard.press("Control+End")
    expect(
        page.locator(f'[role="row"][aria-rowindex="{-(-count // columns)}"] :focus')
    ).to_be_visible()
    page.keyboard.press("Control+Home")
    expect(page.get_by_role("gridcell", name=name)).to_be_focused()


def test_every_attempt_is_told_beside_the_picture(start, visit):
    platform = start()
    with httpx.Client(base_url=platform.origin, timeout=30) as http:
        submit(http, prompt="a heron", model="demo/painter")
    page = visit(platform.origin).page
    cell(page, "a heron").click()
    picture = page.get_by_role("dialog")
    picture.get_by_text("1 attempt").click()
    attempt = picture.get_by_role("listitem")
    expect(attempt).to_contain_text("demo/painter")
    expect(attempt).to_contain_text("Succeeded")
    expect(attempt).to_contain_text("Free")
