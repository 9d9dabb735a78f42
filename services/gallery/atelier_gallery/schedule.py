"""When a job must end, and when silence about it has become suspicious: pure decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from atelier_core.contracts.topology import DELAYS
from atelier_core.domain.job import Job
from atelier_core.domain.outcome import JobStatus
from atelier_core.domain.request import DEFAULT_DEADLINE, Lane, Priority
from atelier_core.domain.run import RunRecord

BULK_IMAGES = 10  # a batch with more images than this is bulk
OVERTAKEN = timedelta(minutes=10)  # later jobs have started: this one's message is gone
ROUNDED = timedelta(seconds=max(longer - shorter for shorter, longer in pairwise(DELAYS)))
PATIENCE = ROUNDED + timedelta(minutes=5)  # after the time announced: the wait is rounded up
HEARD_OF = timedelta(seconds=2)  # a run that begins tells of it, or has ended, in less
FIRST_SWEEP = timedelta(minutes=10)  # until the second; doubles each time
LAST_SWEEP = timedelta(hours=6)

STARTED = tuple(
    status
    for status in JobStatus
    if status not in (JobStatus.QUEUED, JobStatus.CANCELED, JobStatus.EXPIRED)
)


def last_moment(job: Job) -> datetime:
    """When it must be done."""
    return job.created_at + timedelta(seconds=job.request.deadline or DEFAULT_DEADLINE)


def deadline(job: Job) -> datetime:
    """When it must have ended here: as long as no attempt is known, the start deadline counts.

    A free call has no record at first, and the worker decides by the very second: what it began
    in time gets a moment to be heard of.
    """
    start = None if job.attempts else job.request.start_deadline
    done = last_moment(job)
    if start is None:
        return done
    return min(done, job.created_at + timedelta(seconds=start) + HEARD_OF)


def is_bulk(job: Job) -> bool:
    """Whether it is sure to wait in the bulk lane; others may, if their owner asked for many."""
    size = job.batch.size if job.batch else 0
    return job.request.priority is Priority.BACKGROUND or size * job.request.n > BULK_IMAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """What was observed of the queues.

    Args:
        empty: the lanes that were empty in this reading and in the one a minute before.
        started: by whether jobs are sure to be bulk, when the newest started one was accepted.
    """

    empty: frozenset[Lane]
    started: Mapping[bool, datetime | None]


def suspicious(job: Job, *, lanes: Lanes, now: datetime) -> bool:
    """Whether what is known without its run record allows that the job's message is lost."""
    if job.done:
        return False
    if job.deferred_until is not None:
        return now >= job.deferred_until + PATIENCE
    return job.status is not JobStatus.QUEUED or _left_its_lane(job, lanes)


def forgotten(
    job: Job, *, lanes: Lanes, record: RunRecord | None, holder_alive: bool, now: datetime
) -> bool:
    """Whether the job's message must be lost, so that it is asked for again.

    Silence alone is no evidence: a long queue is silent too. Asking once too often is harmless
    (the run record lets a job run once), asking a thousand times is not.
    """
    if not suspicious(job, lanes=lanes, now=now):
        return False
    if job.deferred_until is not None:
        return True
    if record is not None and record.outcome is not None:
        return True
    if record is not None and record.holder is not None:
        return not holder_alive
    return _left_its_lane(job, lanes)


def _left_its_lane(job: Job, lanes: Lanes) -> bool:
    possible = {Lane.BULK} if is_bulk(job) else {Lane.INTERACTIVE, Lane.BULK}
    if possible <= lanes.empty:
        return True
    newest = lanes.started.get(is_bulk(job))
    return newest is not None and newest - job.created_at >= OVERTAKEN


def next_sweep(sweeps: int, *, now: datetime) -> datetime:
    """When a job that was asked for again `sweeps` times before may be looked at next."""
    return now + min(FIRST_SWEEP * (1 << min(sweeps, 10)), LAST_SWEEP)
