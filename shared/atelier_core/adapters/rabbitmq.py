"""RabbitMQ as the event bus.

One topic exchange, durable quorum queues, a `.dead` queue beside each, and tiers of delay that all
queues share. Publishing and consuming have a connection each, so that a server that blocks
publishers does not block acks.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Self
from uuid import uuid4

import aiormq
from aio_pika.abc import AbstractChannel
from aiormq.abc import DeliveredMessage

from atelier_core.adapters.local import LocalQueue, consuming, tasks
from atelier_core.adapters.local_messages import (
    LOSSY_LIMIT,
    LocalMessage,
    consuming_locally,
    unheard,
)
from atelier_core.adapters.rabbitmq_consume import Feed
from atelier_core.adapters.rabbitmq_link import Link, server_url, translated
from atelier_core.adapters.rabbitmq_messages import (
    TRANSIENT,
    headers_of,
    ids_of,
    letter_of,
    outgoing,
)
from atelier_core.adapters.rabbitmq_publish import CONFIRM_WITHIN, Announcer, Publisher
from atelier_core.adapters.rabbitmq_settle import Handed, Settling
from atelier_core.adapters.rabbitmq_topology import Topology
from atelier_core.contracts import topology
from atelier_core.contracts.events import Announcement, Durable
from atelier_core.delivery import Settler, describe
from atelier_core.errors import TransientError
from atelier_core.ports import DeadHandler, DeadLetter, Handler, Subscription

log = logging.getLogger(__name__)

START_WITHIN = 2.0  # seconds that opening and consuming wait for the server before going on
PING_WITHIN = 0.5  # seconds for each connection to come back: readiness is asked about every few
REDECLARE_EVERY = 60.0


class RabbitBus:
    """EventPublisher and EventSource; `open` it."""

    def __init__(self, url: str, topology_: Topology, name: str) -> None:
        self._topology = topology_
        address = server_url(url)
        self._publishing = Link(address, name=f"{name} publish", declare=topology_.declare)
        self._consuming = Link(address, name=f"{name} consume", declare=topology_.declare)
        self._publisher = Publisher(self._publishing)
        self._announcer = Announcer(self._publishing)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        *,
        durable: Mapping[str, frozenset[str]] = topology.DURABLE,
        delays: Sequence[float] = topology.DELAYS,
        prefix: str = "",
        name: str = "atelier",
    ) -> AsyncIterator[Self]:
        """A bus with the queues `durable` (their topics by name) and the fixed `delays`.

        `prefix` goes before every name on the server; `name` is what its connections are called in
        the server's own tools. A server that is away is not an error: it is tried again and again,
        meanwhile publishing raises TransientError and consuming waits.

        Raises:
            SettingsError: `url` is no AMQP address.
        """
        bus = cls(url, Topology(durable=durable, delays=delays, prefix=prefix), name)
        async with tasks() as group:
            running = [
                group.create_task(work)
                for work in (
                    bus._publishing.run(),
                    bus._consuming.run(),
                    bus._publisher.run(),
                    bus._announcer.run(),
                    bus._redeclare(),
                )
            ]
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(START_WITHIN):
                        await bus._publishing.connection()
                        await bus._consuming.connection()
                yield bus
            finally:
                for task in running:
                    task.cancel()

    async def publish(self, *events: Durable) -> None:
        exchange = self._topology.exchange
        await self._publisher.send([outgoing(event, exchange) for event in events])

    def announce(self, *events: Announcement) -> None:
        exchange = self._topology.exchange
        self._announcer.put(outgoing(event, exchange, delivery_mode=TRANSIENT) for event in events)

    @asynccontextmanager
    async def consume(
        self,
        subscription: Subscription,
        handler: Handler,
        *,
        on_dead: DeadHandler | None = None,
        grace: float = 30.0,
    ) -> AsyncIterator[None]:
        settler = Settler(handler=handler, on_dead=on_dead, delays=self._topology.delays)
        consume = self._durable if subscription.durable else self._lossy
        async with consume(subscription, settler, grace):
            yield

    async def depth(self, queue: str) -> int:
        self._topology.queue(queue)
        async with self._channel("asking") as channel:
            # Not passively: a queue that somebody deleted is there again afterwards.
            declared = await self._topology.declare_queue(channel, queue)
            return declared.declaration_result.message_count or 0

    async def dead_letters(self, queue: str, *, limit: int = 100) -> Sequence[DeadLetter]:
        name = self._topology.dead(queue)
        letters: list[DeadLetter] = []
        async with self._channel("reading dead letters") as channel:
            dead = await channel.get_queue(name)
            # Never acked: closing the channel returns them.
            while len(letters) < limit and (message := await dead.get(fail=False)) is not None:
                letters.append(letter_of(queue, message.headers, message.body))
        return tuple(letters)

    async def ping(self) -> None:
        """Return if the server can be used. Raises TransientError."""
        for link in (self._publishing, self._consuming):
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_WITHIN):
                    await link.connection()
            if not link.is_up:
                raise link.unusable
        async with self._channel("asking"):
            pass

    @asynccontextmanager
    async def _durable(
        self, subscription: Subscription, settler: Settler, grace: float
    ) -> AsyncIterator[None]:
        name = subscription.queue
        waiting: LocalQueue[Handed] = LocalQueue()

        async def attach(wrapper: AbstractChannel, channel: aiormq.Channel) -> Settling:
            settling = Settling(channel)

            async def on_message(message: DeliveredMessage) -> None:
                waiting.push(Handed(name, message, settling, self._publisher, self._topology))

            await wrapper.set_qos(prefetch_count=subscription.prefetch)
            await channel.basic_consume(self._topology.queue(name), on_message)
            return settling

        async def handle(handed: Handed) -> None:
            if not handed.settling.over:
                await settler.settle(handed.delivery, handed)

        feed = Feed(self._consuming, attach)

        async def stop() -> None:
            await feed.stop()
            for handed in waiting.drain():
                handed.back()

        async with (
            self._fed(feed),
            consuming(waiting, handle, prefetch=subscription.prefetch, grace=grace, stop=stop),
        ):
            yield

    @asynccontextmanager
    async def _lossy(
        self, subscription: Subscription, settler: Settler, grace: float
    ) -> AsyncIterator[None]:
        waiting: LocalQueue[LocalMessage] = LocalQueue(LOSSY_LIMIT)

        async def attach(wrapper: AbstractChannel, channel: aiormq.Channel) -> Settling:
            async def on_message(message: DeliveredMessage) -> None:
                headers = headers_of(message)
                if not unheard(subscription, headers):
                    waiting.push(LocalMessage(message.body, ids_of(headers)))

            # A name of its own each time: the server may still hold the lost connection's queue.
            queue = await wrapper.declare_queue(
                f"{self._topology.prefix}{subscription.queue}.{uuid4().hex}",
                exclusive=True,
                auto_delete=True,
                arguments={"x-max-length": LOSSY_LIMIT},
            )
            for topic in subscription.topics:
                await queue.bind(self._topology.exchange, topic)
            await channel.basic_consume(queue.name, on_message, no_ack=True)
            return Settling(channel)

        feed = Feed(self._consuming, attach)
        async with (
            self._fed(feed),
            consuming_locally(
                subscription.queue,
                waiting,
                settler,
                prefetch=subscription.prefetch,
                grace=grace,
                kept=lambda _: None,  # only what is durable keeps its dead letters
            ),
        ):
            try:
                yield
            finally:
                await feed.stop()
                waiting.close()

    @asynccontextmanager
    async def _fed(self, feed: Feed) -> AsyncIterator[None]:
        async with tasks() as group:
            feeding = group.create_task(feed.run())
            try:
                if self._consuming.is_up:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(feed.attached.wait(), START_WITHIN)
                yield
            finally:
                await feed.finish()
                feeding.cancel()

    @asynccontextmanager
    async def _channel(self, doing: str) -> AsyncIterator[AbstractChannel]:
        with translated(doing):
            async with asyncio.timeout(CONFIRM_WITHIN):
                connection = await self._publishing.connection()
                async with connection.channel(publisher_confirms=False) as channel:
                    yield channel

    async def _redeclare(self) -> None:
        while True:
            await asyncio.sleep(REDECLARE_EVERY)
            try:
                await self._publishing.redeclare()
            except TransientError as exc:
                log.warning("topology not declared", extra={"error": describe(exc)})
