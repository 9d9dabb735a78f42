"""A worker that tells how it is: its memory, and how late its event loop runs what is due.

    python benchmarks/probed_worker.py FILE CALLS

Like `atelier-worker`, with a provider of which so many calls may be open, and a probe that writes a
line of JSON to FILE every half second: when, resident bytes, and by how many milliseconds each of
its wake-ups (every 10 ms) was late.
"""

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

import psutil

from atelier_core.adapters.media_pool import MediaPool
from atelier_core.adapters.rabbitmq import RabbitBus
from atelier_core.adapters.s3 import S3BlobStore
from atelier_core.runtime import run_process
from atelier_core.telemetry import configure_logging
from atelier_worker.providers.fake_http import FakeHttpProvider
from atelier_worker.service import service
from atelier_worker.settings import WorkerSettings

EVERY = 0.01  # seconds
LINES = 0.5  # seconds


async def probe(file: Path) -> None:
    me = psutil.Process()
    with file.open("a") as out:
        while True:
            late, begun = [], time.perf_counter()
            while time.perf_counter() - begun < LINES:
                due = time.perf_counter() + EVERY
                await asyncio.sleep(EVERY)
                late.append(round((time.perf_counter() - due) * 1000, 2))
            line = {"time": time.time(), "rss": me.memory_info().rss, "late_ms": late}
            out.write(json.dumps(line) + "\n")
            out.flush()


async def run(leaving: asyncio.Event) -> None:
    file, calls = Path(sys.argv[1]), int(sys.argv[2])
    settings = WorkerSettings.load()
    configure_logging(level=settings.log_level, form=settings.log_format)
    assert settings.fake_url is not None
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(
            FakeHttpProvider.open(str(settings.fake_url), concurrency=calls)
        )
        bus = await stack.enter_async_context(RabbitBus.open(settings.amqp_url, name="probed"))
        blobs = await stack.enter_async_context(
            S3BlobStore.open(
                endpoint=settings.s3_endpoint,
                access_key=settings.s3_access_key.get_secret_value(),
                secret_key=settings.s3_secret_key.get_secret_value(),
                bucket=settings.s3_bucket,
                region=settings.s3_region,
                connections=calls,
            )
        )
        deriver = await stack.enter_async_context(MediaPool.open())
        working = service(
            source=bus,
            publisher=bus,
            blobs=blobs,
            providers=[provider],
            deriver=deriver,
            concurrency=calls,
        )
        await stack.enter_async_context(working)
        probing = asyncio.create_task(probe(file))
        await leaving.wait()
        probing.cancel()


if __name__ == "__main__":
    sys.exit(run_process(run))
