"""A generation job as people see it: immutable snapshots, and the only ways one follows another.

Each transition returns the next snapshot, or None when it says nothing new. They commute: whatever
the order and however often the events of one story come, the job ends the same (its version and
`updated_at` count the saves, so they may differ).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from atelier_core.domain.outcome import JobError, JobStatus, Outcome, ProducedImage
from atelier_core.domain.request import AcceptedJob, BatchRef, ImageRequest, RequestWarning
from atelier_core.domain.run import Call, CallOutcome
from atelier_core.domain.values import Money, Time, Value

INTERNAL = frozenset({"step", "deferred_until"})  # kept with a job, shown to nobody


class Attempt(Value):
    """One call to one provider, as shown."""

    id: str
    provider: str
    model: str
    indexes: tuple[int, ...]
    prompt_as_sent: str
    started_at: Time
    finished_at: Time | None
    outcome: CallOutcome
    error: JobError | None
    http_status: int | None
    provider_request_id: str | None
    cost: Money

    @classmethod
    def of(cls, call: Call) -> "Attempt":
        return cls(
            id=call.id,
            provider=call.provider,
            model=call.model,
            indexes=call.indexes,
            prompt_as_sent=call.prompt_as_sent,
            started_at=call.sent_at,
            finished_at=call.answered_at,
            outcome=call.outcome,
            error=call.error,
            http_status=call.http_status,
            provider_request_id=call.provider_request_id,
            cost=call.cost,
        )


class Job(Value):
    """A snapshot; `version` grows by one with every change."""

    id: str
    object: Literal["job"] = "job"
    status: JobStatus = JobStatus.QUEUED
    done: bool = False
    version: int = 1
    owner: str
    batch: BatchRef | None = None
    retried_from: str | None = None
    request: ImageRequest
    model: str | None = None
    provider: str | None = None
    prompt_as_sent: str | None = None
    progress: float = 0.0
    images: tuple[ProducedImage, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    cost: Money = Money.exactly("0")
    error: JobError | None = None
    warnings: tuple[RequestWarning, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = Field(default_factory=dict)
    created_at: Time
    started_at: Time | None = None
    finished_at: Time | None = None
    updated_at: Time

    step: int = 0
    deferred_until: Time | None = None

    def public(self) -> dict[str, Any]:
        """The resource as clients get it, ready for JSON."""
        return self.model_dump(mode="json", exclude=set(INTERNAL))

    def public_json(self) -> bytes:
        """The resource as clients get it, as JSON text."""
        return self.model_dump_json(exclude=set(INTERNAL)).encode()


def accept(accepted: AcceptedJob) -> Job:
    """Version 1: what the 202 answer shows and what any first event starts from."""
    return Job(
        id=accepted.id,
        owner=accepted.owner,
        batch=accepted.batch,
        retried_from=accepted.retried_from,
        request=accepted.request,
        warnings=accepted.warnings,
        tags=accepted.tags,
        metadata=accepted.metadata,
        created_at=accepted.created_at,
        updated_at=accepted.created_at,
    )


def start(
    job: Job, *, step: int, calls: Iterable[Call], at: datetime, finished: int = 0
) -> Job | None:
    """A worker runs it and has `finished` so many pictures, which are never fewer again.

    An older step than the one known adds only its calls and what it finished.
    """
    changes = _attempts(job, calls)
    progress = min(1.0, finished / job.request.n)
    if not job.done and progress > job.progress:
        changes["progress"] = progress
    if not job.done and step > job.step:
        changes |= {"status": JobStatus.RUNNING, "step": step, "deferred_until": None}
    return _next(job, changes, at)


def defer(
    job: Job, *, step: int, calls: Iterable[Call], until: datetime, at: datetime
) -> Job | None:
    """It waits for a provider until `until`: queued if none was called yet, else retrying."""
    changes = _attempts(job, calls)
    if not job.done and step > job.step:
        changes |= {"status": JobStatus.RETRYING, "step": step, "deferred_until": until}
    return _next(job, changes, at)


def end(job: Job, outcome: Outcome, *, calls: Iterable[Call], at: datetime) -> Job | None:
    """The first end wins; a later one adds only its calls (a late bill)."""
    changes = _attempts(job, calls)
    if not job.done:
        changes |= {
            "status": outcome.status,
            "done": True,
            "images": outcome.images,
            "progress": len(outcome.images) / job.request.n,
            "error": outcome.error,
            "finished_at": outcome.at,
            "cost": _cost(changes.get("attempts", job.attempts), done=True),
            "step": 0,
            "deferred_until": None,
        }
    return _next(job, changes, at)


def purge(job: Job, image_id: str, *, at: datetime) -> Job | None:
    """Without the image: the one change that a done job's images may see."""
    images = tuple(image for image in job.images if image.id != image_id)
    return _next(job, {"images": images} if images != job.images else {}, at)


def _attempts(job: Job, calls: Iterable[Call]) -> dict[str, Any]:
    """The changes that knowing `calls` makes: attempts are a union by id, also after the end."""
    known = {attempt.id: attempt for attempt in job.attempts}
    for call in calls:
        before = known.get(call.id)
        if before is None or call.outcome.rank > before.outcome.rank:
            known[call.id] = Attempt.of(call)
    attempts = tuple(sorted(known.values(), key=lambda a: (a.started_at, a.id)))
    if attempts == job.attempts:
        return {}
    changes: dict[str, Any] = {
        "attempts": attempts,
        "cost": _cost(attempts, done=job.done),
        "started_at": attempts[0].started_at,
    }
    good = [a for a in attempts if a.outcome is CallOutcome.SUCCEEDED]
    if good:
        last = good[-1]
        changes |= {
            "model": last.model,
            "provider": last.provider,
            "prompt_as_sent": last.prompt_as_sent,
        }
    return changes


def _cost(attempts: Iterable[Attempt], *, done: bool) -> Money:
    """What is spent. An open call will tell; of a `done` job it may never: that is unknown."""
    return Money.total(a.cost for a in attempts if done or a.outcome is not CallOutcome.OPEN)


def _next(job: Job, changes: dict[str, Any], at: datetime) -> Job | None:
    if not changes:
        return None
    changed = job.model_copy(update=changes)
    if changed.status is JobStatus.RETRYING and not changed.attempts:
        changed = changed.model_copy(update={"status": JobStatus.QUEUED})
    elif changed.status is JobStatus.QUEUED and changed.deferred_until and changed.attempts:
        changed = changed.model_copy(update={"status": JobStatus.RETRYING})
    return changed.model_copy(
        update={"version": job.version + 1, "updated_at": max(job.updated_at, at)}
    )
