"""Everything at once: nothing lost, nothing twice, nothing paid twice. `make chaos` is the long form.

ATELIER_CHAOS_JOBS says how many jobs, ATELIER_CHAOS_SEED which run of all possible ones.
"""

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest

from atelier_core.adapters.filesystem import FileBlobStore
from atelier_core.ports import BlobStore
from fakes.provider_server import Vendor
from fakes.provider_server import vendor as open_vendor
from faults.chaos import SLOTS, Storm, s3_store, weather
from platforms import Platform, corner, distributed, embedded
from ports import free_port
from servers import S3

JOBS = int(os.environ.get("ATELIER_CHAOS_JOBS", "60"))
SEED = int(os.environ.get("ATELIER_CHAOS_SEED", "1"))
RATE = 15.0  # jobs a second: what is killed so often does not get much further

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(400 + 2 * JOBS)]


@pytest.fixture
async def vendor() -> AsyncIterator[tuple[Vendor, str]]:
    async with open_vendor(delay=0.3, size=16 * 1024) as found:
        yield found


def settings(url: str) -> dict[str, str]:
    return {
        "ATELIER_PROVIDERS": "fake",
        "ATELIER_FAKE_URL": url,
        "ATELIER_WORKER_CONCURRENCY": str(SLOTS),
    }


async def survived(
    platform: Platform,
    vendor: Vendor,
    blobs: Callable[[], AbstractAsyncContextManager[BlobStore]],
    *,
    calm: tuple[float, float],
    restart_broker: str | None = None,
) -> None:
    report = await weather(
        Storm(
            platform=platform,
            vendor=vendor,
            blobs=blobs,
            jobs=JOBS,
            rate=RATE,
            seed=SEED,
            calm=calm,
            restart_broker=restart_broker,
        )
    )
    sys.stdout.write(f"\n{report.text()}\n")
    if report.verdict:
        pytest.fail(f"{len(report.verdict)} violations, see the report", pytrace=False)


async def test_the_embedded_platform_killed_again_and_again(
    tmp_path: Path, vendor: tuple[Vendor, str]
) -> None:
    with embedded(tmp_path, port=free_port(), env=settings(vendor[1])) as platform:
        blobs = partial(FileBlobStore.open, tmp_path / "data" / "blobs")
        await survived(platform, vendor[0], blobs, calm=(1.5, 4.0))


async def test_every_process_and_the_broker_killed_in_turn(
    tmp_path: Path, vendor: tuple[Vendor, str], amqp4: tuple[str, str], mongo_url: str, s3: S3
) -> None:
    url, restart = amqp4
    with (
        corner(url, mongo_url, s3) as servers,
        distributed(tmp_path, servers, workers=3, galleries=2, env=settings(vendor[1])) as platform,
    ):
        await survived(
            platform, vendor[0], partial(s3_store, servers), calm=(0.3, 1.5), restart_broker=restart
        )
