"""From events to snapshots: pure, so that every order and every repetition can be tried."""

from typing import assert_never

from atelier_core.contracts.events import (
    BatchRequested,
    ImageDerived,
    JobDeferred,
    JobEnded,
    JobRequested,
    JobStarted,
)
from atelier_core.domain.image import Image
from atelier_core.domain.job import Job, accept, defer, end, start

JobEvent = JobRequested | JobStarted | JobDeferred | JobEnded


def split(event: JobEvent | BatchRequested) -> tuple[JobEvent, ...]:
    """The event as events about one job each: a batch is the request of each of its jobs."""
    if not isinstance(event, BatchRequested):
        return (event,)
    return tuple(
        JobRequested(id=event.id, time=event.time, owner=event.owner, lane=event.lane, job=job)
        for job in event.jobs()
    )


def fold(job: Job | None, event: JobEvent) -> Job | None:
    """The next snapshot, or None when the event says nothing new (a duplicate, or too late).

    Any event may be the first of its story: it starts from the acceptance it carries.
    """
    if job is None:
        begun = accept(event.job)
        return fold(begun, event) or begun
    match event:
        case JobRequested():
            return None
        case JobStarted():
            return start(
                job,
                step=event.step,
                calls=event.calls,
                at=event.time,
                finished=event.finished,
            )
        case JobDeferred():
            return defer(job, step=event.step, calls=event.calls, until=event.until, at=event.time)
        case JobEnded():
            return end(job, event.outcome, calls=event.calls, at=event.time)
        case _:
            assert_never(event)


def derived(image: Image, event: ImageDerived) -> Image | None:
    """The next version with what was derived from it, or None when that says nothing new.

    A blurhash once known stays, and outweighs an error: somebody could decode the picture.
    """
    if event.blurhash is not None:
        known = image.blurhash is not None
        return None if known else image.changed(blurhash=event.blurhash, error=None)
    if event.error is None or image.error is not None or image.blurhash is not None:
        return None
    return image.changed(error=event.error)
