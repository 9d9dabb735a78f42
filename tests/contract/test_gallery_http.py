"""The gallery's half of the HTTP contract, over a real socket."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest

from atelier_core.adapters.memory_blobs import MemoryBlobStore
from atelier_core.contracts.internal import HEADER
from atelier_core.domain.job import Job
from atelier_core.domain.outcome import JobStatus, Outcome
from atelier_core.domain.run import RunRecord, run_key
from atelier_core.domain.values import child_id, new_id, now
from atelier_core.errors import TransientError
from atelier_core.http.auth import internal_token
from atelier_gallery.ports import Change
from atelier_gallery.stores.memory import MemoryJobStore
from gallery_harness import Running, running
from gallery_stories import accepted, at, batch_requested, call, ended, picture, requested, started

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

OLD_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture
async def gallery() -> AsyncIterator[Running]:
    async with running() as it:
        yield it


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


async def drawn(gallery: Running, prompt: str = "a red fox", **changes: Any) -> dict[str, Any]:
    """A job with one picture, its bytes stored."""
    job = accepted(prompt, **changes)
    data = b"0123456789"
    image = picture(job)
    await gallery.store(image, data)
    await gallery.bus.publish(requested(job), ended(job, image, calls=(call("a"),)))
    return await gallery.done(job.id)


async def test_a_job_is_read_and_has_its_version_as_etag(gallery: Running) -> None:
    job = accepted("🦊 ../../etc <b>", tags=("a",), metadata={"$k.": "v"})
    await gallery.bus.publish(requested(job))
    answer = await gallery.http.get(f"/v1/jobs/{job.id}")
    assert (answer.status_code, answer.headers["etag"]) == (200, '"1"')
    shown = answer.json()
    assert (shown["status"], shown["done"], shown["version"]) == ("queued", False, 1)
    assert (shown["request"]["prompt"], shown["metadata"]) == ("🦊 ../../etc <b>", {"$k.": "v"})
    assert not {"step", "deferred_until"} & set(shown)
    again = await gallery.http.get(f"/v1/jobs/{job.id}", headers={"If-None-Match": 'W/"1"'})
    assert (again.status_code, again.content) == (304, b"")
    some = await gallery.http.get(f"/v1/jobs/{job.id}", headers={"If-None-Match": "*"})
    assert some.status_code == 304
    head = await gallery.http.head(f"/v1/jobs/{job.id}")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/jobs/nope",
        "/v1/jobs/00000000-0000-7000-8000-000000000000",
        "/v1/jobs/%00",
        "/v1/jobs/ffffffff-ffff-7fff-bfff-ffffffffffff",
        "/v1/images/ffffffff-ffff-7fff-bfff-ffffffffffff",
        "/v1/events/stream?topic=job:ffffffff-ffff-7fff-bfff-ffffffffffff",
        "/v1/batches/nope",
        "/v1/images/nope",
        "/v1/images/nope/content",
        "/v1/images/nope/thumbs/320",
        "/nothing",
        "/assets/1/../../main.py",
        "/assets/1/..%2f..%2fmain.py",
        "/assets/1/main.py",
        "/assets/1/index.html",
    ],
)
async def test_what_is_not_there_is_not_found(gallery: Running, path: str) -> None:
    assert problem(await gallery.http.get(path)) == (404, "not_found")


async def test_others_jobs_and_images_are_not_found(gallery: Running) -> None:
    job = await drawn(gallery, owner="local")
    other = {"Authorization": "Bearer key-of-other"}
    [image] = job["images"]
    for path in (f"/v1/images/{image['id']}", image["content_url"], image["thumb_urls"]["320"]):
        assert problem(await gallery.http.get(path, headers=other)) == (404, "not_found")
        answer = await gallery.http.delete(f"/v1/images/{image['id']}", headers=other)
        assert problem(answer) == (404, "not_found")
    listed = await gallery.http.get("/v1/jobs", headers=other)
    assert listed.json() == {"object": "list", "items": [], "next_cursor": None}


async def test_who_calls_is_asked_and_fails_closed(gallery: Running) -> None:
    for path in ("/v1/jobs", "/v1/images", "/v1/events/stream?topic=me"):
        wrong = await gallery.http.get(path, headers={"Authorization": "Bearer wrong"})
        assert problem(wrong) == (401, "unauthenticated")
        assert wrong.headers["www-authenticate"] == "Bearer"
        away = await gallery.http.get(path, headers={"Authorization": "Bearer unknowable"})
        assert problem(away) == (503, "service_unavailable")
        assert int(away.headers["retry-after"]) >= 1


async def test_a_just_accepted_job_is_waited_for(gallery: Running) -> None:
    job = accepted()
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(gallery.http.get(f"/v1/jobs/{job.id}"))
        await asyncio.sleep(0.05)
        await gallery.bus.publish(requested(job))
    assert asking.result().status_code == 200


async def test_an_image_that_is_just_being_saved_is_waited_for(gallery: Running) -> None:
    job = accepted()
    image = picture(job)
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(gallery.http.get(f"/v1/images/{image.id}"))
        await asyncio.sleep(0.05)
        await gallery.bus.publish(ended(job, image, calls=(call("a"),)))
    assert asking.result().status_code == 200


async def test_a_long_poll_answers_with_the_next_version(gallery: Running) -> None:
    job = accepted()
    await gallery.bus.publish(requested(job))
    assert (await gallery.job(job.id))["version"] == 1
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(gallery.job(job.id, wait=10, after_version=1))
        await asyncio.sleep(0.05)
        assert not asking.done()
        await gallery.bus.publish(started(job))
    assert (asking.result()["version"], asking.result()["status"]) == (2, "running")
    unchanged = await gallery.job(job.id, wait=1, after_version=2)
    assert unchanged["version"] == 2


async def test_lists_page_filter_and_keep_their_cursor(gallery: Running) -> None:
    jobs = [accepted(f"fox {i}", tags=(f"t{i % 2}",), created_at=at(i)) for i in range(5)]
    await gallery.bus.publish(*map(requested, jobs))
    for job in jobs:
        await gallery.job(job.id)

    async def listed(**query: Any) -> tuple[list[str], str | None]:
        answer = (await gallery.http.get("/v1/jobs", params=query)).raise_for_status().json()
        return [item["request"]["prompt"] for item in answer["items"]], answer["next_cursor"]

    first, cursor = await listed(limit=2)
    assert first == ["fox 4", "fox 3"]
    second, cursor = await listed(limit=2, cursor=cursor)
    assert second == ["fox 2", "fox 1"]
    assert await listed(limit=2, cursor=cursor) == (["fox 0"], None)
    assert (await listed(order="asc", tag="t1"))[0] == ["fox 1", "fox 3"]
    assert (await listed(tag=["t0", "t1"], status=["queued", "running"]))[0] == [
        f"fox {4 - i}" for i in range(5)
    ]
    assert (await listed(status="running"))[0] == []
    after = {"created_after": at(1).isoformat(), "created_before": at(4).isoformat()}
    assert (await listed(**after))[0] == ["fox 3", "fox 2"]
    assert (await listed(model="auto"))[0][0] == "fox 4"
    job = accepted()
    by = call("a", provider="demo", model="demo/painter")
    await gallery.store(picture(job), b"0123456789")
    await gallery.bus.publish(requested(job), ended(job, picture(job), calls=(by,)))
    await gallery.done(job.id)
    assert (await listed(model="demo"))[0] == ["a red fox"], "an alias of the model that drew"
    assert (await listed(model=["painter", "auto"], limit=1))[0] == ["a red fox"]
    twice = await gallery.http.get("/v1/jobs?limit=1&limit=2")
    assert problem(twice) == (422, "invalid_request")
    character = await gallery.http.get("/v1/images?character=x")
    assert [e["pointer"] for e in character.json()["errors"]] == ["?character"]
    wrong = await gallery.http.get("/v1/jobs", params={"cursor": cursor, "tag": "t1"})
    assert problem(wrong) == (400, "invalid_cursor")
    of_images = await gallery.http.get("/v1/images", params={"cursor": cursor})
    assert problem(of_images) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("colour=red", (422, "invalid_request")),
        ("limit=0", (422, "invalid_request")),
        ("limit=101", (422, "invalid_request")),
        ("limit=x", (422, "invalid_request")),
        ("order=up", (422, "invalid_request")),
        ("status=happy", (422, "invalid_request")),
        ("created_after=yesterday", (422, "invalid_request")),
        ("created_after=2026-01-01T00:00:00", (422, "invalid_request")),
        ("character=x", (422, "unsupported_parameter")),
        ("cursor=rubbish", (400, "invalid_cursor")),
        ("cursor=W10", (400, "invalid_cursor")),
        ("cursor=%F0%9F%A6%8A", (400, "invalid_cursor")),
    ],
)
async def test_bad_queries(gallery: Running, query: str, expected: tuple[int, str]) -> None:
    answer = await gallery.http.get(f"/v1/jobs?{query}")
    assert problem(answer) == expected
    pointers = [error["pointer"] for error in answer.json()["errors"]]
    assert len(pointers) == len(set(pointers))


@pytest.mark.parametrize("place", [["x", "y"], [1e300, "y"], [True, None], [1, 2], [1, "\ud800"]])
async def test_a_forged_cursor_is_refused(gallery: Running, place: list[Any]) -> None:
    jobs = [accepted() for _ in range(2)]
    await gallery.bus.publish(*map(requested, jobs))
    for job in jobs:
        await gallery.job(job.id)
    real = (await gallery.http.get("/v1/jobs?limit=1")).json()["next_cursor"]
    digest = base64.urlsafe_b64decode(real + "=" * (-len(real) % 4)).split(b'"')[1].decode()
    forged = base64.urlsafe_b64encode(json.dumps([digest, *place]).encode()).decode()
    answer = await gallery.http.get("/v1/jobs", params={"limit": 1, "cursor": forged.rstrip("=")})
    assert problem(answer) == (400, "invalid_cursor")


async def test_a_batch_counts_what_is_not_known_yet(gallery: Running) -> None:
    batch = batch_requested(3)
    await gallery.bus.publish(batch)
    answer = (await gallery.http.get(f"/v1/batches/{batch.batch_id}")).raise_for_status().json()
    assert (answer["status"], answer["size"], answer["version"]) == ("queued", 3, 3)
    assert answer["counts"]["queued"] == 3
    assert set(answer["counts"]) == {str(status) for status in JobStatus}
    first = batch.jobs()[0]
    await gallery.bus.publish(ended(first, picture(first), calls=(call("a"),)))
    await gallery.done(first.id)
    answer = (await gallery.http.get(f"/v1/batches/{batch.batch_id}")).json()
    assert (answer["status"], answer["done"]) == ("running", False)
    assert answer["cost"] == {"amount": "0.04", "currency": "USD", "status": "exact"}
    query = {"batch": batch.batch_id, "order": "asc"}
    listed = (await gallery.http.get("/v1/jobs", params=query)).json()["items"]
    assert [job["id"] for job in listed] == [child_id(batch.batch_id, i) for i in range(3)]


async def test_cancel_wins_at_once_and_again(gallery: Running) -> None:
    job = accepted()
    await gallery.bus.publish(requested(job))
    first = await gallery.http.post(f"/v1/jobs/{job.id}/cancel")
    assert (first.status_code, first.json()["status"]) == (200, "canceled"), first.text
    again = await gallery.http.post(f"/v1/jobs/{job.id}/cancel")
    assert again.json() == first.json()
    record = RunRecord.model_validate_json((await gallery.blobs.get(run_key(job.id))).data)
    assert record.outcome is not None
    assert record.outcome.status is JobStatus.CANCELED


async def test_cancel_loses_against_an_outcome_not_folded_yet(gallery: Running) -> None:
    job = accepted()
    await gallery.bus.publish(requested(job))
    await gallery.job(job.id)
    outcome = Outcome(status=JobStatus.SUCCEEDED, images=(picture(job),), at=at(3))
    record = RunRecord(holder="w", calls=(call("a"),), outcome=outcome)
    await gallery.blobs.put(
        run_key(job.id), record.model_dump_json().encode(), content_type="application/json"
    )
    answer = await gallery.http.post(f"/v1/jobs/{job.id}/cancel")
    assert problem(answer) == (409, "job_terminal")
    assert answer.json()["job_id"] == job.id
    assert (await gallery.job(job.id))["status"] == "succeeded"
    assert len((await gallery.http.get("/v1/images")).json()["items"]) == 1


async def test_cancel_of_a_batch(gallery: Running) -> None:
    batch = batch_requested(20)
    await gallery.bus.publish(batch)
    first = batch.jobs()[0]
    await gallery.bus.publish(ended(first, picture(first), calls=(call("a"),)))
    await gallery.done(first.id)
    answer = await gallery.http.post(f"/v1/batches/{batch.batch_id}/cancel")
    assert answer.status_code == 200, answer.text
    counts = answer.json()["counts"]
    assert (counts["canceled"], counts["succeeded"]) == (19, 1)
    assert answer.json()["status"] == "partially_succeeded"
    done = batch_requested(1)
    await gallery.bus.publish(done, ended(done.jobs()[0], picture(done.jobs()[0])))
    await gallery.done(done.jobs()[0].id)
    refused = await gallery.http.post(f"/v1/batches/{done.batch_id}/cancel")
    assert problem(refused) == (409, "job_terminal")
    assert refused.json()["batch_id"] == done.batch_id


async def test_media_are_cached_ranged_and_named(gallery: Running) -> None:
    job = await drawn(gallery, "A Réd fox: «sleeping»")
    [image] = job["images"]
    url = image["content_url"]
    whole = await gallery.http.get(url)
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert whole.headers["content-type"] == "image/png"
    assert whole.headers["etag"] == f'"{image["sha256"]}"'
    assert whole.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in whole.headers["content-security-policy"]
    tail = image["id"][-8:]
    assert whole.headers["content-disposition"] == (
        f'inline; filename="a-red-fox-sleeping-{tail}.png";'
        f" filename*=UTF-8''a-r%C3%A9d-fox-sleeping-{tail}.png"
    )
    saved = await gallery.http.get(url, params={"download": 1})
    assert saved.headers["content-disposition"].startswith('attachment; filename="a-red-fox')
    same = await gallery.http.get(url, headers={"If-None-Match": whole.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    for wanted, expected, told in (
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
    ):
        part = await gallery.http.get(url, headers={"Range": wanted})
        assert (part.status_code, part.content) == (206, expected)
        assert part.headers["content-range"] == told
    for ignored in ("bytes=0-1,3-4", "lines=1-2", "bytes=3-1", "bytes=-"):
        answer = await gallery.http.get(url, headers={"Range": ignored})
        assert (answer.status_code, len(answer.content)) == (200, 10)
    for beyond in ("bytes=10-", "bytes=-0"):
        answer = await gallery.http.get(url, headers={"Range": beyond})
        assert problem(answer) == (416, "range_not_satisfiable")
        assert answer.headers["content-range"] == "bytes */10"
    stale = {"Range": "bytes=0-3", "If-Range": '"other"'}
    assert (await gallery.http.get(url, headers=stale)).status_code == 200
    head = await gallery.http.head(url)
    assert (head.headers["content-length"], head.content) == ("10", b"")


async def test_a_thumbnail_is_derived_once_however_many_ask(gallery: Running) -> None:
    job = await drawn(gallery)
    [image] = job["images"]
    url = image["thumb_urls"]["320"]
    gallery.deriver.gate.clear()
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(gallery.http.get(url)) for _ in range(5)]
        while not gallery.deriver.derived:
            await asyncio.sleep(0.01)
        gallery.deriver.gate.set()
    for task in asking:
        answer = task.result()
        assert (answer.status_code, answer.content) == (200, b"webp 320 of 0123456789")
        assert answer.headers["content-type"] == "image/webp"
        assert "immutable" in answer.headers["cache-control"]
    assert gallery.deriver.derived == [(b"0123456789", 320)]
    assert (await gallery.http.get(url)).content == b"webp 320 of 0123456789"
    assert len(gallery.deriver.derived) == 1
    gallery.deriver.full = True
    busy = await gallery.http.get(image["thumb_urls"]["960"])
    assert problem(busy) == (503, "service_unavailable")
    assert busy.headers["retry-after"] == "3"
    for width in ("321", "x", "0320"):
        answer = await gallery.http.get(f"/v1/images/{image['id']}/thumbs/{width}")
        assert problem(answer) == (404, "not_found")


async def test_trash_restore_purge(gallery: Running) -> None:
    job = await drawn(gallery, "an island", tags=("t",))
    [image] = job["images"]
    url = f"/v1/images/{image['id']}"

    async def listed(**query: Any) -> list[str]:
        answer = await gallery.http.get("/v1/images", params=query)
        return [item["id"] for item in answer.raise_for_status().json()["items"]]

    assert await listed(q="Island") == await listed(job=job["id"]) == [image["id"]]
    trashed = (await gallery.http.delete(url)).json()
    assert (trashed["version"], bool(trashed["trashed_at"])) == (2, True)
    assert (await gallery.http.delete(url)).json() == trashed
    assert (await listed(), await listed(trashed="true")) == ([], [image["id"]])
    assert await listed(trashed=["true", "false"]) == [image["id"]]
    assert (await gallery.http.post(f"{url}/restore")).json()["trashed_at"] is None
    gone = await gallery.http.delete(url, params={"permanent": "true"})
    assert (gone.status_code, gone.content) == (204, b"")
    assert problem(await gallery.http.get(url)) == (404, "not_found")
    assert problem(await gallery.http.get(image["content_url"])) == (404, "not_found")
    after = await gallery.job(job["id"])
    assert (after["images"], after["version"]) == ([], job["version"] + 1)
    assert [blob.key async for blob in gallery.blobs.list(f"jobs/{job['id']}/")] == []


async def test_what_is_derived_of_a_picture_purged_meanwhile_is_not_kept(gallery: Running) -> None:
    job = await drawn(gallery)
    [image] = job["images"]
    gallery.deriver.gate.clear()
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(gallery.http.get(image["thumb_urls"]["960"]))
        while not gallery.deriver.derived:
            await asyncio.sleep(0.01)
        gone = await gallery.http.delete(f"/v1/images/{image['id']}", params={"permanent": True})
        assert gone.status_code == 204
        gallery.deriver.gate.set()
    assert problem(asking.result()) == (404, "not_found")
    assert [blob.key async for blob in gallery.blobs.list(f"jobs/{job['id']}/")] == []


async def test_a_redelivered_end_does_not_bring_a_purged_image_back(gallery: Running) -> None:
    job = accepted()
    image = picture(job)
    await gallery.store(image, b"x")
    end = ended(job, image)
    await gallery.bus.publish(end)
    await gallery.done(job.id)
    await gallery.http.delete(f"/v1/images/{image.id}", params={"permanent": "true"})
    await gallery.bus.publish(end, started(job, 9, call("late")))
    assert (await gallery.job(job.id, wait=10, after_version=3))["version"] == 4
    assert (await gallery.http.get("/v1/images")).json()["items"] == []
    assert (await gallery.job(job.id))["images"] == []


async def test_the_page_and_its_policy(gallery: Running) -> None:
    page = await gallery.http.get("/?image=x&q=fox")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-cache"
    assert "require-trusted-types-for 'script'" in page.headers["content-security-policy"]
    assert "__VERSION__" not in page.text
    script = page.text.partition('type="module" src="')[2].partition('"')[0]
    answer = await gallery.http.get(script)
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    older = await gallery.http.get("/assets/older/main.js")
    assert (older.status_code, older.headers["cache-control"]) == (200, "no-cache")


async def test_wrong_methods_name_the_right_ones(gallery: Running) -> None:
    answer = await gallery.http.put("/v1/images/x")
    assert problem(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE, GET, HEAD"
    assert problem(await gallery.http.get("/v1/events?topic=me")) == (426, "upgrade_required")


async def test_services_read_jobs_with_the_token(gallery: Running) -> None:
    job = accepted()
    await gallery.bus.publish(requested(job), started(job))
    token = {HEADER: internal_token("secret")}
    query = {"owner": "local", "wait": "5", "until_done": "false"}
    answer = await gallery.http.get(f"/internal/jobs/{job.id}", params=query, headers=token)
    assert Job.model_validate_json(answer.content).owner == "local"
    assert "step" in answer.json()
    other = {"owner": "other"}
    missing = await gallery.http.get(f"/internal/jobs/{job.id}", params=other, headers=token)
    assert problem(missing) == (404, "not_found")
    outside = await gallery.http.get(f"/internal/jobs/{job.id}", params=query)
    assert problem(outside) == (403, "forbidden")


class Away(MemoryJobStore):
    """A store that cannot be saved to."""

    async def save_many(self, changes: Sequence[Change[Job]]) -> frozenset[str]:
        raise TransientError("no database")


class Held(MemoryJobStore):
    """A store that saves once `asked`, which it is by whoever does not find a job."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def get(self, document_id: str, *, owner: str) -> Job | None:
        found = await super().get(document_id, owner=owner)
        self.asked.set()
        return found

    async def save_many(self, changes: Sequence[Change[Job]]) -> frozenset[str]:
        await self.asked.wait()
        return await super().save_many(changes)


def made(ago: timedelta) -> str:
    """An id of an API whose clock is off."""
    time = f"{round((now() - ago).timestamp() * 1000):012x}"
    return f"{time[:8]}-{time[8:]}{new_id()[13:]}"


@pytest.mark.parametrize("ago", [timedelta(minutes=70), timedelta(minutes=-70)])
async def test_a_job_is_waited_for_though_clocks_differ(ago: timedelta) -> None:
    async with running(changed=lambda parts: {**parts, "jobs": Held()}) as gallery:
        job = accepted(job_id=made(ago))
        await gallery.bus.publish(requested(job))
        assert (await gallery.http.get(f"/v1/jobs/{job.id}")).status_code == 200


async def test_unknown_is_503_only_while_events_wait(gallery: Running) -> None:
    assert problem(await gallery.http.get(f"/v1/jobs/{new_id()}")) == (404, "not_found")
    async with running(changed=lambda parts: {**parts, "jobs": Away()}) as other:
        job = accepted()
        await other.bus.publish(requested(job))
        for path in (f"/v1/jobs/{job.id}", f"/v1/batches/{new_id()}"):
            answer = await other.http.get(path)
            assert problem(answer) == (503, "service_unavailable")
            assert int(answer.headers["retry-after"]) >= 1
        assert problem(await other.http.get(f"/v1/jobs/{OLD_ID}")) == (404, "not_found")
        assert problem(await other.http.post(f"/v1/jobs/{OLD_ID}/cancel")) == (404, "not_found")


class Signed(MemoryBlobStore):
    async def presign(self, key: str, *, seconds: int, filename: str | None = None) -> str | None:
        return f"https://s3.example/{key}?for={seconds}&as={filename}"


async def test_redirects_lead_to_the_store() -> None:
    def redirecting(parts: dict[str, Any]) -> dict[str, Any]:
        return {
            **parts,
            "blobs": Signed(),
            "media_mode": "redirect",
            "media_origin": "https://s3.example",
        }

    async with running(changed=redirecting) as gallery:
        job = await drawn(gallery)
        [image] = job["images"]
        answer = await gallery.http.get(image["content_url"], params={"download": 1})
        assert answer.status_code == 302
        tail = f"a-red-fox-{image['id'][-8:]}.png"
        assert answer.headers["location"].endswith(f"?for=3600&as={tail}")
        assert (await gallery.http.get(image["thumb_urls"]["320"])).status_code == 200
        page = await gallery.http.get("/")
        assert (
            "img-src 'self' blob: https://s3.example;" in (page.headers["content-security-policy"])
        )


async def test_search_of_what_is_no_word_finds_nothing(gallery: Running) -> None:
    await drawn(gallery, "a 🦊")

    async def count(q: str) -> int:
        answer = await gallery.http.get("/v1/images", params={"q": q})
        return len(answer.raise_for_status().json()["items"])

    assert [await count(q) for q in ("", "  ", "🦊", "A", "?!", "'\"*", "🦊 b")] == [
        1,
        1,
        1,
        1,
        0,
        0,
        0,
    ]
