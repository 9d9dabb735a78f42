"""Exchanges and queues on RabbitMQ: their names, their arguments, and how they are declared.

Arguments never change under a name: the server refuses. Works on 3.10 and 4.x.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractQueue

from atelier_core.contracts import topology
from atelier_core.errors import NotFoundError

QUORUM: dict[str, Any] = {
    "x-queue-type": "quorum",
    # Never absent (20 on 4.x), never -1 (dead-letters at once on 3.10), never small: a few restarts
    # with messages in hand would use it up. Poison is ended by the handlers' own counts.
    "x-delivery-limit": 1_000_000,
}


@dataclass(frozen=True, kw_only=True)
class Topology:
    """`prefix` goes before every name, so that several installations share a server."""

    durable: Mapping[str, frozenset[str]]
    delays: Sequence[float]
    prefix: str = ""

    @property
    def exchange(self) -> str:
        return f"{self.prefix}{topology.EXCHANGE}"

    def queue(self, name: str) -> str:
        """Raises NotFoundError: `name` is no durable queue."""
        if name not in self.durable:
            raise NotFoundError(f"There is no durable queue {name!r}.")
        return f"{self.prefix}{name}"

    def dead(self, name: str) -> str:
        return topology.dead(self.queue(name))

    def tier(self, delay: float) -> str:
        """The exchange and queue where messages wait `delay`; their routing key is their target."""
        return f"{self.exchange}.delay.{round(delay * 1000)}"

    async def declare(self, connection: AbstractConnection) -> None:
        """Make sure everything is there; what is there already stays as it is."""
        async with connection.channel(publisher_confirms=False) as channel:
            await channel.declare_exchange(self.exchange, ExchangeType.TOPIC, durable=True)
            for delay in self.delays:
                name = self.tier(delay)
                await channel.declare_exchange(name, ExchangeType.FANOUT, durable=True)
                tier = await channel.declare_queue(
                    name,
                    durable=True,
                    arguments={
                        **QUORUM,
                        "x-message-ttl": round(delay * 1000),
                        "x-dead-letter-exchange": "",
                        "x-dead-letter-strategy": "at-least-once",
                        "x-overflow": "reject-publish",
                    },
                )
                await tier.bind(name)
            for name, topics in self.durable.items():
                await channel.declare_queue(self.dead(name), durable=True, arguments=QUORUM)
                queue = await self.declare_queue(channel, name)
                for topic in topics:
                    await queue.bind(self.exchange, topic)

    async def declare_queue(self, channel: AbstractChannel, name: str) -> AbstractQueue:
        return await channel.declare_queue(self.queue(name), durable=True, arguments=QUORUM)
