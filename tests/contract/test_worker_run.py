"""What a worker does with a job, whatever dies, races or is refused on the way."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from worker_harness import Stage, job, stage

from atelier_core.adapters.filesystem import FileBlobStore
from atelier_core.adapters.memory_blobs import MemoryBlobStore
from atelier_core.adapters.memory_bus import MemoryBus
from atelier_core.domain.outcome import JobStatus
from atelier_worker.providers.fake import FakeProvider

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory"])
async def here(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with MemoryBus.open(delays=(0.02,)) as bus, stage(bus, MemoryBlobStore()) as it:
        yield it


@pytest.mark.parametrize("model", ["fake/paid", "fake/free"])
async def test_a_job_ends_with_its_pictures(here: Stage, model: str) -> None:
    fake = FakeProvider()
    await here.worker(fake)
    wanted = job(n=2, model=model)
    await here.request(wanted)
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.SUCCEEDED
    assert [image.index for image in end.outcome.images] == [0, 1]
    assert len(fake.ledger) == 1
