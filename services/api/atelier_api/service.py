"""The API as a part: open collaborators in, an application out."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from fastapi import FastAPI

from atelier_api.offer import enabled
from atelier_api.once import Once
from atelier_api.ports import IdempotencyStore, TicketStore
from atelier_api.routes.auth import auth_routes, internal_routes
from atelier_api.routes.catalogue import catalogue_routes
from atelier_api.routes.jobs import job_routes
from atelier_api.sessions import Sessions
from atelier_api.submit import Submit
from atelier_api.traffic import Traffic
from atelier_core.contracts.catalogue import catalogue
from atelier_core.domain.values import now
from atelier_core.http.app import new_app
from atelier_core.http.health import Probes
from atelier_core.http.origin import PublicAddress
from atelier_core.ports import EventPublisher, EventSource, JobReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What the API keeps, on whatever engine."""

    idempotency: IdempotencyStore
    tickets: TicketStore


def sessions(
    stores: Stores, *, api_key: str | None, clock: Callable[[], datetime] = now
) -> Sessions:
    """The installation's `Identity`; in the embedded mode the gallery takes it as it is."""
    return Sessions(api_key=api_key, tickets=stores.tickets, clock=clock)


@asynccontextmanager
async def service(
    *,
    publisher: EventPublisher,
    source: EventSource,
    stores: Stores,
    reader: JobReader,
    identity: Sessions,
    address: PublicAddress,
    api_key: str | None = None,
    providers: Collection[str] | None = None,
    probes: Probes | None = None,
    leaving: asyncio.Event | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> AsyncIterator[FastAPI]:
    """Run the API on open collaborators; the application answers while the context is open.

    `providers` are those the operator named, or None for every one but those for tests. Once
    `leaving` is set, who waits for a job (`Prefer: wait`) is answered.
    """
    book = catalogue()
    offered = enabled(book, providers)
    async with AsyncExitStack() as stack:
        once = await stack.enter_async_context(Once.open(stores.idempotency))
        traffic = await stack.enter_async_context(Traffic.open(source, clock=monotonic))
        submit = Submit(
            publisher=publisher,
            reader=reader,
            once=once,
            traffic=traffic,
            book=book,
            providers=offered,
            leaving=leaving or asyncio.Event(),
        )
        yield new_app(
            job_routes(submit),
            catalogue_routes(book, offered, traffic.workers),
            auth_routes(identity, secure=address.https),
            internal_routes(identity),
            title="Atelier API",
            identity=identity,
            address=address,
            api_key=api_key,
            probes=probes,
        )
