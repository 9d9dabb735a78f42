"""Messages kept in memory only: the memory bus, and on every bus what may be lost."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from atelier_core.adapters.local import LocalQueue, consuming
from atelier_core.contracts.events import Event, about, topic
from atelier_core.delivery import Delivery, Marks, Settler
from atelier_core.errors import TransientError
from atelier_core.ports import DeadHandler, DeadLetter, Handler, Subscription

LOSSY_LIMIT = 10_000  # messages a queue that may lose keeps; then the oldest goes


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


def unheard(subscription: Subscription, headers: Mapping[str, Any]) -> bool:
    """Whether the consumer wants none of what these headers say it is from."""
    origin = headers.get("origin")
    return origin is not None and origin == subscription.deaf_to


class Listeners:
    """The queues of this process that are not durable: each consumer has its own."""

    def __init__(self, delays: Sequence[float]) -> None:
        self._delays = delays
        self._open: set[tuple[Subscription, LocalQueue[LocalMessage]]] = set()

    def tell(self, event: Event, raw: bytes) -> None:
        name, ids = topic(event), about(event)
        for subscription, queue in self._open:
            if name in subscription.topics and not unheard(subscription, ids):
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
        listener = (subscription, queue)
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
