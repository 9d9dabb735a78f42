"""Queues inside one process, and the tasks that handle what they hand out."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@asynccontextmanager
async def tasks() -> AsyncIterator[asyncio.TaskGroup]:
    """A TaskGroup that lets the body's own exception out as it is, not in a group."""
    failed: Exception | None = None
    async with asyncio.TaskGroup() as group:
        try:
            yield group
        except Exception as exc:  # noqa: BLE001 - raised again below
            failed = exc
    if failed is not None:
        raise failed


class LocalQueue(Generic[T]):
    """First in, first out, with delays. With a `limit` the oldest is lost when it is full."""

    def __init__(self, limit: int | None = None) -> None:
        self._items: deque[T] = deque(maxlen=limit)
        self._filled = asyncio.Event()
        self._delayed: set[asyncio.TimerHandle] = set()

    def __len__(self) -> int:
        return len(self._items)

    def push(self, item: T) -> None:
        self._items.append(item)
        self._filled.set()

    def push_back(self, item: T) -> None:
        """Return an item to where it was taken from."""
        if len(self._items) != self._items.maxlen:
            self._items.appendleft(item)
        self._filled.set()

    def push_later(self, item: T, delay: float) -> None:
        def due() -> None:
            self._delayed.discard(timer)
            self.push(item)

        timer = asyncio.get_running_loop().call_later(delay, due)
        self._delayed.add(timer)

    async def take(self, limit: int) -> list[T]:
        """One item to `limit`, as soon as there is one. If cancelled it took none."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        return [self._items.popleft() for _ in range(min(limit, len(self._items)))]

    def drain(self) -> list[T]:
        """Everything that waits, taken out."""
        items = list(self._items)
        self._items.clear()
        return items

    def close(self) -> None:
        """Drop the timers of what is delayed."""
        for timer in self._delayed:
            timer.cancel()


class InHand:
    """The tasks of the messages one consumer has in hand, at most `slots` of them."""

    def __init__(self, group: asyncio.TaskGroup, slots: int) -> None:
        self._group = group
        self._slots = slots
        self._tasks: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()

    async def room(self) -> int:
        """How many more may be started, once that is at least one."""
        while len(self._tasks) >= self._slots:
            self._freed.clear()
            await self._freed.wait()
        return self._slots - len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def leave(self, grace: float) -> None:
        """Wait `grace` seconds for them, then cancel the rest and wait for those."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        rest = tuple(self._tasks)
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._freed.set()


@asynccontextmanager
async def consuming(
    queue: LocalQueue[T],
    handle: Callable[[T], Coroutine[Any, Any, None]],
    *,
    prefetch: int,
    grace: float,
    stop: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[None]:
    """Call `handle` for what `queue` holds, `prefetch` at a time, until the context is left.

    On leaving nothing more is taken, `stop` is awaited, then what is in hand is.
    """

    async def pump() -> None:
        while True:
            for item in await queue.take(await hands.room()):
                hands.start(handle(item))

    async with tasks() as group:
        hands = InHand(group, prefetch)
        pumping = group.create_task(pump())
        try:
            yield
        finally:
            pumping.cancel()
            if stop is not None:
                await stop()
            await hands.leave(grace)
