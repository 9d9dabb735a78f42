"""One arbiter ends a job: the run record."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from atelier_core.adapters.memory_blobs import MemoryBlobStore
from atelier_core.contracts.events import Announcement, Durable, JobCancel
from atelier_core.domain.job import accept
from atelier_core.domain.outcome import JobStatus, Outcome, image_key
from atelier_core.domain.request import AcceptedJob
from atelier_core.domain.run import CallOutcome, RunRecord, run_key
from atelier_core.domain.values import Money, child_id, new_id
from atelier_core.errors import NotFoundError, StorageFullError, TransientError
from atelier_core.stored import Bill, particulars
from atelier_gallery.ending import Ending, end_run
from atelier_gallery.ports import Change
from atelier_gallery.stores.memory import MemoryImageStore, MemoryJobStore
from gallery_stories import OWNER, accepted, at, batch_requested, call, picture

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(20)]

CANCELED = Outcome(status=JobStatus.CANCELED, at=at(5))


class Blobs(MemoryBlobStore):
    """`lost` writes are stored though the answer does not come, `refused` ones are not."""

    lost = refused = 0
    error: type[TransientError] = TransientError

    async def put(self, key: str, data: bytes, **options: Any) -> str:
        if self.refused:
            self.refused -= 1
            raise self.error("no answer")
        etag = await super().put(key, data, **options)
        if self.lost:
            self.lost -= 1
            raise TransientError("no answer")
        return etag


class Told:
    def __init__(self) -> None:
        self.announced: list[Announcement] = []

    async def publish(self, *events: Durable) -> None:
        raise AssertionError("nothing durable")

    def announce(self, *events: Announcement) -> None:
        self.announced += events


async def stored(blobs: MemoryBlobStore, job_id: str) -> RunRecord:
    return RunRecord.model_validate_json((await blobs.get(run_key(job_id))).data)


async def write(blobs: MemoryBlobStore, job_id: str, record: RunRecord) -> None:
    raw = record.model_dump_json().encode()
    await blobs.put(run_key(job_id), raw, content_type="application/json")


async def store(blobs: MemoryBlobStore, job: AcceptedJob, *indexes: int, by: str) -> None:
    """Pictures of the job that the call `by` brought, for 0.04 all together."""
    for image in (picture(job, index) for index in indexes):
        meta = particulars(image, Bill(by, Money.exactly("0.04"), "r-7", 200))
        await blobs.put(image_key(image), b"picture...", content_type="image/png", meta=meta)


async def test_a_record_keeps_what_it_knew() -> None:
    blobs, job_id = Blobs(), new_id()
    await write(blobs, job_id, RunRecord(holder="w", takeovers=2, step=7, calls=(call("a"),)))
    ended = await end_run(blobs, job_id, CANCELED)
    assert ended == await stored(blobs, job_id)
    assert (ended.holder, ended.takeovers, ended.step, len(ended.calls)) == ("w", 2, 7, 1)


async def test_of_many_enders_the_first_wins() -> None:
    blobs, job_id = Blobs(), new_id()
    outcomes = [Outcome(status=JobStatus.FAILED, at=at(i)) for i in range(15)]
    records = await asyncio.gather(*(end_run(blobs, job_id, outcome) for outcome in outcomes))
    assert {record.outcome for record in records} == {(await stored(blobs, job_id)).outcome}


async def test_an_unknown_answer_is_read() -> None:
    blobs, job_id = Blobs(), new_id()
    blobs.lost = 1
    assert (await end_run(blobs, job_id, CANCELED)).outcome == CANCELED
    blobs.refused = 2
    assert (await end_run(blobs, new_id(), CANCELED)).outcome == CANCELED
    blobs.refused = 3
    with pytest.raises(TransientError):
        await end_run(blobs, new_id(), CANCELED)
    blobs.refused, blobs.error = 1, StorageFullError
    with pytest.raises(StorageFullError):
        await end_run(blobs, new_id(), CANCELED)


def parts() -> tuple[Ending, MemoryJobStore, Blobs, Told]:
    jobs, blobs, told = MemoryJobStore(), Blobs(), Told()
    return (
        Ending(jobs=jobs, images=MemoryImageStore(), blobs=blobs, publisher=told),
        jobs,
        blobs,
        told,
    )


async def test_a_canceled_run_is_told_to_stop_and_its_calls_are_shown() -> None:
    ending, jobs, blobs, told = parts()
    job = accept(accepted())
    await jobs.save_many([Change(job, read=0)])
    await write(blobs, job.id, RunRecord(holder="w", calls=(call("a"),)))
    canceled = await ending.cancel_job(job)
    assert (canceled.status, len(canceled.attempts), canceled.version) == ("canceled", 1, 2)
    assert [type(event).__name__ for event in told.announced] == ["JobUpdated", "JobCancel"]


async def test_a_batch_is_canceled_also_where_it_is_not_known_yet() -> None:
    ending, jobs, blobs, told = parts()
    batch = batch_requested(4)
    await jobs.save_many([Change(accept(batch.jobs()[i]), read=0) for i in (0, 2)])
    await ending.cancel_batch(batch.batch_id, owner=OWNER)
    for index in range(4):
        record = await stored(blobs, child_id(batch.batch_id, index))
        assert record.outcome is not None
        assert record.outcome.status is JobStatus.CANCELED
    canceled = [event.job_id for event in told.announced if isinstance(event, JobCancel)]
    assert sorted(canceled) == sorted(job.id for job in batch.jobs())
    with pytest.raises(NotFoundError):
        await ending.cancel_batch(batch.batch_id, owner="other")


async def test_a_deadline_ends_a_job_unless_somebody_else_did() -> None:
    ending, jobs, blobs, _ = parts()
    late, drawn, early = (accept(accepted(deadline=60)) for _ in range(3))
    await jobs.save_many([Change(job, read=0) for job in (late, drawn)])
    await write(
        blobs,
        drawn.id,
        RunRecord(holder="w", outcome=Outcome(status=JobStatus.FAILED, at=at(2))),
    )
    then = early.created_at + timedelta(seconds=61)
    assert await ending.expire_overdue(then) == 2
    assert await ending.expire_overdue(then) == 0
    ended = {job.id: job for job in await jobs.find_many([late.id, drawn.id], owners=[OWNER])}
    assert (ended[late.id].status, ended[drawn.id].status) == ("expired", "failed")
    error = ended[late.id].error
    assert error is not None
    assert error.code == "deadline_passed"


@pytest.mark.parametrize("outcome", [CallOutcome.SUCCEEDED, CallOutcome.LOST, CallOutcome.OPEN])
async def test_a_deadline_keeps_the_pictures_that_were_bought(outcome: CallOutcome) -> None:
    """The rest waits in a queue: nobody else is going to tell of them."""
    ending, jobs, blobs, _ = parts()
    late = accepted(n=3, deadline=60)
    await jobs.save_many([Change(accept(late), read=0)])
    bought = [picture(late, index) for index in (0, 2)]
    await store(blobs, late, 2, 0, by="a")
    await write(blobs, late.id, RunRecord(holder=None, step=2, calls=(call("a", outcome),)))
    then = late.created_at + timedelta(seconds=61)
    assert await ending.expire_overdue(then) == 1
    (job,) = await jobs.find_many([late.id], owners=[OWNER])
    assert (job.status, job.images, round(job.progress, 2)) == ("expired", (*bought,), 0.67)
    record = await stored(blobs, late.id)
    assert record.outcome is not None
    assert record.outcome.images == job.images, "whoever hears of it later is told the same"


@pytest.mark.parametrize("outcome", [CallOutcome.LOST, CallOutcome.OPEN])
async def test_a_kept_picture_keeps_its_model_and_its_price(outcome: CallOutcome) -> None:
    """Nobody wrote down what became of the call, or ever will."""
    ending, jobs, blobs, _ = parts()
    late = accepted(n=4, deadline=60)
    await jobs.save_many([Change(accept(late), read=0)])
    await store(blobs, late, 0, 1, by="a")
    await store(blobs, late, 2, by="b")
    dear = call("a", outcome, indexes=(0, 1), provider="dear", model="dear/one")
    record = RunRecord(holder="w", step=2, calls=(dear, call("b", indexes=(2,), sent_at=at(2))))
    await write(blobs, late.id, record)
    assert await ending.expire_overdue(late.created_at + timedelta(seconds=61)) == 1
    images = [await ending.images.get(child_id(late.id, i), owner=OWNER) for i in range(3)]
    assert [(image.provider, image.model) for image in images if image] == [
        ("dear", "dear/one"),
        ("dear", "dear/one"),
        ("fake", "fake/paid"),
    ]
    (job,) = await jobs.find_many([late.id], owners=[OWNER])
    assert (job.status, job.cost) == ("expired", Money.exactly("0.08"))
    first = job.attempts[0]
    assert (first.outcome, first.provider_request_id) == ("succeeded", "r-7")
    known = await stored(blobs, late.id)
    assert [c.outcome for c in known.calls] == ["succeeded", "succeeded"]


async def test_a_job_whose_pictures_are_all_there_has_succeeded() -> None:
    """Its worker died between the last picture and the outcome."""
    ending, jobs, blobs, told = parts()
    drawn = accepted(n=2, deadline=60)
    await jobs.save_many([Change(accept(drawn), read=0)])
    await store(blobs, drawn, 0, 1, by="a")
    open_call = call("a", CallOutcome.OPEN, indexes=(0, 1))
    await write(blobs, drawn.id, RunRecord(holder="w", calls=(open_call,)))
    assert await ending.expire_overdue(drawn.created_at + timedelta(seconds=61)) == 1
    (job,) = await jobs.find_many([drawn.id], owners=[OWNER])
    assert (job.status, job.error, len(job.images), job.progress) == ("succeeded", None, 2, 1.0)
    assert [type(event).__name__ for event in told.announced] == ["JobUpdated"]


@pytest.mark.parametrize("n", [1, 2])
async def test_a_canceled_job_keeps_no_pictures(n: int) -> None:
    ending, jobs, blobs, _ = parts()
    unwanted = accepted(n=n)
    job = accept(unwanted)
    await jobs.save_many([Change(job, read=0)])
    await store(blobs, unwanted, 0, by="a")
    await write(blobs, job.id, RunRecord(holder=None, step=2, calls=(call("a"),)))
    canceled = await ending.cancel_job(job)
    assert (canceled.status, canceled.images) == ("canceled", ())


async def test_a_start_deadline_ends_a_job_that_nobody_began() -> None:
    ending, jobs, _, told = parts()
    job = accept(accepted(start_deadline=60, deadline=600))
    await jobs.save_many([Change(job, read=0)])
    assert await ending.expire_overdue(job.created_at + timedelta(seconds=61)) == 0
    assert await ending.expire_overdue(job.created_at + timedelta(seconds=62)) == 1
    (late,) = await jobs.find_many([job.id], owners=[OWNER])
    assert (late.status, late.attempts) == ("expired", ())
    assert late.error is not None
    assert late.error.code == "deadline_passed"
    assert "start deadline" in late.error.detail
    assert [type(event).__name__ for event in told.announced] == ["JobUpdated", "JobCancel"]


class Overtaken(Blobs):
    """`record` is written by somebody else just before the first write."""

    record: RunRecord | None = None

    async def put(self, key: str, data: bytes, **options: Any) -> str:
        record, self.record = self.record, None
        if record is not None:
            raw = record.model_dump_json().encode()
            await super().put(key, raw, content_type="application/json")
        return await super().put(key, data, **options)


@pytest.mark.parametrize("meanwhile", [False, True])
async def test_a_start_deadline_spares_a_job_that_has_begun(meanwhile: bool) -> None:
    jobs, blobs, told = MemoryJobStore(), Overtaken(), Told()
    ending = Ending(jobs=jobs, images=MemoryImageStore(), blobs=blobs, publisher=told)
    job = accept(accepted(start_deadline=60, deadline=600))
    await jobs.save_many([Change(job, read=0)])
    begun = RunRecord(holder="w", step=1, calls=(call("a", CallOutcome.OPEN),))
    if meanwhile:
        blobs.record = begun
    else:
        await write(blobs, job.id, begun)
    soon = job.created_at + timedelta(seconds=62)
    assert await ending.expire_overdue(soon) == 1
    assert await stored(blobs, job.id) == begun
    (running,) = await jobs.find_many([job.id], owners=[OWNER])
    assert (running.done, len(running.attempts), running.version) == (False, 1, 2)
    assert [type(event).__name__ for event in told.announced] == ["JobUpdated"]
    assert await ending.expire_overdue(soon) == 0
    assert await ending.expire_overdue(job.created_at + timedelta(seconds=600)) == 1
    (late,) = await jobs.find_many([job.id], owners=[OWNER])
    assert (late.status, late.error and late.error.detail) == (
        "expired",
        "The job was not done by its deadline.",
    )
