"""A load generator that costs little itself: aiohttp in, one websocket or slow polling out."""

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import aiohttp

from accounting import Roots, cpu_seconds

POLL = 0.5  # seconds between two looks of a client that polls
OVERLAP = 0.5  # seconds that two looks have in common: rows become visible after their time


@dataclass
class Result:
    jobs: int
    begun: float  # by time.perf_counter, as everything here
    seconds: float
    submit: list[float] = field(default_factory=list)
    end_to_end: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.jobs / self.seconds


def quantile(values: list[float], q: float) -> float:
    """In milliseconds."""
    return statistics.quantiles(values, n=1000, method="inclusive")[int(q * 1000) - 1] * 1000


def percentiles(values: list[float]) -> dict[str, float]:
    """Of seconds, in milliseconds."""
    return {
        "p50": quantile(values, 0.5),
        "p99": quantile(values, 0.99),
        "max": max(values) * 1000,
    }


class _Watched:
    """Notes when each job sent ended, and when that was seen."""

    def __init__(self, jobs: int) -> None:
        self.sent: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.seen: dict[str, float] = {}
        self.statuses: dict[str, str] = {}
        self.finished = asyncio.Event()
        self._jobs = jobs

    def note(self, job_id: str, status: str, at: float) -> None:
        if job_id not in self.ended:
            self.ended[job_id] = at
            self.seen[job_id] = time.perf_counter()
            self.statuses[job_id] = status
            self.check()

    def check(self) -> None:
        if len(self.sent) >= self._jobs and self.ended.keys() >= self.sent.keys():
            self.finished.set()


Note = Callable[[str, str, float], None]
Watch = Callable[[aiohttp.ClientSession, str, Note], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def over_websocket(
    http: aiohttp.ClientSession, origin: str, note: Note
) -> AsyncIterator[None]:
    """A job ended when its terminal event arrived."""
    url = origin.replace("http", "ws") + "/v1/events?topic=me"
    async with http.ws_connect(url, max_msg_size=0, origin=origin) as socket:

        async def listen() -> None:
            async for message in socket:
                if '"done":true' in message.data:  # reading all of them would cost what it measures
                    job = json.loads(message.data)["data"]
                    note(job["id"], job["status"], time.perf_counter())

        listening = asyncio.create_task(listen())
        try:
            yield
        finally:
            listening.cancel()


@asynccontextmanager
async def by_polling(http: aiohttp.ClientSession, origin: str, note: Note) -> AsyncIterator[None]:
    """A job ended when the server says, so that its rate is not that of the polling."""
    wall = time.time() - time.perf_counter()

    async def poll() -> None:
        since = time.time()
        while True:
            await asyncio.sleep(POLL)
            params = {"since": str(since - OVERLAP)}
            async with http.get(f"{origin}/v1/jobs", params=params) as answer:
                items = (await answer.json())["items"]
            for item in items:
                note(item["id"], item["status"], item["finished_at"] - wall)
                since = max(since, item["finished_at"])

    polling = asyncio.create_task(poll())
    try:
        yield
    finally:
        polling.cancel()


async def run(
    origin: str,
    *,
    jobs: int,
    concurrency: int,
    body: Mapping[str, object],
    headers: Mapping[str, str],
    roots: Roots,
    rate: float | None = None,
    watch: Watch = over_websocket,
) -> Result:
    """Submit `jobs` jobs and wait until each one was seen to end.

    Closed loop with `concurrency` submitters, or with `rate` an open loop of that many a second.
    """
    watched = _Watched(jobs)
    submit_times: list[float] = []
    connector = aiohttp.TCPConnector(limit=concurrency + 1)  # one watches

    async with (
        aiohttp.ClientSession(connector=connector, headers=headers) as http,
        watch(http, origin, watched.note),
    ):

        async def submit() -> None:
            started = time.perf_counter()
            key = {"Idempotency-Key": uuid4().hex}
            async with http.post(f"{origin}/v1/jobs", json=body, headers=key) as answer:
                accepted = await answer.json()
                assert answer.status == 202, accepted
            submit_times.append(time.perf_counter() - started)
            watched.sent[accepted["id"]] = started
            watched.check()

        async def submitter(tickets: Iterator[int]) -> None:
            for _ in tickets:
                await submit()

        before, begin = cpu_seconds(roots), time.perf_counter()
        async with asyncio.timeout(300), asyncio.TaskGroup() as group:
            if rate is None:
                tickets = iter(range(jobs))
                for _ in range(concurrency):
                    group.create_task(submitter(tickets))
            else:
                for i in range(jobs):
                    await asyncio.sleep(max(0, begin + i / rate - time.perf_counter()))
                    group.create_task(submit())
            await watched.finished.wait()
        after = cpu_seconds(roots)
    return Result(
        jobs=jobs,
        begun=begin,
        seconds=max(watched.ended[i] for i in watched.sent) - begin,
        submit=submit_times,
        end_to_end=[watched.seen[i] - watched.sent[i] for i in watched.sent],
        statuses=Counter(watched.statuses[i] for i in watched.sent),
        cpu={name: after[name] - before[name] for name in roots},
    )
