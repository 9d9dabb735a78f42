"""People who watch, each with a view of their own, and whether it was true soon enough.

A follower notes when it heard which version of what. The truth, read again and again past the
network that fails them, says which versions there were. The rest is arithmetic, done afterwards.
"""

import asyncio
import json
import os
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import httpx

from atelier_client import AsyncClient, LiveState, Message, reduce
from checker import pages

PAGE = Path(__file__).parent / "faults/page_followers.mjs"
MEGABYTES = 64 * 2**20  # a line of a page's view
Versions = Mapping[str, int]


@dataclass
class Door:
    """A TCP proxy for one follower, whose connection can be cut as networks do: without a word."""

    port: int
    behind: str
    public: str
    lost: list[float] = field(default_factory=list)
    _connections: set[StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    @asynccontextmanager
    async def open(cls, behind: str, *, public: str) -> AsyncIterator["Door"]:
        """Before `behind`, which answers as `public` only; both are `host:port`."""
        door = cls(0, behind, public)
        server = await asyncio.start_server(door._serve, "127.0.0.1", 0)
        door.port = server.sockets[0].getsockname()[1]
        async with server:
            yield door
            door.cut()

    def cut(self) -> None:
        for end in self._connections:
            end.transport.abort()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        host, _, port = self.behind.partition(":")
        try:
            there_reader, there = await asyncio.open_connection(host, port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, there}
        self._connections |= ends
        mine = f"127.0.0.1:{self.port}".encode()
        try:
            await asyncio.gather(
                _pump(reader, there, lambda data: data.replace(mine, self.public.encode())),
                _pump(there_reader, writer, bytes),
            )
        finally:
            self._connections -= ends
            self.lost.append(time.monotonic())


async def _pump(
    reader: StreamReader, writer: StreamWriter, change: Callable[[bytes], bytes]
) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(change(data))
            await writer.drain()
    writer.close()


@dataclass
class Follower:
    """Somebody's view, and the moments at which it learnt each version."""

    name: str
    door: Door
    connected: list[float] = field(default_factory=list)
    learnt: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    jobs: Mapping[str, Any] = field(default_factory=dict)
    images: Mapping[str, Any] = field(default_factory=dict)
    resets: int = 0

    def note(self, event: str, name: str | None, version: int, at: float) -> None:
        if event == "snapshot.started":
            self.connected.append(at)
        if name is not None:
            self.learnt.setdefault(name, []).append((version, at))

    def reached(self, truth: Versions) -> float:
        """When it knew all of `truth`, or newer; infinity if it never did."""
        return max((self._knew(name, version) for name, version in truth.items()), default=0.0)

    def _knew(self, name: str, version: int) -> float:
        return min((at for v, at in self.learnt.get(name, ()) if v >= version), default=inf)

    def recoveries(self, truths: Sequence["Truth"], *, allowed: float) -> Iterator[float]:
        """For each (re)connection the seconds until the view was what REST said after it.

        A connection that was lost again within the time `allowed` proves nothing either way.
        """
        for at in self.connected:
            truth = next((truth for truth in truths if truth.answered_at >= at), None)
            lost = next((lost for lost in self.door.lost if lost > at), inf)
            reached = self.reached(truth.versions) if truth else inf
            if reached <= lost or lost - at > allowed:
                yield max(0.0, reached - at)


class Streaming(Follower):
    """Follows everything of its owner with the client, by server-sent events."""

    async def follow(self, client: AsyncClient, _: "asyncio.Queue[str]") -> None:
        state = LiveState()
        async for message in client.follow("me"):
            self.take(message)
            state = reduce(state, [message])
            self.jobs, self.images = state.jobs, state.images

    def take(self, message: Message) -> None:
        data = message["data"]
        self.note(message["event"], data.get("id"), data.get("version", 0), time.monotonic())
        self.resets += bool(data.get("reset"))


class Polling(Follower):
    """Waits with the client for one job after the other, by long poll."""

    async def follow(self, client: AsyncClient, job_ids: "asyncio.Queue[str]") -> None:
        state = LiveState()
        while True:
            job = await (await client.get_job(await job_ids.get())).wait()
            self.note("job.updated", job.id, job.version, time.monotonic())
            state = reduce(state, [{"event": "job.updated", "data": job.raw}])
            self.jobs = state.jobs


@dataclass
class Pages:
    """The page's own sockets and reducer, under node."""

    followers: list[Follower]
    process: asyncio.subprocess.Process
    _views: "asyncio.Queue[dict[str, Any]]" = field(default_factory=asyncio.Queue)

    @classmethod
    @asynccontextmanager
    async def open(cls, doors: Sequence[Door], key: str | None) -> AsyncIterator["Pages"]:
        command = ("node", "--experimental-websocket", "--no-warnings", str(PAGE))
        process = await asyncio.create_subprocess_exec(
            *(*command, *(door.url for door in doors)),
            env={"PATH": os.environ["PATH"], **({"ATELIER_API_KEY": key} if key else {})},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=MEGABYTES,
        )
        try:
            yield cls([Follower(f"page {i}", door) for i, door in enumerate(doors)], process)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            said = json.loads(line)
            if isinstance(said, dict):
                self._views.put_nowait(said)
            else:
                page, at, event, name, version = said
                self.followers[page].note(event, name, version, at)

    async def look(self) -> None:
        """Bring every page's view here."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"views\n")
        for _ in self.followers:
            view = await self._views.get()
            follower = self.followers[view["page"]]
            follower.jobs = {job["id"]: job for job in view["jobs"]}
            follower.images = {image["id"]: image for image in view["images"]}
            follower.resets = view["resets"]


@dataclass(frozen=True)
class Truth:
    """What REST said, and when it had said all of it."""

    answered_at: float
    jobs: Mapping[str, Any]
    images: Mapping[str, Any]

    @property
    def versions(self) -> Versions:
        return {name: it["version"] for name, it in {**self.jobs, **self.images}.items()}

    @classmethod
    async def ask(cls, http: httpx.AsyncClient) -> "Truth":
        lists = [
            {item["id"]: item async for item in pages(http, path, **query)}
            for path, query in (
                ("/v1/jobs", {}),
                ("/v1/images", {}),
                ("/v1/images", {"trashed": "true"}),
            )
        ]
        return cls(time.monotonic(), lists[0], lists[1] | lists[2])


async def keep_asking(http: httpx.AsyncClient, truths: list[Truth], *, every: float) -> None:
    """The truth every so often, while it can be had."""
    while True:
        with suppress(httpx.HTTPError):
            truths.append(await Truth.ask(http))
        await asyncio.sleep(every)
