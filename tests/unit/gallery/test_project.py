"""The projection holds, batches and settles each event by itself."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_core.adapters.memory_blobs import MemoryBlobStore
from atelier_core.contracts.events import (
    Announcement,
    Durable,
    ImageDerived,
    JobCancel,
    JobsUpdated,
)
from atelier_core.domain.image import Image
from atelier_core.domain.job import Job, purge
from atelier_core.domain.outcome import JobStatus, image_key
from atelier_core.errors import ContractError, Defer, TransientError
from atelier_gallery.ports import Change
from atelier_gallery.project import Project
from atelier_gallery.rounds import BUSY, CALM, CROWD, next_linger
from atelier_gallery.saving import change
from atelier_gallery.stores.memory import MemoryImageStore, MemoryJobStore
from gallery_stories import (
    OWNER,
    accepted,
    at,
    batch_requested,
    call,
    ended,
    picture,
    requested,
    started,
)

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(20)]


class Told:
    """A publisher that remembers what it was told."""

    def __init__(self) -> None:
        self.announced: list[Announcement] = []

    async def publish(self, *events: Durable) -> None:
        raise AssertionError("the projection publishes nothing durable")

    def announce(self, *events: Announcement) -> None:
        self.announced += events


class Jobs(MemoryJobStore):
    """Counts saves; `away` fails so many calls, `rivals` save first that often."""

    def __init__(self) -> None:
        super().__init__()
        self.saves: list[int] = []
        self.away = 0
        self.rival: Change[Job] | None = None

    async def save_many(self, changes: Sequence[Change[Job]]) -> frozenset[str]:
        if self.away:
            self.away -= 1
            raise TransientError("the database is away")
        if rival := self.rival:
            self.rival = None
            assert not await super().save_many([rival])
        self.saves.append(len(changes))
        return await super().save_many(changes)


class Parts:
    def __init__(self) -> None:
        self.jobs = Jobs()
        self.images = MemoryImageStore()
        self.blobs = MemoryBlobStore()
        self.told = Told()
        self.shown: list[Job | Image] = []
        self.project = Project(
            jobs=self.jobs,
            images=self.images,
            blobs=self.blobs,
            publisher=self.told,
            tell=self.shown.extend,
            replica="this one",
        )

    async def job(self, job_id: str) -> Job:
        job = await self.jobs.get(job_id, owner=OWNER)
        assert job is not None
        return job


@asynccontextmanager
async def projecting() -> AsyncIterator[Parts]:
    parts = Parts()
    task = asyncio.create_task(parts.project.run())
    try:
        yield parts
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_many_events_are_one_save() -> None:
    async with projecting() as parts:
        job = accepted()
        others = [requested(accepted()) for _ in range(50)]
        events = [requested(job), started(job), ended(job, picture(job)), *others]
        await asyncio.gather(*map(parts.project, events))
        assert parts.jobs.saves == [51]
        assert ((await parts.job(job.id)).version, parts.project.in_hand) == (3, 0)
        assert len(parts.shown) == 51
        (announced,) = parts.told.announced
        assert isinstance(announced, JobsUpdated)
        assert (list(announced.jobs), announced.origin) == (parts.shown, "this one")


async def test_others_hear_of_the_jobs_of_each_owner_apart() -> None:
    async with projecting() as parts:
        jobs = [accepted(owner=owner) for owner in ("ada", "ben", "ada")]
        await asyncio.gather(*(parts.project(requested(job)) for job in jobs))
        told = [e for e in parts.told.announced if isinstance(e, JobsUpdated)]
        assert {e.owner: len(e.jobs) for e in told} == {"ada": 2, "ben": 1}
        assert all(job.owner == event.owner for event in told for job in event.jobs)


@given(st.sampled_from([CALM, BUSY]), st.integers(1, 200))
def test_a_round_waits_longer_only_in_a_crowd(linger: float, taken: int) -> None:
    crowd = taken > 1 and taken / linger >= CROWD / BUSY
    assert next_linger(linger, taken) == (BUSY if crowd else CALM)


async def test_a_batch_is_all_of_its_jobs() -> None:
    async with projecting() as parts:
        batch = batch_requested(1000)
        await parts.project(batch)
        found = await parts.jobs.batch(batch.batch_id, owner=OWNER)
        assert found is not None
        assert len(found.parts) == 1000


async def test_a_lost_race_is_folded_again() -> None:
    async with projecting() as parts:
        job = accepted()
        await parts.project(requested(job))
        rival = (await parts.job(job.id)).model_copy(update={"version": 2, "tags": ("rival",)})
        parts.jobs.rival = Change(rival, read=1)
        await parts.project(ended(job, picture(job)))
        after = await parts.job(job.id)
        assert (after.version, after.tags, after.done) == (3, ("rival",), True)


async def test_a_database_that_is_away_is_waited_for() -> None:
    async with projecting() as parts:
        parts.jobs.away = 3
        job = accepted()
        waiting = asyncio.create_task(parts.project(requested(job)))
        while parts.jobs.away:
            await asyncio.sleep(0.01)
            assert parts.project.in_hand == 1
            assert not waiting.done()
        await waiting
        assert (await parts.job(job.id)).version == 1


async def test_an_event_that_cannot_be_folded_fails_alone() -> None:
    async with projecting() as parts:
        good = accepted()
        nothing = accepted(n=0)  # progress of no images cannot be told
        results = await asyncio.gather(
            parts.project(requested(good)),
            parts.project(ended(nothing, picture(nothing))),
            parts.project(JobCancel(owner=OWNER, job_id=good.id)),
            return_exceptions=True,
        )
        assert results[0] is None
        assert isinstance(results[1], ZeroDivisionError)
        assert isinstance(results[2], ContractError)
        assert (await parts.job(good.id)).version == 1


async def test_images_are_inserted_from_the_stored_snapshot_also_when_nothing_is_new() -> None:
    async with projecting() as parts:
        job = accepted(n=2)
        end = ended(job, picture(job, 0), picture(job, 1))
        await parts.project(end)
        stored = await parts.job(job.id)
        await change(
            parts.jobs, job.id, lambda it: purge(it, stored.images[0].id, at=at(9)), owner=OWNER
        )
        parts.images._kept.clear()  # as if the process had died before it inserted them
        await parts.project(end)
        assert await parts.images.get(stored.images[0].id, owner=OWNER) is None
        assert await parts.images.get(stored.images[1].id, owner=OWNER) is not None


async def test_what_was_derived_waits_for_its_picture() -> None:
    async with projecting() as parts:
        job = accepted()
        image = picture(job)
        event = ImageDerived(owner=OWNER, job_id=job.id, image_id=image.id, blurhash="LEHV6nWB")
        with pytest.raises(Defer):
            await parts.project(event)
        await parts.project(requested(job))
        with pytest.raises(Defer):
            await parts.project(event)
        await parts.project(ended(job, image))
        await asyncio.gather(parts.project(event), parts.project(event))
        kept = await parts.images.get(image.id, owner=OWNER)
        assert isinstance(kept, Image)
        assert (kept.blurhash, kept.version) == ("LEHV6nWB", 2)
        assert parts.shown[-1] == kept
        assert {e.type for e in parts.told.announced} == {"jobs.updated.v1"}


async def test_what_was_derived_of_a_purged_picture_is_forgotten() -> None:
    async with projecting() as parts:
        job = accepted()
        image = picture(job)
        await parts.project(ended(job, image))
        await change(parts.jobs, job.id, lambda it: purge(it, image.id, at=at(9)), owner=OWNER)
        await parts.images.bury(image.id, owner=OWNER, job_id=job.id, batch_id=None)
        await parts.project(
            ImageDerived(owner=OWNER, job_id=job.id, image_id=image.id, blurhash="LEHV6nWB")
        )
        assert await parts.images.get(image.id, owner=OWNER) is None


@pytest.mark.parametrize("status", [JobStatus.CANCELED, JobStatus.EXPIRED])
async def test_late_bytes_of_a_stopped_job_are_removed(status: JobStatus) -> None:
    async with projecting() as parts:
        job, other = accepted(), accepted()
        for one in (job, other):
            await parts.blobs.put(image_key(picture(one)), b"x", content_type="image/png")
        stop: dict[str, Any] = {"status": status, "at": at(4)}
        await parts.project(ended(job, **stop))
        assert await parts.blobs.get(image_key(picture(job)))
        await parts.project(ended(other, picture(other), calls=(call("b"),)))
        await parts.project(ended(job, calls=(call("a"),), **stop))
        assert [blob.key async for blob in parts.blobs.list("jobs/")] == [image_key(picture(other))]


async def test_of_two_ends_the_first_saved_stays_and_the_other_leaves_no_bytes() -> None:
    async with projecting() as parts:
        job = accepted()
        first, second = picture(job), picture(job).model_copy(update={"sha256": "f" * 64})
        for image in (first, second):
            await parts.blobs.put(image_key(image), b"x", content_type="image/png")
        await parts.project(ended(job, first, calls=(call("a"),)))
        await parts.project(ended(job, second, calls=(call("b"),)))
        saved = await parts.job(job.id)
        assert (saved.images, {attempt.id for attempt in saved.attempts}) == ((first,), {"a", "b"})
        assert [blob.key async for blob in parts.blobs.list("jobs/")] == [image_key(first)]


async def test_what_was_drawn_again_is_dropped_also_if_that_end_has_no_pictures() -> None:
    """A free run that was canceled, of a job that another had finished before."""
    async with projecting() as parts:
        job = accepted()
        first, second = picture(job), picture(job).model_copy(update={"sha256": "f" * 64})
        for image in (first, second):
            await parts.blobs.put(image_key(image), b"x", content_type="image/png")
        await parts.project(ended(job, first, calls=(call("a"),)))
        await parts.project(ended(job, status=JobStatus.CANCELED, calls=(call("b"),)))
        assert [blob.key async for blob in parts.blobs.list("jobs/")] == [image_key(first)]


async def test_pictures_of_a_job_that_was_canceled_meanwhile_are_dropped() -> None:
    async with projecting() as parts:
        job = accepted()
        await parts.blobs.put(image_key(picture(job)), b"x", content_type="image/png")
        await parts.project(ended(job, status=JobStatus.CANCELED, at=at(4)))
        await parts.project(ended(job, picture(job), calls=(call("a"),)))
        saved = await parts.job(job.id)
        assert (saved.status, saved.images, len(saved.attempts)) == (JobStatus.CANCELED, (), 1)
        assert not [blob async for blob in parts.blobs.list("jobs/")]
        assert await parts.images.get(picture(job).id, owner=OWNER) is None


async def test_a_run_that_tells_the_end_of_another_leaves_no_bytes() -> None:
    async with projecting() as parts:
        job = accepted()
        first, second = picture(job), picture(job).model_copy(update={"sha256": "f" * 64})
        await parts.blobs.put(image_key(first), b"x", content_type="image/png")
        await parts.project(ended(job, first, calls=(call("a"),)))
        await parts.blobs.put(image_key(second), b"y", content_type="image/png")
        await parts.project(ended(job, first, calls=(call("a"),)))
        assert [blob.key async for blob in parts.blobs.list("jobs/")] == [image_key(first)]
        assert (await parts.job(job.id)).images == (first,)
