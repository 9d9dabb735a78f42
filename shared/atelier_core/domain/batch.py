"""A batch as people see it: nothing of its own, all of it follows from its jobs."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from atelier_core.domain.outcome import JobStatus
from atelier_core.domain.values import Money, Time, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPart:
    """What a batch's answer needs of one of its jobs."""

    status: JobStatus
    version: int
    index: int
    images: int
    cost: Money
    updated_at: datetime


class Batch(Value):
    """The resource. `job_ids` are known only to the answer that accepts it."""

    id: str
    object: Literal["batch"] = "batch"
    status: JobStatus
    done: bool
    version: int
    owner: str
    size: int
    counts: dict[JobStatus, int]
    cost: Money
    created_at: Time
    updated_at: Time


def summarise(
    batch_id: str, parts: Iterable[BatchPart], *, owner: str, size: int, created_at: datetime
) -> Batch:
    """The batch of `size` jobs; those not among `parts` are not known yet: queued, version 1."""
    parts = tuple(parts)
    unknown = size - len(parts)
    counts = Counter(part.status for part in parts)
    counts[JobStatus.QUEUED] += unknown
    present = [status for status, count in counts.items() if count]
    done = all(status.done for status in present)
    if len(present) == 1 and (done or present[0] is JobStatus.QUEUED):
        status = present[0]
    elif not done:
        status = JobStatus.RUNNING
    else:
        drawn = any(part.images for part in parts)
        status = JobStatus.PARTIALLY_SUCCEEDED if drawn else JobStatus.FAILED
    return Batch(
        id=batch_id,
        status=status,
        done=done,
        version=unknown + sum(part.version for part in parts),
        owner=owner,
        size=size,
        counts={status: counts[status] for status in JobStatus},
        cost=Money.total(part.cost for part in parts),
        created_at=created_at,
        updated_at=max((part.updated_at for part in parts), default=created_at),
    )
