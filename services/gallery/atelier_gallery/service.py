"""The gallery, of collaborators that are already open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI

from atelier_core.contracts import topology
from atelier_core.domain.values import new_id
from atelier_core.domain.values import now as machine_now
from atelier_core.http.app import new_app
from atelier_core.http.health import Probes
from atelier_core.http.origin import PublicAddress
from atelier_core.ports import BlobStore, Clock, EventPublisher, EventSource, Identity, Subscription
from atelier_gallery import ending as deadlines
from atelier_gallery import sweeper as sweeping
from atelier_gallery.background import every, meanwhile
from atelier_gallery.ending import Ending
from atelier_gallery.image_routes import image_routes
from atelier_gallery.job_routes import job_routes
from atelier_gallery.library import Library
from atelier_gallery.live import Live
from atelier_gallery.live_routes import live_routes
from atelier_gallery.media_routes import MediaMode, media_routes
from atelier_gallery.page import Web, page_routes
from atelier_gallery.ports import Deriver, ImageStore, JobStore
from atelier_gallery.project import MOST, Project
from atelier_gallery.reading import GalleryJobReader, Reading
from atelier_gallery.sweeper import Sweeper
from atelier_gallery.thumbs import Thumbs
from atelier_gallery.watching import Watching

GRACE = 10.0  # seconds for the events in hand when leaving
PROJECTION = Subscription(
    queue=topology.PROJECTION,
    topics=topology.DURABLE[topology.PROJECTION],
    prefetch=2 * MOST,  # the next round comes in while one is saved
)


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """A running gallery: what it answers, and a `JobReader` for others in the same process."""

    app: FastAPI
    reader: GalleryJobReader


@asynccontextmanager
async def service(
    *,
    source: EventSource,
    publisher: EventPublisher,
    blobs: BlobStore,
    jobs: JobStore,
    images: ImageStore,
    identity: Identity,
    deriver: Deriver,
    address: PublicAddress,
    api_key: str | None = None,
    media_mode: MediaMode = "proxy",
    media_origin: str | None = None,
    probes: Probes | None = None,
    leaving: asyncio.Event | None = None,
    clock: Clock = machine_now,
) -> AsyncIterator[Gallery]:
    """Fold events, follow the stores, watch deadlines and answer, until the context is left.

    In `redirect` mode pictures are read from the object store itself, whose origin as browsers
    see it is `media_origin`. Once `leaving` is set, watchers are sent away (to another replica).
    """
    live = Live(jobs=jobs, images=images, clock=clock)
    replica = new_id()
    project = Project(
        jobs=jobs,
        images=images,
        blobs=blobs,
        publisher=publisher,
        tell=live.tell,
        replica=replica,
    )
    ending = Ending(jobs=jobs, images=images, blobs=blobs, publisher=publisher)
    sweeper = Sweeper(jobs=jobs, blobs=blobs, source=source, publisher=publisher, clock=clock)
    announced = Subscription(
        queue=f"gallery.live.{replica}",
        topics=frozenset(
            {"job.updated", "jobs.updated", "image.updated", "image.deleted", "job.progress"}
        ),
        prefetch=MOST,
        durable=False,
        deaf_to=replica,
    )

    async def backlog() -> int:
        return project.in_hand or await source.depth(topology.PROJECTION)

    async def send_away() -> None:
        if leaving is not None:
            await leaving.wait()
            live.close()

    async with AsyncExitStack() as stack:
        group = await stack.enter_async_context(
            meanwhile(
                project.run(),
                live.run(),
                send_away(),
                every(
                    deadlines.EVERY, lambda: ending.expire_overdue(clock()), what="the deadlines"
                ),
                every(sweeping.EVERY, sweeper.sweep, what="the sweeper"),
            )
        )
        stack.callback(live.close)
        await stack.enter_async_context(source.consume(announced, live, grace=0))
        await stack.enter_async_context(source.consume(PROJECTION, project, grace=GRACE))
        reading = Reading(jobs=jobs, live=live, backlog=backlog, clock=clock)
        reader = GalleryJobReader(jobs, live)
        library = Library(jobs=jobs, images=images, blobs=blobs, publisher=publisher)
        thumbs = Thumbs(blobs=blobs, deriver=deriver, group=group)
        app = new_app(
            job_routes(jobs=jobs, reading=reading, reader=reader, ending=ending),
            image_routes(images=images, library=library),
            media_routes(images=images, blobs=blobs, thumbs=thumbs, mode=media_mode),
            live_routes(Watching(jobs=jobs, images=images, live=live, clock=clock)),
            page_routes(Web.load(), media_origin=media_origin),
            title="Atelier gallery",
            identity=identity,
            address=address,
            api_key=api_key,
            probes=probes,
        )
        yield Gallery(app=app, reader=reader)
