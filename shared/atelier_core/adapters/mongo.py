"""What every store in MongoDB shares: the connection, and the driver's errors as ours."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)

from atelier_core.errors import RefusedError, SettingsError, TransientError

Document = dict[str, Any]
Database = AsyncIOMotorDatabase[Document]

SCHEMES: Final = ("mongodb://", "mongodb+srv://")
CONNECTIONS: Final = 50
DUPLICATE_KEY: Final = 11000
MISTAKES: Final = frozenset({2, 9, 14})  # bad value, cannot be parsed, wrong type: ours, for ever
REFUSED: Final = {
    13: "MongoDB does not allow the user in ATELIER_MONGO_URL what Atelier has to do.",
    18: "MongoDB refuses the user or the password in ATELIER_MONGO_URL.",
}


@asynccontextmanager
async def connected(
    url: str, *, app: str, within: float, away_after: float, database: str | None = None
) -> AsyncIterator[Database]:
    """The database of that name, or the one that `url` names, or `atelier`.

    The server need not be there yet: it counts as away after `away_after` seconds, and nothing
    takes longer than `within` seconds.

    Raises:
        SettingsError: `url` is not the address of a server, or its options are wrong.
    """
    if not url.startswith(SCHEMES):
        raise SettingsError("ATELIER_MONGO_URL must begin with mongodb:// or mongodb+srv://.")
    selection = round(away_after * 1000)
    try:
        client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
            url,
            tz_aware=True,
            timeoutMS=round(within * 1000),
            serverSelectionTimeoutMS=selection,
            connectTimeoutMS=selection,
            maxPoolSize=CONNECTIONS,
            appname=app,
        )
    except (InvalidURI, ValueError) as exc:
        raise SettingsError("ATELIER_MONGO_URL is not the address of a MongoDB server.") from exc
    except (ConfigurationError, OSError) as exc:
        raise SettingsError(
            "ATELIER_MONGO_URL cannot be used: its options do not go together,"
            " or a password or a file that they ask for is missing."
        ) from exc
    try:
        yield client[database] if database else client.get_default_database("atelier")
    finally:
        client.close()


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the driver as ours; a mistake in a query stays what it is."""
    try:
        yield
    except PyMongoError as exc:
        if isinstance(exc, OperationFailure) and exc.code in MISTAKES:
            raise
        if isinstance(exc, OperationFailure) and exc.code in REFUSED:
            raise RefusedError(REFUSED[exc.code]) from exc
        raise TransientError(f"MongoDB: {type(exc).__name__}") from exc


def refused_as_duplicates(exc: BulkWriteError) -> frozenset[int]:
    """The indexes of the writes that lost to a document with their key, where all else is safe.

    Raises:
        BulkWriteError: something else went wrong, too.
    """
    details = exc.details or {}
    errors = details.get("writeErrors", ())
    if details.get("writeConcernErrors") or any(e.get("code") != DUPLICATE_KEY for e in errors):
        raise exc
    return frozenset(error["index"] for error in errors)
