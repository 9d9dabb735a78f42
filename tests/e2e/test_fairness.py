"""One person's picture does not wait for another's five hundred: told by what the vendor saw."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from atelier_core.adapters.rabbitmq import RabbitBus
from atelier_core.contracts.topology import BULK
from checker import submit
from fakes.provider_server import Vendor
from fakes.provider_server import vendor as open_vendor
from platforms import Platform, corner, distributed, embedded
from ports import free_port
from servers import S3

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

ONE = {"prompt": "a fox", "model": "fake/free", "size": "64x64"}
MANY = 500
SLOTS, BULK_SLOTS = 4, 3  # of each worker; of these, the most that bulk may hold
WORKERS = 3


@pytest.fixture
async def vendor() -> AsyncIterator[tuple[Vendor, dict[str, str]]]:
    """A vendor that takes 300 ms, and the settings of a platform that has it."""
    async with open_vendor(delay=0.3, size=2_000) as (vendor, url):
        env = {"ATELIER_PROVIDERS": "fake", "ATELIER_FAKE_URL": url}
        yield vendor, {**env, "ATELIER_WORKER_CONCURRENCY": str(SLOTS)}


async def open_calls(vendor: Vendor, number: int) -> None:
    while vendor.open_now < number:
        await asyncio.sleep(0.01)


async def overtakes(platform: Platform, vendor: Vendor, *, workers: int, amqp: str | None) -> None:
    """While bulk holds all it may, single pictures begin without any slot coming free; and when
    every slot is held, the next ones are first: before any slot is used a second time.
    """
    async with (
        asyncio.timeout(90),
        httpx.AsyncClient(base_url=platform.origin, headers=platform.headers, timeout=30) as http,
    ):
        vendor.open_door.clear()
        batch = {"prompts": ["many"] * MANY, "model": "fake/free", "size": "64x64"}
        (await http.post("/v1/batches", json=batch)).raise_for_status()
        held = workers * BULK_SLOTS
        await open_calls(vendor, held)
        if amqp is not None:
            await all_queued(amqp, MANY - held)
        assert vendor.open_now == held
        for more in range(workers):
            single = await submit(http, ONE)
            await open_calls(vendor, held + more + 1)
            assert vendor.calls[-1]["job_id"] == single["id"]
        waiting = [(await submit(http, ONE))["id"] for _ in range(workers)]
        begun = len(vendor.calls)
        assert begun == vendor.open_now == workers * SLOTS
        vendor.open_door.set()
        for job_id in waiting:
            while not (await http.get(f"/v1/jobs/{job_id}", params={"wait": "10"})).json()["done"]:
                pass
        order = [call["job_id"] for call in vendor.calls[begun:]]
        assert max(map(order.index, waiting)) < workers * SLOTS
    for process in platform.processes.values():
        process.kill()  # what is left of the bulk is not waited for


async def all_queued(amqp: str, number: int) -> None:
    """Return once so many bulk jobs wait in their queue."""
    async with RabbitBus.open(amqp, name="test") as bus:
        while await bus.depth(BULK) < number:
            await asyncio.sleep(0.05)


async def test_a_single_picture_overtakes_bulk_in_one_process(
    tmp_path: Path, vendor: tuple[Vendor, dict[str, str]]
) -> None:
    with embedded(tmp_path, port=free_port(), env=vendor[1]) as platform:
        await overtakes(platform, vendor[0], workers=1, amqp=None)


async def test_a_single_picture_overtakes_bulk_over_several_workers(
    tmp_path: Path,
    vendor: tuple[Vendor, dict[str, str]],
    amqp_url: str,
    mongo_url: str,
    s3: S3,
) -> None:
    with (
        corner(amqp_url, mongo_url, s3) as servers,
        distributed(tmp_path, servers, workers=WORKERS, galleries=1, env=vendor[1]) as platform,
    ):
        await overtakes(platform, vendor[0], workers=WORKERS, amqp=servers.amqp)
