"""Queues inside one process: what the memory bus is made of, and every bus's lossy deliveries."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from atelier_core.contracts.events import Event, about, topic
from atelier_core.delivery import Delivery, Marks, Settler
from atelier_core.errors import TransientError
from atelier_core.ports import DeadHandler, DeadLetter, Handler, Subscription

T = TypeVar("T")

LOSSY_LIMIT = 10_000  # messages a queue that may lose keeps; then the oldest goes


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


@dataclass(eq=False)
class LocalMessage:
    """A message in this process's memory."""

    raw: bytes
    about: Mapping[str, str] = field(default_factory=dict)
    marks: Marks = field(default_factory=Marks)
    handed: int = 0


@dataclass(frozen=True, eq=False)
class LocalCarrier:
    """`delivery.Carrier` of a LocalMessage; `kept` gets its dead letter."""

    queue: LocalQueue[LocalMessage]
    message: LocalMessage
    kept: Callable[[DeadLetter], None]

    async def done(self) -> None:
        """Nothing holds it any more."""

    async def again(self, delay: float, marks: Marks) -> None:
        self.queue.push_later(replace(self.message, marks=marks), delay)

    async def keep(self, letter: DeadLetter) -> None:
        self.kept(letter)

    def back(self) -> None:
        self.queue.push_back(self.message)


@asynccontextmanager
async def consuming_locally(
    name: str,
    queue: LocalQueue[LocalMessage],
    settler: Settler,
    *,
    prefetch: int,
    grace: float,
    kept: Callable[[DeadLetter], None],
) -> AsyncIterator[None]:
    """Settle what `queue` holds until the context is left."""

    async def handle(message: LocalMessage) -> None:
        message.handed += 1
        delivery = Delivery(
            queue=name,
            raw=message.raw,
            about=message.about,
            marks=message.marks,
            redelivered=message.handed > 1,
        )
        await settler.settle(delivery, LocalCarrier(queue, message, kept))

    async with consuming(queue, handle, prefetch=prefetch, grace=grace):
        yield


def takers(name: str, durable: Mapping[str, frozenset[str]]) -> list[str]:
    """The queues of `durable` bound to the topic `name`.

    Raises:
        TransientError: there is none, so nothing would keep the message.
    """
    queues = [queue for queue, topics in durable.items() if name in topics]
    if not queues:
        raise TransientError(f"no durable queue takes {name!r}")
    return queues


class Listeners:
    """The queues of this process that are not durable: each consumer has its own."""

    def __init__(self, delays: Sequence[float]) -> None:
        self._delays = delays
        self._open: set[tuple[frozenset[str], LocalQueue[LocalMessage]]] = set()

    def tell(self, event: Event, raw: bytes) -> None:
        name, ids = topic(event), about(event)
        for topics, queue in self._open:
            if name in topics:
                queue.push(LocalMessage(raw, ids))

    @asynccontextmanager
    async def consume(
        self,
        subscription: Subscription,
        handler: Handler,
        *,
        on_dead: DeadHandler | None,
        grace: float,
    ) -> AsyncIterator[None]:
        queue: LocalQueue[LocalMessage] = LocalQueue(LOSSY_LIMIT)
        listener = (subscription.topics, queue)
        async with consuming_locally(
            subscription.queue,
            queue,
            Settler(handler=handler, on_dead=on_dead, delays=self._delays),
            prefetch=subscription.prefetch,
            grace=grace,
            kept=lambda _: None,  # only what is durable keeps its dead letters
        ):
            self._open.add(listener)
            try:
                yield
            finally:
                self._open.discard(listener)
                queue.close()
