"""Composition root of the worker: `atelier-worker`."""

import asyncio
import logging
import sys
from contextlib import AsyncExitStack

from atelier_core.adapters.media_pool import MediaPool
from atelier_core.adapters.rabbitmq import RabbitBus
from atelier_core.adapters.s3 import S3BlobStore
from atelier_core.runtime import run_process
from atelier_core.telemetry import configure_logging
from atelier_worker.providers.registry import open_providers
from atelier_worker.service import service
from atelier_worker.settings import WorkerSettings

log = logging.getLogger(__name__)


def main() -> None:
    """Run a worker until it is asked to leave."""
    sys.exit(run_process(run))


async def run(leaving: asyncio.Event) -> None:
    """Work until `leaving` is set, and leave in order. Servers that are away are waited for.

    Raises:
        SettingsError: a setting is missing or wrong.
    """
    settings = WorkerSettings.load()
    configure_logging(level=settings.log_level, form=settings.log_format)
    begun = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        working = group.create_task(_work(settings, begun=begun, leaving=leaving))
        asked = group.create_task(leaving.wait())
        await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if not begun.is_set():
            working.cancel()


async def _work(settings: WorkerSettings, *, begun: asyncio.Event, leaving: asyncio.Event) -> None:
    async with AsyncExitStack() as stack:
        providers = await stack.enter_async_context(
            open_providers(settings.providers, settings.vendor_variables)
        )
        bus = await stack.enter_async_context(
            RabbitBus.open(settings.amqp_url, name="atelier-worker")
        )
        blobs = await stack.enter_async_context(
            S3BlobStore.open(
                endpoint=settings.s3_endpoint,
                access_key=settings.s3_access_key.get_secret_value(),
                secret_key=settings.s3_secret_key.get_secret_value(),
                bucket=settings.s3_bucket,
                region=settings.s3_region,
                connections=max(100, settings.concurrency),
            )
        )
        deriver = await stack.enter_async_context(MediaPool.open())
        begun.set()
        await stack.enter_async_context(
            service(
                source=bus,
                publisher=bus,
                blobs=blobs,
                providers=providers,
                deriver=deriver,
                concurrency=settings.concurrency,
            )
        )
        log.info("working", extra={"providers": ",".join(p.name for p in providers)})
        await leaving.wait()
