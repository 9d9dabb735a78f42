"""Telling RabbitMQ what has become of the messages it handed out, in as few words as possible."""

import asyncio
from dataclasses import dataclass

import aiormq
from aiormq.abc import DeliveredMessage

from atelier_core.adapters.rabbitmq_messages import (
    Outgoing,
    delivery_of,
    headers_of,
    ids_of,
    letter_headers,
    marked,
)
from atelier_core.adapters.rabbitmq_publish import Publisher
from atelier_core.adapters.rabbitmq_topology import Topology
from atelier_core.delivery import Delivery, Marks
from atelier_core.errors import TransientError
from atelier_core.ports import DeadLetter


class Acks:
    """Which acks are due on one channel, whose delivery tags count up from 1."""

    def __init__(self) -> None:
        self._mark = 0  # every tag up to here is settled and said so
        self._done: set[int] = set()
        self._back: set[int] = set()
        self._said: set[int] = set()  # above the mark

    def done(self, tag: int) -> None:
        self._done.add(tag)

    def back(self, tag: int) -> None:
        self._back.add(tag)

    def due(self) -> tuple[list[int], int, list[int]]:
        """Tags to return, the tag to ack with all before it (0: none), tags to ack alone."""
        back = sorted(self._back)
        self._said |= self._back
        self._back.clear()
        upto = 0
        while (tag := self._mark + 1) in self._done or tag in self._said:
            if tag in self._done:
                upto = tag  # the server refuses a tag it was told of before
            self._done.discard(tag)
            self._said.discard(tag)
            self._mark = tag
        alone = sorted(self._done)
        self._said |= self._done
        self._done.clear()
        return back, upto, alone


class Settling:
    """Says on one channel what has become of its messages."""

    def __init__(self, channel: aiormq.Channel) -> None:
        self._channel = channel
        self._acks = Acks()
        self._some = asyncio.Event()

    @property
    def over(self) -> bool:
        """Whether the channel is gone; the server hands its messages out again."""
        return self._channel.is_closed

    def done(self, tag: int) -> None:
        self._acks.done(tag)
        self._some.set()

    def back(self, tag: int) -> None:
        self._acks.back(tag)
        self._some.set()

    async def run(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            await self.flush()

    async def flush(self) -> None:
        back, upto, alone = self._acks.due()
        for tag in back:
            await self._channel.basic_nack(tag, requeue=True, wait=False)
        if upto:
            await self._channel.basic_ack(upto, multiple=True, wait=False)
        for tag in alone:
            await self._channel.basic_ack(tag, wait=False)


@dataclass(frozen=True, eq=False)
class Handed:
    """`delivery.Carrier` of one message handed out by the server."""

    queue: str
    message: DeliveredMessage
    settling: Settling
    publisher: Publisher
    topology: Topology

    @property
    def delivery(self) -> Delivery:
        return delivery_of(self.queue, self.message)

    async def done(self) -> None:
        self.settling.done(self._tag)

    async def again(self, delay: float, marks: Marks) -> None:
        self._expect_ours()
        later = Outgoing(
            exchange=self.topology.tier(delay),
            routing_key=self.topology.queue(self.queue),
            body=self.message.body,
            headers=marked(ids_of(headers_of(self.message)), marks),
            id=self.message.header.properties.message_id,
        )
        await self.publisher.send([later])
        self.settling.done(self._tag)

    async def keep(self, letter: DeadLetter) -> None:
        self._expect_ours()
        kept = Outgoing(
            exchange="",
            routing_key=self.topology.dead(self.queue),
            body=letter.raw,
            headers=letter_headers(letter),
            id=self.message.header.properties.message_id,
        )
        await self.publisher.send([kept])

    def back(self) -> None:
        self.settling.back(self._tag)

    def _expect_ours(self) -> None:
        """Else there would be two of it: the one sent here, and the one handed out again."""
        if self.settling.over:
            raise TransientError("RabbitMQ hands it out again: the channel it came by is gone")

    @property
    def _tag(self) -> int:
        return self.message.delivery_tag or 0
