"""The promises of `JobStore`, of every store."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import gallery_stores
from atelier_core.domain.job import Job, accept, end, start
from atelier_core.domain.outcome import JobStatus, Outcome
from atelier_core.domain.request import Priority
from atelier_core.domain.values import new_id, now
from atelier_gallery.ports import Change, JobFilter, JobStore, Page, Place
from gallery_stores import overdue, silent
from gallery_stories import accepted, at, batch_requested, call, picture

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

MANY = Page(limit=100)


@pytest.fixture(
    params=["memory", "sqlite", pytest.param("mongo", marks=pytest.mark.external)], scope="session"
)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def jobs(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[JobStore]:
    opened = {
        "memory": gallery_stores.memory,
        "sqlite": lambda: gallery_stores.sqlite(tmp_path),
        "mongo": lambda: gallery_stores.mongo(request.getfixturevalue("mongo_url")),
    }[kind]()
    async with opened as (jobs, _):
        yield jobs


def new(prompt: str = "a red fox", **changes: Any) -> Job:
    return accept(accepted(prompt, **changes))


def running(job: Job, step: int = 1) -> Job:
    after = start(job, step=step, calls=(call("a"),), at=at(1))
    assert after is not None
    return after


def finished(job: Job, *, status: JobStatus = JobStatus.SUCCEEDED, **outcome: Any) -> Job:
    made = {"status": status, "images": (picture(accepted(job_id=job.id)),), "at": at(3)}
    after = end(job, Outcome(**{**made, **outcome}), calls=(call("a"),), at=at(3))
    assert after is not None
    return after


async def save(store: JobStore, *changes: Job) -> None:
    assert await store.save_many([Change(job, read=0) for job in changes]) == frozenset()


async def test_a_job_comes_back_exactly(jobs: JobStore) -> None:
    job = finished(
        new(
            "🦊 \u202eright-to-left\u202c ../../etc <script> '; DROP TABLE jobs; --\n\t\\",
            tags=("a", "日本"),
            metadata={"$where": "1", "a.b": "", "": "empty", "__proto__": "x"},
            retried_from=new_id(),
        )
    )
    await save(jobs, job)
    assert await jobs.get(job.id, owner=job.owner) == job
    assert await jobs.find_many([job.id, new_id()], owners=[job.owner, "x"]) == [job]


async def test_every_query_takes_the_owner(jobs: JobStore) -> None:
    batch = batch_requested(1, owner="local")
    job = accept(batch.jobs()[0])
    await save(jobs, job)
    assert await jobs.get(job.id, owner="other") is None
    assert await jobs.find_many([job.id], owners=["other"]) == []
    assert await jobs.select(owner="other", where=JobFilter(), page=MANY) == []
    assert await jobs.recent(owner="other", limit=9, finished_after=at(0)) == []
    assert await jobs.batch(batch.batch_id, owner="other") is None
    assert await jobs.changed_since(0, owners=["other"], limit=9) == []
    claim = {"swept_at": None, "now": at(1), "due": at(2)}
    assert not await jobs.claim_sweep(job.id, owner="other", **claim)


async def test_one_of_two_savers_wins(jobs: JobStore) -> None:
    job = new()
    await save(jobs, job)
    assert await jobs.save_many([Change(job, read=0)]) == {job.id}
    first, second = running(job), finished(job)
    assert await jobs.save_many([Change(first, read=1)]) == frozenset()
    assert await jobs.save_many([Change(second, read=1)]) == {job.id}
    assert await jobs.get(job.id, owner=job.owner) == first
    assert await jobs.save_many([Change(second, read=3)]) == {job.id}
    assert await jobs.save_many([Change(new(), read=1)]) != frozenset()


async def test_a_race_has_one_winner(jobs: JobStore) -> None:
    job = new()
    await save(jobs, job)
    racers = [running(job, step) for step in range(1, 9)]
    lost = await asyncio.gather(*(jobs.save_many([Change(racer, read=1)]) for racer in racers))
    winners = [racer for racer, losers in zip(racers, lost, strict=True) if not losers]
    assert [await jobs.get(job.id, owner=job.owner)] == winners


async def test_losers_of_a_bulk_save_are_named_and_the_others_saved(jobs: JobStore) -> None:
    old, fresh, moved = new(), new(), new()
    await save(jobs, old, moved)
    await jobs.save_many([Change(running(moved), read=1)])
    done = finished(old)
    changes = [
        Change(done, read=1),
        Change(fresh, read=0),
        Change(finished(moved), read=1),
        Change(new(), read=5),
    ]
    lost = await jobs.save_many(changes)
    assert lost == {moved.id, changes[3].document.id}
    assert (await jobs.get(old.id, owner=old.owner)) == done
    assert (await jobs.get(fresh.id, owner=fresh.owner)) == fresh
    assert await jobs.save_many([]) == frozenset()


async def test_a_version_may_jump(jobs: JobStore) -> None:
    job = new()
    far = finished(running(job))
    assert await jobs.save_many([Change(far, read=0)]) == frozenset()
    assert (await jobs.get(job.id, owner=job.owner)) == far


async def test_pages_survive_inserts(jobs: JobStore) -> None:
    same = [new(f"same {i}", created_at=at(5)) for i in range(3)]
    rest = [new(f"rest {i}", created_at=at(i)) for i in range(3)]
    await save(jobs, *same, *rest)
    newest = sorted([*same, *rest], key=lambda j: (j.created_at, j.id), reverse=True)
    seen: list[Job] = []
    after = None
    while page := await jobs.select(
        owner="local", where=JobFilter(), page=Page(limit=2, after=after)
    ):
        seen += page
        after = Place(page[-1].created_at, page[-1].id)
        await save(jobs, new("newer", created_at=at(99)))
    assert seen == newest
    page = Page(limit=3, ascending=True, after=Place(at(0), rest[0].id))
    upwards = await jobs.select(owner="local", where=JobFilter(), page=page)
    assert upwards == newest[::-1][1:4]


async def test_filters(jobs: JobStore) -> None:
    batch = batch_requested(2, model="demo")
    first, second = (accept(job) for job in batch.jobs())
    drawn = finished(new("drawn", tags=("x", "y"), created_at=at(1), model="auto"))
    other = new("other", tags=("z",), created_at=at(2))
    await save(jobs, drawn, other, first, finished(second, status=JobStatus.FAILED, images=()))

    async def found(**where: Any) -> set[str]:
        chosen = await jobs.select(owner="local", where=JobFilter(**where), page=MANY)
        return {job.request.prompt for job in chosen}

    assert await found() == {"drawn", "other", "fox 0", "fox 1"}
    assert await found(statuses=(JobStatus.FAILED, JobStatus.SUCCEEDED)) == {"drawn", "fox 1"}
    assert await found(tags=("y", "z")) == {"drawn", "other"}
    assert await found(tags=("y",), statuses=(JobStatus.QUEUED,)) == set()
    assert await found(models=("fake/paid",)) == {"drawn", "fox 1"}
    assert await found(models=("demo", "auto")) == {"fox 0", "other"}
    assert await found(providers=("fake",)) == {"drawn", "fox 1"}
    assert await found(batches=(batch.batch_id,)) == {"fox 0", "fox 1"}
    assert await found(created_after=at(1), created_before=at(3)) == {"other"}
    assert await found(tags=("$ne", "' OR 1=1 --")) == set()


async def test_recent(jobs: JobStore) -> None:
    waiting = [new(str(i), created_at=at(i)) for i in range(4)]
    done = finished(new("done"))
    await save(jobs, *waiting, done)
    recent = await jobs.recent(owner="local", limit=2, finished_after=at(2))
    assert {job.id for job in recent} == {waiting[2].id, waiting[3].id, done.id}
    later = await jobs.recent(owner="local", limit=9, finished_after=at(3))
    assert {job.id for job in later} == {job.id for job in waiting}


async def test_a_batch(jobs: JobStore) -> None:
    batch = batch_requested(3)
    parts = [accept(job) for job in batch.jobs()]
    await save(jobs, parts[2], finished(parts[1]))
    found = await jobs.batch(batch.batch_id, owner="local")
    assert found is not None
    assert (found.size, found.created_at) == (3, batch.created_at)
    assert [(p.index, p.status, p.version, p.images) for p in found.parts] == [
        (1, "succeeded", 2, 1),
        (2, "queued", 1, 0),
    ]
    assert found.parts[0].cost.amount == "0.04"
    assert await jobs.batch(new_id(), owner="local") is None


async def test_the_tail_sees_every_save_in_order(jobs: JobStore) -> None:
    assert await jobs.newest_change() == 0
    before = now() - timedelta(minutes=1)
    first, second = new(), accept(batch_requested(1).jobs()[0])
    await save(jobs, first)
    await save(jobs, second)
    await jobs.save_many([Change(running(first), read=1)])
    stamps = await jobs.changed_since(0, owners=["local"], limit=9)
    assert {(s.id, s.version, s.job_id, s.deleted) for s in stamps} == {
        (first.id, 2, first.id, False),
        (second.id, 1, second.id, False),
    }
    assert {s.batch_id for s in stamps} == {None, second.batch and second.batch.id}
    times = [stamp.saved_at for stamp in stamps]
    assert times == sorted(times)
    assert await jobs.newest_change() == times[-1]
    assert times[0] > before.timestamp() * 1000  # of the database, not of the events
    assert await jobs.changed_since(times[-1] + 1, owners=["local"], limit=9) == []
    assert len(await jobs.changed_since(0, owners=["local"], limit=1)) == 1


async def test_overdue(jobs: JobStore) -> None:
    short = new("short", deadline=60, created_at=at(0))
    long = new("long", created_at=at(0))
    done = finished(new("done", deadline=1, created_at=at(0)))
    await save(jobs, short, long, done)
    assert await overdue(jobs, at(59)) == []
    assert await overdue(jobs, at(60)) == [short]
    assert await overdue(jobs, at(86400)) == [short, long]
    assert [page async for page in jobs.overdue(at(86400), at_once=1)] == [[short], [long]]


async def test_overdue_to_start_until_an_attempt_is_known(jobs: JobStore) -> None:
    waiting = new("waiting", start_deadline=10, deadline=60, created_at=at(0))
    await save(jobs, waiting)
    assert await overdue(jobs, at(11)) == [], "it may have begun a moment ago"
    assert await overdue(jobs, at(12)) == [waiting]
    begun = start(waiting, step=1, calls=(call("a"),), at=at(11))
    assert begun is not None
    assert not await jobs.save_many([Change(begun, read=waiting.version)])
    assert await overdue(jobs, at(59)) == []
    assert await overdue(jobs, at(60)) == [begun]


async def test_sweeps_are_claimed_once(jobs: JobStore) -> None:
    job, other = new(created_at=at(1)), new(created_at=at(2))
    await save(jobs, other, job, finished(new()))
    assert [s.job for s in await silent(jobs, at(9))] == [job, other]
    pages = [page async for page in jobs.silent(at(9), at_once=1)]
    assert [[s.job for s in page] for page in pages] == [[job], [other]]
    [[first], _] = pages
    assert (first.job, first.swept_at, first.sweeps) == (job, None, 0)
    assert first.saved_at > 0
    claim = {"owner": "local", "swept_at": None, "now": at(10), "due": at(20)}
    won = await asyncio.gather(*(jobs.claim_sweep(job.id, **claim) for _ in range(5)))
    assert sorted(won) == [False, False, False, False, True]
    assert [s.job for s in await silent(jobs, at(19))] == [other]
    await jobs.save_many([Change(running(job), read=1)])
    again = (await silent(jobs, at(20)))[0]
    assert (again.job, again.swept_at, again.sweeps) == (running(job), at(10), 1)
    claim |= {"swept_at": at(10), "now": at(20), "due": at(40)}
    assert await jobs.claim_sweep(job.id, **claim)


async def test_how_far_the_lanes_have_come(jobs: JobStore) -> None:
    assert await jobs.started_until(bulk=False) is None
    await save(
        jobs,
        running(new(created_at=at(1))),
        running(new(created_at=at(2), priority=Priority.BACKGROUND)),
        finished(new(created_at=at(3)), status=JobStatus.CANCELED, images=()),
        new(created_at=at(4)),
    )
    assert await jobs.started_until(bulk=False) == at(1)
    assert await jobs.started_until(bulk=True) == at(2)
