"""What a later release would publish: a wire to the broker that adds fields to every event.

    python tests/fakes/newer_release.py --port 9200 --upstream 127.0.0.1:5672 --ledger types.txt

A service whose address of the broker is this one sends, as far as others can tell, the messages of
a version that nobody else has: within a type only fields are added, so they are, everywhere.
"""

import argparse
import asyncio
import json
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FREE = frozenset({"metadata", "thumb_urls", "health"})  # maps whose keys are anybody's
METHOD, HEADER, BODY = 1, 2, 3
PUBLISH = struct.pack(">HH", 60, 40)
GREETING = 8  # bytes before the first frame
PIECE = 100_000  # bytes of a body in one frame


def with_news(value: Any) -> Any:
    """`value` with an unknown field in every object, but for the maps whose keys are free."""
    if isinstance(value, list):
        return [with_news(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    known = {k: inner if k in FREE else with_news(inner) for k, inner in value.items()}
    return {"x_news": {"a": [1]}, **known}


@dataclass
class Publishing:
    """A message on its way, frame by frame."""

    method: bytes
    header: bytes = b""
    body: bytearray = field(default_factory=bytearray)

    @property
    def whole(self) -> bool:
        return bool(self.header) and len(self.body) == struct.unpack_from(">Q", self.header, 4)[0]


@dataclass
class Rewriter:
    """Frames of one connection; what is published becomes newer, all else stays as it is."""

    ledger: Path
    _open: dict[int, Publishing] = field(default_factory=dict)

    def frames(self, kind: int, channel: int, payload: bytes) -> Iterator[bytes]:
        if kind == METHOD and payload.startswith(PUBLISH):
            self._open[channel] = Publishing(payload)
            return
        message = self._open.get(channel)
        if message is None or kind not in (HEADER, BODY):
            yield _frame(kind, channel, payload)
            return
        if kind == HEADER:
            message.header = payload
        else:
            message.body += payload
        if message.whole:
            del self._open[channel]
            body = self._newer(bytes(message.body))
            size = struct.pack(">Q", len(body))
            yield _frame(METHOD, channel, message.method)
            yield _frame(HEADER, channel, message.header[:4] + size + message.header[12:])
            for start in range(0, len(body), PIECE):
                yield _frame(BODY, channel, body[start : start + PIECE])

    def _newer(self, body: bytes) -> bytes:
        event = json.loads(body)
        with self.ledger.open("a") as ledger:
            ledger.write(event["type"] + "\n")
        return json.dumps(with_news(event)).encode()


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


async def _forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rewriter: Rewriter
) -> None:
    writer.write(await reader.readexactly(GREETING))
    while True:
        kind, channel, size = struct.unpack(">BHI", await reader.readexactly(7))
        payload = (await reader.readexactly(size + 1))[:-1]
        for frame in rewriter.frames(kind, channel, payload):
            writer.write(frame)
        await writer.drain()


async def _back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def _serve(port: int, upstream: str, ledger: Path) -> None:
    host, _, there = upstream.partition(":")

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, out = await asyncio.open_connection(host, int(there))
        ways = (_forward(reader, out, Rewriter(ledger)), _back(answers, writer))
        tasks = [asyncio.ensure_future(way) for way in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for end in (out, writer):
            end.close()
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError, asyncio.IncompleteReadError, OSError):
                await task

    async with await asyncio.start_server(connected, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    asyncio.run(_serve(**vars(parser.parse_args())))
