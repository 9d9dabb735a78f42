"""Jobs, events and pictures to tell the gallery about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from atelier_core.contracts.events import (
    BatchEntry,
    BatchRequested,
    JobDeferred,
    JobEnded,
    JobRequested,
    JobStarted,
)
from atelier_core.domain.outcome import JobStatus, Outcome, ProducedImage
from atelier_core.domain.request import AcceptedJob, ImageRequest
from atelier_core.domain.run import Call, CallOutcome
from atelier_core.domain.values import Money, child_id, new_id, now

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OWNER = "local"


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def accepted(
    prompt: str = "a red fox", *, owner: str = OWNER, job_id: str | None = None, **changes: Any
) -> AcceptedJob:
    request = {k: changes.pop(k) for k in tuple(changes) if k in ImageRequest.model_fields}
    return AcceptedJob(
        **{
            "id": job_id or new_id(),
            "owner": owner,
            "request": ImageRequest(prompt=prompt, **request),
            "created_at": now(),
            **changes,
        }
    )


def picture(job: AcceptedJob, index: int = 0, **changes: Any) -> ProducedImage:
    return ProducedImage(
        **{
            "id": child_id(job.id, index),
            "job_id": job.id,
            "index": index,
            "seed": index,
            "width": 64,
            "height": 64,
            "content_type": "image/png",
            "bytes": 10,
            "sha256": f"{index:02x}" * 32,
            "created_at": job.created_at,
            **changes,
        }
    )


def call(name: str, outcome: CallOutcome = CallOutcome.SUCCEEDED, **changes: Any) -> Call:
    return Call(
        **{
            "id": name,
            "provider": "fake",
            "model": "fake/paid",
            "indexes": (0,),
            "prompt_as_sent": "a red fox, please",
            "sent_at": at(1),
            "answered_at": None if outcome is CallOutcome.OPEN else at(2),
            "outcome": outcome,
            "cost": Money.exactly("0.04") if outcome is CallOutcome.SUCCEEDED else Money.unknown(),
            **changes,
        }
    )


def requested(job: AcceptedJob) -> JobRequested:
    return JobRequested(owner=job.owner, job=job)


def started(job: AcceptedJob, step: int = 1, *calls: Call, finished: int = 0) -> JobStarted:
    return JobStarted(owner=job.owner, job=job, step=step, finished=finished, calls=calls)


def deferred(job: AcceptedJob, step: int = 2, *calls: Call) -> JobDeferred:
    return JobDeferred(
        owner=job.owner,
        job=job,
        step=step,
        until=at(60),
        reason="provider_rate_limited",
        calls=calls,
    )


def ended(
    job: AcceptedJob, *images: ProducedImage, calls: tuple[Call, ...] = (), **outcome: Any
) -> JobEnded:
    made = {"status": JobStatus.SUCCEEDED, "images": images, "at": at(3), **outcome}
    return JobEnded(owner=job.owner, job=job, outcome=Outcome(**made), calls=calls)


def batch_requested(count: int, *, owner: str = OWNER, **request: Any) -> BatchRequested:
    entries = tuple(
        BatchEntry(request=ImageRequest(prompt=f"fox {i}", **request)) for i in range(count)
    )
    return BatchRequested(owner=owner, batch_id=new_id(), entries=entries, created_at=now())
