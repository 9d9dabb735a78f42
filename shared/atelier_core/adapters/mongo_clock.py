"""The clock of a MongoDB server, for what is inserted: `$currentDate` is for updates only."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorDatabase

KEPT: Final = 10.0  # seconds until the server is asked again, so that a step of its clock is seen


class ServerClock:
    """The server's time, right to about the time an answer takes (RFC 5905's offset, halved).

    An insert costs such a server a third of what an upsert does, which is why it is worth asking.
    """

    def __init__(
        self,
        database: AsyncIOMotorDatabase[Any],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._monotonic = monotonic
        self._asking = asyncio.Lock()
        self._zero = datetime.fromtimestamp(0, UTC)  # the server's time at 0 of the monotonic clock
        self._asked_at = -KEPT

    async def now(self) -> datetime:
        """The time there, UTC.

        Raises:
            PyMongoError: the server had to be asked, and does not answer.
        """
        if self._stale:
            async with self._asking:
                if self._stale:
                    await self._ask()
        return self._zero + timedelta(seconds=self._monotonic())

    @property
    def _stale(self) -> bool:
        return self._monotonic() - self._asked_at >= KEPT

    async def _ask(self) -> None:
        sent = self._monotonic()
        answer = await self._database.command("hello")
        there: datetime = answer["localTime"]
        came = self._monotonic()
        if there.tzinfo is None:
            there = there.replace(tzinfo=UTC)
        self._zero = there - timedelta(seconds=(sent + came) / 2)
        self._asked_at = came
