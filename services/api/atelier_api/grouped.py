"""One write for all who ask at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from atelier_core.errors import TransientError

I = TypeVar("I")  # noqa: E741 - the input
O = TypeVar("O")  # noqa: E741 - the output

MOST = 200  # in one write: bounds how long the first of them waits


class Grouped(Generic[I, O]):
    """Call it with one item; `work` gets everybody's, while the previous write is under way.

    `run` must be running. `work` answers one output an input, in order.
    """

    def __init__(self, work: Callable[[Sequence[I]], Awaitable[Sequence[O]]]) -> None:
        self._work = work
        self._waiting: list[tuple[I, asyncio.Future[O]]] = []
        self._news = asyncio.Event()

    async def __call__(self, item: I) -> O:
        future: asyncio.Future[O] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._news.set()
        return await future

    async def run(self) -> None:
        """Write until cancelled; whoever waits then is told that the outcome is unknown."""
        group: list[tuple[I, asyncio.Future[O]]] = []
        try:
            while True:
                await self._news.wait()
                group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                if not self._waiting:
                    self._news.clear()
                await self._write(group)
        finally:
            for _, future in (*group, *self._waiting):
                if not future.done():
                    future.set_exception(TransientError("this process is leaving"))

    async def _write(self, group: list[tuple[I, asyncio.Future[O]]]) -> None:
        try:
            outputs = await self._work([item for item, _ in group])
        except Exception as exc:  # noqa: BLE001 - it belongs to those who asked, not to this loop
            for _, future in group:
                if not future.done():
                    future.set_exception(exc)
            return
        for (_, future), output in zip(group, outputs, strict=True):
            if not future.done():
                future.set_result(output)
