"""What is still to be drawn of a job, and how it ends: pure functions of its calls and pictures."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from atelier_core.domain.outcome import JobError, JobStatus, Outcome, ProducedImage
from atelier_core.domain.run import Call, CallOutcome
from atelier_worker.ports import UNANSWERED, WAITING, Fault

MAX_ATTEMPTS: Final = 5  # calls for one picture; refusals for lack of room are not counted
MAX_UNANSWERED: Final = 2  # paid calls for one picture that never answered: once, and once again
PAUSES: Final = (5.0, 5.0, 30.0, 30.0, 120.0, 120.0, 600.0)  # seconds after the n-th failure

LOST: Final = JobError(
    code="worker_lost", detail="The worker died before the provider answered.", retryable=True
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Calls to wait for again, indexes to ask for (one group a call), and indexes given up."""

    resume: tuple[Call, ...] = ()
    draw: tuple[tuple[int, ...], ...] = ()
    failed: Mapping[int, JobError] = field(default_factory=dict)


def plan(n: int, calls: Iterable[Call], stored: Collection[int], *, free: bool, max_n: int) -> Plan:
    """What is left to do for a job of `n` pictures of which `stored` are safe."""
    calls = tuple(calls)
    resume = tuple(
        call
        for call in calls
        if call.outcome is CallOutcome.OPEN and not set(call.indexes) <= set(stored)
    )
    waited_for = {index for call in resume for index in call.indexes}
    failed: dict[int, JobError] = {}
    missing: list[int] = []
    for index in range(n):
        if index in stored or index in waited_for:
            continue
        error = _given_up([c for c in calls if index in c.indexes], free=free)
        if error is None:
            missing.append(index)
        else:
            failed[index] = error
    groups = tuple(tuple(missing[i : i + max_n]) for i in range(0, len(missing), max_n))
    return Plan(resume=resume, draw=groups, failed=failed)


def _given_up(calls: Sequence[Call], *, free: bool) -> JobError | None:
    """Why a picture that these calls did not bring is not asked for again; None if it is."""
    if not calls:
        return None
    last = calls[-1].error
    if calls[-1].outcome in (CallOutcome.LOST, CallOutcome.SUCCEEDED):
        last = last or LOST  # of a call that succeeded the bytes went with the worker
    if last is None or last.code in WAITING:
        return None
    if last is not LOST and last.code not in UNANSWERED:
        return last
    counted = [c for c in calls if c.error is None or c.error.code not in WAITING]
    if not free and len(counted) >= MAX_UNANSWERED:
        return last
    if len(counted) >= MAX_ATTEMPTS:
        return last if last is LOST else exhausted(last)
    return None


def exhausted(last: JobError) -> JobError:
    """The error of a picture that was tried as often as one may be."""
    return JobError(
        code="attempts_exhausted",
        detail=f"{MAX_ATTEMPTS} attempts failed; the last: {last.detail}",
        retryable=True,
    )


def pause(calls: Iterable[Call], *, retry_after: float | None) -> timedelta:
    """How long to wait after the last of `calls` failed: longer each time, at least as asked."""
    failures = 0
    for call in reversed(tuple(calls)):
        if call.outcome is not CallOutcome.FAILED:
            break
        failures += 1
    ladder = PAUSES[min(max(failures, 1), len(PAUSES)) - 1]
    return timedelta(seconds=max(ladder, retry_after or 0))


def outcome_of(
    n: int, images: Iterable[ProducedImage], failed: Mapping[int, JobError], *, at: datetime
) -> Outcome:
    """How a job ends of which nothing is left to do. The error is that of the first gap."""
    images = tuple(sorted(images, key=lambda image: image.index))
    have = {image.index for image in images}
    errors = [failed[index] for index in range(n) if index not in have]
    if not errors:
        return Outcome(status=JobStatus.SUCCEEDED, images=images, at=at)
    if images:
        status = JobStatus.PARTIALLY_SUCCEEDED
    elif all(error.code == Fault.MODERATED for error in errors):
        status = JobStatus.BLOCKED
    else:
        status = JobStatus.FAILED
    return Outcome(status=status, error=errors[0], images=images, at=at)
