"""Trouble that passes: what is bought is kept and tried again in place, and nothing new begins."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from atelier_core.errors import AtelierError, ContractError
from atelier_worker.record import Sleep

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST: Final = 0.25  # seconds before the second try; doubles
LONGEST: Final = 15.0
PATIENCE: Final = 60.0  # seconds for one try


class Trouble:
    """Whether something that must be stored or announced cannot be, right now."""

    def __init__(self, *, sleep: Sleep) -> None:
        self._sleep = sleep
        self._stuck = 0
        self._clear = asyncio.Event()
        self._clear.set()

    async def passed(self, *, patience: float) -> None:
        """Return when nothing is stuck.

        Raises:
            TimeoutError: something still is after `patience` seconds.
        """
        async with asyncio.timeout(patience):
            await self._clear.wait()

    async def persist(
        self,
        act: Callable[[], Awaitable[T]],
        *,
        what: str,
        final: tuple[type[AtelierError], ...] = (ContractError,),
    ) -> T:
        """Do `act` until it succeeds, however long it takes. Only errors of `final` are raised."""
        wait = FIRST
        stuck = False
        try:
            while True:
                try:
                    async with asyncio.timeout(PATIENCE):
                        return await act()
                except final:
                    raise
                except (AtelierError, TimeoutError) as exc:
                    if not stuck:
                        stuck = True
                        self._stuck += 1
                        self._clear.clear()
                    log.warning("kept, trying again", extra={"what": what, "error": repr(exc)})
                await self._sleep(wait)
                wait = min(wait * 2, LONGEST)
        finally:
            if stuck:
                self._stuck -= 1
                if not self._stuck:
                    self._clear.set()
