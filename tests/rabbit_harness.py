"""RabbitMQ for tests: names of their own, removed afterwards, and the management API."""

import asyncio
import base64
import json
import os
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from aio_pika import Message, connect

from atelier_core.adapters.rabbitmq import RabbitBus
from atelier_core.contracts.topology import dead
from bus_harness import DELAYS, DURABLE, Bus


@asynccontextmanager
async def names(url: str) -> AsyncIterator[str]:
    """A prefix; what was declared under it is deleted at the end."""
    prefix = f"t{uuid4().hex[:10]}."
    try:
        yield prefix
    finally:
        tiers = [f"{prefix}atelier.delay.{round(d * 1000)}" for d in DELAYS]
        async with await connect(url) as connection, connection.channel() as channel:
            for queue in DURABLE:
                await channel.queue_delete(f"{prefix}{queue}")
                await channel.queue_delete(dead(f"{prefix}{queue}"))
            for tier in tiers:
                await channel.queue_delete(tier)
                await channel.exchange_delete(tier)
            await channel.exchange_delete(f"{prefix}atelier")


@asynccontextmanager
async def rabbitmq(url: str) -> AsyncIterator[Bus]:
    async with (
        names(url) as prefix,
        RabbitBus.open(url, durable=DURABLE, delays=DELAYS, prefix=prefix) as bus,
        await connect(url) as other,
        other.channel() as channel,
    ):

        async def inject(queue: str, raw: bytes, ids: Mapping[str, str]) -> None:
            message = Message(raw, headers=dict(ids))
            await channel.default_exchange.publish(message, f"{prefix}{queue}")

        yield Bus(bus, inject)


class Management:
    """The management API of the server behind ATELIER_TEST_AMQP_API."""

    def __init__(self) -> None:
        self.base = os.environ["ATELIER_TEST_AMQP_API"]

    async def call(self, method: str, path: str) -> Any:
        def work() -> Any:
            request = urllib.request.Request(f"{self.base}/api/{path}", method=method)
            credentials = base64.b64encode(b"guest:guest").decode()
            request.add_header("Authorization", f"Basic {credentials}")
            with urllib.request.urlopen(request, timeout=10) as answer:
                body = answer.read()
            return json.loads(body) if body else None

        return await asyncio.to_thread(work)

    async def cut(self, port: int) -> None:
        """Close the connections whose client side has `port`."""
        for connection in await self.call("GET", "connections"):
            if connection.get("peer_port") == port:
                await self.call("DELETE", f"connections/{quote(connection['name'])}")
