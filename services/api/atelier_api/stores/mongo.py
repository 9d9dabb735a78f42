"""Idempotency rows and tickets in MongoDB; every time in them is the database's."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ReturnDocument, WriteConcern
from pymongo.errors import BulkWriteError

from atelier_api.ports import KEPT, Claim, Row, Scope, State
from atelier_core.adapters.mongo import (
    Database,
    Document,
    connected,
    refused_as_duplicates,
    translated,
)
from atelier_core.adapters.mongo_clock import ServerClock

Collection = AsyncIOMotorCollection[Document]

WITHIN: Final = 2.0  # seconds that anything may take


@asynccontextmanager
async def open_stores(
    url: str, *, database: str | None = None
) -> AsyncIterator[tuple["MongoIdempotency", "MongoTickets", "MongoDatabase"]]:
    """Both stores in the database that `url` names (`atelier` if none), and what they live in.

    The server need not be there yet: `MongoDatabase.prepare` says when it is.

    Raises:
        SettingsError: `url` is not one.
    """
    async with connected(
        url, app="atelier-api", within=WITHIN, away_after=WITHIN, database=database
    ) as db:
        rows = _durable(db, "api_idempotency")
        tickets = _durable(db, "api_tickets")
        idempotency = MongoIdempotency(rows, ServerClock(db))
        yield idempotency, MongoTickets(tickets), MongoDatabase(db, rows, tickets)


def _durable(db: Database, name: str) -> Collection:
    return db.get_collection(name, write_concern=WriteConcern("majority", j=True))


class MongoDatabase:
    """What the stores need of the server; `ping` says that it answers and has its indexes."""

    def __init__(self, db: Database, rows: Collection, tickets: Collection) -> None:
        self._db = db
        self._rows = rows
        self._tickets = tickets
        self._prepared = False

    async def prepare(self) -> None:
        """Make the indexes. Raises TransientError."""
        with translated():
            await self._rows.create_index("claimed_at", expireAfterSeconds=int(KEPT))
            await self._tickets.create_index("expires_at", expireAfterSeconds=0)
        self._prepared = True

    async def ping(self) -> None:
        """Return if the server can be used. Raises TransientError."""
        if not self._prepared:
            await self.prepare()  # which says why it cannot be
        with translated():
            await self._db.command("ping")


class MongoIdempotency:
    def __init__(self, rows: Collection, clock: ServerClock) -> None:
        self._rows = rows
        self._clock = clock

    async def claim(self, claims: Sequence[Claim]) -> Sequence[Row]:
        rows: dict[int, Row] = {}
        while len(rows) < len(claims):  # once, unless a row in the way was removed meanwhile
            asked = [(index, claim) for index, claim in enumerate(claims) if index not in rows]
            new = await self._insert([claim for _, claim in asked])
            rows |= {index: _made(claim) for at, (index, claim) in enumerate(asked) if at in new}
            lost = [(index, claim) for index, claim in asked if index not in rows]
            standing = await self._read({_key(claim.scope) for _, claim in lost})
            for index, claim in lost:
                if row := standing.get(_key(claim.scope)):
                    rows[index] = _found(row, claim)
        return [rows[index] for index in range(len(claims))]

    async def _insert(self, claims: Sequence[Claim]) -> frozenset[int]:
        """The indexes of the claims whose rows were made by this call."""
        with translated():
            at = await self._clock.now()
            try:
                await self._rows.insert_many([_document(c, at) for c in claims], ordered=False)
            except BulkWriteError as exc:
                return frozenset(range(len(claims))) - refused_as_duplicates(exc)
        return frozenset(range(len(claims)))

    async def _read(self, keys: set[str]) -> Mapping[str, Row]:
        if not keys:
            return {}
        with translated():
            found = self._rows.aggregate(
                [
                    {"$match": {"_id": {"$in": sorted(keys)}}},
                    {"$addFields": {"age": {"$subtract": ["$$NOW", "$claimed_at"]}}},
                ]
            )
            return {document["_id"]: _row(document) async for document in found}

    async def find(self, scope: Scope) -> Row | None:
        key = _key(scope)
        return (await self._read({key})).get(key)

    async def mark(self, scopes: Sequence[Scope], state: State) -> None:
        keys = [_key(scope) for scope in scopes]
        with translated():
            await self._rows.update_many(
                {"_id": {"$in": keys}, "state": {"$ne": State.ACCEPTED}}, {"$set": {"state": state}}
            )

    async def forget(self, scope: Scope) -> None:
        with translated():
            await self._rows.delete_one({"_id": _key(scope), "state": {"$ne": State.ACCEPTED}})


def _key(scope: Scope) -> str:
    """The scope as one unique value of bounded length."""
    parts = json.dumps([scope.owner, scope.method, scope.path, scope.key])
    return hashlib.sha256(parts.encode()).hexdigest()


def _document(claim: Claim, at: datetime) -> Document:
    return {
        "_id": _key(claim.scope),
        "owner": claim.scope.owner,
        "method": claim.scope.method,
        "path": claim.scope.path,
        "key": claim.scope.key,
        "fingerprint": claim.fingerprint,
        "id": claim.id,
        "created_at": claim.created_at,
        "state": State.PENDING.value,
        "claimed_at": at,
    }


def _made(claim: Claim) -> Row:
    return Row(
        fingerprint=claim.fingerprint,
        id=claim.id,
        created_at=claim.created_at,
        state=State.PENDING,
        age=0.0,
        mine=True,
    )


def _found(row: Row, claim: Claim) -> Row:
    """A row with the claim's own id was made by an insert whose answer was lost."""
    return replace(row, mine=True) if row.id == claim.id else row


def _row(document: Document) -> Row:
    return Row(
        fingerprint=document["fingerprint"],
        id=document["id"],
        created_at=document["created_at"].astimezone(UTC),
        state=State(document["state"]),
        age=max(0.0, document["age"] / 1000),
        mine=False,
    )


class MongoTickets:
    def __init__(self, tickets: Collection) -> None:
        self._tickets = tickets

    async def issue(self, digest: str, *, owner: str, seconds: float) -> datetime:
        kept = {
            "owner": {"$literal": owner},
            "expires_at": {"$add": ["$$NOW", int(seconds * 1000)]},
        }
        with translated():
            document = await self._tickets.find_one_and_update(
                {"_id": digest}, [{"$set": kept}], upsert=True, return_document=ReturnDocument.AFTER
            )
        return _time(document["expires_at"])

    async def redeem(self, digest: str) -> str | None:
        unused = {"_id": digest, "redeemed_at": {"$exists": False}}
        with translated():
            document = await self._tickets.find_one_and_update(
                unused,
                [{"$set": {"redeemed_at": "$$NOW"}}],
                return_document=ReturnDocument.AFTER,
            )
        if document is None or document["redeemed_at"] >= document["expires_at"]:
            return None
        return str(document["owner"])


def _time(value: datetime) -> datetime:
    return value.astimezone(UTC)
