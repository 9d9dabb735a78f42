"""Every message that crosses a process boundary.

A published `type` never changes meaning. Adding an optional field is free; anything else is a new
`.v2` type, added beside the old one until no queue holds it. `tests/contract/golden` keeps one
message of each type and version ever published.

The lossy ones (`Announcement`) only make things faster: each may be lost without harm.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from atelier_core.domain.image import Image
from atelier_core.domain.job import Job
from atelier_core.domain.outcome import Outcome
from atelier_core.domain.request import AcceptedJob, BatchRef, ImageRequest, Lane, RequestWarning
from atelier_core.domain.run import Call
from atelier_core.domain.values import Time, Value, child_id, new_id, now, unreadable
from atelier_core.errors import ContractError


class _Event(Value):
    """The envelope. `trace` is a W3C traceparent; `redelivered` is never sent: the bus sets it on
    what it hands out for a second time or more (after a deferral, a death, a failed handler).
    """

    id: str = Field(default_factory=new_id)
    time: Time = Field(default_factory=now)
    owner: str
    trace: str | None = None
    redelivered: bool = Field(default=False, exclude=True)


class _JobEvent(_Event):
    """Carries the accepted job, so that any event of a story may be the first to arrive."""

    job: AcceptedJob

    @property
    def job_id(self) -> str:
        return self.job.id


class JobRequested(_JobEvent):
    """A job was accepted (or found forgotten and is asked for again)."""

    type: Literal["job.requested.v1"] = "job.requested.v1"
    lane: Lane = Lane.INTERACTIVE


class BatchEntry(Value):
    """One job of a batch: what differs from its neighbours."""

    request: ImageRequest
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = Field(default_factory=dict)
    warnings: tuple[RequestWarning, ...] = ()


class BatchRequested(_Event):
    """A batch was accepted: one message, all or none. Ids follow from the batch's id and index."""

    type: Literal["batch.requested.v1"] = "batch.requested.v1"
    batch_id: str
    entries: tuple[BatchEntry, ...]
    lane: Lane = Lane.INTERACTIVE
    created_at: Time

    def jobs(self) -> tuple[AcceptedJob, ...]:
        """The batch's jobs: the same ones whoever asks, however often."""
        return tuple(
            AcceptedJob(
                id=child_id(self.batch_id, index),
                owner=self.owner,
                batch=BatchRef(id=self.batch_id, index=index, size=len(self.entries)),
                request=entry.request,
                tags=entry.tags,
                metadata=entry.metadata,
                warnings=entry.warnings,
                created_at=self.created_at,
            )
            for index, entry in enumerate(self.entries)
        )


class JobStarted(_JobEvent):
    """A worker runs it and a call has outlived a quarter of a second.

    Sent again, with the same step, when more pictures are finished: `finished` only grows.
    """

    type: Literal["job.started.v1"] = "job.started.v1"
    step: int
    finished: int = 0
    calls: tuple[Call, ...] = ()


class JobDeferred(_JobEvent):
    """It waits until `until`; `reason` is an attempt error code or `worker_leaving`."""

    type: Literal["job.deferred.v1"] = "job.deferred.v1"
    step: int
    until: Time
    reason: str
    calls: tuple[Call, ...] = ()


class JobEnded(_JobEvent):
    """The outcome of the run record, with every call made for it. Sent again for a late bill."""

    type: Literal["job.ended.v1"] = "job.ended.v1"
    outcome: Outcome
    calls: tuple[Call, ...] = ()


class ImageDerived(_Event):
    """Thumbnail and blurhash were made, or `error` says why they cannot be."""

    type: Literal["image.derived.v1"] = "image.derived.v1"
    job_id: str
    image_id: str
    blurhash: str | None = None
    error: str | None = None


class JobUpdated(_Event):
    """The gallery saved a new snapshot. Lossy."""

    type: Literal["job.updated.v1"] = "job.updated.v1"
    job: Job

    @property
    def job_id(self) -> str:
        return self.job.id


class JobsUpdated(_Event):
    """The gallery saved new snapshots of one owner's jobs at once. Lossy.

    `origin` is the replica that did: it has told its own watchers already.
    """

    type: Literal["jobs.updated.v1"] = "jobs.updated.v1"
    jobs: tuple[Job, ...]
    origin: str


class ImageUpdated(_Event):
    """The gallery saved a new version of an image. Lossy."""

    type: Literal["image.updated.v1"] = "image.updated.v1"
    image: Image

    @property
    def job_id(self) -> str:
        return self.image.job_id


class ImageDeleted(_Event):
    """The gallery purged an image. Lossy."""

    type: Literal["image.deleted.v1"] = "image.deleted.v1"
    job_id: str
    batch_id: str | None = None
    image_id: str
    version: int


class JobProgress(_Event):
    """How far a running call is (0 to 1). Lossy."""

    type: Literal["job.progress.v1"] = "job.progress.v1"
    job_id: str
    batch_id: str | None = None
    index: int
    fraction: float


class JobCancel(_Event):
    """The job's record says canceled: whoever runs it, stop. Lossy."""

    type: Literal["job.cancel.v1"] = "job.cancel.v1"
    job_id: str


class Health(StrEnum):
    """How a provider does: takes all, takes less than it could, takes nothing."""

    HEALTHY = "healthy"
    LIMITED = "limited"
    UNHEALTHY = "unhealthy"


class ModelHealth(Value):
    """A model that is left alone until then although its provider is asked."""

    until: Time | None = None
    error: str | None = None


class ProviderHealth(Value):
    """How a worker finds a provider: `limit` is how many calls it may have open there now.

    `error` is the attempt error code that brought it here, `until` when it is tried again. `models`
    has the catalogue's models of it that are not healthy.
    """

    state: Health = Health.HEALTHY
    until: Time | None = None
    limit: int | None = None
    error: str | None = None
    models: dict[str, ModelHealth] = Field(default_factory=dict)


class WorkerStatus(_Event):
    """What one worker can do right now; sent every 10 s, good for 30 s. Lossy.

    A provider that is not in `health` is healthy, or its worker is of a version that does not say.
    """

    type: Literal["worker.status.v1"] = "worker.status.v1"
    incarnation: str
    providers: tuple[str, ...]
    slots: int
    busy: int
    health: dict[str, ProviderHealth] = Field(default_factory=dict)


Durable = JobRequested | BatchRequested | JobStarted | JobDeferred | JobEnded | ImageDerived
Announcement = (
    JobUpdated | JobsUpdated | ImageUpdated | ImageDeleted | JobProgress | JobCancel | WorkerStatus
)
Event = Durable | Announcement

_WIRE: TypeAdapter[Event] = TypeAdapter(
    Annotated[Event, Field(discriminator="type")], config=ConfigDict(hide_input_in_errors=True)
)


def topic(event: Event) -> str:
    """`job.started.v1` travels under `job.started`: bindings outlive versions.

    What is asked of workers names its lane too: `job.requested.bulk`.
    """
    name = event.type.rpartition(".")[0]
    return f"{name}.{event.lane}" if isinstance(event, JobRequested) else name


def about(event: Event) -> dict[str, str]:
    """The ids that travel in message headers, so that an unreadable body can still be accounted."""
    ids = {"owner": event.owner}
    if isinstance(event, BatchRequested):
        return ids | {"batch_id": event.batch_id}
    if isinstance(event, JobsUpdated):
        return ids | {"origin": event.origin}
    if not isinstance(event, WorkerStatus):
        ids["job_id"] = event.job_id
    return ids


def encode(event: Event) -> bytes:
    return event.model_dump_json().encode()


def decode(raw: bytes, *, redelivered: bool = False) -> Event:
    """Read a message.

    Raises:
        ContractError: it is not an event of a type and version known here.
    """
    try:
        event = _WIRE.validate_json(raw)
    except ValidationError as exc:
        raise ContractError(f"not an event this version can read ({unreadable(exc)})") from exc
    return event.model_copy(update={"redelivered": True}) if redelivered else event
