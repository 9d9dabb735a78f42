"""One connection to RabbitMQ that is made again whenever it is lost."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import aio_pika
import aiormq
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq.connection import TCPTransportFactory, TLSTransportFactory
from aiormq.exceptions import AuthenticationError, InvalidFrameError, ProbableAuthenticationError
from yarl import URL

from atelier_core.delivery import describe
from atelier_core.errors import RefusedError, SettingsError, TransientError

log = logging.getLogger(__name__)

HEARTBEAT = "10"  # seconds; a silent server is given up after about three of them
CONNECT_WITHIN = 10.0
CLOSE_WITHIN = 3.0  # seconds until a connection that does not close in order is cut
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0  # seconds between attempts to connect


def is_trouble(exc: BaseException) -> bool:
    """Whether the driver says with `exc` that the server is away or said no.

    Two of its ways are odd: what waits for a connection that was stuck is cancelled (and nobody
    else cancelled the task then), and what is closed without a reason raises a bare Exception.
    """
    if isinstance(exc, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and not task.cancelling()
    return isinstance(exc, (*CONNECTION_EXCEPTIONS, TimeoutError)) or type(exc) is Exception


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Trouble with the server becomes a TransientError."""
    try:
        yield
    except (Exception, asyncio.CancelledError) as exc:
        if not is_trouble(exc):
            raise
        if reason := _refusal(exc):
            raise RefusedError(f"RabbitMQ refuses {reason}.") from exc
        raise TransientError(f"RabbitMQ, {doing}: {describe(exc)}") from exc


def _refusal(exc: BaseException) -> str | None:
    if isinstance(exc, (AuthenticationError, ProbableAuthenticationError)):
        return "the user or the password in ATELIER_AMQP_URL (ACCESS_REFUSED)"
    # The driver keeps the server's reason to itself, but at this step there is only one.
    if isinstance(exc, InvalidFrameError) and "Connection.OpenOk" in str(exc):
        return "the last part of ATELIER_AMQP_URL: no such virtual host, or not for this user"
    return None


def server_url(text: str) -> URL:
    """The address to connect to.

    Raises:
        SettingsError: it is no AMQP address. The message does not quote it: it may hold a password.
    """
    with suppress(ValueError):
        url = URL(text)
        if url.scheme in ("amqp", "amqps") and url.host:
            return url if "heartbeat" in url.query else url.update_query(heartbeat=HEARTBEAT)
    raise SettingsError("The RabbitMQ address must be an amqp:// or amqps:// address.")


class _Wire(aiormq.TransportFactory):
    """Makes the socket of one connection, and can cut it."""

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None

    async def create(
        self, url: URL, **kwargs: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        factory = TLSTransportFactory() if url.scheme == "amqps" else TCPTransportFactory()
        reader, self._writer = await factory.create(url, **kwargs)
        return reader, self._writer

    def cut(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()


class Link:
    """`run` it; `connection` is there whenever the server is and `declare` has succeeded on it."""

    def __init__(
        self, url: URL, *, name: str, declare: Callable[[AbstractConnection], Awaitable[None]]
    ) -> None:
        self._url = url
        self._name = name
        self._declare = declare
        self._connection: AbstractConnection | None = None
        self._up = asyncio.Event()
        self._dropped = asyncio.Event()
        self._declaring = asyncio.Lock()
        self._declared = 0
        self._trouble = TransientError("not connected yet")

    @property
    def is_up(self) -> bool:
        return self._up.is_set()

    @property
    def unusable(self) -> TransientError:
        """What to raise for whoever cannot wait until it is up."""
        if isinstance(self._trouble, RefusedError):
            return self._trouble
        return TransientError(f"RabbitMQ cannot be used: {self._trouble}")

    async def connection(self) -> AbstractConnection:
        """The connection, as soon as there is one."""
        while self._connection is None:
            await self._up.wait()
        return self._connection

    async def redeclare(self) -> None:
        """Run `declare` again, once for all who ask meanwhile. Raises TransientError."""
        asked = self._declared + self._declaring.locked()
        async with self._declaring:
            if self._declared > asked:
                return
            with translated("declaring"):
                async with asyncio.timeout(CONNECT_WITHIN):
                    await self._declare(await self.connection())
            self._declared += 1

    def drop(self) -> None:
        """Give up a connection that does not answer; a new one is made."""
        self._dropped.set()

    async def run(self) -> None:
        """Connect, wait for the connection's end, connect again; until cancelled."""
        wait = FIRST_WAIT
        while True:
            wire = _Wire()
            try:
                connection = await self._connect(wire)
            except TransientError as exc:
                self._trouble = exc
                extra = {"connection": self._name, "error": describe(exc)}
                log.warning("RabbitMQ cannot be used yet", extra=extra)
                await asyncio.sleep(random.uniform(wait / 2, wait))  # noqa: S311 - jitter
                wait = min(wait * 2, LONGEST_WAIT)
                continue
            wait = FIRST_WAIT
            try:
                await self._until_lost(connection)
            finally:
                await _close(connection, wire)
            self._trouble = TransientError("the connection was lost")
            log.warning("RabbitMQ connection lost", extra={"connection": self._name})

    async def _connect(self, wire: _Wire) -> AbstractConnection:
        connection = aio_pika.Connection(
            self._url, client_properties={"connection_name": self._name}
        )
        connection.kwargs["transport_factory"] = wire
        with translated("connecting"):
            async with asyncio.timeout(CONNECT_WITHIN):
                await connection.connect()
                try:
                    await self._declare(connection)
                except BaseException:
                    await _close(connection, wire)
                    raise
        return connection

    async def _until_lost(self, connection: AbstractConnection) -> None:
        if connection.transport is None:
            return
        closing = connection.transport.connection.closing
        self._dropped.clear()
        dropped = asyncio.ensure_future(self._dropped.wait())
        self._connection = connection
        self._up.set()
        try:
            await asyncio.wait((closing, dropped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._connection = None
            self._up.clear()
            dropped.cancel()
            closing.cancel()


async def channel_of(channel: AbstractChannel) -> aiormq.Channel:
    """The driver's lower half: publishing without waiting for the socket, acks in bulk."""
    underlay = await channel.get_underlay_channel()
    if not isinstance(underlay, aiormq.Channel):
        raise TypeError(f"unexpected channel {type(underlay)}")
    return underlay


async def _close(connection: AbstractConnection, wire: _Wire) -> None:
    # Not a timeout: the driver waits on, cancelled or not, until the server has taken everything.
    cutting = asyncio.get_running_loop().call_later(CLOSE_WITHIN, wire.cut)
    try:
        with suppress(TransientError), translated("closing"):
            await connection.close()
    finally:
        cutting.cancel()
