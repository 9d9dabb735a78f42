"""Composition root of the gallery: `atelier-gallery`."""

import asyncio
import logging
import sys
from contextlib import AsyncExitStack

from atelier_core.adapters.internal_http import HttpIdentity
from atelier_core.adapters.media_pool import MediaPool
from atelier_core.adapters.rabbitmq import RabbitBus
from atelier_core.adapters.s3 import S3BlobStore
from atelier_core.http.auth import internal_token
from atelier_core.http.origin import PublicAddress
from atelier_core.runtime import run_process, serve
from atelier_core.telemetry import configure_logging
from atelier_gallery.opening import Opening
from atelier_gallery.saving import persistently
from atelier_gallery.service import service
from atelier_gallery.settings import GallerySettings
from atelier_gallery.stores.mongo_open import open_stores

log = logging.getLogger(__name__)


def main() -> None:
    """Serve the gallery until it is asked to leave."""
    sys.exit(run_process(run))


async def run(leaving: asyncio.Event) -> None:
    """Serve until `leaving` is set, and leave in order.

    Servers that are away are waited for: `/readyz` says so, `/healthz` answers at once.

    Raises:
        SettingsError: a setting is missing or wrong.
    """
    settings = GallerySettings.load()
    configure_logging(level=settings.log_level, form=settings.log_format)
    address = PublicAddress(settings.public_url)
    door = Opening(address)
    served = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        working = group.create_task(_work(settings, door, address, leaving=leaving, served=served))
        await serve(
            door,
            leaving=leaving,
            host=settings.host,
            port=settings.port,
            on_listening=lambda origin: log.info("listening", extra={"origin": origin}),
        )
        served.set()
        if door.app is None:
            working.cancel()


async def _work(
    settings: GallerySettings,
    door: Opening,
    address: PublicAddress,
    *,
    leaving: asyncio.Event,
    served: asyncio.Event,
) -> None:
    """Open everything, let requests in, and close it all once they have been served."""
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(settings.mongo_url))
        identity = await stack.enter_async_context(
            HttpIdentity.open(settings.api_url, token=internal_token(settings.key))
        )
        bus = await stack.enter_async_context(
            RabbitBus.open(settings.amqp_url, name="atelier-gallery")
        )
        blobs = await stack.enter_async_context(
            S3BlobStore.open(
                endpoint=settings.s3_endpoint,
                access_key=settings.s3_access_key.get_secret_value(),
                secret_key=settings.s3_secret_key.get_secret_value(),
                bucket=settings.s3_bucket,
                region=settings.s3_region,
                public_endpoint=settings.s3_public_endpoint,
            )
        )
        deriver = await stack.enter_async_context(MediaPool.open())
        await persistently(stores.prepare, what="MongoDB")
        gallery = await stack.enter_async_context(
            service(
                source=bus,
                publisher=bus,
                blobs=blobs,
                jobs=stores.jobs,
                images=stores.images,
                identity=identity,
                deriver=deriver,
                address=address,
                api_key=settings.key,
                media_mode=settings.media_mode,
                media_origin=(
                    settings.s3_public_endpoint if settings.media_mode == "redirect" else None
                ),
                probes={"database": stores.ping, "broker": bus.ping},
                leaving=leaving,
            )
        )
        door.app = gallery.app
        await served.wait()
