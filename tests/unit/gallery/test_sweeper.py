"""Silence is no evidence: when a job is asked for again, and that it is done once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from atelier_core.adapters.memory_blobs import MemoryBlobStore
from atelier_core.adapters.memory_bus import MemoryBus
from atelier_core.contracts import topology
from atelier_core.contracts.events import JobRequested
from atelier_core.delivery import tier
from atelier_core.domain.job import Job, accept, defer, start
from atelier_core.domain.outcome import JobStatus, Outcome
from atelier_core.domain.request import Lane, Priority
from atelier_core.domain.run import RunRecord, run_key, worker_key
from atelier_gallery.ports import Change
from atelier_gallery.schedule import Lanes, forgotten, next_sweep
from atelier_gallery.stores.memory import MemoryJobStore
from atelier_gallery.sweeper import AT_ONCE, Sweeper
from gallery_stories import accepted, at, batch_requested

BOTH = frozenset({Lane.INTERACTIVE, Lane.BULK})


def decided(job: Job, **known: Any) -> bool:
    facts: dict[str, Any] = {
        "empty": frozenset(),
        "started": {},
        "record": None,
        "holder_alive": False,
        "now": at(100_000),
        **known,
    }
    lanes = Lanes(empty=facts.pop("empty"), started=facts.pop("started"))
    return forgotten(job, lanes=lanes, **facts)


def queued(**changes: Any) -> Job:
    return accept(accepted(**{"created_at": at(0), **changes}))


def running(job: Job) -> Job:
    after = start(job, step=1, calls=(), at=at(1))
    assert after is not None
    return after


def test_a_long_queue_is_silent_and_nobody_is_forgotten() -> None:
    assert not decided(queued())
    assert not decided(running(queued()))


def test_an_empty_lane_cannot_hold_its_message() -> None:
    assert decided(queued(), empty=BOTH)
    assert not decided(queued(), empty=frozenset({Lane.INTERACTIVE}))  # it may be in the other
    background = queued(priority=Priority.BACKGROUND)
    assert decided(background, empty=frozenset({Lane.BULK}))
    assert not decided(background, empty=frozenset({Lane.INTERACTIVE}))
    many = accept(batch_requested(11).jobs()[0])
    assert decided(many, empty=frozenset({Lane.BULK}))


def test_who_was_overtaken_by_ten_minutes_is_forgotten() -> None:
    assert decided(queued(), started={False: at(600)})
    assert not decided(queued(), started={False: at(599)})
    assert not decided(queued(), started={True: at(6000)})


def test_a_running_job_is_its_holders() -> None:
    record = RunRecord(holder="w")
    assert not decided(running(queued()), record=record, holder_alive=True, empty=BOTH)
    assert decided(running(queued()), record=record, holder_alive=False)
    handed_back = RunRecord(holder=None)
    assert not decided(running(queued()), record=handed_back)
    assert decided(running(queued()), record=handed_back, empty=BOTH)


def test_an_end_that_was_never_told_is_asked_for() -> None:
    record = RunRecord(holder="w", outcome=Outcome(status=JobStatus.FAILED, at=at(1)))
    assert decided(running(queued()), record=record, holder_alive=True)


def deferred(seconds: float) -> Job:
    waiting = defer(queued(), step=1, calls=(), until=at(seconds), at=at(0))
    assert waiting is not None
    return waiting


@pytest.mark.parametrize("seconds", [1, 5, 6, 31, 120, 121, 185, 299, 301, 599, 600])
def test_a_deferred_job_has_five_minutes_more_than_its_message_is_held(seconds: int) -> None:
    back = tier(seconds)  # the wait is rounded up, the announced time is not
    assert not decided(deferred(seconds), empty=BOTH, now=at(back + 299))


def test_a_deferred_job_whose_message_must_be_back_is_forgotten() -> None:
    assert not decided(deferred(50), empty=BOTH, now=at(829))
    assert decided(deferred(50), now=at(830))


def test_intervals_double_up_to_six_hours() -> None:
    waits = [(next_sweep(i, now=at(0)) - at(0)) / timedelta(minutes=1) for i in (0, 1, 2, 5, 99)]
    assert waits == [10, 20, 40, 320, 360]


@asynccontextmanager
async def sweeping(
    count: int = 1,
) -> AsyncIterator[tuple[list[Sweeper], MemoryJobStore, MemoryBlobStore, MemoryBus]]:
    jobs, blobs = MemoryJobStore(), MemoryBlobStore()
    async with MemoryBus.open() as bus:
        yield (
            [
                Sweeper(jobs=jobs, blobs=blobs, source=bus, publisher=bus, clock=soon)
                for _ in range(count)
            ],
            jobs,
            blobs,
            bus,
        )


def soon() -> datetime:
    return datetime.now().astimezone() + timedelta(minutes=2)


@pytest.mark.anyio
async def test_a_forgotten_job_is_asked_for_once_whoever_looks() -> None:
    async with sweeping(3) as (sweepers, jobs, _, bus):
        job = queued(tags=("t",), metadata={"k": "v"}, deadline=9)
        await jobs.save_many([Change(job, read=0)])
        assert [await s.sweep() for s in sweepers] == [0, 0, 0]  # one reading proves nothing
        assert sum(await asyncio.gather(*(s.sweep() for s in sweepers))) == 1
        assert sum([await s.sweep() for s in sweepers]) == 0
        heard: list[Any] = []
        done = asyncio.Event()

        async def hear(event: Any) -> None:
            heard.append(event)
            done.set()

        from atelier_core.ports import Subscription

        subscription = Subscription(
            queue=topology.INTERACTIVE, topics=topology.DURABLE[topology.INTERACTIVE]
        )
        async with asyncio.timeout(5), bus.consume(subscription, hear):
            await done.wait()
        [event] = heard
        assert isinstance(event, JobRequested)
        assert accept(event.job) == job


@pytest.mark.anyio
async def test_a_forgotten_job_is_found_behind_a_long_queue() -> None:
    async with sweeping() as ([sweeper], jobs, _, bus):
        waiting = [queued(priority=Priority.BACKGROUND) for _ in range(AT_ONCE + 1)]
        lost = running(queued(created_at=at(1)))
        await jobs.save_many([Change(job, read=0) for job in (*waiting, lost)])
        await bus.publish(JobRequested(owner="local", job=accepted(), lane=Lane.BULK))
        await blobs_with_dead_holder(sweeper, lost)
        assert [await sweeper.sweep() for _ in range(2)] == [1, 0]


async def blobs_with_dead_holder(sweeper: Sweeper, job: Job) -> None:
    raw = RunRecord(holder="dead").model_dump_json().encode()
    await sweeper.blobs.put(run_key(job.id), raw, content_type="application/json")


@pytest.mark.anyio
async def test_a_living_holder_keeps_its_job() -> None:
    async with sweeping() as ([sweeper], jobs, blobs, _):
        job = running(queued())
        await jobs.save_many([Change(job, read=0)])
        raw = RunRecord(holder="w-1").model_dump_json().encode()
        await blobs.put(run_key(job.id), raw, content_type="application/json")
        await blobs.put(worker_key("w-1"), b"", content_type="text/plain")
        assert [await sweeper.sweep() for _ in range(2)] == [0, 0]
        await blobs.delete(worker_key("w-1"))
        assert await sweeper.sweep() == 1


@pytest.mark.anyio
async def test_a_lane_that_filled_between_two_readings_was_not_empty_twice() -> None:
    async with sweeping() as ([sweeper], jobs, _, bus):
        await jobs.save_many([Change(queued(), read=0)])
        other = accepted()
        assert await sweeper.sweep() == 0
        await bus.publish(JobRequested(owner="local", job=other))
        assert await sweeper.sweep() == 0
