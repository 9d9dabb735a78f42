"""A round of the projection: the events in hand, and what is decided about them. Nothing waits."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from atelier_core.contracts.events import Event, ImageDerived, JobEnded
from atelier_core.domain.image import Image
from atelier_core.domain.job import Job
from atelier_core.domain.outcome import JobStatus, image_key
from atelier_core.domain.run import CallOutcome
from atelier_gallery.fold import JobEvent, derived, fold

CALM, BUSY = 0.01, 0.1  # seconds that a round waits for company
CROWD = 10  # events in a round that make the next one wait longer: together each costs a third


@dataclass(eq=False)
class InHand:
    """One event somebody waits for."""

    event: Event
    settled: asyncio.Future[None]

    def done(self) -> None:
        if not self.settled.done():
            self.settled.set_result(None)

    def failed(self, error: Exception) -> None:
        if not self.settled.done():
            self.settled.set_exception(error)


@dataclass(eq=False)
class Story:
    """The events of one round about one job, in the order they came."""

    owner: str
    events: list[JobEvent] = field(default_factory=list)
    waiting: list[InHand] = field(default_factory=list)

    def decide(self, job: Job | None) -> Job | None:
        before = job
        for event in self.events:
            job = fold(job, event) or job
        return None if job is before else job


def next_linger(linger: float, taken: int) -> float:
    """How long the next round waits for company, after one of `taken` events that waited `linger`.

    Seconds. Long in a crowd, where more come in that time than cost it; hardly at all otherwise.
    """
    rate = taken / linger
    return BUSY if rate * BUSY >= CROWD and taken > 1 else CALM


def left_bytes(job: Job, event: JobEnded) -> bool:
    """Whether the run that ended so may have stored pictures that `job` does not have."""
    if job.status in (JobStatus.CANCELED, JobStatus.EXPIRED):
        return bool(event.calls)
    drawn = any(call.outcome is CallOutcome.SUCCEEDED for call in event.calls)
    return drawn and set(map(image_key, event.outcome.images)) != set(map(image_key, job.images))


def derivation(waiting: Sequence[InHand]) -> Callable[[Image | None], Image | None]:
    """The step from an image to what these events about it make of it, if it is new."""
    events = [in_hand.event for in_hand in waiting]

    def decide(image: Image | None) -> Image | None:
        before = image
        for event in events:
            if image is not None and isinstance(event, ImageDerived):
                image = derived(image, event) or image
        return None if image is before else image

    return decide
