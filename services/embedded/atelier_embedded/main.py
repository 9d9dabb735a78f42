"""Composition root of the embedded platform: three services, one process, local adapters."""

import asyncio
import sys
import webbrowser
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import atelier_api.service
import atelier_gallery.service
import atelier_worker.service
from atelier_api.stores.sqlite import open_stores
from atelier_core.adapters.filesystem import FileBlobStore
from atelier_core.adapters.media_pool import MediaPool
from atelier_core.adapters.sqlite import SqliteEngine
from atelier_core.adapters.sqlite_bus import SqliteBus
from atelier_core.contracts.topology import INTERACTIVE
from atelier_core.errors import SettingsError
from atelier_core.http.frontdoor import FrontDoor
from atelier_core.http.health import Probes
from atelier_core.http.origin import PublicAddress
from atelier_core.runtime import USAGE, listen, run_process, serve
from atelier_core.telemetry import configure_logging
from atelier_embedded.folder import locked
from atelier_embedded.room import Room, Submissions
from atelier_embedded.settings import EmbeddedSettings
from atelier_gallery.stores.sqlite_images import SqliteImageStore
from atelier_gallery.stores.sqlite_jobs import SqliteJobStore
from atelier_worker.providers.registry import chosen, open_providers

GRACE = 15.0  # seconds for the pictures in hand on leaving


@asynccontextmanager
async def platform(
    data: Path,
    *,
    public_url: str | None = None,
    api_key: str | None = None,
    providers: Sequence[str] | None = None,
    vendor_variables: Mapping[str, str] | None = None,
    concurrency: int = 50,
    leaving: asyncio.Event | None = None,
) -> AsyncIterator[FrontDoor]:
    """The whole platform on the folder `data`, which no other process may use meanwhile.

    What a killed predecessor left is finished. Yields the one ASGI application of it all.

    Raises:
        SettingsError: the folder is in use or unusable, or a provider is not known.
    """
    variables = vendor_variables or {}
    names = chosen(providers, variables)
    async with AsyncExitStack() as stack:
        stack.enter_context(locked(data))
        room = Room(data / "reserve")
        await stack.enter_async_context(room.kept())
        engine = await stack.enter_async_context(SqliteEngine.open(data / "atelier.db"))
        bus = await stack.enter_async_context(SqliteBus.open(engine))
        blobs = await stack.enter_async_context(
            FileBlobStore.open(data / "blobs", low=lambda: room.low)
        )
        media = await stack.enter_async_context(MediaPool.open())
        vendors = await stack.enter_async_context(open_providers(names, variables))
        rows, tickets = await stack.enter_async_context(open_stores(engine))
        stores = atelier_api.service.Stores(idempotency=rows, tickets=tickets)
        address = PublicAddress(public_url)
        identity = atelier_api.service.sessions(stores, api_key=api_key)
        probes: Probes = {"database": lambda: bus.depth(INTERACTIVE), "disk": room.probe}
        gallery = await stack.enter_async_context(
            atelier_gallery.service.service(
                source=bus,
                publisher=bus,
                blobs=blobs,
                jobs=await SqliteJobStore.create(engine),
                images=await SqliteImageStore.create(engine),
                identity=identity,
                deriver=media,
                address=address,
                api_key=api_key,
                probes=probes,
                leaving=leaving,
            )
        )
        api = await stack.enter_async_context(
            atelier_api.service.service(
                publisher=Submissions(bus, room),
                source=bus,
                stores=stores,
                reader=gallery.reader,
                identity=identity,
                address=address,
                api_key=api_key,
                providers=names,
                probes=probes,
            )
        )
        await stack.enter_async_context(
            atelier_worker.service.service(
                source=bus,
                publisher=bus,
                blobs=blobs,
                providers=vendors,
                deriver=media,
                concurrency=concurrency,
                grace=GRACE,
                alone=True,
            )
        )
        yield FrontDoor(api=api, gallery=gallery.app, address=address)


def up(
    *,
    host: str | None = None,
    port: int | None = None,
    data: Path | None = None,
    open_browser: bool = False,
    say: Callable[[str], None] = print,
) -> int:
    """`atelier up`: serve the platform until Ctrl-C, and return the exit status."""
    try:
        settings = EmbeddedSettings.of(host=host, port=port, data=data)
    except SettingsError as exc:
        sys.stderr.write(f"{exc}\n")
        return USAGE
    configure_logging(level=settings.log_level, form=settings.log_format)

    def greet(origin: str) -> None:
        address = settings.public_url or origin
        say(f"Atelier is running on {address}  (data in {settings.data}; Ctrl-C stops it)")
        if open_browser:
            webbrowser.open(address)

    async def main(leaving: asyncio.Event) -> None:
        # First: a taken port changes nothing.
        sock = listen(settings.host, settings.port, setting="--port or ATELIER_PORT")
        async with platform(
            settings.data,
            public_url=settings.public_url,
            api_key=settings.key,
            providers=settings.providers,
            vendor_variables=settings.vendor_variables,
            concurrency=settings.concurrency,
            leaving=leaving,
        ) as app:
            await serve(app, leaving=leaving, sock=sock, on_listening=greet)

    return run_process(main)
