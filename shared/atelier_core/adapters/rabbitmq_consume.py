"""Feeds of messages from RabbitMQ that come back by themselves."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import aiormq
from aio_pika.abc import AbstractChannel

from atelier_core.adapters.rabbitmq_link import Link, channel_of, translated
from atelier_core.adapters.rabbitmq_settle import Settling
from atelier_core.delivery import describe
from atelier_core.errors import TransientError

log = logging.getLogger(__name__)

REPLY_WITHIN = 10.0
LEAVE_WITHIN = 5.0  # seconds until a server that says nothing to our leaving is left as it is
PAUSE = 0.5  # seconds before a feed that was lost is attached again

Attach = Callable[[AbstractChannel, aiormq.Channel], Awaitable[Settling]]


class Feed:
    """Messages of one consumer, on a channel of its own that is opened again when it is lost."""

    def __init__(self, link: Link, attach: Attach) -> None:
        self._link = link
        self._attach = attach
        self._settling: Settling | None = None
        self._channel: aiormq.Channel | None = None
        self._leaving = False
        self.attached = asyncio.Event()

    async def run(self) -> None:
        lost = False
        while not self._leaving:
            try:
                with translated("consuming"):
                    await self._serve(declare=lost)
            except TransientError as exc:
                log.warning("consumer interrupted", extra={"error": describe(exc)})
            lost = True
            await asyncio.sleep(PAUSE)

    async def stop(self) -> None:
        """Take nothing new; what is in hand can still be settled."""
        self._leaving = True
        channel = self._channel
        if channel is None:
            return
        with suppress(TransientError), translated("leaving"):
            try:
                async with asyncio.timeout(LEAVE_WITHIN):
                    for tag in tuple(channel.consumers):
                        await channel.basic_cancel(tag)
            except TimeoutError:
                self._link.drop()  # so that nobody else here has to find out

    async def finish(self) -> None:
        """Say what has become of everything that was in hand."""
        if self._settling is not None:
            with suppress(TransientError), translated("leaving"):
                async with asyncio.timeout(REPLY_WITHIN):
                    await self._settling.flush()

    async def _serve(self, *, declare: bool) -> None:
        connection = await self._link.connection()
        if declare:
            await self._link.redeclare()
        async with asyncio.timeout(REPLY_WITHIN):
            wrapper = await connection.channel(publisher_confirms=False)
            channel = await channel_of(wrapper)
        cancelled = asyncio.Event()
        channel.on_consumer_cancel_callbacks.add(lambda _: cancelled.set())
        try:
            async with asyncio.timeout(REPLY_WITHIN):
                settling = await self._attach(wrapper, channel)
            if self._leaving:
                return
            self._channel, self._settling = channel, settling
            self.attached.set()
            await _first(settling.run(), cancelled.wait(), _closed(channel))
        finally:
            self._channel = self._settling = None
            with suppress(TransientError), translated("closing"):
                async with asyncio.timeout(REPLY_WITHIN):
                    await wrapper.close()


async def _closed(channel: aiormq.Channel) -> None:
    await asyncio.wait((channel.closing,))


async def _first(*works: Coroutine[Any, Any, object]) -> None:
    """Until the first of `works` ends; the others are cancelled."""
    running = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
