"""Telling how far a running job is, not too often."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from atelier_core.contracts.events import JobProgress
from atelier_core.domain.request import AcceptedJob
from atelier_core.ports import EventPublisher

APART: Final = 0.2  # seconds between two announcements about one job
TOLD_APART: Final = 1.0  # seconds between two events about one job: these are saved


class Progress:
    """Announces the progress of one job, and tells of its finished pictures."""

    def __init__(
        self,
        publisher: EventPublisher,
        job: AcceptedJob,
        *,
        started: Callable[[int], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._publisher = publisher
        self._started = started
        self._job = job
        self._clock = clock
        self._next = clock() + APART
        self._finished: set[int] = set()
        self._told = 0
        self._next_told = 0.0
        self._news = asyncio.Event()
        self._telling = asyncio.Lock()

    def finished(self, indexes: Iterable[int]) -> None:
        """These pictures are finished."""
        self._finished.update(indexes)
        self._news.set()

    async def tell(self) -> None:
        """Tell how many pictures are finished by `started`: now, and until cancelled when there are
        more, but for the last: the job's end tells of that.

        Of many that tell about one job, the first goes on, and the next when that is cancelled.
        """
        await self._tell()
        async with self._telling:
            while True:
                await self._news.wait()
                await asyncio.sleep(self._next_told - self._clock())
                self._news.clear()
                if self._told < len(self._finished) < self._job.request.n:
                    await self._tell()

    async def _tell(self) -> None:
        self._told = len(self._finished)
        self._next_told = self._clock() + TOLD_APART
        await self._started(self._told)

    def __call__(self, index: int, fraction: float) -> None:
        """Picture `index` is at `fraction` (0 to 1)."""
        if fraction >= 1:
            self.finished((index,))
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
