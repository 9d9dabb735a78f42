"""Two thousand calls of a provider open at once, in one worker process."""

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import anyio

from fakes.provider_server import Vendor
from fakes.provider_server import vendor as open_vendor
from load import percentiles
from places import Where
from platforms import ROOT, Platform, Process
from systems import Say, atelier

CALLS, SECONDS = 2_000, 2.0
ROOM = CALLS * 5 // 4  # of which bulk, as these are, may hold four fifths
BATCH = 500
PICTURE = 64 * 1024


def open_calls(where: Where, *, say: Say) -> dict[str, Any]:
    """Memory and event-loop lag before, while so many calls are open, and as all answers come.

    Faster than jobs come in here, calls do not end: the vendor's door stays shut until all are
    open. Each lasts two seconds at least.
    """
    with tempfile.TemporaryDirectory(prefix="atelier-bench-") as folder:
        return asyncio.run(_measure(where, Path(folder), say))


async def _measure(where: Where, folder: Path, say: Say) -> dict[str, Any]:
    async with open_vendor(delay=SECONDS, size=PICTURE) as (vendor, url):
        env = {"ATELIER_PROVIDERS": "fake", "ATELIER_FAKE_URL": url}
        with atelier(where, folder, env=env, workers=0) as running:
            lines = folder / "probe.jsonl"
            worker = _worker(running.platform, folder, lines)
            await anyio.to_thread.run_sync(worker.start)
            try:
                async with aiohttp.ClientSession(
                    running.platform.origin, headers=running.platform.headers
                ) as http:
                    marks = await _rush(http, vendor, say)
            finally:
                await anyio.to_thread.run_sync(worker.stop)
            return {"calls": CALLS, "seconds": SECONDS, **_read(lines, marks)}


def _worker(platform: Platform, folder: Path, lines: Path) -> Process:
    code = ROOT / "benchmarks" / "probed_worker.py"
    settings = {k: v for k, v in platform.processes["api-0"].env.items() if k != "ATELIER_PORT"}
    command = [sys.executable, str(code), str(lines), str(ROOM)]
    return Process("probed", command, settings, folder / "probed.log")


async def _rush(http: aiohttp.ClientSession, vendor: Vendor, say: Say) -> dict[str, float]:
    marks: dict[str, float] = {}
    async with asyncio.timeout(240):
        while not (await _json(http, "/v1/providers"))["items"]:  # until the worker is there
            await asyncio.sleep(0.2)
        await asyncio.sleep(2)
        vendor.open_door.clear()
        marks["submitted"] = time.time()
        batch = {"prompts": ["many"] * BATCH, "model": "fake/paid", "size": "64x64"}
        for _ in range(CALLS // BATCH):
            async with http.post("/v1/batches", json=batch) as answer:
                answer.raise_for_status()
        while vendor.open_now < CALLS:
            await asyncio.sleep(0.02)
        marks["open"] = time.time()
        say(f"  {CALLS} calls open after {marks['open'] - marks['submitted']:.1f} s")
        await asyncio.sleep(SECONDS)
        marks["answered"] = time.time()
        vendor.open_door.set()
        while (await _json(http, "/v1/jobs?status=queued&status=running&limit=1"))["items"]:
            await asyncio.sleep(0.5)
        marks["ended"] = time.time()
        say(f"  all ended {marks['ended'] - marks['answered']:.1f} s after the answers")
    assert vendor.most_open == CALLS
    assert len(vendor.paid) == CALLS
    return marks


async def _json(http: aiohttp.ClientSession, path: str) -> Any:
    async with http.get(path) as answer:
        return await answer.json()


def _read(file: Path, marks: dict[str, float]) -> dict[str, Any]:
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    phases = {
        "idle": (0.0, marks["submitted"]),
        "opening": (marks["submitted"], marks["open"]),
        "open": (marks["open"] + 0.5, marks["answered"]),
        "answers": (marks["answered"], marks["ended"]),
    }
    found: dict[str, Any] = {}
    for phase, (begin, end) in phases.items():
        within = [line for line in lines if begin <= line["time"] <= end]
        late = [one / 1000 for line in within for one in line["late_ms"]]
        found[phase] = {
            "seconds": end - max(begin, lines[0]["time"]),
            "rss_mib": max(line["rss"] for line in within) / 2**20,
            "loop_late_ms": percentiles(late),
        }
    return found
