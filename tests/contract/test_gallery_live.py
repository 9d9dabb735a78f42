"""The live view over real sockets: snapshots, changes, resumption, and why it ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from httpx_sse import aconnect_sse
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from atelier_core.contracts.events import Announcement, Durable, JobProgress
from atelier_core.domain.values import child_id
from gallery_harness import Running, running
from gallery_stories import accepted, batch_requested, ended, picture, requested, started

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

OLD_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture
async def gallery() -> AsyncIterator[Running]:
    async with running() as it:
        yield it


@asynccontextmanager
async def watching(
    gallery: Running, query: str, *, key: str = "key-of-local"
) -> AsyncIterator[ClientConnection]:
    url = gallery.origin.replace("http", "ws") + f"/v1/events?{query}"
    headers = {"Authorization": f"Bearer {key}"}
    async with asyncio.timeout(20), connect(url, additional_headers=headers) as socket:
        yield socket


async def read(socket: ClientConnection) -> dict[str, Any]:
    return json.loads(await socket.recv())  # type: ignore[no-any-return]


async def until(socket: ClientConnection, event: str) -> list[dict[str, Any]]:
    """Everything up to the first `event`."""
    messages = [await read(socket)]
    while messages[-1]["event"] != event:
        messages.append(await read(socket))
    return messages


async def close_code(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await socket.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def test_a_snapshot_then_every_change(gallery: Running) -> None:
    first = accepted("first")
    await gallery.bus.publish(requested(first))
    await gallery.job(first.id)
    async with watching(gallery, "topic=me") as socket:
        opening = await until(socket, "snapshot.complete")
        assert [m["event"] for m in opening] == [
            "snapshot.started",
            "job.updated",
            "snapshot.complete",
        ]
        assert opening[0]["data"] == {"reset": True}
        assert opening[1]["data"] == await gallery.job(first.id)
        assert ["id" in m for m in opening] == [False, False, True]
        image = picture(first)
        await gallery.bus.publish(started(first))
        running = await read(socket)
        assert (running["data"]["status"], running["data"]["version"]) == ("running", 2)
        gallery.bus.announce(JobProgress(owner="local", job_id=first.id, index=0, fraction=0.5))
        progress = await read(socket)
        assert progress == {
            "event": "job.progress",
            "data": {"job_id": first.id, "index": 0, "fraction": 0.5},
        }
        await gallery.bus.publish(ended(first, image))
        done = await until(socket, "image.updated")
        assert (done[0]["data"]["status"], done[0]["data"]["version"]) == ("succeeded", 3)
        assert (done[-1]["data"]["id"], done[-1]["data"]["version"]) == (image.id, 1)
        await gallery.http.delete(f"/v1/images/{image.id}")
        assert (await until(socket, "image.updated"))[-1]["data"]["version"] == 2
        await gallery.http.delete(f"/v1/images/{image.id}?permanent=true")
        gone = (await until(socket, "image.deleted"))[-1]
        assert (gone["data"]["id"], gone["data"]["version"] > 2) == (image.id, True)
        assert gone["id"]


async def test_topics_choose_and_owners_are_apart(gallery: Running) -> None:
    batch = batch_requested(2)
    mine, other = accepted("mine"), accepted("other", owner="other")
    async with (
        watching(gallery, f"topic=batch:{batch.batch_id}&topic=job:{mine.id}") as both,
        watching(gallery, "topic=me", key="key-of-other") as others,
    ):
        await until(both, "snapshot.complete")
        await until(others, "snapshot.complete")
        await gallery.bus.publish(requested(accepted("not watched")), batch, requested(mine))
        await gallery.bus.publish(requested(other))
        seen = {(await read(both))["data"]["id"] for _ in range(3)}
        assert seen == {mine.id, *(child_id(batch.batch_id, i) for i in range(2))}
        assert (await read(others))["data"]["id"] == other.id


async def test_resume_sends_what_was_missed(gallery: Running) -> None:
    jobs = [accepted(str(i)) for i in range(3)]
    await gallery.bus.publish(*map(requested, jobs))
    image = picture(jobs[2])
    await gallery.bus.publish(ended(jobs[2], image))
    await gallery.done(jobs[2].id)
    async with watching(gallery, "topic=me") as socket:
        cursor = (await until(socket, "snapshot.complete"))[-1]["id"]
    await gallery.bus.publish(started(jobs[0]))
    assert (await gallery.job(jobs[0].id, wait=5, after_version=1))["version"] == 2
    await gallery.http.delete(f"/v1/images/{image.id}?permanent=true")
    async with watching(gallery, f"topic=me&after={cursor}") as socket:
        missed = await until(socket, "snapshot.complete")
        assert missed[0]["data"] == {"reset": False}
        versions = {
            m["data"]["id"]: m["data"]["version"] for m in missed if m["event"] == "job.updated"
        }
        assert (versions[jobs[0].id], versions[jobs[2].id]) == (2, 3)
        assert image.id in {m["data"]["id"] for m in missed if m["event"] == "image.deleted"}
        assert missed[-1]["id"] >= cursor
    async with watching(gallery, f"topic=job:{jobs[1].id}&after={cursor}") as socket:
        missed = await until(socket, "snapshot.complete")
        assert [m["data"]["id"] for m in missed[1:-1]] == [jobs[1].id]


async def test_a_cursor_too_old_starts_again(gallery: Running) -> None:
    async with watching(gallery, "topic=me&after=c0100000000") as socket:
        assert (await read(socket))["data"] == {"reset": True}


@pytest.mark.parametrize(
    ("query", "key", "code"),
    [
        ("topic=me", "wrong", 4401),
        ("topic=me", "unknowable", 1012),
        ("", "key-of-local", 4400),
        ("topic=everything", "key-of-local", 4400),
        ("topic=me&after=x", "key-of-local", 4400),
        ("topic=me&after=cffffffffffff", "key-of-local", 4400),
        ("topic=me&colour=red", "key-of-local", 4400),
        ("topic=me&after=c0100000000&after=c0100000000", "key-of-local", 4400),
        ("topic=job:ffffffff-ffff-7fff-bfff-ffffffffffff", "key-of-local", 4404),
        ("&".join(f"topic=job:{OLD_ID}" for _ in range(21)), "key-of-local", 4400),
        ("topic=job:nope", "key-of-local", 4404),
        (f"topic=job:{OLD_ID}", "key-of-local", 4404),
        (f"topic=me&topic=batch:{OLD_ID}", "key-of-local", 4404),
    ],
)
async def test_close_codes(gallery: Running, query: str, key: str, code: int) -> None:
    async with watching(gallery, query, key=key) as socket:
        assert await close_code(socket) == code


async def test_a_frame_from_the_client_ends_it(gallery: Running) -> None:
    async with watching(gallery, "topic=me") as socket:
        await until(socket, "snapshot.complete")
        await socket.send("hello")
        assert await close_code(socket) == 4400


async def test_a_ticket_opens_a_socket_and_nothing_else(gallery: Running) -> None:
    url = gallery.origin.replace("http", "ws") + "/v1/events?topic=me&ticket=key-of-local"
    async with asyncio.timeout(10), connect(url) as socket:
        await until(socket, "snapshot.complete")
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{gallery.origin}/v1/events/stream?topic=me&ticket=key-of-local")
        assert answer.status_code in (401, 422)


async def test_foreign_pages_may_not_watch(gallery: Running) -> None:
    url = gallery.origin.replace("http", "ws") + "/v1/events?topic=me"
    headers = {"Authorization": "Bearer key-of-local"}
    with pytest.raises(Exception, match="403"):
        async with connect(url, additional_headers=headers, origin="https://evil.example"):
            pass


async def test_a_young_unknown_job_stays_pending(gallery: Running) -> None:
    job = accepted()
    async with watching(gallery, f"topic=job:{job.id}") as socket:
        assert [m["event"] for m in await until(socket, "snapshot.complete")] == [
            "snapshot.started",
            "snapshot.complete",
        ]
        await gallery.bus.publish(requested(job))
        assert (await read(socket))["data"]["id"] == job.id


async def test_leaving_sends_watchers_away(gallery: Running) -> None:
    async with watching(gallery, "topic=me") as socket:
        await until(socket, "snapshot.complete")
        gallery.leaving.set()
        assert await close_code(socket) == 1012


class Forgetful:
    """A publisher whose announcements are all lost."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus

    async def publish(self, *events: Durable) -> None:
        await self._bus.publish(*events)

    def announce(self, *events: Announcement) -> None:
        pass


async def test_the_tail_finds_what_announcements_lost() -> None:
    async with running(
        changed=lambda parts: {**parts, "publisher": Forgetful(parts["publisher"])}
    ) as gallery:
        job = accepted()
        image = picture(job)
        async with watching(gallery, "topic=me") as socket:
            await until(socket, "snapshot.complete")
            await gallery.bus.publish(requested(job), ended(job, image))
            assert (await until(socket, "image.updated"))[-1]["data"]["id"] == image.id
            await gallery.http.delete(f"/v1/images/{image.id}?permanent=true")
            gone = await until(socket, "image.deleted")
            assert gone[-1]["data"]["id"] == image.id
        assert (await gallery.job(job.id, wait=5, after_version=2))["images"] == []


async def test_events_as_a_stream(gallery: Running) -> None:
    job = accepted()
    await gallery.bus.publish(requested(job))
    await gallery.job(job.id)
    url, cursor = "/v1/events/stream?topic=me", ""
    async with asyncio.timeout(20), aconnect_sse(gallery.http, "GET", url) as events:
        assert events.response.headers["x-accel-buffering"] == "no"
        stream = events.aiter_sse()
        assert (await anext(stream)).json() == {"reset": True}
        assert (await anext(stream)).json() == await gallery.job(job.id)
        complete = await anext(stream)
        assert (complete.event, bool(complete.id)) == ("snapshot.complete", True)
        await gallery.bus.publish(started(job))
        changed = await anext(stream)
        assert (changed.event, changed.json()["version"]) == ("job.updated", 2)
        cursor = changed.id
        await stream.aclose()
    resumed = {"Last-Event-ID": cursor}
    async with (
        asyncio.timeout(20),
        aconnect_sse(gallery.http, "GET", url, headers=resumed) as events,
    ):
        stream = events.aiter_sse()
        assert (await anext(stream)).json() == {"reset": False}
        await stream.aclose()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (422, "invalid_request")),
        ("topic=everything", (422, "invalid_request")),
        ("topic=me&colour=red", (422, "invalid_request")),
        ("topic=me&after=x", (400, "invalid_cursor")),
        ("topic=job:nope", (404, "not_found")),
        (f"topic=job:{OLD_ID}", (404, "not_found")),
    ],
)
async def test_a_stream_answers_a_problem_first(
    gallery: Running, query: str, expected: tuple[int, str]
) -> None:
    answer = await gallery.http.get(f"/v1/events/stream?{query}")
    assert (answer.status_code, answer.json()["code"]) == expected


async def test_a_stream_ends_when_the_gallery_leaves(gallery: Running) -> None:
    url = "/v1/events/stream?topic=me"
    async with asyncio.timeout(5), aconnect_sse(gallery.http, "GET", url) as events:
        seen = []
        async for event in events.aiter_sse():
            seen.append(event.event)
            gallery.leaving.set()
    assert seen[0] == "snapshot.started"


async def test_many_watchers_of_one_job_see_the_same(gallery: Running) -> None:
    job = accepted()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:

        async def watch() -> int:
            async with watching(gallery, f"topic=job:{job.id}") as socket:
                await until(socket, "snapshot.complete")
                ready.release()
                while True:
                    message = await read(socket)
                    if message["data"].get("done"):
                        return int(message["data"]["version"])

        ready = asyncio.Semaphore(0)
        tasks = [group.create_task(watch()) for _ in range(30)]
        for _ in tasks:
            await ready.acquire()
        await gallery.bus.publish(requested(job), started(job), ended(job, picture(job)))
    assert {task.result() for task in tasks} == {(await gallery.job(job.id))["version"]}
