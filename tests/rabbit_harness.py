"""RabbitMQ for tests: names of their own, removed afterwards, and the management API."""

import asyncio
import base64
import json
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
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
    """The management API of a server."""

    def __init__(self, api: str) -> None:
        self._api = api

    async def call(self, method: str, path: str) -> Any:
        def work() -> Any:
            request = urllib.request.Request(f"{self._api}/api/{path}", method=method)
            credentials = base64.b64encode(b"guest:guest").decode()
            request.add_header("Authorization", f"Basic {credentials}")
            with urllib.request.urlopen(request, timeout=10) as answer:
                body = answer.read()
            return json.loads(body) if body else None

        return await asyncio.to_thread(work)

    async def cut(self, name: str) -> bool:
        """Close the connection that calls itself `name`; False while the server shows none."""
        for connection in await self.call("GET", "connections"):
            if connection.get("client_properties", {}).get("connection_name") == name:
                await self.call("DELETE", f"connections/{quote(connection['name'], safe='')}")
                return True
        return False


class Proxy:
    """A TCP proxy in front of a server: it can cut, refuse, or go silent."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 5672)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    def url(self, url: str) -> str:
        parts = urlsplit(url)
        netloc = f"{parts.username}:{parts.password}@127.0.0.1:{self.port}"
        return urlunsplit(parts._replace(netloc=netloc))

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Stop listening and cut what is open."""
        assert self._server is not None
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    def cut(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    def silence(self) -> None:
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def strand(self) -> None:
        """Go silent for good on what is open; what is opened from now on works."""
        self._flowing.clear()
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, there}
        flowing = self._flowing
        try:
            await asyncio.gather(
                self._pipe(reader, there, flowing), self._pipe(there_reader, writer, flowing)
            )
        finally:
            self._writers -= {writer, there}

    @staticmethod
    async def _pipe(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flowing: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await flowing.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[Proxy]:
    proxy = Proxy(url)
    await proxy.listen()
    try:
        yield proxy
    finally:
        proxy.resume()
        await proxy.refuse()
        await asyncio.sleep(0.05)  # the pipes notice
