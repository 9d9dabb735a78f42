"""The two failpoints that real processes reach only after minutes: broken in this process."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta

import pytest

from atelier_core.adapters.memory_blobs import MemoryBlobStore
from atelier_core.adapters.memory_bus import MemoryBus
from atelier_core.contracts import topology
from atelier_core.domain.job import accept
from atelier_core.domain.outcome import JobStatus
from atelier_core.failpoints import FailpointError, arm
from atelier_gallery.ports import Change
from atelier_gallery.schedule import FIRST_SWEEP
from atelier_gallery.stores.memory import MemoryJobStore
from atelier_gallery.sweeper import Sweeper
from atelier_worker.providers.fake import FakeProvider
from worker_harness import Stage, job, stage

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    arm(None)


@pytest.fixture
async def here() -> AsyncIterator[Stage]:
    async with MemoryBus.open(delays=(0.05,)) as bus, stage(bus, MemoryBlobStore()) as opened:
        yield opened


async def test_giving_up_is_finished_after_it_broke_halfway(here: Stage) -> None:
    unreadable = job()
    arm("worker.give_up_midway=raise")
    await here.worker(FakeProvider())
    ids = {"job_id": unreadable.id, "owner": "ann"}
    here.bus.inject(topology.INTERACTIVE, b'{"type": "job.requested.v9"}', ids)
    end = await here.end(unreadable)
    assert (end.owner, end.outcome.status) == ("ann", JobStatus.FAILED)
    record = await here.record(unreadable)
    assert record is not None
    assert record.outcome == end.outcome


async def test_a_sweep_that_broke_after_its_claim_is_made_up_for_by_a_later_one() -> None:
    time = datetime.now().astimezone() + timedelta(minutes=2)
    jobs = MemoryJobStore()
    wanted = accept(job())
    await jobs.save_many([Change(wanted, read=0)])
    arm("gallery.after_sweep_claim=raise")
    async with asyncio.timeout(10), MemoryBus.open() as bus:
        sweeper = Sweeper(
            jobs=jobs, blobs=MemoryBlobStore(), source=bus, publisher=bus, clock=lambda: time
        )
        assert await sweeper.sweep() == 0  # one reading proves nothing
        with pytest.raises(FailpointError):
            await sweeper.sweep()
        assert await bus.depth(topology.INTERACTIVE) == 0
        assert [await sweeper.sweep() for _ in range(2)] == [0, 0]  # somebody is taken to be at it
        time += FIRST_SWEEP + timedelta(seconds=1)
        assert [await sweeper.sweep() for _ in range(2)] == [1, 0]
        assert await bus.depth(topology.INTERACTIVE) == 1
