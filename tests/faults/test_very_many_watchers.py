"""Ten thousand people watch one process: all are told, and all come back when it was killed."""

import asyncio
import json
import resource
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from atelier_client.retry import Retry
from atelier_core.runtime import raise_open_files
from checker import all_ended, submit
from platforms import Process, embedded

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

AT_ONCE = 100  # people who come at the same time, at first
RETRY = Retry()
BODY = {"prompt": "a fox", "model": "fake/free", "size": "64x64"}


class Socket(asyncio.Protocol):
    """A WebSocket without a library's task and buffers for each: there are ten thousand."""

    def __init__(self, url: str, receive: Callable[[dict[str, Any]], None]) -> None:
        self.lost = asyncio.Event()
        self._ws = ClientProtocol(parse_uri(url))
        self._receive = receive

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ws.send_request(self._ws.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._ws.receive_data(data)
        self._flush()
        for event in self._ws.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._receive(json.loads(event.data))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    def _flush(self) -> None:
        for data in self._ws.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()


@dataclass(eq=False)
class Person:
    """Somebody who watches everything, and comes back as our clients do."""

    origin: str
    moved: asyncio.Event
    cursor: str | None = None
    there: bool = False
    resets: int = 0
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def watch(self) -> None:
        failures = 0
        while True:
            try:
                socket = await self._connect()
                await socket.lost.wait()
            except OSError:
                pass
            failures = 1 if self.there else failures + 1
            self.there = False
            self.moved.set()
            await asyncio.sleep(RETRY.backoff(failures))

    async def _connect(self) -> Socket:
        parts = urlsplit(self.origin)
        after = f"&after={self.cursor}" if self.cursor else ""
        url = f"ws://{parts.netloc}/v1/events?topic=me{after}"
        _, socket = await asyncio.get_running_loop().create_connection(
            lambda: Socket(url, self._receive), parts.hostname, parts.port
        )
        return socket

    def _receive(self, message: dict[str, Any]) -> None:
        self.cursor = message.get("id") or self.cursor
        match message["event"]:
            case "snapshot.started":
                self.resets += message["data"]["reset"]
            case "snapshot.complete":
                self.there = True
            case "job.updated":
                job = message["data"]
                self.jobs[job["id"]] = max(self.jobs.get(job["id"], job), job, key=version)
        self.moved.set()


def version(job: dict[str, Any]) -> int:
    return int(job["version"])


@dataclass(frozen=True)
class Crowd:
    """Everybody, and a way to wait for all of them."""

    people: Sequence[Person]
    moved: asyncio.Event

    async def all(self, holds: Callable[[Person], bool]) -> float:
        """Until it holds for everybody; the seconds that took."""
        began, left = time.monotonic(), list(self.people)
        async with asyncio.timeout(120):
            while left := [person for person in left if not holds(person)]:
                self.moved.clear()
                await self.moved.wait()
                await asyncio.sleep(0.05)
        return time.monotonic() - began


@asynccontextmanager
async def crowd(origin: str, size: int) -> AsyncIterator[Crowd]:
    """So many people, who came a hundred at a time."""
    moved = asyncio.Event()
    people = [Person(origin, moved) for _ in range(size)]
    async with asyncio.TaskGroup() as group:
        tasks = []
        for start in range(0, size, AT_ONCE):
            some = people[start : start + AT_ONCE]
            tasks += [group.create_task(person.watch()) for person in some]
            await Crowd(some, moved).all(lambda person: person.there)
        try:
            yield Crowd(people, moved)
        finally:
            for task in tasks:
                task.cancel()


def resident(process: Process) -> int:
    """Bytes of memory."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def end(http: httpx.AsyncClient, people: Crowd) -> float:
    """A job, and the seconds from its acceptance until everybody knows that it is done."""
    job_id = (await submit(http, BODY))["id"]
    took = await people.all(lambda person: person.jobs.get(job_id, {}).get("done", False))
    job = (await http.get(f"/v1/jobs/{job_id}")).json()
    assert {version(person.jobs[job_id]) for person in people.people} == {job["version"]}
    return took


@pytest.mark.parametrize("size", [300, pytest.param(10_000, marks=pytest.mark.long)])
async def test_all_are_told_and_all_come_back(tmp_path: Path, size: int) -> None:
    raise_open_files()
    with embedded(tmp_path, env={"ATELIER_PROVIDERS": "fake"}) as platform:
        process = platform.processes["embedded"]
        async with httpx.AsyncClient(base_url=platform.origin, timeout=60) as http:
            await all_ended(http, [(await submit(http, BODY))["id"]])
            before = resident(process)
            async with crowd(platform.origin, size) as people:
                each = (resident(process) - before) / size
                told = await end(http, people)
                await asyncio.to_thread(process.kill)
                await people.all(lambda person: not person.there)
                process.start()
                began = time.monotonic()
                late = asyncio.create_task(end(http, people))
                await people.all(lambda person: person.there)
                back = time.monotonic() - began
                await late
                again = await end(http, people)
                assert {person.resets for person in people.people} == {1}, "resumed by cursor"
    assert '"level": "error"' not in process.log.read_text()
    sys.stderr.write(
        f"{size} sockets: {each / 1024:.0f} KiB each, told of a job in {told:.2f} s,"
        f" all back {back:.1f} s after a start, told again in {again:.2f} s\n"
    )
