"""Opening the gallery's MongoDB database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from atelier_core.adapters.mongo import Database, connected, translated
from atelier_gallery.stores.mongo_images import MongoImageStore
from atelier_gallery.stores.mongo_jobs import MongoJobStore

WITHIN: Final = 10.0  # seconds that anything may take
AWAY_AFTER: Final = 3.0  # seconds until a server that does not answer is away


@dataclass(eq=False)
class MongoStores:
    """The stores, and the database they live in. The server need not be there yet."""

    jobs: MongoJobStore
    images: MongoImageStore
    database: Database
    prepared: bool = False

    async def prepare(self) -> None:
        """Make what is missing. Raises TransientError."""
        await self.jobs.prepare()
        await self.images.prepare()
        self.prepared = True

    async def ping(self) -> None:
        """Return if the server can be used. Raises TransientError."""
        if not self.prepared:
            await self.prepare()  # which says why it cannot be
        with translated():
            await self.database.command("ping")


@asynccontextmanager
async def open_stores(url: str, *, database: str | None = None) -> AsyncIterator[MongoStores]:
    """The stores in `database`, or the one that `url` names, or `atelier`.

    Raises:
        SettingsError: `url` is not the address of a server.
    """
    async with connected(
        url, app="atelier-gallery", within=WITHIN, away_after=AWAY_AFTER, database=database
    ) as found:
        yield MongoStores(MongoJobStore(found), MongoImageStore(found), found)
