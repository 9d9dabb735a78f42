"""Cuts and a gallery that is killed while fifty people watch: each view is REST's soon after."""

import asyncio
import logging
import os
import random
import shutil
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from atelier_client import AsyncClient, Retry
from checker import all_ended, submit
from fakes.provider_server import vendor
from followers import Door, Follower, Pages, Polling, Streaming, Truth, keep_asking
from platforms import Platform, corner, distributed, embedded
from ports import free_port

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

JOBS = 60
BODY = {"prompt": "a fox", "model": "fake/free", "size": "64x64"}
ENV = {"ATELIER_PROVIDERS": "fake", "ATELIER_WORKER_CONCURRENCY": "8"}
KILLED_AFTER = 3.0  # seconds, in the middle of the work
PAGES, STREAMS, POLLS = 17, 17, 16
PATIENT = Retry(attempts=20, cap=1.0)  # of people who know that servers restart
PATIENCE = Retry(attempts=20, cap=1.0)  # of people who know that servers restart
SOON = 2.0  # seconds from reconnecting to a view that is REST's


log = logging.getLogger(__name__)


@dataclass
class Stage:
    """A platform, doors to it that fail, and the way around them."""

    platform: Platform
    around: httpx.AsyncClient
    doors: list[Door]

    async def kill_and_start(self, name: str) -> None:
        process = self.platform.processes[name]
        await asyncio.to_thread(process.kill)
        process.start()
        await asyncio.to_thread(process.wait_ready)

    def cut(self, share: float, chance: random.Random) -> None:
        for door in self.doors:
            if chance.random() < share:
                door.cut()


@contextmanager
def small(folder: Path, env: dict[str, str], _: pytest.FixtureRequest) -> Iterator[Platform]:
    with embedded(folder, env=env, port=free_port()) as platform:
        yield platform


@contextmanager
def big(folder: Path, env: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Platform]:
    servers = corner(*(request.getfixturevalue(n) for n in ("amqp_url", "mongo_url", "s3")))
    with servers as its, distributed(folder, its, workers=1, env=env) as platform:
        yield platform


@asynccontextmanager
async def on_stage(platform: Platform) -> AsyncIterator[Stage]:
    where = platform.origin.removeprefix("http://")
    async with AsyncExitStack() as stack:
        doors = [
            await stack.enter_async_context(Door.open(where, public=where))
            for _ in range(PAGES + STREAMS + POLLS + 1)
        ]
        http = httpx.AsyncClient(base_url=platform.origin, headers=platform.headers, timeout=10)
        yield Stage(platform, await stack.enter_async_context(http), doors)


@asynccontextmanager
async def watched(stage: Stage, job_ids: "asyncio.Queue[str]") -> AsyncIterator[Callable[[], Any]]:
    """Fifty people; what is yielded returns them, with their views as they are then."""
    key, doors = stage.platform.api_key, iter(stage.doors)
    async with AsyncExitStack() as stack:
        pages = await stack.enter_async_context(Pages.open(list(islice(doors, PAGES)), key))
        streams = [Streaming(f"stream {i}", door) for i, door in enumerate(islice(doors, STREAMS))]
        polls = [Polling(f"poll {i}", door) for i, door in enumerate(islice(doors, POLLS))]
        group = await stack.enter_async_context(asyncio.TaskGroup())
        tasks = [group.create_task(pages.listen())]
        for follower in (*streams, *polls):
            client = AsyncClient(follower.door.url, key, retry=PATIENCE)
            await stack.enter_async_context(client)
            tasks.append(group.create_task(follower.follow(client, job_ids)))

        async def look() -> list[Follower]:
            await pages.look()
            return [*pages.followers, *streams, *polls]

        async with asyncio.timeout(20):
            while not all(follower.connected for follower in (*pages.followers, *streams)):
                await asyncio.sleep(0.05)
        yield look
        for task in tasks:
            task.cancel()


async def warm_up(stage: Stage) -> None:
    """One job without a picture left of it: before there is any change, there is no cursor."""
    job = await submit(stage.around, BODY)
    ended = await all_ended(stage.around, [job["id"]])
    [image] = ended[job["id"]]["images"]
    await stage.around.delete(f"/v1/images/{image['id']}", params={"permanent": "true"})


async def submit_all(stage: Stage, job_ids: "asyncio.Queue[str]") -> list[str]:
    """Jobs one after the other, through a door that fails as well; returns once all are done."""
    accepted = []
    async with httpx.AsyncClient(
        base_url=stage.doors[-1].url, headers=stage.platform.headers, timeout=10
    ) as http:
        for _ in range(JOBS):
            job = await submit(http, BODY)
            accepted.append(job["id"])
            job_ids.put_nowait(job["id"])
            await asyncio.sleep(0.05)
    ended = await all_ended(stage.around, accepted)
    assert {job["status"] for job in ended.values()} == {"succeeded"}
    return accepted


async def bin_pictures(stage: Stage, job_ids: Sequence[str]) -> None:
    """Throw away their pictures, every other one for good."""
    for i, job_id in enumerate(job_ids):
        job = (await stage.around.get(f"/v1/jobs/{job_id}")).json()
        forever = {"permanent": "true"} if i % 2 else {}
        for image in job["images"]:
            answer = await stage.around.delete(f"/v1/images/{image['id']}", params=forever)
            answer.raise_for_status()


async def keep_cutting(stage: Stage, chance: random.Random) -> None:
    while True:
        await asyncio.sleep(0.25)
        stage.cut(0.04, chance)


def is_true(follower: Follower, truth: Truth) -> bool:
    """Whether the view is REST's: of everything, or of the jobs somebody waited for."""
    if isinstance(follower, Polling):
        return all(job == truth.jobs[name] for name, job in follower.jobs.items())
    return follower.jobs == truth.jobs and follower.images == truth.images


@pytest.mark.parametrize(("open_platform", "victim"), [(small, "embedded"), (big, "gallery-1")])
async def test_every_view_is_rest_again(
    open_platform: Any,
    victim: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    if shutil.which("node") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("node is missing")
    truths: list[Truth] = []
    job_ids: asyncio.Queue[str] = asyncio.Queue()
    async with AsyncExitStack() as stack:
        _, url = await stack.enter_async_context(vendor(delay=0.4, size=2_000))
        env = {**ENV, "ATELIER_FAKE_URL": url}
        platform = stack.enter_context(open_platform(tmp_path, env, request))
        stage = await stack.enter_async_context(on_stage(platform))
        await warm_up(stage)
        look = await stack.enter_async_context(watched(stage, job_ids))
        asking = asyncio.create_task(keep_asking(stage.around, truths, every=0.1))
        stack.callback(asking.cancel)
        cutting = asyncio.create_task(keep_cutting(stage, random.Random(4)))
        stack.callback(cutting.cancel)
        submitting = asyncio.create_task(submit_all(stage, job_ids))
        stack.callback(submitting.cancel)
        async with asyncio.timeout(60):
            await asyncio.sleep(KILLED_AFTER)
            await stage.kill_and_start(victim)
            accepted = await submitting
        cutting.cancel()
        waited = await look()  # who waits for jobs has seen them end
        async with asyncio.timeout(20):
            while sum(len(f.jobs) for f in waited if isinstance(f, Polling)) < JOBS:
                await asyncio.sleep(0.05)
        ended = await Truth.ask(stage.around)
        wrong = [f.name for f in waited if isinstance(f, Polling) and not is_true(f, ended)]
        assert not wrong
        stage.cut(1.0, random.Random())
        await bin_pictures(stage, accepted[:8])  # while nobody hears of it
        until = time.monotonic() + 20
        while wrong := [
            f.name
            for f in await look()
            if not isinstance(f, Polling) and not is_true(f, truths[-1])
        ]:
            assert time.monotonic() < until, wrong
            await asyncio.sleep(0.1)
        followers = await look()
    assert {f.resets for f in followers if not isinstance(f, Polling)} == {1}  # all were resumed
    found = [s for f in followers for s in f.recoveries(truths, allowed=SOON)]
    percentiles = statistics.quantiles(found, n=100, method="inclusive")
    log.info("%d recoveries, p50 %.3f s, p99 %.3f s", len(found), percentiles[49], percentiles[98])
    assert len(found) > PAGES + STREAMS
    assert max(found) <= SOON, sorted(found)
