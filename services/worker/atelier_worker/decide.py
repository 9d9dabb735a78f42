"""What a worker does with a job it was handed: the run record's table as one pure function."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from atelier_core.domain.outcome import JobError, JobStatus, Outcome
from atelier_core.domain.run import MAX_TAKEOVERS, Call, CallOutcome, RunRecord

LOOK_AGAIN = timedelta(seconds=5)  # the shortest delay: another's run is looked at again


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What is known when a request is handed out. Deadlines are in seconds since the epoch."""

    me: str
    redelivered: bool
    free: bool
    running: bool
    holder_alive: bool
    now: datetime
    deadline: float
    start_deadline: float | None = None


@dataclass(frozen=True)
class Draw:
    """Free, first time, no record: draw now; one is written only if there is need (ADR 9)."""


@dataclass(frozen=True)
class Create:
    """Create the record with the call in it, then call."""


@dataclass(frozen=True)
class Take:
    """Nobody holds it: become the holder, give up `lost`, resume or draw the rest."""

    lost: tuple[Call, ...] = ()


@dataclass(frozen=True)
class TakeOver:
    """The holder died: as `Take`, and counted."""

    lost: tuple[Call, ...] = ()


@dataclass(frozen=True)
class Announce:
    """It has ended: settle the calls still open, announce, done."""


@dataclass(frozen=True)
class Join:
    """It runs in this process already: share that run's end."""


@dataclass(frozen=True)
class DeferTo:
    """A living worker holds it: look again, without telling anybody."""

    until: datetime


@dataclass(frozen=True)
class End:
    """It ends without another call."""

    outcome: Outcome


Decision = Draw | Create | Take | TakeOver | Announce | Join | DeferTo | End

DEADLINE_PASSED: Final = JobError(
    code="deadline_passed", detail="The job was not done before its deadline."
)
NOT_STARTED: Final = JobError(
    code="deadline_passed", detail="No provider was asked before the job's start deadline."
)
WORKER_LOST: Final = JobError(
    code="worker_lost",
    detail=f"More than {MAX_TAKEOVERS} workers died while running this job.",
    retryable=True,
)


def decide(record: RunRecord | None, delivery: Delivery) -> Decision:  # noqa: PLR0911 - a table
    """The row of the table that applies to what was found under the job's record key."""
    if delivery.running:
        return Join()
    if record is not None and record.outcome is not None:
        return Announce()
    if delivery.now.timestamp() >= delivery.deadline:
        return End(expired(delivery.now))
    if _too_late_to_start(record, delivery):
        return End(expired(delivery.now, begun=False))
    if record is None:
        return Draw() if delivery.free and not delivery.redelivered else Create()
    if record.holder is None:
        return Take(_unresumable(record))
    if record.holder != delivery.me and delivery.holder_alive:
        return DeferTo(delivery.now + LOOK_AGAIN)
    if record.takeovers >= MAX_TAKEOVERS:
        return End(Outcome(status=JobStatus.FAILED, error=WORKER_LOST, at=delivery.now))
    return TakeOver(_unresumable(record))


def open_calls(record: RunRecord) -> tuple[Call, ...]:
    """The calls whose end nobody wrote down."""
    return tuple(call for call in record.calls if call.outcome is CallOutcome.OPEN)


def _unresumable(record: RunRecord) -> tuple[Call, ...]:
    return tuple(call for call in open_calls(record) if call.provider_job_id is None)


def _too_late_to_start(record: RunRecord | None, delivery: Delivery) -> bool:
    start = delivery.start_deadline
    begun = record is not None and record.calls
    return start is not None and not begun and delivery.now.timestamp() >= start


def expired(now: datetime, *, begun: bool = True) -> Outcome:
    """The end of a job whose deadline has passed, or that for its start if it was not `begun`."""
    error = DEADLINE_PASSED if begun else NOT_STARTED
    return Outcome(status=JobStatus.EXPIRED, error=error, at=now)
