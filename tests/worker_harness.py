"""A worker on any bus and any blobs, whose store and broker fail where a test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from atelier_core.adapters.memory_blobs import MemoryBlobStore
from atelier_core.adapters.memory_bus import MemoryBus
from atelier_core.contracts import topology
from atelier_core.contracts.events import Durable, Event, JobEnded, JobRequested
from atelier_core.domain.derive import Derived
from atelier_core.domain.request import AcceptedJob, ImageRequest, Lane
from atelier_core.domain.run import RunRecord, run_key, worker_key
from atelier_core.domain.values import new_id, now
from atelier_core.errors import NotFoundError, PermanentError
from atelier_core.ports import Blob, BlobInfo, BlobStore, EventPublisher, EventSource, Subscription
from atelier_worker.ports import ImageProvider
from atelier_worker.service import service

Hook = Callable[[str, str], Awaitable[None]]
"""Called with the operation and the key (or the event's type) before or after it is done."""


async def nothing(_: str, __: str) -> None:
    """A hook that does nothing."""


@dataclass
class Graves:
    """Incarnations that a test killed: whatever their heartbeats say."""

    dead: set[str] = field(default_factory=set)


@dataclass
class Mortal:
    """A worker's view of the store and the broker. Once `dead` it reaches neither."""

    blobs: BlobStore
    publisher: EventPublisher
    graves: Graves
    before: Hook = nothing
    after: Hook = nothing
    dead: bool = False

    async def _through(self, op: str, key: str, work: Callable[[], Awaitable[Any]]) -> Any:
        if self.dead:
            raise PermanentError("this worker was killed")
        await self.before(op, key)
        result = await work()
        await self.after(op, key)
        return result

    async def put(self, key: str, data: bytes, **options: Any) -> str:
        return await self._through("put", key, lambda: self.blobs.put(key, data, **options))

    async def get(self, key: str) -> Blob:
        return await self._through("get", key, lambda: self.blobs.get(key))

    async def head(self, key: str) -> BlobInfo:
        info = await self._through("head", key, lambda: self.blobs.head(key))
        return self._aged(info)

    async def delete(self, key: str) -> None:
        await self._through("delete", key, lambda: self.blobs.delete(key))

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        if self.dead:
            raise PermanentError("this worker was killed")
        await self.before("list", prefix)
        async for info in self.blobs.list(prefix):
            yield self._aged(info)

    def stream(self, key: str, *, start: int = 0, end: int | None = None) -> Any:
        return self.blobs.stream(key, start=start, end=end)

    async def presign(self, key: str, *, seconds: int, filename: str | None = None) -> str | None:
        return await self.blobs.presign(key, seconds=seconds, filename=filename)

    async def publish(self, *events: Durable) -> None:
        await self._through("publish", events[0].type, lambda: self.publisher.publish(*events))

    def announce(self, *events: Any) -> None:
        if not self.dead:
            self.publisher.announce(*events)

    def _aged(self, info: BlobInfo) -> BlobInfo:
        gone = info.key in {worker_key(name) for name in self.graves.dead}
        return replace(info, age=3600.0) if gone else info


class NoDeriver:
    """Derives the same of every picture."""

    async def derive(self, data: bytes) -> Derived:
        return Derived(thumb_320=b"webp", blurhash="LKO2?U%2Tw=w]~RBVZRi};RPxuwH")


@dataclass
class Hand:
    """A worker that runs, and its view of the world."""

    incarnation: str
    view: Mortal
    _leave: asyncio.Event = field(default_factory=asyncio.Event)
    _left: asyncio.Event = field(default_factory=asyncio.Event)

    async def leave(self) -> None:
        self._leave.set()
        await self._left.wait()

    async def kill(self) -> None:
        """As kill -9: from now on nothing it does reaches anybody, and its messages come again."""
        self.view.dead = True
        self.view.graves.dead.add(self.incarnation)
        await self.leave()


@dataclass
class Stage:
    """A bus, a store, and what the gallery would have been told."""

    bus: Any
    blobs: BlobStore
    graves: Graves
    told: list[Event]
    _group: asyncio.TaskGroup
    _told: asyncio.Condition
    _ended: dict[str, list[JobEnded]]

    async def worker(
        self,
        *providers: ImageProvider,
        before: Hook = nothing,
        after: Hook = nothing,
        concurrency: int = 10,
        grace: float = 0.05,
        **options: Any,
    ) -> Hand:
        view = Mortal(self.blobs, self.bus, self.graves, before, after)
        hand = Hand(new_id(), view)
        ready = asyncio.Event()

        async def live() -> None:
            async with service(
                source=self.bus,
                publisher=view,
                blobs=view,
                providers=providers,
                deriver=options.pop("deriver", NoDeriver()),
                concurrency=concurrency,
                grace=grace,
                incarnation=hand.incarnation,
                **options,
            ):
                ready.set()
                await hand._leave.wait()
            hand._left.set()

        self._group.create_task(live())
        await ready.wait()
        self._hands.append(hand)
        return hand

    _hands: list[Hand] = field(default_factory=list)

    async def request(self, job: AcceptedJob, *, lane: Lane = Lane.INTERACTIVE) -> None:
        await self.bus.publish(JobRequested(owner=job.owner, job=job, lane=lane))

    async def ends(self, *jobs: AcceptedJob, times: int = 1) -> list[JobEnded]:
        """The `times`-th end told of each job, once there is one."""

        def found() -> bool:
            return all(len(self._ended.get(job.id, ())) >= times for job in jobs)

        async with self._told:
            await self._told.wait_for(found)
        return [self._ended[job.id][times - 1] for job in jobs]

    async def end(self, job: AcceptedJob, *, times: int = 1) -> JobEnded:
        return (await self.ends(job, times=times))[0]

    async def until(self, told: Callable[[list[Event]], bool]) -> None:
        async with self._told:
            await self._told.wait_for(lambda: told(self.told))

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]

    async def record(self, job: AcceptedJob) -> RunRecord | None:
        try:
            blob = await self.blobs.get(run_key(job.id))
        except NotFoundError:
            return None
        return RunRecord.model_validate_json(blob.data)

    async def write(self, job: AcceptedJob, record: RunRecord) -> None:
        """As if a worker, or the gallery, had left it."""
        data = record.model_dump_json().encode()
        await self.blobs.put(run_key(job.id), data, content_type="application/json")

    async def keys(self, prefix: str) -> list[str]:
        return [info.key async for info in self.blobs.list(prefix)]


@asynccontextmanager
async def in_memory() -> AsyncIterator[Stage]:
    """A stage on a bus and a store of its own."""
    async with (
        MemoryBus.open(delays=(0.02,)) as bus,
        stage(bus, MemoryBlobStore()) as the_stage,
    ):
        yield the_stage


@asynccontextmanager
async def stage(bus: EventSource, blobs: BlobStore) -> AsyncIterator[Stage]:
    """Workers started on it leave with it; everything under one timeout."""
    told: list[Event] = []
    ended: dict[str, list[JobEnded]] = {}
    condition = asyncio.Condition()

    async def gallery(event: Event) -> None:
        async with condition:
            told.append(event)
            if isinstance(event, JobEnded):
                ended.setdefault(event.job_id, []).append(event)
            condition.notify_all()

    projection = Subscription(
        queue=topology.PROJECTION, topics=topology.DURABLE[topology.PROJECTION], prefetch=100
    )
    async with asyncio.timeout(60), AsyncExitStack() as stack:
        await stack.enter_async_context(bus.consume(projection, gallery, grace=1))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        here = Stage(bus, blobs, Graves(), told, group, condition, ended)
        try:
            yield here
        finally:
            for hand in here._hands:
                hand._leave.set()


def job(
    prompt: str = "a red fox",
    *,
    n: int = 1,
    model: str = "fake/paid",
    size: str = "64x64",
    **options: Any,
) -> AcceptedJob:
    request: Mapping[str, Any] = {"prompt": prompt, "n": n, "model": model, "size": size}
    deadline = options.pop("deadline", None)
    return AcceptedJob(
        id=new_id(),
        owner="local",
        request=ImageRequest(**request, deadline=deadline),
        created_at=options.pop("created_at", now()),
        **options,
    )


class Death:
    """Where a worker is when it is killed: it stops there, and `came` is set."""

    def __init__(self) -> None:
        self.came = asyncio.Event()

    async def __call__(self) -> None:
        self.came.set()
        await asyncio.Event().wait()


def at(op: str, part: str, act: Callable[[], Awaitable[None]], *, times: int = 1) -> Hook:
    """A hook that does `act` the first `times` times that `op` meets a key with `part` in it."""
    left = times

    async def hook(found: str, key: str) -> None:
        nonlocal left
        if found == op and part in key and left:
            left -= 1
            await act()

    return hook
