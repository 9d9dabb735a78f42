"""kill -9 in the middle: every job ends, none is lost, no picture comes twice, none is paid twice."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from checker import check, submit
from fakes.provider_server import ProviderServer
from platforms import Platform, corner, distributed, embedded, free_port
from servers import S3

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(420)]

BODY = {"prompt": "a fox", "model": "fake/paid", "size": "64x64"}
SLOTS = 6  # of each worker: the most calls that can be in flight when it is killed
FRESH_QUEUE = 5.0  # seconds a quorum queue needs before its broker may be killed (see docs)


@pytest.fixture
async def vendor() -> AsyncIterator[ProviderServer]:
    async with ProviderServer.open(delay=0.4, picture_bytes=16 * 1024) as server:
        yield server


def client(platform: Platform) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=platform.origin, headers=platform.headers, timeout=15)


async def until_paid(vendor: ProviderServer, calls: int) -> None:
    async with asyncio.timeout(90):
        while len(vendor.ledger) < calls:
            await asyncio.sleep(0.02)


async def test_embedded_killed_twice_in_the_middle_of_100_jobs(
    tmp_path: Path, vendor: ProviderServer
) -> None:
    env = {
        "ATELIER_PROVIDERS": "fake",
        "ATELIER_FAKE_URL": vendor.url,
        "ATELIER_WORKER_CONCURRENCY": str(SLOTS),
    }
    with embedded(tmp_path, port=free_port(), env=env) as platform:
        process = platform.processes["embedded"]
        async with client(platform) as http, asyncio.TaskGroup() as group:
            jobs = [group.create_task(submit(http, BODY)) for _ in range(100)]
            for paid in (25, 60):
                await until_paid(vendor, paid)
                await asyncio.to_thread(process.kill)
                process.start()
                await asyncio.to_thread(process.wait_ready)
        async with client(platform) as http:
            accepted = [job.result()["id"] for job in jobs]
            assert len(set(accepted)) == 100
            calls = [call.job_id for call in vendor.ledger]
            await check(http, accepted, calls=calls, in_flight=2 * SLOTS)


async def test_a_worker_killed_and_the_broker_restarted_in_the_middle_of_200_jobs(
    tmp_path: Path, vendor: ProviderServer, amqp_url: str, mongo_url: str, s3: S3
) -> None:
    restart = os.environ.get("ATELIER_TEST_AMQP_RESTART")
    if restart is None:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("ATELIER_TEST_AMQP_RESTART is not set: a command that kills and starts the broker")
    env = {
        "ATELIER_PROVIDERS": "fake",
        "ATELIER_FAKE_URL": vendor.url,
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
                await until_paid(vendor, 60)
                await asyncio.to_thread(platform.processes["worker-1"].kill)
                await until_paid(vendor, 90)
                done = await asyncio.to_thread(
                    subprocess.run, ["bash", "-c", restart], timeout=120, check=False
                )
                assert done.returncode == 0
            accepted = [job.result()["id"] for job in jobs]
            assert len(set(accepted)) == 200
            calls = [call.job_id for call in vendor.ledger]
            await check(http, accepted, calls=calls, in_flight=SLOTS)
