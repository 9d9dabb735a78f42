"""Composition root of the API: `atelier-api`."""

import asyncio
import logging
import sys
from contextlib import AsyncExitStack

from atelier_api.service import Stores, service, sessions
from atelier_api.settings import ApiSettings
from atelier_api.stores.mongo import MongoDatabase, open_stores
from atelier_core.adapters.internal_http import HttpJobReader
from atelier_core.adapters.rabbitmq import RabbitBus
from atelier_core.errors import TransientError
from atelier_core.http.auth import internal_token
from atelier_core.http.origin import PublicAddress
from atelier_core.runtime import run_process, serve
from atelier_core.telemetry import configure_logging

PAUSE = 1.0  # seconds between two tries to reach a database that is not there yet

log = logging.getLogger(__name__)


def main() -> None:
    """Serve the API until it is asked to leave."""
    sys.exit(run_process(run))


async def run(leaving: asyncio.Event) -> None:
    """Open what the API needs, serve until `leaving` is set, and leave in order.

    Servers that are away are waited for: `/readyz` says so, `/healthz` answers at once.

    Raises:
        SettingsError: a setting is missing or wrong.
    """
    settings = ApiSettings.load()
    configure_logging(level=settings.log_level, form=settings.log_format)
    async with AsyncExitStack() as stack:
        rows, tickets, database = await stack.enter_async_context(open_stores(settings.mongo_url))
        bus = await stack.enter_async_context(RabbitBus.open(settings.amqp_url, name="atelier-api"))
        reader = await stack.enter_async_context(
            HttpJobReader.open(settings.gallery_url, token=internal_token(settings.key))
        )
        stores = Stores(idempotency=rows, tickets=tickets)
        app = await stack.enter_async_context(
            service(
                publisher=bus,
                source=bus,
                stores=stores,
                reader=reader,
                identity=sessions(stores, api_key=settings.key),
                address=PublicAddress(settings.public_url),
                api_key=settings.key,
                providers=settings.providers,
                probes={"database": database.ping, "broker": bus.ping},
                leaving=leaving,
            )
        )
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        preparing = tasks.create_task(_prepare(database))
        try:
            await serve(
                app,
                leaving=leaving,
                host=settings.host,
                port=settings.port,
                on_listening=lambda origin: log.info("listening", extra={"origin": origin}),
            )
        finally:
            preparing.cancel()


async def _prepare(database: MongoDatabase) -> None:
    while True:
        try:
            await database.prepare()
        except TransientError as exc:
            log.warning("the database is not ready yet", extra={"error": str(exc)})
            await asyncio.sleep(PAUSE)
        else:
            return
