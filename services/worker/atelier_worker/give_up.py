"""What a dead letter of a lane leaves behind: a job that has ended, with the reason."""

import logging
from datetime import UTC, datetime

from atelier_core.contracts.events import BatchRequested, JobRequested, decode
from atelier_core.domain.outcome import JobError, JobStatus, Outcome
from atelier_core.domain.request import AcceptedJob, ImageRequest
from atelier_core.domain.values import is_id
from atelier_core.errors import ContractError, Defer
from atelier_core.failpoints import failpoint
from atelier_core.ports import DeadLetter
from atelier_worker.bench import Bench
from atelier_worker.closing import end_early, tell_end
from atelier_worker.record import ended

log = logging.getLogger(__name__)

_DETAILS = {
    "unreadable_message": "The request could not be read by the worker that got it.",
    "deadline_passed": "The job was not done before its deadline.",
}


class GiveUp:
    """The `on_dead` of the lanes and of their expansion."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    async def __call__(self, letter: DeadLetter) -> None:
        """End the jobs the letter is about. Waits for the store and the broker.

        Raises:
            Defer: they have ended; a call is left to a worker that has its provider.
        """
        log.error(
            "a request was given up",
            extra={"queue": letter.queue, "code": letter.code, "reason": letter.reason}
            | ({"job_id": letter.job_id} if letter.job_id else {})
            | ({"batch_id": letter.batch_id} if letter.batch_id else {}),
        )
        error = JobError(
            code=letter.code,
            detail=_DETAILS.get(letter.code, "The job could not be run."),
            retryable=letter.code == "internal_error",
        )
        expired = letter.code == "deadline_passed"
        status = JobStatus.EXPIRED if expired else JobStatus.FAILED
        left: Defer | None = None
        for job in jobs_of(letter):
            try:
                await self._end(job, Outcome(status=status, error=error, at=self._bench.clock()))
            except Defer as exc:
                left = exc
        if left:
            raise left

    async def _end(self, job: AcceptedJob, outcome: Outcome) -> None:
        bench = self._bench
        try:
            held = await end_early(bench, job, None, outcome)
        except ContractError:
            log.exception("the run record is not readable", extra={"job_id": job.id})
            await bench.announce_end(job, ended(outcome, (), holder=bench.me)(None))
            return
        await failpoint("worker.give_up_midway")
        await tell_end(bench, job, held)


def jobs_of(letter: DeadLetter) -> tuple[AcceptedJob, ...]:
    """The jobs a dead letter is about: from its body, else from the ids of its headers."""
    try:
        event = decode(letter.raw)
    except ContractError:
        event = None
    if isinstance(event, JobRequested):
        return (event.job,)
    if isinstance(event, BatchRequested):
        return event.jobs()
    if not is_id(letter.job_id):
        return ()
    return (
        AcceptedJob(
            id=letter.job_id,
            owner=letter.owner,
            request=ImageRequest(prompt=""),
            created_at=_born(letter.job_id),
        ),
    )


def _born(job_id: str) -> datetime:
    """The time inside a UUIDv7: its first 48 bits, in milliseconds."""
    return datetime.fromtimestamp(int(job_id.replace("-", "")[:12], 16) / 1000, UTC)
