"""Five hundred pictures queued as bulk, and others that somebody waits for."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

from fakes.provider_server import Vendor
from fakes.provider_server import vendor as open_vendor
from load import percentiles
from places import Where
from systems import Say, atelier

MANY = 500
WORKERS, SLOTS, BULK_SLOTS = 3, 4, 3  # of each worker's slots bulk may hold four fifths, rounded
SECONDS = 1.0  # that a call takes, and so a slot
ONE_BY_ONE, AT_ONCE = 20, 9


def fairness(where: Where, *, say: Say) -> dict[str, Any]:
    """Seconds from submission to the start of the call, while bulk holds all the slots it may.

    One by one they find the slots kept for them; nine at once are more than those, and some wait
    until a slot comes free.
    """
    with tempfile.TemporaryDirectory(prefix="atelier-bench-") as folder:
        return asyncio.run(_measure(where, Path(folder), say))


async def _measure(where: Where, folder: Path, say: Say) -> dict[str, Any]:
    async with open_vendor(delay=SECONDS, size=2_000) as (vendor, url):
        env = {
            "ATELIER_PROVIDERS": "fake",
            "ATELIER_FAKE_URL": url,
            "ATELIER_WORKER_CONCURRENCY": str(SLOTS),
        }
        with atelier(where, folder, env=env, workers=WORKERS) as running:
            platform = running.platform
            async with aiohttp.ClientSession(platform.origin, headers=platform.headers) as http:
                batch = {"prompts": ["many"] * MANY, "model": "fake/free", "size": "64x64"}
                async with http.post("/v1/batches", json=batch) as answer:
                    answer.raise_for_status()
                async with asyncio.timeout(60):
                    while vendor.open_now < WORKERS * BULK_SLOTS:
                        await asyncio.sleep(0.01)
                alone = []
                for _ in range(ONE_BY_ONE):
                    alone.append(await _start(http, vendor))
                    await asyncio.sleep(SECONDS + 0.3)  # until its slot is free
                starts = (_start(http, vendor) for _ in range(AT_ONCE))
                together = await asyncio.gather(*starts)
            left = MANY + ONE_BY_ONE + AT_ONCE - len(vendor.calls)
            assert left > 0, "the bulk was done before the measurement"
            say(f"  {left} pictures of the bulk still wait")
            for process in platform.processes.values():
                process.kill()  # they are not waited for
    return {
        "workers": WORKERS,
        "slots_each": SLOTS,
        "slot_seconds": SECONDS,
        "queued_bulk": MANY,
        "one_by_one": {"pictures": ONE_BY_ONE, "start_after_ms": percentiles(alone)},
        "at_once": {"pictures": AT_ONCE, "start_after_ms": percentiles(together)},
    }


async def _start(http: aiohttp.ClientSession, vendor: Vendor) -> float:
    """Submit one picture: seconds until the vendor is asked for it."""
    begun, known = time.perf_counter(), len(vendor.calls)
    body = {"prompt": "one", "model": "fake/free", "size": "64x64"}
    key = {"Idempotency-Key": uuid4().hex}
    async with asyncio.timeout(30):
        async with http.post("/v1/jobs", json=body, headers=key) as answer:
            answer.raise_for_status()
            job_id = (await answer.json())["id"]
        while all(call["job_id"] != job_id for call in vendor.calls[known:]):
            await asyncio.sleep(0.002)
    return time.perf_counter() - begun
