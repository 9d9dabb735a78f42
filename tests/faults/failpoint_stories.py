"""Dying at every step of a job's way, one after the other, and what became of the jobs."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

import httpx

from atelier_core.failpoints import VARIABLE
from atelier_core.ports import BlobStore
from checker import gather_facts
from fakes.provider_server import Vendor
from faults.chaos import SLOTS, Watcher, client, come_to_rest, complaints
from faults.chaos_clients import (
    FREE,
    LIMITED,
    PAID,
    PAID_BATCH,
    QUEUED,
    Clients,
    Kind,
)
from judge import Asked, Facts, violations
from platforms import Platform, Process

DIES_WITHIN = 30.0
AT_ONCE = 10.0  # seconds in which jobs that need not wait for anybody have ended
CALL = 0.3  # seconds that the vendor takes

MANY = Kind("batch of 120", 1, {**PAID_BATCH.body, "model": "fake/free", "prompts": ["x"] * 120})
MANY = replace(MANY, jobs=120, free=True)
STOPPED = Kind("stopped", 1, {**PAID.body, "prompt": "stop it [[queue]][[delay=30]]"})
ALL = (FREE, PAID, QUEUED)


@dataclass(frozen=True)
class Point:
    """A place to die at: the failpoint of that name, or what `arm` says, one death after another.

    `fault` is its name in the catalogue of faults. An empty `arm` means: while a call is open.
    """

    name: str
    wants: tuple[Kind, ...]
    fault: str = ""
    arm: tuple[str, ...] | None = None
    purges: bool = False

    @property
    def victim(self) -> str:
        return self.name.partition(".")[0]

    @property
    def deaths(self) -> tuple[str | None, ...]:
        specs = self.arm if self.arm is not None else (f"{self.name}=kill",)
        return specs or (None,)

    @property
    def id(self) -> str:
        return f"{self.fault}-{self.name}" if self.fault else self.name


POINTS = (
    Point("api.after_row", (PAID,)),
    Point("api.after_publish", (PAID,)),
    Point("api.before_answer", (PAID,)),
    Point("worker.after_receive", ALL, "F1"),
    Point("worker.after_record", (PAID, QUEUED)),
    Point("worker.before_call", ALL),
    Point("worker.during_call", (PAID,), "F2", arm=()),
    Point("worker.before_provider_id", (QUEUED,)),
    Point("worker.after_provider_id", (QUEUED,)),
    Point("worker.after_answer", ALL),
    Point("worker.after_stop", (STOPPED,)),
    Point("worker.before_put", ALL, "F3"),
    Point("worker.after_put", ALL, "F4"),
    Point("worker.before_outcome", ALL),
    Point("worker.after_outcome", ALL),
    Point("worker.after_announce", ALL),
    Point("worker.before_ack", ALL, "F5"),
    Point("worker.after_hand_back", (LIMITED,)),
    Point("worker.after_claim", (LIMITED,)),
    Point(
        "worker.before_settle",
        (STOPPED,),
        arm=("worker.after_stop=kill", "worker.before_settle=kill"),
    ),
    Point("worker.derive_after_put", (FREE,)),
    Point("worker.derive_before_ack", (FREE,)),
    Point("worker.expand_midway", (MANY,)),
    Point("worker.expand_before_ack", (PAID_BATCH,)),
    Point("gallery.before_save", ALL),
    Point("gallery.after_save", ALL),
    Point("gallery.before_ack", ALL, "F6"),
    Point("gallery.after_cancel", (STOPPED,)),
    Point("gallery.after_purge", (PAID,), purges=True),
    Point("gallery.after_bytes", (PAID,), purges=True),
)


@dataclass
class Wreck:
    """What became of a platform that died at each of POINTS."""

    died: dict[str, bool] = field(default_factory=dict)
    asked: dict[str, list[Asked]] = field(default_factory=dict)
    facts: Facts | None = None
    sick: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> list[str]:
        assert self.facts is not None
        return [*violations(self.facts), *self.sick]


@dataclass
class Wrecker:
    """Breaks one platform. `victims` are its processes by what they are."""

    platform: Platform
    vendor: Vendor
    blobs: Callable[[], AbstractAsyncContextManager[BlobStore]]
    wreck: Wreck = field(default_factory=Wreck)
    killed: int = 0

    def victim(self, point: Point) -> Process:
        processes = self.platform.processes
        return processes.get("embedded") or processes[f"{point.victim}-0"]

    async def run(self, points: Sequence[Point]) -> Wreck:
        watcher = Watcher()
        async with client(self.platform) as http, asyncio.TaskGroup() as group:
            following = group.create_task(watcher.follow(self.platform))
            clients = Clients(http, random.Random(1), moody=False)
            waiting: list[asyncio.Task[Asked]] = []
            for point in points:
                wants: list[asyncio.Task[Asked]] = []

                def ask(point: Point = point, wants: list[asyncio.Task[Asked]] = wants) -> None:
                    wants.extend(
                        group.create_task(self._want(clients, kind, point)) for kind in point.wants
                    )

                await self._break(point, ask)
                waiting += wants
                if self.platform.kind == "embedded":
                    await asyncio.wait(wants, timeout=AT_ONCE)
                    await self._ended(http, [want.result() for want in wants if want.done()])
            await asyncio.wait(waiting)
            await come_to_rest(http, clients, watcher)
            async with self.blobs() as blobs:
                self.wreck.facts = await gather_facts(
                    http,
                    blobs,
                    asked=clients.asked,
                    calls=self.vendor.calls,
                    seen=watcher.seen,
                    in_flight=SLOTS * self.killed,
                )
            await watcher.caught_up(self.wreck.facts.jobs)
            following.cancel()
        self.wreck.sick = complaints(self.platform)
        return self.wreck

    async def _want(self, clients: Clients, kind: Kind, point: Point) -> Asked:
        asked = await clients.want(kind, tag=f"{point.name}/")
        self.wreck.asked.setdefault(point.name, []).append(asked)
        if point.purges and asked.job_ids:
            await self._ended(clients.http, [asked])
            await clients.purge(asked, asked.job_ids[0])
        if kind is STOPPED and asked.job_ids:
            await self._called(asked.job_ids[0])
            await clients.cancel(asked, asked.job_ids[0])
        return asked

    async def _called(self, job_id: str) -> None:
        """Wait until the vendor was asked for it, by a worker that hears of its cancellation."""
        async with asyncio.timeout(DIES_WITHIN):
            while all(call["job_id"] != job_id for call in self.vendor.calls):
                await asyncio.sleep(0.05)

    async def _break(self, point: Point, ask: Callable[[], None]) -> None:
        """Start the victim with the point armed, `ask` for something, wait for its death, and start
        it again.
        """
        process = self.victim(point)
        died: list[bool] = []
        for spec in point.deaths:
            await asyncio.to_thread(restart, process, spec)
            if not died:
                ask()
            if spec is None:
                await self._kill_during_a_call(process)
            died.append(await death_of(process))
            self.killed += point.victim == "worker" or self.platform.kind == "embedded"
        self.wreck.died[point.name] = all(died)
        await asyncio.to_thread(restart, process, None)

    async def _kill_during_a_call(self, process: Process) -> None:
        self.vendor.delay = DIES_WITHIN
        async with asyncio.timeout(DIES_WITHIN):
            while not self.vendor.open_now:
                await asyncio.sleep(0.02)
        self.vendor.delay = CALL
        process.kill()

    async def _ended(self, http: httpx.AsyncClient, asked: Sequence[Asked]) -> None:
        """Wait until they have ended, or for as long as those take that need not wait."""
        ids = {job_id for one in asked for job_id in one.job_ids or ()}
        loop = asyncio.get_running_loop()
        until = loop.time() + AT_ONCE
        while ids and loop.time() < until:
            for job_id in list(ids):
                try:
                    answer = await http.get(f"/v1/jobs/{job_id}")
                except httpx.TransportError:
                    continue
                if answer.status_code == 200 and answer.json()["done"]:
                    ids.discard(job_id)
            await asyncio.sleep(0.05)


def restart(process: Process, spec: str | None) -> None:
    """kill -9 and start, with `spec` armed."""
    process.kill()
    armed = {VARIABLE: spec} if spec else {}
    process.env = {**{k: v for k, v in process.env.items() if k != VARIABLE}, **armed}
    process.start()
    if spec is None:
        process.wait_ready()


async def death_of(process: Process, *, within: float = DIES_WITHIN) -> bool:
    """Whether it killed itself before long."""
    assert process.child is not None
    try:
        async with asyncio.timeout(within):
            while process.child.poll() is None:
                await asyncio.sleep(0.02)
    except TimeoutError:
        return False
    return process.child.returncode == -9
