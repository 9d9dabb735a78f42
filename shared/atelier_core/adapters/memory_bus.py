"""The event bus of one process, kept nowhere: bytes in, bytes out, and every promise but safety."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Self

from atelier_core.adapters.local import LocalQueue
from atelier_core.adapters.local_messages import Listeners, LocalMessage, consuming_locally, takers
from atelier_core.contracts import topology
from atelier_core.contracts.events import Announcement, Durable, about, encode, topic
from atelier_core.delivery import Settler
from atelier_core.errors import NotFoundError
from atelier_core.ports import DeadHandler, DeadLetter, Handler, Subscription


class MemoryBus:
    """EventPublisher and EventSource; `open` it."""

    def __init__(self, durable: Mapping[str, frozenset[str]], delays: Sequence[float]) -> None:
        self._topics = durable
        self._delays = delays
        self._queues: dict[str, LocalQueue[LocalMessage]] = {q: LocalQueue() for q in durable}
        self._dead: dict[str, list[DeadLetter]] = {q: [] for q in durable}
        self._listeners = Listeners(delays)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        durable: Mapping[str, frozenset[str]] = topology.DURABLE,
        delays: Sequence[float] = topology.DELAYS,
    ) -> AsyncIterator[Self]:
        """A bus with the queues `durable` (their topics by name) and the fixed `delays`."""
        bus = cls(durable, delays)
        try:
            yield bus
        finally:
            for queue in bus._queues.values():
                queue.close()

    async def publish(self, *events: Durable) -> None:
        targets = [takers(topic(event), self._topics) for event in events]
        for event, queues in zip(events, targets, strict=True):
            raw, ids = encode(event), about(event)
            for queue in queues:
                self._queues[queue].push(LocalMessage(raw, ids))
            self._listeners.tell(event, raw)

    def announce(self, *events: Announcement) -> None:
        for event in events:
            self._listeners.tell(event, encode(event))

    def inject(self, queue: str, raw: bytes, ids: Mapping[str, str] | None = None) -> None:
        """Put any bytes into a durable queue, as another program might."""
        self._queues[queue].push(LocalMessage(raw, ids or {}))

    @asynccontextmanager
    async def consume(
        self,
        subscription: Subscription,
        handler: Handler,
        *,
        on_dead: DeadHandler | None = None,
        grace: float = 30.0,
    ) -> AsyncIterator[None]:
        if not subscription.durable:
            async with self._listeners.consume(subscription, handler, on_dead=on_dead, grace=grace):
                yield
            return
        async with consuming_locally(
            subscription.queue,
            self._known(subscription.queue),
            Settler(handler=handler, on_dead=on_dead, delays=self._delays),
            prefetch=subscription.prefetch,
            grace=grace,
            kept=self._dead[subscription.queue].append,
        ):
            yield

    async def depth(self, queue: str) -> int:
        return len(self._known(queue))

    async def dead_letters(self, queue: str, *, limit: int = 100) -> Sequence[DeadLetter]:
        self._known(queue)
        return tuple(self._dead[queue][:limit])

    def _known(self, queue: str) -> LocalQueue[LocalMessage]:
        if queue not in self._queues:
            raise NotFoundError(f"There is no durable queue {queue!r}.")
        return self._queues[queue]
