"""Services whose clocks disagree. (The object store refuses who is off by more than 15 minutes.)"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from checker import all_ended, check, pages, submit
from fakes.provider_server import Vendor
from fakes.provider_server import vendor as open_vendor
from platforms import Servers, corner, distributed
from servers import S3
from wired import BODY

pytestmark = [pytest.mark.anyio, pytest.mark.external, pytest.mark.timeout(120)]

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


def off_by(clock: str) -> dict[str, str]:
    """The environment of a process whose wall clock is off."""
    if LIBRARY is None:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("libfaketime is not installed: these tests set processes' clocks")
    return {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME": clock,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # or threads that wait for a while wait for ever
        "PYTHONPATH": str(Path(__file__).parents[1] / "fakes" / "clock"),
    }


@pytest.fixture
async def vendor() -> AsyncIterator[tuple[Vendor, str]]:
    async with open_vendor(delay=0.2, size=16 * 1024) as found:
        yield found


@pytest.fixture
def servers(amqp_url: str, mongo_url: str, s3: S3) -> Iterator[Servers]:
    with corner(amqp_url, mongo_url, s3) as found:
        yield found


@pytest.mark.parametrize(
    "clocks",
    [
        {"api": "-1h", "gallery": "+10m", "worker": "-10m"},
        pytest.param({"api": "+1h", "gallery": "-10m", "worker": "+10m"}, marks=pytest.mark.long),
    ],
    ids=["behind", "ahead"],
)
async def test_jobs_do_not_care_whose_clock_is_wrong(
    tmp_path: Path, vendor: tuple[Vendor, str], servers: Servers, clocks: Mapping[str, str]
) -> None:
    """A deadline counts by its worker's clock, so these are longer than the clocks differ."""
    env = {"ATELIER_PROVIDERS": "fake", "ATELIER_FAKE_URL": vendor[1]}
    own = {service: off_by(clock) for service, clock in clocks.items()}
    with distributed(tmp_path, servers, workers=2, galleries=1, env=env, own=own) as platform:
        async with httpx.AsyncClient(
            base_url=platform.origin, headers=platform.headers, timeout=15
        ) as http:
            stopped = await submit(http, {**BODY, "prompt": "stop it [[queue]][[delay=30]]"})
            limited = {**BODY, "prompt": "a fox too many [[429:1]]", "start_deadline": 7200}
            ids = [(await submit(http, body))["id"] for body in (BODY, BODY, limited)]
            for job_id in ids:  # whatever the gallery thinks of its age, never a 404
                while (answer := await http.get(f"/v1/jobs/{job_id}")).status_code == 503:
                    await asyncio.sleep(float(answer.headers["retry-after"]))
                assert answer.status_code == 200
            seen = [job["id"] async for job in pages(http, "/v1/jobs")]
            assert set(seen) <= {stopped["id"], *ids}
            answer = await http.post(f"/v1/jobs/{stopped['id']}/cancel")
            assert answer.json()["status"] == "canceled"
            await all_ended(http, ids, within=20)
            paid = [call["job_id"] for call in vendor[0].paid if call["job_id"] in ids]
            await check(http, ids, ledger=lambda: paid, in_flight=0)
