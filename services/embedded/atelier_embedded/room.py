"""Room on the disk that is kept for deleting and stopping things once everything else is full."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from atelier_core.contracts.events import Announcement, Durable
from atelier_core.errors import StorageFullError
from atelier_core.ports import EventPublisher

SIZE = 8 << 20  # bytes: twice what the database's log grows to before it is used again
LOOK_EVERY = 0.5  # seconds


@dataclass(frozen=True)
class Room:
    """A file of SIZE bytes in the data folder, given up when the disk is full.

    `low` while less than SIZE would be left besides it: then nothing large is stored and no job is
    accepted, but what is there can still be deleted, cancelled and read.
    """

    reserve: Path

    @property
    def low(self) -> bool:
        return self._free() < (SIZE if self.reserve.exists() else 2 * SIZE)

    async def probe(self) -> None:
        """Return if there is room. Raises StorageFullError."""
        if self.low:
            raise StorageFullError("the disk is nearly full")

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """The reserve, made as soon as there is room and given up when there is none."""
        await asyncio.to_thread(self._look)
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(self._keep_looking())
            try:
                yield
            finally:
                looking.cancel()

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await asyncio.to_thread(self._look)

    def _look(self) -> None:
        with suppress(OSError):
            if self.reserve.exists():
                if self._free() < SIZE // 2:
                    self.reserve.unlink(missing_ok=True)
            elif not self.low:
                self._make()

    def _make(self) -> None:
        file = os.open(self.reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Not random, but not zeros either: some file systems store those in no room at all.
            piece = bytes(range(256)) * 4096
            for _ in range(SIZE // len(piece)):
                os.write(file, piece)
            os.fsync(file)
        except OSError:
            self.reserve.unlink(missing_ok=True)
            raise
        finally:
            os.close(file)

    def _free(self) -> int:
        disk = os.statvfs(self.reserve.parent)
        return disk.f_bavail * disk.f_frsize


@dataclass(frozen=True)
class Submissions:
    """What the API publishes by: new work is refused while room is low."""

    publisher: EventPublisher
    room: Room

    async def publish(self, *events: Durable) -> None:
        await self.room.probe()
        await self.publisher.publish(*events)

    def announce(self, *events: Announcement) -> None:
        self.publisher.announce(*events)
