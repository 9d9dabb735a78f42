"""Ending a job from here: cancel it, or let it expire.

The run record decides who ends a job; whatever it says afterwards, ours or another's, is folded.
Of a free run without a record (ADR 9) the fold decides: the first end that was saved.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from atelier_core.contracts.events import JobCancel, JobUpdated
from atelier_core.contracts.problems import Code, Problem
from atelier_core.domain.image import images_of
from atelier_core.domain.job import Job, end, start
from atelier_core.domain.outcome import JobError, JobStatus, Outcome
from atelier_core.domain.run import RunRecord, run_key
from atelier_core.domain.values import child_id, now
from atelier_core.errors import (
    ConflictError,
    ContractError,
    NotFoundError,
    StorageFullError,
    TransientError,
)
from atelier_core.failpoints import failpoint
from atelier_core.ports import BlobStore, EventPublisher
from atelier_core.stored import with_pictures
from atelier_gallery.ports import Change, ImageStore, JobStore
from atelier_gallery.saving import Decision, change_many
from atelier_gallery.schedule import last_moment

AT_ONCE = 16  # run records written at the same time
RACES = 50  # lost races for one record before the store itself is suspected
UNKNOWN = 3  # answers in a row that do not say whether the record was written
PATIENCE = 30.0  # seconds all of it may take
OVERDUE_AT_ONCE = 200
EVERY = 10.0  # seconds between two looks at the deadlines

log = logging.getLogger(__name__)

STOPPED = (JobStatus.CANCELED, JobStatus.EXPIRED)
NOT_DONE = JobError(code="deadline_passed", detail="The job was not done by its deadline.")
NOT_STARTED = JobError(
    code="deadline_passed", detail="No provider was asked before the job's start deadline."
)


async def end_run(
    blobs: BlobStore,
    job_id: str,
    outcome: Outcome,
    *,
    n: int | None = None,
    unless_begun: bool = False,
) -> RunRecord:
    """The record with the outcome that ended the job: `outcome`, unless it had one already, with
    the pictures that were bought before; success if these are the `n` it was asked for.

    `unless_begun`: a record with calls stays as it is, and may have no outcome.

    Raises:
        ContractError: there is a record that this version cannot read.
        TransientError: the store does not answer.
    """
    key, unknown = run_key(job_id), 0
    for _ in range(RACES):
        etag = None
        record = RunRecord(holder=None)
        try:
            blob = await blobs.get(key)
        except NotFoundError:
            pass
        else:
            etag, record = blob.info.etag, RunRecord.read(blob.data)
        if record.outcome is not None or (unless_begun and record.calls):
            return record
        end, settled = await with_pictures(blobs, job_id, outcome, calls=record.calls, n=n)
        record = record.merged(settled).model_copy(update={"outcome": end})
        try:
            await blobs.put(
                key,
                record.model_dump_json().encode(),
                content_type="application/json",
                if_absent=etag is None,
                if_match=etag,
            )
        except ConflictError:
            continue
        except StorageFullError:
            raise
        except TransientError:
            unknown += 1
            if unknown == UNKNOWN:
                raise
        else:
            return record
    raise TransientError("a run record changes faster than it can be written")


@dataclass(frozen=True, kw_only=True)
class Ending:
    """The use cases."""

    jobs: JobStore
    images: ImageStore
    blobs: BlobStore
    publisher: EventPublisher

    async def cancel_job(self, job: Job) -> Job:
        """The canceled job, also if it was canceled before.

        Raises:
            Problem: job_terminal after any other end.
            TransientError: a store does not answer.
        """
        if not job.done:
            ended = await self._end([job], _canceled())
            if not ended:
                raise ContractError("its run record cannot be read")
            (job,) = ended
        if job.status is not JobStatus.CANCELED:
            raise Problem(
                Code.JOB_TERMINAL, "The job has ended and cannot be canceled.", job_id=job.id
            )
        return job

    async def cancel_batch(self, batch_id: str, *, owner: str) -> None:
        """Cancel what is not done of a batch that `owner` has, known or yet to be known.

        Raises:
            Problem: job_terminal when nothing was canceled, now or before.
            NotFoundError: there is no such batch.
        """
        batch = await self.jobs.batch(batch_id, owner=owner)
        if batch is None:
            raise NotFoundError("There is no such batch.")
        known = {part.index: part for part in batch.parts}
        open_ids = [child_id(batch_id, i) for i, part in known.items() if not part.status.done]
        unknown = [child_id(batch_id, i) for i in range(batch.size) if i not in known]
        jobs = await self.jobs.find_many(open_ids, owners=(owner,))
        outcome = _canceled()
        ended = await self._end(jobs, outcome)
        records = await _all_ended(self.blobs, dict.fromkeys(unknown), outcome)
        for job_id in unknown:  # whoever is about to draw one should look at its record first
            self.publisher.announce(JobCancel(owner=owner, job_id=job_id))
        canceled = (
            *(part.status for part in batch.parts),
            *(job.status for job in ended),
            *(record.outcome.status for record in records.values() if record.outcome),
        )
        if JobStatus.CANCELED not in canceled:
            raise Problem(
                Code.JOB_TERMINAL,
                "Every job of the batch has ended and cannot be canceled.",
                batch_id=batch_id,
            )

    async def expire_overdue(self, at: datetime) -> int:
        """End the jobs whose deadline has passed at `at`; returns how many were looked at.

        One that is only late to start, but has started, lives on and shows its calls.
        """
        looked_at = 0
        async for overdue in self.jobs.overdue(at, at_once=OVERDUE_AT_ONCE):
            late = [job for job in overdue if last_moment(job) <= at]
            unheard = [job for job in overdue if last_moment(job) > at]
            if late:
                await self._end(late, Outcome(status=JobStatus.EXPIRED, error=NOT_DONE, at=at))
            if unheard:
                outcome = Outcome(status=JobStatus.EXPIRED, error=NOT_STARTED, at=at)
                await self._end(unheard, outcome, unless_begun=True)
            looked_at += len(overdue)
        return looked_at

    async def _end(
        self, jobs: Sequence[Job], outcome: Outcome, *, unless_begun: bool = False
    ) -> list[Job]:
        """The jobs as they ended: by `outcome`, as somebody else had ended them, or with all that
        was asked for; without those whose record cannot be read.
        """
        sizes = {job.id: job.request.n for job in jobs}
        records = await _all_ended(self.blobs, sizes, outcome, unless_begun=unless_begun)
        await failpoint("gallery.after_cancel")
        decisions = {
            job.id: Decision[Job](job.owner, _Fold(records[job.id], outcome.at))
            for job in jobs
            if job.id in records
        }
        settled = await change_many(self.jobs, decisions)
        ended = [result.document for result in settled.values() if result.document]
        pictures = [Change(image, read=0) for job in ended for image in images_of(job)]
        if pictures:
            await self.images.save_many(pictures)
        for job in ended:
            if settled[job.id].changed:
                self.publisher.announce(JobUpdated(owner=job.owner, job=job))
            if job.status in STOPPED:
                self.publisher.announce(JobCancel(owner=job.owner, job_id=job.id))
        return ended


@dataclass(frozen=True)
class _Fold:
    record: RunRecord
    at: datetime

    def __call__(self, job: Job | None) -> Job | None:
        if job is None:
            return None
        if self.record.outcome is None:
            return start(job, step=0, calls=self.record.calls, at=self.at)
        return end(job, self.record.outcome, calls=self.record.calls, at=self.at)


def _canceled() -> Outcome:
    return Outcome(status=JobStatus.CANCELED, at=now())


async def _all_ended(
    blobs: BlobStore,
    sizes: Mapping[str, int | None],
    outcome: Outcome,
    *,
    unless_begun: bool = False,
) -> dict[str, RunRecord]:
    """The records that could be read, by job; `sizes` says how many pictures each wants."""
    slots = asyncio.Semaphore(AT_ONCE)
    records: dict[str, RunRecord] = {}

    async def one(job_id: str, n: int | None) -> None:
        try:
            async with slots:
                records[job_id] = await end_run(
                    blobs, job_id, outcome, n=n, unless_begun=unless_begun
                )
        except ContractError as exc:
            log.error("not ended", extra={"job_id": job_id, "error": str(exc)})  # noqa: TRY400

    try:
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            for job_id, n in sizes.items():
                group.create_task(one(job_id, n))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    except TimeoutError as exc:
        raise TransientError("Ending jobs takes too long.") from exc
    return records
