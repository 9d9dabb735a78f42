"""Which lane, and whether there is room: lanes, the pace of owners, depths, who is on."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Self

from atelier_api.workers import Workers
from atelier_core.contracts.problems import Code, Problem
from atelier_core.contracts.topology import BULK, INTERACTIVE, MAX_LANE_DEPTH
from atelier_core.domain.request import Lane, Priority
from atelier_core.domain.values import new_id
from atelier_core.errors import TransientError
from atelier_core.ports import EventSource, Subscription

BULK_BATCH = 10  # images in one submission that still count as a person's
BULK_PACE = 50  # images of one owner in a minute that still do
MINUTE = 60.0
DEPTH_EVERY = 5.0  # seconds between two looks at the depth of the lanes
DEPTH_WITHIN = 5.0  # seconds the broker may take for one

QUEUES = {Lane.INTERACTIVE: INTERACTIVE, Lane.BULK: BULK}

log = logging.getLogger(__name__)
Clock = Callable[[], float]


def lane_for(*, priorities: Iterable[Priority], images: int, pace: int) -> Lane:
    """The lane of a submission of `images`, which make its owner's last minute `pace` images."""
    background = all(priority is Priority.BACKGROUND for priority in priorities)
    if background or images > BULK_BATCH or pace > BULK_PACE:
        return Lane.BULK
    return Lane.INTERACTIVE


class Pace:
    """How many images this process sent each owner on the interactive lane in the last minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked: dict[str, deque[tuple[float, int]]] = {}
        self._sums: dict[str, int] = {}
        self._tidied = clock()

    def count(self, owner: str, images: int) -> int:
        """Count `images` more; the sum of the last minute with them."""
        at = self._clock()
        if at - self._tidied > MINUTE:
            self._tidied = at
            for other in list(self._asked):
                self._forget_old(other, at)
        self._asked.setdefault(owner, deque()).append((at, images))
        self._sums[owner] = self._sums.get(owner, 0) + images
        self._forget_old(owner, at)
        return self._sums.get(owner, 0)

    def of(self, owner: str) -> int:
        """The images of the last minute."""
        if owner not in self._asked:
            return 0
        self._forget_old(owner, self._clock())
        return self._sums.get(owner, 0)

    def _forget_old(self, owner: str, at: float) -> None:
        asked = self._asked[owner]
        while asked and asked[0][0] <= at - MINUTE:
            self._sums[owner] -= asked.popleft()[1]
        if not asked:
            del self._asked[owner], self._sums[owner]


class Depths:
    """How full the lanes are, looked up beside the requests: while there are some, or one is full.

    Who was refused comes back much later, and must not be told of then what is true only now.
    """

    def __init__(self, source: EventSource, *, every: float = DEPTH_EVERY) -> None:
        self._source = source
        self._every = every
        self._asked = asyncio.Event()
        self._full: frozenset[Lane] = frozenset()

    def full(self, lane: Lane) -> bool:
        self._asked.set()
        return lane in self._full

    async def run(self) -> None:
        while True:
            if not self._full:
                await self._asked.wait()
            self._asked.clear()
            full = set()
            for lane, queue in QUEUES.items():
                try:
                    async with asyncio.timeout(DEPTH_WITHIN):
                        if await self._source.depth(queue) > MAX_LANE_DEPTH:
                            full.add(lane)
                except (TransientError, TimeoutError):
                    log.warning("the depth of a lane is not known", extra={"queue": queue})
            self._full = frozenset(full)
            await asyncio.sleep(self._every)


class Traffic:
    """`open` it; `admit` is asked before anything new is accepted."""

    def __init__(self, source: EventSource, clock: Clock) -> None:
        self.workers = Workers(clock)
        self.depths = Depths(source)
        self.pace = Pace(clock)

    @classmethod
    @asynccontextmanager
    async def open(cls, source: EventSource, *, clock: Clock) -> AsyncIterator[Self]:
        traffic = cls(source, clock)
        statuses = Subscription(
            queue=f"api.workers.{new_id()}",
            topics=frozenset({"worker.status"}),
            prefetch=100,
            durable=False,
        )
        async with asyncio.TaskGroup() as tasks:
            depths = tasks.create_task(traffic.depths.run())
            try:
                async with source.consume(statuses, traffic.workers.hear, grace=1.0):
                    yield traffic
            finally:
                depths.cancel()

    def lane(self, owner: str, *, priorities: Iterable[Priority], images: int) -> Lane:
        """Where a submission of `owner` would go now. Only the interactive lane is counted."""
        pace = self.pace.of(owner) + images
        return lane_for(priorities=priorities, images=images, pace=pace)

    def admit(self, lane: Lane, *, served: bool) -> None:
        """Let it in; `served`: a provider that may draw is on for each of its jobs, it seems.

        Raises:
            Problem: queue_full or no_provider_available.
        """
        if self.depths.full(lane):
            raise Problem(
                Code.QUEUE_FULL,
                f"More than {MAX_LANE_DEPTH:,} jobs wait already.",
                retry_after=60,
            )
        if not served and self.workers.known_on() is not None:
            raise Problem(
                Code.NO_PROVIDER_AVAILABLE,
                "No worker offers a provider that may draw this right now.",
                retry_after=10,
            )
