"""Opening the gallery's MongoDB database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import InvalidURI

from atelier_core.errors import SettingsError, TransientError
from atelier_gallery.stores.mongo import Database, Document, translated
from atelier_gallery.stores.mongo_images import MongoImageStore
from atelier_gallery.stores.mongo_jobs import MongoJobStore

SCHEMES: Final = ("mongodb://", "mongodb+srv://")
SELECTION: Final = 3_000  # milliseconds until a server that is away is away
TIMEOUT: Final = 10_000  # milliseconds that anything may take
CONNECTIONS: Final = 50


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
            raise TransientError("MongoDB: the indexes are not made yet")
        with translated():
            await self.database.command("ping")


@asynccontextmanager
async def open_stores(url: str, *, database: str | None = None) -> AsyncIterator[MongoStores]:
    """The stores in `database`, or the one that `url` names, or `atelier`.

    Raises:
        SettingsError: `url` is not the address of a server.
    """
    if not url.startswith(SCHEMES):
        raise SettingsError("ATELIER_MONGO_URL must begin with mongodb:// or mongodb+srv://.")
    try:
        client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
            url,
            tz_aware=True,
            timeoutMS=TIMEOUT,
            serverSelectionTimeoutMS=SELECTION,
            connectTimeoutMS=SELECTION,
            maxPoolSize=CONNECTIONS,
            appname="atelier-gallery",
        )
    except (InvalidURI, ValueError) as exc:
        raise SettingsError("ATELIER_MONGO_URL is not the address of a MongoDB server.") from exc
    try:
        found: Database = client[database] if database else client.get_default_database("atelier")
        yield MongoStores(MongoJobStore(found), MongoImageStore(found), found)
    finally:
        client.close()
