"""Every kind of job and image store, on real engines."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from atelier_core.adapters.sqlite import SqliteEngine
from atelier_core.domain.job import Job
from atelier_core.domain.values import new_id
from atelier_gallery.ports import ImageStore, JobStore, Silent
from atelier_gallery.stores.memory import MemoryImageStore, MemoryJobStore
from atelier_gallery.stores.mongo_open import open_stores
from atelier_gallery.stores.sqlite_images import SqliteImageStore
from atelier_gallery.stores.sqlite_jobs import SqliteJobStore

Stores = tuple[JobStore, ImageStore]


@asynccontextmanager
async def memory() -> AsyncIterator[Stores]:
    yield MemoryJobStore(), MemoryImageStore()


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Stores]:
    async with SqliteEngine.open(folder / "gallery.db") as engine:
        yield await SqliteJobStore.create(engine), await SqliteImageStore.create(engine)


@asynccontextmanager
async def mongo(url: str) -> AsyncIterator[Stores]:
    """A database of its own, gone afterwards."""
    name = f"test_gallery_{new_id().replace('-', '')}"
    async with open_stores(url, database=name) as stores:
        await stores.prepare()
        try:
            yield stores.jobs, stores.images
        finally:
            await stores.database.client.drop_database(name)


async def overdue(jobs: JobStore, now: datetime, *, at_once: int = 9) -> list[Job]:
    return [job async for page in jobs.overdue(now, at_once=at_once) for job in page]


async def silent(jobs: JobStore, now: datetime, *, at_once: int = 9) -> list[Silent]:
    return [one async for page in jobs.silent(now, at_once=at_once) for one in page]
