"""Telling how far a running job is, not too often."""

from collections.abc import Callable
from typing import Final

from atelier_core.contracts.events import JobProgress
from atelier_core.domain.request import AcceptedJob
from atelier_core.ports import EventPublisher

APART: Final = 0.2  # seconds between two announcements about one job


class Progress:
    """Announces the progress of one job."""

    def __init__(
        self, publisher: EventPublisher, job: AcceptedJob, *, clock: Callable[[], float]
    ) -> None:
        self._publisher = publisher
        self._job = job
        self._clock = clock
        self._next = clock() + APART

    def __call__(self, index: int, fraction: float) -> None:
        """Picture `index` is at `fraction` (0 to 1)."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + APART
        self._publisher.announce(
            JobProgress(
                owner=self._job.owner,
                job_id=self._job.id,
                batch_id=self._job.batch.id if self._job.batch else None,
                index=index,
                fraction=round(fraction, 3),
            )
        )
