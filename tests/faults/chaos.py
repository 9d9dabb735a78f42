"""A run of everything at once: clients, kill -9 of every process in turn, restarts of the broker."""

import asyncio
import random
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

import httpx

from atelier_client import AsyncClient
from atelier_core.adapters.s3 import S3BlobStore
from atelier_core.ports import BlobStore
from checker import gather_facts, pages
from fakes.provider_server import Vendor
from faults.chaos_clients import Clients, mixture, traffic
from judge import Facts, Resource, violations
from platforms import Platform, Process, Servers

SLOTS = 6  # of each worker: the most calls that can be in flight when it is killed
REST = 300.0  # seconds until everything must have come to rest
AWARE = 10.0  # seconds until a watcher must know what REST says
NOT_DONE = ("queued", "running", "retrying")
SICK = ('"level": "error"', '"level": "critical"')


@dataclass
class Blow:
    """Something that was killed, `at` seconds into the run, and how long it was away."""

    what: str
    at: float
    away: float = 0.0


@dataclass
class Watcher:
    """Somebody who follows everything of theirs all the time, over all cuts."""

    seen: dict[str, list[Resource]] = field(default_factory=dict)
    ends: list[float] = field(default_factory=list)
    _done: set[str] = field(default_factory=set)

    async def follow(self, platform: Platform) -> None:
        async with AsyncClient(platform.origin, api_key=platform.api_key) as client:
            async for message in client.follow("me"):
                if message["event"] == "job.updated":
                    self._note(message["data"])

    def _note(self, job: Resource) -> None:
        self.seen.setdefault(job["id"], []).append(job)
        if job["done"] and job["id"] not in self._done:
            self._done.add(job["id"])
            self.ends.append(time.monotonic())

    async def caught_up(self, jobs: Sequence[Resource]) -> None:
        """Until it knows the jobs, or should have for long."""
        until = time.monotonic() + AWARE
        while not self.knows(jobs) and time.monotonic() < until:
            await asyncio.sleep(0.1)

    def knows(self, jobs: Sequence[Resource]) -> bool:
        return all(
            job["id"] in self.seen and self.seen[job["id"]][-1]["version"] >= job["version"]
            for job in jobs
        )


@dataclass(frozen=True, kw_only=True)
class Storm:
    """What happens to a platform. `restart_broker` is a shell command, None where there is none."""

    platform: Platform
    vendor: Vendor
    blobs: Callable[[], AbstractAsyncContextManager[BlobStore]]
    jobs: int
    rate: float
    seed: int
    calm: tuple[float, float]  # seconds between two blows, at least and at most
    restart_broker: str | None = None
    broker_every: float = 15.0


@dataclass
class Report:
    """How it went; `text` is for people."""

    storm: Storm
    facts: Facts
    blows: list[Blow]
    began: float
    submitted: float
    rested: float
    ends: list[float]
    sick: list[str]

    @property
    def verdict(self) -> list[str]:
        return [*violations(self.facts), *self.sick]

    def text(self) -> str:
        facts, storm = self.facts, self.storm
        kinds = Counter(asked.kind for asked in facts.asked)
        statuses = Counter(job["status"] for job in facts.jobs)
        paid = [call for call in facts.calls if call["paid"]]
        payable = sum(a.size for a in facts.asked if not a.free)
        lost = sum(a["outcome"] == "lost" for job in facts.jobs for a in job["attempts"])
        unknown = sum(asked.unknown for asked in facts.asked)
        sure = sum(a.job_ids is not None for a in facts.asked)
        took = self.rested - self.began
        given_up = len(facts.asked) - sure
        answered = self.rested - self.submitted
        charged = sum((Decimal(call["amount"]) for call in facts.calls), Decimal())
        rows = [
            ("asked", f"{len(facts.asked)} requests: {_counts(kinds)}"),
            ("", f"{sure} acknowledged, {given_up} given up, {unknown} answers left it open"),
            ("killed", f"{len(self.blows)} times: {_counts(Counter(b.what for b in self.blows))}"),
            ("", f"away for {_spread([b.away for b in self.blows])}"),
            ("", f"next end of a job after {_spread(self._recoveries())}"),
            ("jobs", f"{len(facts.jobs)}: {_counts(statuses)}"),
            ("", f"{len(facts.jobs) / took:.1f} a second; {took:.0f} s in all"),
            ("", f"at rest {answered:.0f} s after the last request was answered"),
            ("paid", f"{len(paid)} calls, {charged} USD, for {payable} jobs that cost"),
            ("", f"{lost} attempts lost; at most {facts.in_flight} calls in flight at the kills"),
            (
                "watcher",
                f"{sum(map(len, facts.seen.values()))} snapshots of {len(facts.seen)} jobs",
            ),
            ("store", f"{len(facts.stored)} pictures, {len(facts.images)} in the gallery"),
        ]
        lines = [f"{storm.platform.kind}, seed {storm.seed}"]
        lines += [f"  {name:8} {what}" for name, what in rows]
        verdict = self.verdict
        lines += [f"  verdict  {len(verdict)} violations" if verdict else "  verdict  all holds"]
        return "\n".join([*lines, *(f"    {what}" for what in verdict[:40])])

    def _recoveries(self) -> list[float]:
        """Seconds from each blow to the next end of a job that anybody saw."""
        found = []
        for blow in self.blows:
            at = self.began + blow.at
            after = next((end for end in self.ends if end > at), None)
            if after is not None:
                found.append(after - at)
        return found


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counter.most_common())


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "-"
    return f"{statistics.median(seconds):.1f} s (at most {max(seconds):.1f})"


async def weather(storm: Storm) -> Report:
    """Let it happen, wait until everything has come to rest, and see."""
    chance = random.Random(storm.seed)
    platform, began = storm.platform, time.monotonic()
    watcher, blows = Watcher(), []
    async with client(platform) as http, asyncio.TaskGroup() as group:
        following = group.create_task(watcher.follow(platform))
        clients = Clients(http, random.Random(chance.random()))
        kinds = list(mixture(storm.jobs, chance))
        raging = group.create_task(_rage(storm, random.Random(chance.random()), blows, began))
        await traffic(clients, kinds, rate=storm.rate, chance=random.Random(chance.random()))
        submitted = time.monotonic()
        raging.cancel()
        await asyncio.gather(raging, return_exceptions=True)
        await asyncio.to_thread(_all_up, platform)
        await come_to_rest(http, clients, watcher)
        rested = time.monotonic()
        workers = sum(_draws(blow.what) for blow in blows)
        async with storm.blobs() as blobs:
            facts = await gather_facts(
                http,
                blobs,
                asked=clients.asked,
                calls=storm.vendor.calls,
                seen=watcher.seen,
                in_flight=SLOTS * workers,
            )
        await watcher.caught_up(facts.jobs)
        following.cancel()
    return Report(
        storm=storm,
        facts=facts,
        blows=blows,
        began=began,
        submitted=submitted,
        rested=rested,
        ends=watcher.ends,
        sick=complaints(platform),
    )


@asynccontextmanager
async def client(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody of the platform's only owner, who does not wait for ever."""
    async with httpx.AsyncClient(
        base_url=platform.origin, headers=platform.headers, timeout=15
    ) as http:
        yield http


def s3_store(servers: Servers) -> AbstractAsyncContextManager[BlobStore]:
    """The platform's object store, for whoever looks afterwards."""
    names = ("endpoint", "access_key", "secret_key", "bucket")
    return S3BlobStore.open(**{name: servers.s3[f"ATELIER_S3_{name.upper()}"] for name in names})


def _draws(name: str) -> bool:
    return name.startswith("worker") or name == "embedded"


async def _rage(storm: Storm, chance: random.Random, blows: list[Blow], began: float) -> None:
    """Kill every process of ours in turn, in another order each time, and now and then the broker;
    until cancelled, and then what is down is up again.
    """
    next_broker = time.monotonic() + storm.broker_every / 2
    while True:
        names = [name for name in storm.platform.processes if name != "nginx"]
        chance.shuffle(names)
        for name in names:
            await asyncio.sleep(chance.uniform(*storm.calm))
            blow = Blow(name, time.monotonic() - began)
            blows.append(blow)
            process = storm.platform.processes[name]
            down = chance.uniform(0.0, 1.0)
            await _to_the_end(lambda p=process, d=down: _strike(p, d))
            blow.away = time.monotonic() - began - blow.at
            if storm.restart_broker and time.monotonic() > next_broker:
                next_broker = time.monotonic() + storm.broker_every
                blow = Blow("broker", time.monotonic() - began)
                blows.append(blow)
                await _to_the_end(lambda: _shell(storm.restart_broker or ""))
                blow.away = time.monotonic() - began - blow.at


async def _to_the_end(work: Callable[[], None]) -> None:
    """In a thread, also when cancelled meanwhile: nothing is left lying about."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _strike(process: Process, down: float) -> None:
    process.kill()
    time.sleep(down)
    process.start()
    process.wait_ready()


def _shell(command: str) -> None:
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()


def _all_up(platform: Platform) -> None:
    for process in platform.processes.values():
        process.wait_ready()


async def come_to_rest(http: httpx.AsyncClient, clients: Clients, watcher: Watcher) -> None:
    """Until every job that is known has ended, every bill is in and the watcher has seen it all;
    or for so long that it never will.
    """
    until = time.monotonic() + REST
    accepted = {i for asked in clients.asked for i in asked.job_ids or ()}
    while time.monotonic() < until:
        query = [("status", status) for status in NOT_DONE]
        answer = await http.get("/v1/jobs", params=[*query, ("limit", "1")])
        if answer.status_code == 200 and not answer.json()["items"]:
            jobs = [job async for job in pages(http, "/v1/jobs")]
            settled = all(a["outcome"] != "open" for job in jobs for a in job["attempts"])
            if settled and accepted <= {job["id"] for job in jobs} and watcher.knows(jobs):
                return
        await asyncio.sleep(0.5)


def complaints(platform: Platform) -> list[str]:
    """Lines in the logs that say that something happened which must not."""
    return [
        f"{process.name} logs: {line[:600]}"
        for process in platform.processes.values()
        for line in process.log.read_text(errors="replace").splitlines()
        if any(sign in line for sign in SICK)
    ]
