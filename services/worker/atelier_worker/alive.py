"""Being alive: a blob that this worker refreshes, and that tells others whose runs are in hands."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from atelier_core.domain.run import worker_key
from atelier_core.errors import AtelierError, NotFoundError, TransientError
from atelier_core.ports import BlobStore

log = logging.getLogger(__name__)

BEAT: Final = 10.0  # seconds between two refreshes
DEAD_AFTER: Final = 30.0  # seconds without one, by the store's clock
SURE: Final = 20.0  # seconds after a refresh in which a call may start: well before others give up


class Liveness:
    """`workers/{incarnation}` in the store.

    With `alone`, nobody else can be alive: the caller holds a lock that says so.
    """

    def __init__(
        self,
        blobs: BlobStore,
        incarnation: str,
        *,
        alone: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._blobs = blobs
        self._incarnation = incarnation
        self._alone = alone
        self._clock = clock
        self._refreshed = float("-inf")
        self._living = 1

    @property
    def incarnation(self) -> str:
        return self._incarnation

    @property
    def living(self) -> int:
        """How many workers there are, this one included, as last seen."""
        return self._living

    @property
    def sure(self) -> bool:
        """Whether others surely take this worker for alive: only then may it start a call."""
        return self._alone or self._clock() - self._refreshed < SURE

    async def refresh(self) -> None:
        """Say that this worker is alive, and look who else is. A failure is logged and shows in
        `sure`.
        """
        began = self._clock()
        try:
            async with asyncio.timeout(BEAT):
                await self._blobs.put(
                    worker_key(self._incarnation), b"{}", content_type="application/json"
                )
                self._refreshed = began
                self._living = await self._count()
        except (AtelierError, TimeoutError) as exc:
            log.warning("heartbeat failed", extra={"error": str(exc)})

    async def is_alive(self, incarnation: str) -> bool:
        """Whether that worker refreshed its blob lately.

        Raises:
            TransientError: the store did not answer.
        """
        if incarnation == self._incarnation:
            return True
        if self._alone:
            return False
        try:
            async with asyncio.timeout(BEAT):
                info = await self._blobs.head(worker_key(incarnation))
        except NotFoundError:
            return False
        except TimeoutError as exc:
            raise TransientError("the object store does not answer") from exc
        return info.age < DEAD_AFTER

    async def keep(self) -> None:
        """Refresh for ever."""
        while True:
            await asyncio.sleep(BEAT if self.sure else BEAT / 10)
            await self.refresh()

    async def leave(self) -> None:
        """Others need not wait for this worker. Never raises."""
        try:
            async with asyncio.timeout(3):
                await self._blobs.delete(worker_key(self._incarnation))
        except (AtelierError, TimeoutError) as exc:
            log.warning("heartbeat not removed", extra={"error": str(exc)})

    async def _count(self) -> int:
        if self._alone:
            return 1
        dead: list[str] = []
        living = 0
        async for info in self._blobs.list("workers/"):
            if info.age < DEAD_AFTER:
                living += 1
            elif info.age > 100 * DEAD_AFTER:
                dead.append(info.key)
        for key in dead:
            await self._blobs.delete(key)
        return max(1, living)
