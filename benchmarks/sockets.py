"""Websockets told of one change."""

import asyncio
import base64
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from accounting import cpu_seconds, resident
from atelier_core.runtime import raise_open_files
from load import over_websocket, percentiles, run
from places import Where
from systems import Running, Say, atelier

CHANGES = 20
PING = b"\x89\x04"  # with four bytes; nothing else we are sent has these two
PONG = b"\x8a\x84\0\0\0\0"  # with the same four, masked by nothing


class Watcher(asyncio.Protocol):
    """A websocket that looks at nothing but whether a change has come: a client library would cost
    more than what is measured.
    """

    def __init__(self, host: str, path: str, headers: dict[str, str], told: list[float]) -> None:
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lines = {
            "Host": host,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            **headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._request = f"GET {path} HTTP/1.1\r\n{head}\r\n".encode()
        self._told = told
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if b"snapshot.complete" in data and not self.open.done():
            self.open.set_result(None)
        elif b'"image.updated"' in data:
            self._told.append(time.perf_counter())
        if (at := data.find(PING)) >= 0:
            self.transport.write(PONG + data[at + 2 : at + 6])

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.open.done():
            self.open.set_exception(exc or ConnectionError("closed before the snapshot was there"))


def sockets(where: Where, *, count: int, say: Say) -> dict[str, Any]:
    """Delays from the request that changes an image to each socket's being told, and what it costs.

    The client that listens is one process on the same cores.
    """
    raise_open_files()
    with tempfile.TemporaryDirectory(prefix="atelier-bench-") as folder:
        env = {"ATELIER_PROVIDERS": "fake"}
        with atelier(where, Path(folder), env=env) as running:
            return asyncio.run(_measure(running, count, say))


async def _measure(running: Running, count: int, say: Say) -> dict[str, Any]:
    origin, headers = running.platform.origin, running.platform.headers
    roots = running.own
    body = {"prompt": "a fox", "model": "fake/free", "size": "64x64"}
    common = {"concurrency": 1, "body": body, "headers": headers, "roots": roots}
    await run(origin, jobs=1, watch=over_websocket, **common)
    told: list[float] = []
    memory = resident(roots["gallery"])
    watchers = await _connect(origin, headers, told, count=count)
    memory = resident(roots["gallery"]) - memory
    say(f"  {len(watchers)} sockets are open")
    try:
        async with aiohttp.ClientSession(origin, headers=headers) as http:
            async with http.get("/v1/images", params={"limit": "1"}) as answer:
                image = (await answer.json())["items"][0]["id"]
            before, client, delays = cpu_seconds(roots), time.process_time(), []
            for number in range(CHANGES):
                delays += await _change(http, image, trash=number % 2 == 0, told=told, count=count)
            after, client = cpu_seconds(roots), time.process_time() - client
    finally:
        for watcher in watchers:
            watcher.transport.abort()
    told_in_all = count * CHANGES
    return {
        "sockets": count,
        "changes": CHANGES,
        "kib_each": memory / count / 1024,
        "delay_ms": percentiles(delays),
        "us_per_message": {
            **{name: (after[name] - before[name]) / told_in_all * 1e6 for name in roots},
            "client": client / told_in_all * 1e6,
        },
    }


async def _connect(
    origin: str, headers: Mapping[str, str], told: list[float], *, count: int
) -> list[Watcher]:
    parts, loop = urlsplit(origin), asyncio.get_running_loop()
    watchers: list[Watcher] = []
    for start in range(0, count, 50):  # as many at once as do not fill anybody's backlog
        async with asyncio.timeout(60):
            new = [
                (
                    await loop.create_connection(
                        lambda: Watcher(
                            parts.netloc,
                            "/v1/events?topic=me",
                            {**headers, "Origin": origin},
                            told,
                        ),
                        parts.hostname,
                        parts.port,
                    )
                )[1]
                for _ in range(start, min(start + 50, count))
            ]
            await asyncio.gather(*(watcher.open for watcher in new))
        watchers += new
    return watchers


async def _change(
    http: aiohttp.ClientSession, image: str, *, trash: bool, told: list[float], count: int
) -> list[float]:
    """Put the image into the trash or take it out: each socket's delay."""
    told.clear()
    begun = time.perf_counter()
    asking = (
        http.delete(f"/v1/images/{image}") if trash else http.post(f"/v1/images/{image}/restore")
    )
    async with asyncio.timeout(30), asking as answer:
        answer.raise_for_status()
        while len(told) < count:
            await asyncio.sleep(0.01)
    return [at - begun for at in told]
