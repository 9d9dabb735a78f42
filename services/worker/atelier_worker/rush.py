"""Telling a rush of quick jobs from a worker that only waits for its providers."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

MANY: Final = 20  # ends of jobs within a second, in one worker: then thumbnails can wait
PATIENCE: Final = 30.0  # seconds they wait at most


class Rush:
    """Whether this worker has more pressing things to do than thumbnails.

    Jobs that end quickly one after another cost all the time there is; those that wait for a
    provider leave plenty. Who looks at a picture before its turn gets its thumbnail made at once.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends: deque[float] = deque(maxlen=MANY)

    def note(self) -> None:
        """A job ended."""
        self._ends.append(self._clock())

    @property
    def on(self) -> bool:
        return len(self._ends) == MANY and self._clock() - self._ends[0] < 1.0

    async def over(self) -> None:
        """Wait until it is over, or for as long as a thumbnail may wait."""
        until = self._clock() + PATIENCE
        while self.on and self._clock() < until:  # noqa: ASYNC110 - it ends by nothing happening
            await asyncio.sleep(0.25)
