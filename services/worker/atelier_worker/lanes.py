"""Limits: how many jobs at once, how many bytes."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from atelier_core.domain.request import Lane
from atelier_core.errors import AtelierError

BULK_SHARE: Final = 0.8  # of all slots
MAX_BYTES: Final = 256 * 2**20


def bulk_share(slots: int) -> int:
    """How many of `slots` bulk jobs may hold: the fewest that leave the rest to others, but one."""
    return max(1, int(slots * BULK_SHARE))


class NoPlaceError(AtelierError):
    """No place came free in time."""


class Gate:
    """`limit` places, of which bulk may hold `bulk`; a free one goes to interactive first.

    Within a lane it is first come, first served. Both limits may change while in use: `resize`.
    """

    def __init__(self, limit: int, *, bulk: int) -> None:
        self._limit, self._bulk = limit, bulk
        self._held = {Lane.INTERACTIVE: 0, Lane.BULK: 0}
        self._waiting: dict[Lane, deque[asyncio.Future[None]]] = {
            Lane.INTERACTIVE: deque(),
            Lane.BULK: deque(),
        }

    @property
    def busy(self) -> int:
        """How many places are held."""
        return sum(self._held.values())

    @property
    def limit(self) -> int:
        return self._limit

    def resize(self, limit: int, *, bulk: int) -> None:
        """Change the limits; places held beyond them are not taken away."""
        self._limit, self._bulk = limit, bulk
        self._serve()

    @asynccontextmanager
    async def place(self, lane: Lane, *, patience: float) -> AsyncIterator[None]:
        """Hold a place for the body.

        Raises:
            NoPlaceError: none came free within `patience` seconds.
        """
        await self._take(lane, patience)
        try:
            yield
        finally:
            self._give_back(lane)

    async def _take(self, lane: Lane, patience: float) -> None:
        if not self._waiting[lane] and self._room(lane):
            self._held[lane] += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[lane].append(turn)
        self._serve()
        try:
            async with asyncio.timeout(patience):
                await turn
        except BaseException as exc:
            if turn.done() and not turn.cancelled():
                self._give_back(lane)  # it came as we stopped waiting
            elif turn in self._waiting[lane]:
                self._waiting[lane].remove(turn)
            if isinstance(exc, TimeoutError):
                raise NoPlaceError("no place came free in time") from None
            raise

    def _give_back(self, lane: Lane) -> None:
        self._held[lane] -= 1
        self._serve()

    def _serve(self) -> None:
        for lane in (Lane.INTERACTIVE, Lane.BULK):
            queue = self._waiting[lane]
            while queue and self._room(lane):
                turn = queue.popleft()
                if not turn.cancelled():
                    self._held[lane] += 1
                    turn.set_result(None)

    def _room(self, lane: Lane) -> bool:
        free = self.busy < self._limit
        return free and (lane is Lane.INTERACTIVE or self._held[lane] < self._bulk)


class Room:
    """Bytes of answers held in memory at once.

    A call reserves once, before it reads; one that is larger than the whole room gets it alone.
    """

    def __init__(self, size: int = MAX_BYTES) -> None:
        self._size = size
        self._used = 0
        self._freed = asyncio.Condition()

    async def reserve(self, size: int) -> int:
        """Wait until there is room, and return what to `release` later."""
        size = min(size, self._size)
        async with self._freed:
            await self._freed.wait_for(lambda: self._used + size <= self._size)
            self._used += size
        return size

    async def release(self, size: int) -> None:
        if not size:
            return
        async with self._freed:
            self._used -= size
            self._freed.notify_all()
