"""Work beside the answering: it ends when its context is left, and never alone."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from atelier_core.errors import TransientError

log = logging.getLogger(__name__)


@asynccontextmanager
async def meanwhile(*work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.TaskGroup]:
    """Run `work` until the context is left, then cancel it. What is added to the group is waited
    for.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        try:
            yield group
        finally:
            for task in tasks:
                task.cancel()


async def every(seconds: float, act: Callable[[], Awaitable[object]], *, what: str) -> None:
    """`act` every so often, whatever came of it the last time, until cancelled."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await act()
        except TransientError as exc:
            log.warning("not this time", extra={"what": what, "error": str(exc)})
        except Exception:
            log.exception("this must not happen", extra={"what": what})
