"""A round of the projection: the events in hand, and what is decided about them. Nothing waits."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from atelier_core.contracts.events import Event, ImageDerived, JobEnded
from atelier_core.domain.image import Image
from atelier_core.domain.job import Job
from atelier_core.domain.outcome import JobStatus
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
    """The events of one round about one job, in the order they came.

    `ended_again`: one of them tells the end of a job that had ended.
    """

    owner: str
    ended_again: bool = False
    events: list[JobEvent] = field(default_factory=list)
    waiting: list[InHand] = field(default_factory=list)

    def decide(self, job: Job | None) -> Job | None:
        before = job
        for event in self.events:
            self.ended_again |= isinstance(event, JobEnded) and job is not None and job.done
            job = fold(job, event) or job
        return None if job is before else job

    def left_bytes(self, job: Job) -> bool:
        """Whether a run may have stored pictures that `job`, as saved, does not have.

        Of two runs that both drew, the second may tell the end that the first wrote down (ADR 9).
        """
        stopped = job.status in (JobStatus.CANCELED, JobStatus.EXPIRED)
        late = any(isinstance(event, JobEnded) and event.calls for event in self.events)
        return self.ended_again or (stopped and late)


def next_linger(linger: float, taken: int) -> float:
    """How long the next round waits for company, after one of `taken` events that waited `linger`.

    Seconds. Long in a crowd, where more come in that time than cost it; hardly at all otherwise.
    """
    rate = taken / linger
    return BUSY if rate * BUSY >= CROWD and taken > 1 else CALM


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
