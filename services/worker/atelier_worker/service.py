"""The worker on collaborators that are open already: it names no broker, no store, no vendor."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from atelier_core.contracts import topology
from atelier_core.contracts.catalogue import Catalogue, catalogue
from atelier_core.domain import values
from atelier_core.ports import BlobStore, Clock, EventPublisher, EventSource, Subscription
from atelier_worker.alive import Liveness
from atelier_worker.bench import Bench
from atelier_worker.circuit import Breaker
from atelier_worker.derive import Derive
from atelier_worker.expand import Expand
from atelier_worker.give_up import GiveUp
from atelier_worker.lanes import Gate, Room, bulk_share
from atelier_worker.ports import Deriver, ImageProvider
from atelier_worker.record import Records
from atelier_worker.rush import Rush
from atelier_worker.status import keep_announcing
from atelier_worker.storing import Storing
from atelier_worker.tokens import Tokens
from atelier_worker.trouble import Trouble
from atelier_worker.worker import Worker

GRACE: Final = 25.0  # seconds for what is in hand on leaving
LEFT: Final = 3.0  # of these, seconds for what is not a job


@asynccontextmanager
async def service(
    *,
    source: EventSource,
    publisher: EventPublisher,
    blobs: BlobStore,
    providers: Iterable[ImageProvider],
    deriver: Deriver,
    concurrency: int = 50,
    grace: float = GRACE,
    incarnation: str | None = None,
    alone: bool = False,
    book: Catalogue | None = None,
    breaker: Breaker | None = None,
    clock: Clock = values.now,
) -> AsyncIterator[Worker]:
    """A worker that takes jobs until the context is left.

    `alone` says that no other worker can be running: earlier incarnations are dead at once.
    Leaving takes nothing new, gives what is in hand `grace` seconds, hands the rest back (the
    record's holder null, the message in its queue), and then is gone for the others too.
    """
    bench = _bench(
        publisher=publisher,
        blobs=blobs,
        providers=providers,
        liveness=Liveness(blobs, incarnation or values.new_id(), alone=alone),
        book=book or catalogue(),
        breaker=breaker or Breaker(),
        clock=clock,
    )
    slots = Gate(concurrency, bulk=bulk_share(concurrency))
    rush = Rush()
    worker = Worker(bench, slots=slots, rush=rush)
    give_up = GiveUp(bench)
    async with AsyncExitStack() as stack:
        await bench.liveness.refresh()
        stack.push_async_callback(bench.liveness.leave)
        await stack.enter_async_context(
            _meanwhile(bench.liveness.keep(), keep_announcing(bench, slots))
        )
        cancels = Subscription(
            queue=f"worker.cancel.{bench.me}",
            topics=frozenset({"job.cancel"}),
            prefetch=100,
            durable=False,
        )
        await stack.enter_async_context(source.consume(cancels, worker.cancel, grace=LEFT))
        for queue, handler, prefetch, on_dead in (
            (topology.DERIVE, Derive(blobs, publisher, deriver, rush=rush), 4, None),
            (topology.EXPAND, Expand(publisher), 1, give_up),
        ):
            await stack.enter_async_context(
                source.consume(_to(queue, prefetch), handler, on_dead=on_dead, grace=LEFT)
            )
        await stack.enter_async_context(_lanes(source, worker, give_up, concurrency, grace))
        yield worker


@asynccontextmanager
async def _lanes(
    source: EventSource, worker: Worker, give_up: GiveUp, slots: int, grace: float
) -> AsyncIterator[None]:
    """Both lanes, left at the same time: one grace period is enough for them."""
    stay = asyncio.Event()

    async def consume(queue: str, prefetch: int, ready: asyncio.Event) -> None:
        subscription = _to(queue, prefetch)
        async with source.consume(subscription, worker, on_dead=give_up, grace=grace):
            ready.set()
            await stay.wait()

    async with _tasks() as group:
        for queue, prefetch in (
            (topology.INTERACTIVE, slots),
            (topology.BULK, bulk_share(slots)),
        ):
            ready = asyncio.Event()
            group.create_task(consume(queue, prefetch, ready))
            await ready.wait()
        try:
            yield
        finally:
            stay.set()


@asynccontextmanager
async def _meanwhile(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do `work` until the context is left."""
    async with _tasks() as group:
        tasks = [group.create_task(one) for one in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


@asynccontextmanager
async def _tasks() -> AsyncIterator[asyncio.TaskGroup]:
    """A TaskGroup that lets the body's own exception out as it is, not in a group."""
    failed: Exception | None = None
    async with asyncio.TaskGroup() as group:
        try:
            yield group
        except Exception as exc:  # noqa: BLE001 - raised again below
            failed = exc
    if failed is not None:
        raise failed


def _to(queue: str, prefetch: int) -> Subscription:
    return Subscription(queue=queue, topics=topology.DURABLE[queue], prefetch=prefetch)


def _bench(
    *,
    publisher: EventPublisher,
    blobs: BlobStore,
    providers: Iterable[ImageProvider],
    liveness: Liveness,
    book: Catalogue,
    breaker: Breaker,
    clock: Clock,
) -> Bench:
    trouble = Trouble(sleep=asyncio.sleep)
    by_name = {provider.name: provider for provider in providers}
    changed = asyncio.Event()
    return Bench(
        records=Records(blobs, sleep=asyncio.sleep),
        storing=Storing(blobs, book=book, trouble=trouble, clock=clock),
        publisher=publisher,
        providers=by_name,
        tokens={
            name: Tokens(
                provider.concurrency,
                rate=book.rates.get(name),
                breaker=breaker,
                changed=changed.set,
            )
            for name, provider in by_name.items()
        },
        changed=changed,
        room=Room(),
        liveness=liveness,
        trouble=trouble,
        book=book,
        clock=clock,
    )
