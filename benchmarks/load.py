"""A load generator that costs little itself: aiohttp in, one websocket out."""

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from uuid import uuid4

import aiohttp

from accounting import Roots, cpu_seconds


@dataclass
class Result:
    jobs: int
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


class _Watch:
    """Notes when each job sent was seen to end."""

    def __init__(self, jobs: int) -> None:
        self.sent: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.statuses: dict[str, str] = {}
        self.finished = asyncio.Event()
        self._jobs = jobs

    async def listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if '"done":true' in message.data:  # reading every message would cost what it measures
                job = json.loads(message.data)["data"]
                self._note(job["id"], job["status"])

    def _note(self, job_id: str, status: str) -> None:
        if job_id not in self.ended:
            self.ended[job_id] = time.perf_counter()
            self.statuses[job_id] = status
            self.check()

    def check(self) -> None:
        if len(self.sent) >= self._jobs and self.ended.keys() >= self.sent.keys():
            self.finished.set()


async def run(
    origin: str,
    *,
    jobs: int,
    concurrency: int,
    body: dict[str, object],
    headers: Mapping[str, str],
    roots: Roots,
    rate: float | None = None,
) -> Result:
    """Submit `jobs` jobs and wait for each one's terminal event on a websocket.

    Closed loop with `concurrency` submitters, or with `rate` an open loop of that many a second.
    """
    watch = _Watch(jobs)
    submit_times: list[float] = []
    url = origin.replace("http", "ws") + "/v1/events?topic=me"
    connector = aiohttp.TCPConnector(limit=concurrency)

    async with (
        aiohttp.ClientSession(connector=connector, headers=headers) as http,
        http.ws_connect(url, max_msg_size=0, origin=origin) as socket,
    ):

        async def submit() -> None:
            started = time.perf_counter()
            key = {"Idempotency-Key": uuid4().hex}
            async with http.post(f"{origin}/v1/jobs", json=body, headers=key) as answer:
                accepted = await answer.json()
                assert answer.status == 202, accepted
            submit_times.append(time.perf_counter() - started)
            watch.sent[accepted["id"]] = started
            watch.check()

        async def submitter(tickets: Iterator[int]) -> None:
            for _ in tickets:
                await submit()

        watching = asyncio.create_task(watch.listen(socket))
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
            await watch.finished.wait()
        after = cpu_seconds(roots)
        watching.cancel()
    return Result(
        jobs=jobs,
        seconds=max(watch.ended[i] for i in watch.sent) - begin,
        submit=submit_times,
        end_to_end=[watch.ended[i] - watch.sent[i] for i in watch.sent],
        statuses=Counter(watch.statuses[i] for i in watch.sent),
        cpu={name: after[name] - before[name] for name in roots},
    )
