"""Batches, dead letters, thumbnails and the worker's word about itself."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from atelier_core.contracts import topology
from atelier_core.contracts.events import (
    BatchEntry,
    BatchRequested,
    Event,
    ImageDerived,
    JobProgress,
    JobRequested,
    WorkerStatus,
)
from atelier_core.domain.derive import Derived
from atelier_core.domain.outcome import JobStatus, image_key, thumb_key
from atelier_core.domain.request import ImageRequest, Lane, Priority
from atelier_core.domain.run import run_key
from atelier_core.domain.values import new_id, now
from atelier_core.errors import PermanentError
from atelier_core.ports import Subscription
from atelier_worker.derive import Derive
from atelier_worker.providers.fake import FakeProvider, Step
from atelier_worker.rush import Rush
from worker_harness import Stage, in_memory, job

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here() -> AsyncIterator[Stage]:
    async with in_memory() as it:
        yield it


async def test_a_batch_becomes_its_jobs(here: Stage) -> None:
    entry = BatchEntry(request=ImageRequest(prompt="a fox", model="fake/free", size="64x64"))
    batch = BatchRequested(
        owner="ann",
        batch_id=new_id(),
        entries=(entry,) * 250,
        lane=Lane.BULK,
        created_at=now(),
    )
    await here.worker(FakeProvider(), concurrency=20)
    await here.bus.publish(batch)
    ends = await here.ends(*batch.jobs())
    assert {end.outcome.status for end in ends} == {JobStatus.SUCCEEDED}
    assert {end.owner for end in ends} == {"ann"}
    asked = here.of(JobRequested)
    assert {(event.lane, event.job.batch.size) for event in asked} == {(Lane.BULK, 250)}


async def test_what_is_background_waits_in_bulk_whatever_it_came_with(here: Stage) -> None:
    request = ImageRequest(prompt="a fox", model="fake/free", size="64x64")
    later = request.model_copy(update={"priority": Priority.BACKGROUND})
    batch = BatchRequested(
        owner="ann",
        batch_id=new_id(),
        entries=(BatchEntry(request=request), BatchEntry(request=later)),
        lane=Lane.INTERACTIVE,
        created_at=now(),
    )
    await here.worker(FakeProvider())
    await here.bus.publish(batch)
    await here.ends(*batch.jobs())
    lanes = {event.job.request.priority: event.lane for event in here.of(JobRequested)}
    assert lanes == {Priority.NORMAL: Lane.INTERACTIVE, Priority.BACKGROUND: Lane.BULK}


async def test_an_unreadable_request_still_ends_its_job(here: Stage) -> None:
    unreadable = job()
    await here.worker(FakeProvider())
    ids = {"job_id": unreadable.id, "owner": "ann"}
    here.bus.inject(topology.INTERACTIVE, b'{"type": "job.requested.v9"}', ids)
    end = await here.end(unreadable)
    assert end.owner == "ann"
    assert end.outcome.status is JobStatus.FAILED
    assert end.outcome.error
    assert end.outcome.error.code == "unreadable_message"
    assert end.job.created_at - datetime.now(UTC) < timedelta(minutes=1)
    record = await here.record(unreadable)
    assert record
    assert record.outcome == end.outcome


async def test_a_job_whose_record_is_damaged_still_ends(here: Stage) -> None:
    wanted = job()
    await here.blobs.put(run_key(wanted.id), b"[]", content_type="application/json")
    fake = FakeProvider()
    await here.worker(fake)
    await here.request(wanted)
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.FAILED
    assert not fake.ledger


async def test_a_model_nobody_knows_fails_and_one_of_others_waits(here: Stage) -> None:
    await here.worker(FakeProvider())
    unknown, elsewhere = job(model="gone/model"), job(model="demo/painter", size="1024x1024")
    await here.request(elsewhere)
    await here.request(unknown)
    end = await here.end(unknown)
    assert end.outcome.error
    assert end.outcome.error.code == "provider_model_unavailable"
    assert await here.record(elsewhere) is None


async def test_pictures_get_thumbnails_off_the_path(here: Stage) -> None:
    await here.worker(FakeProvider())
    wanted = job(n=2)
    await here.request(wanted)
    end = await here.end(wanted)
    await here.until(lambda told: len([e for e in told if isinstance(e, ImageDerived)]) == 2)
    for image in end.outcome.images:
        assert (await here.blobs.head(thumb_key(image, 320))).content_type == "image/webp"
    assert {e.image_id for e in here.of(ImageDerived)} == {i.id for i in end.outcome.images}
    assert all(e.blurhash and not e.error for e in here.of(ImageDerived))


async def test_a_thumbnail_is_there_already_and_the_blurhash_is_made_all_the_same(
    here: Stage,
) -> None:
    """Who looks at a picture before its turn has the thumbnail made, and nothing else."""
    await here.worker(FakeProvider())
    wanted = job()
    await here.request(wanted)
    end = await here.end(wanted)
    await here.until(lambda told: any(isinstance(e, ImageDerived) for e in told))
    await here.bus.publish(end)
    await here.until(lambda told: len([e for e in told if isinstance(e, ImageDerived)]) == 2)
    first, again = here.of(ImageDerived)
    assert again.blurhash
    assert again.blurhash == first.blurhash


async def test_a_picture_that_does_not_decode_says_so(here: Stage) -> None:
    class Refusing:
        async def derive(self, data: bytes) -> Derived:
            raise PermanentError("The picture does not decode.")

    await here.worker(FakeProvider(), deriver=Refusing())
    wanted = job()
    await here.request(wanted)
    await here.until(lambda told: any(isinstance(e, ImageDerived) for e in told))
    (derived,) = here.of(ImageDerived)
    assert (derived.error, derived.blurhash) == ("The picture does not decode.", None)
    assert (await here.end(wanted)).outcome.status is JobStatus.SUCCEEDED


async def test_what_is_derived_of_a_picture_purged_meanwhile_is_not_kept(here: Stage) -> None:
    class Late:
        async def derive(self, data: bytes) -> Derived:
            await here.blobs.delete(image_key(image))
            return Derived(thumb_320=data, blurhash="LEHV6nWB")

    wanted = job()
    await here.worker(FakeProvider())
    await here.request(wanted)
    end = await here.end(wanted)
    (image,) = end.outcome.images
    await here.until(lambda told: any(isinstance(e, ImageDerived) for e in told))
    await here.blobs.delete(thumb_key(image, 320))
    await Derive(here.blobs, here.bus, Late(), rush=Rush())(end)
    assert [blob.key async for blob in here.blobs.list(f"jobs/{wanted.id}/thumbs/")] == []


async def test_a_worker_says_what_it_can_do_and_how_far_it_is(here: Stage) -> None:
    heard: list[Event] = []

    async def hear(event: Event) -> None:
        heard.append(event)

    live = Subscription(
        queue="live",
        topics=frozenset({"worker.status", "job.progress"}),
        prefetch=10,
        durable=False,
    )
    async with here.bus.consume(live, hear):

        class Slow(FakeProvider):
            async def generate(self, order, caller):  # type: ignore[no-untyped-def]
                import anyio

                for tenth in range(10):
                    caller.progress(0, tenth / 10)
                    await anyio.sleep(0.05)
                return await super().generate(order, caller)

        hand = await here.worker(Slow(script=[Step()]), concurrency=7)
        wanted = job()
        await here.request(wanted)
        await here.end(wanted)
        (status,) = [e for e in heard if isinstance(e, WorkerStatus)]
        assert (status.incarnation, status.providers, status.slots) == (
            hand.incarnation,
            ("fake",),
            7,
        )
        progress = [e.fraction for e in heard if isinstance(e, JobProgress)]
        assert progress == sorted(progress)
        assert 1 <= len(progress) <= 4, "not more often than people can see"
