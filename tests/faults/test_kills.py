"""kill -9 in the middle: every job ends, none is lost, no picture comes twice, none is paid twice."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from checker import check, submit
from fakes.provider_server import Vendor
from fakes.provider_server import vendor as open_vendor
from platforms import Platform, corner, distributed, embedded
from ports import free_port
from servers import S3

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(420)]

BODY = {"prompt": "a fox", "model": "fake/paid", "size": "64x64"}
SLOTS = 6  # of each worker: the most calls that can be in flight when it is killed
FRESH_QUEUE = 5.0  # seconds a quorum queue needs before its broker may be killed (see docs)


@dataclass(frozen=True)
class Paid:
    """The provider's side of the story."""

    vendor: Vendor
    url: str

    @property
    def jobs(self) -> list[str]:
        """The job of every call that was paid."""
        return [call["job_id"] for call in self.vendor.paid]

    async def until(self, calls: int) -> None:
        async with asyncio.timeout(90):
            while len(self.jobs) < calls:
                await asyncio.sleep(0.02)


@pytest.fixture
async def paid() -> AsyncIterator[Paid]:
    async with open_vendor(delay=0.4, size=16 * 1024) as (vendor, url):
        yield Paid(vendor, url)


def client(platform: Platform) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=platform.origin, headers=platform.headers, timeout=15)


async def test_embedded_killed_twice_in_the_middle_of_100_jobs(tmp_path: Path, paid: Paid) -> None:
    env = {
        "ATELIER_PROVIDERS": "fake",
        "ATELIER_FAKE_URL": paid.url,
        "ATELIER_WORKER_CONCURRENCY": str(SLOTS),
    }
    with embedded(tmp_path, port=free_port(), env=env) as platform:
        process = platform.processes["embedded"]
        async with client(platform) as http, asyncio.TaskGroup() as group:
            jobs = [group.create_task(submit(http, BODY)) for _ in range(100)]
            for calls in (25, 60):
                await paid.until(calls)
                await asyncio.to_thread(process.kill)
                process.start()
                await asyncio.to_thread(process.wait_ready)
        async with client(platform) as http:
            accepted = [job.result()["id"] for job in jobs]
            assert len(set(accepted)) == 100
            await check(http, accepted, ledger=lambda: paid.jobs, in_flight=2 * SLOTS)


async def test_a_worker_killed_and_the_broker_restarted_in_the_middle_of_200_jobs(
    tmp_path: Path, paid: Paid, amqp_url: str, mongo_url: str, s3: S3
) -> None:
    restart = os.environ.get("ATELIER_TEST_AMQP_RESTART")
    if restart is None:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("ATELIER_TEST_AMQP_RESTART is not set: a command that kills and starts the broker")
    env = {
        "ATELIER_PROVIDERS": "fake",
        "ATELIER_FAKE_URL": paid.url,
        "ATELIER_WORKER_CONCURRENCY": str(SLOTS),
    }
    with (
        corner(amqp_url, mongo_url, s3) as servers,
        distributed(tmp_path, servers, workers=3, galleries=1, env=env) as platform,
    ):
        await asyncio.sleep(FRESH_QUEUE)
        async with client(platform) as http:
            async with asyncio.TaskGroup() as group:
                jobs = [group.create_task(submit(http, BODY)) for _ in range(200)]
                await paid.until(60)
                await asyncio.to_thread(platform.processes["worker-1"].kill)
                await paid.until(90)
                done = await asyncio.to_thread(
                    subprocess.run, ["bash", "-c", restart], timeout=120, check=False
                )
                assert done.returncode == 0
            accepted = [job.result()["id"] for job in jobs]
            assert len(set(accepted)) == 200
            await check(http, accepted, ledger=lambda: paid.jobs, in_flight=SLOTS)
