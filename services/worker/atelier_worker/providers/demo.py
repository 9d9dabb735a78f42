"""The demo painter as a provider: free, local, no key. It paints in processes of its own."""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, Self, TypeVar, cast

from atelier_core.domain.values import Money
from atelier_worker.painter import encode, paint
from atelier_worker.ports import Answer, Caller, Fault, Order, Picture, ProviderError
from atelier_worker.providers.unqueued import Unqueued

NAME: Final = "demo"

_T = TypeVar("_T")


def paint_one(order: Order, position: int) -> bytes:
    """The file of one picture of an order. CPU-bound: some 100 ms a megapixel."""
    image = paint(
        order.prompt,
        seed=order.seeds[position],
        width=order.width,
        height=order.height,
        style=order.style,
        negative_prompt=order.negative_prompt,
    )
    return encode(image, cast('Literal["png", "jpeg", "webp"]', order.output_format))


class DemoProvider(Unqueued):
    """An `ImageProvider` that needs nobody. `open` it."""

    name = NAME
    local = True

    def __init__(self, *, painters: int) -> None:
        self._painters = painters
        self._pool = _pool(painters)
        self.concurrency = painters + 1  # one is ready to paint while another is put away

    @classmethod
    @asynccontextmanager
    async def open(cls, *, painters: int | None = None) -> AsyncIterator[Self]:
        """With a pool of `painters` processes, started when the first picture is wanted."""
        painters = painters or max(1, min(2, (os.cpu_count() or 2) - 1))
        painter = cls(painters=painters)
        try:
            yield painter
        finally:
            await asyncio.to_thread(painter._pool.shutdown, cancel_futures=True)

    async def generate(self, order: Order, caller: Caller) -> Answer:
        pictures = []
        for position, index in enumerate(order.indexes):
            caller.progress(index, 0.0)
            data = await self._elsewhere(paint_one, order, position)
            pictures.append(Picture(index=index, data=data, seed=order.seeds[position]))
            caller.progress(index, 1.0)
        return Answer(pictures=tuple(pictures), cost=Money.exactly("0"))

    async def check(self) -> str:
        await self._elsewhere(os.getpid)
        return "Built in, without key or network; the painter's process starts."

    async def _elsewhere(self, work: Callable[..., _T], *args: Any) -> _T:
        """What `work` returns, done in one of the processes.

        Raises:
            ProviderError: the process died; the next call finds another.
        """
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, work, *args)
        except BrokenProcessPool as exc:
            if pool is self._pool:  # it takes no work any more, whichever of its processes died
                self._pool = _pool(self._painters)
            raise ProviderError(Fault.OVERLOADED, "The painter's process died.") from exc


def _pool(painters: int) -> ProcessPoolExecutor:
    # Without `max_tasks_per_child`: with it a pool comes to a halt (python/cpython#115634).
    return ProcessPoolExecutor(
        painters,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_live_with_parent,
    )


def _live_with_parent() -> None:
    """Signals to the group are the parent's to handle; one that was killed takes this along."""
    os.setsid()  # not by ignoring SIGTERM: a pool that broke ends its other processes with it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(0)

    threading.Thread(target=follow, daemon=True).start()
