"""A watcher on a real socket that stops reading: it alone loses, and it is told why."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from atelier_gallery.outbox import CAPACITY, TOO_SLOW
from gallery_harness import Running, running
from gallery_stories import accepted, batch_requested, requested

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

SMALL = 4096  # bytes that the kernel keeps for a client
BATCHES = 5
LONG = 2_000  # characters in each message


@asynccontextmanager
async def watching(
    gallery: Running, *, buffer: int | None = None
) -> AsyncIterator[ClientConnection]:
    """Somebody who watches all of it; with a `buffer` the kernel keeps that little for them."""
    host, _, port = gallery.origin.removeprefix("http://").partition(":")
    sock = socket.socket()
    if buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
    url = gallery.origin.replace("http", "ws") + "/v1/events?topic=me"
    headers = {"Authorization": "Bearer key-of-local"}
    async with connect(url, sock=sock, additional_headers=headers, max_queue=1) as client:
        while json.loads(await client.recv())["event"] != "snapshot.complete":
            pass
        yield client


async def test_one_that_stops_reading_is_sent_away_and_nobody_else_notices() -> None:
    async with (
        running() as gallery,
        watching(gallery, buffer=SMALL) as stuck,
        watching(gallery) as neighbour,
    ):
        # More than the kernel's buffers and the outbox can hold.
        seen: set[str] = set()
        for _ in range(BATCHES):
            await gallery.bus.publish(batch_requested(CAPACITY // 2, negative_prompt="x" * LONG))
            expected = len(seen) + CAPACITY // 2
            while len(seen) < expected:
                seen.add(json.loads(await neighbour.recv())["data"]["id"])
        began = time.monotonic()
        last = accepted("the last")
        await gallery.bus.publish(requested(last))
        while json.loads(await neighbour.recv())["data"]["id"] != last.id:
            pass
        assert time.monotonic() - began < 1
        received = 0
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await stuck.recv()
                received += 1
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == TOO_SLOW
        assert received < len(seen) - CAPACITY
