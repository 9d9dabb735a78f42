"""Publishing to RabbitMQ: confirmed, or as an announcement that may be lost."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress

import aiormq
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import DeliveryError, PublishError
from aiormq.exceptions import ChannelNotFoundEntity

from atelier_core.adapters.rabbitmq_link import Link, channel_of, is_trouble, translated
from atelier_core.adapters.rabbitmq_messages import Outgoing
from atelier_core.errors import TransientError

log = logging.getLogger(__name__)

CONFIRM_WITHIN = 3.0
IN_FLIGHT = 200  # unconfirmed messages: more cost the driver more each and gain nothing
NACKS = 3  # in a row: on 3.10 a channel may be refused for ever after an election, a new one is not
STUCK = 2 * CONFIRM_WITHIN  # seconds without a confirm after which a timeout ends the connection
PAUSE = 0.05  # seconds before the next try
ANNOUNCEMENTS = 2_000  # waiting to be sent; then the oldest is dropped


class Publisher:
    """Sends over `link` on one channel; `run` it beside."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._window = asyncio.Semaphore(IN_FLIGHT)
        self._opening = asyncio.Lock()
        self._channel: aiormq.Channel | None = None
        self._wrapper: AbstractChannel | None = None  # the driver drops a channel nobody holds
        self._retired: asyncio.Queue[AbstractChannel] = asyncio.Queue()
        self._nacks = 0
        self._confirmed_at = 0.0

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Return once the server has confirmed every one.

        What was lost with its connection, refused, or matched no queue is sent again while there is
        time, so a message may arrive twice.

        Raises:
            TransientError: not every one was confirmed within CONFIRM_WITHIN seconds.
        """
        with translated("publishing"):
            try:
                async with asyncio.timeout(CONFIRM_WITHIN):
                    if len(messages) == 1:
                        await self._send(messages[0])
                        return
                    sending = (self._send(message) for message in messages)
                    results = await asyncio.gather(*sending, return_exceptions=True)
            except TimeoutError as exc:
                raise self._timed_out() from exc
            for result in results:
                if result is not None:
                    raise result

    async def run(self) -> None:
        """Close the channels given up, once nobody can still be waiting for their confirms."""
        while True:
            channel = await self._retired.get()
            await asyncio.sleep(CONFIRM_WITHIN)
            with suppress(TransientError), translated("closing"):
                async with asyncio.timeout(CONFIRM_WITHIN):
                    await channel.close()

    async def _send(self, message: Outgoing) -> None:
        returned = False
        while True:
            channel: aiormq.Channel | None = None
            try:
                channel = await self._ready()
                async with self._window:
                    await _publish(channel, message)
            except PublishError as exc:  # matched no queue: deleted, or forgotten by the server
                if returned:
                    raise TransientError(f"no queue takes {message.routing_key!r}") from exc
                returned = True
                await self._link.redeclare()
            except ChannelNotFoundEntity:  # the exchange was deleted, which closes the channel
                self._leave(channel)
                # Others' messages on it may have ended the connection.
                with suppress(TransientError):
                    await self._link.redeclare()
                await asyncio.sleep(PAUSE)
            except DeliveryError:
                self._nacks += channel is self._channel
                if self._nacks >= NACKS:
                    self._leave(channel)
                await asyncio.sleep(PAUSE)
            except (Exception, asyncio.CancelledError) as exc:
                if not is_trouble(exc):
                    raise
                self._leave(channel)
                await asyncio.sleep(PAUSE)
            else:
                self._nacks = 0
                self._confirmed_at = asyncio.get_running_loop().time()
                return

    async def _ready(self) -> aiormq.Channel:
        channel = self._channel
        if channel is not None and not channel.is_closed:
            return channel
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                connection = await self._link.connection()
                self._wrapper = await connection.channel(
                    publisher_confirms=True, on_return_raises=True
                )
                self._channel = await channel_of(self._wrapper)
                self._nacks = 0
                self._confirmed_at = asyncio.get_running_loop().time()
            return self._channel

    def _leave(self, channel: aiormq.Channel | None) -> None:
        """Publish on another channel from now on; what is on its way on this one may arrive."""
        if channel is None or channel is not self._channel:
            return
        if self._wrapper is not None:
            self._retired.put_nowait(self._wrapper)
        self._channel = self._wrapper = None
        self._nacks = 0

    def _timed_out(self) -> TransientError:
        if not self._link.is_up:
            return self._link.unusable
        if asyncio.get_running_loop().time() - self._confirmed_at > STUCK:
            self._link.drop()
        return TransientError(f"RabbitMQ did not confirm within {CONFIRM_WITHIN:g} s")


async def _publish(channel: aiormq.Channel, message: Outgoing) -> None:
    await channel.basic_publish(
        message.body,
        exchange=message.exchange,
        routing_key=message.routing_key,
        properties=message.properties(),
        mandatory=True,
        wait=False,  # for the socket, which would cost one write a message; the confirm is awaited
    )


class Announcer:
    """Sends what may be lost, in the background, at the pace of the server; `run` it beside."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._waiting: deque[Outgoing] = deque(maxlen=ANNOUNCEMENTS)
        self._some = asyncio.Event()

    def put(self, messages: Iterable[Outgoing]) -> None:
        self._waiting.extend(messages)
        self._some.set()

    async def run(self) -> None:
        while True:
            try:
                connection = await self._link.connection()
                wrapper = await connection.channel(publisher_confirms=False)
                channel = await channel_of(wrapper)
                while True:
                    await self._send_all(channel)
            except (Exception, asyncio.CancelledError) as exc:
                if not is_trouble(exc):
                    raise
                log.debug("announcements lost")
                await asyncio.sleep(PAUSE)

    async def _send_all(self, channel: aiormq.Channel) -> None:
        self._some.clear()
        while self._waiting:
            message = self._waiting.popleft()
            await channel.basic_publish(
                message.body,
                exchange=message.exchange,
                routing_key=message.routing_key,
                properties=message.properties(),
            )
        await self._some.wait()
