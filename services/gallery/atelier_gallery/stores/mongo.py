"""What the MongoDB stores of jobs and images share: saving, the tail, filters."""

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, Generic

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import IndexModel, InsertOne, UpdateOne, WriteConcern
from pymongo.errors import BulkWriteError

from atelier_core.adapters.mongo import Database, Document, refused_as_duplicates, translated
from atelier_core.adapters.mongo_clock import ServerClock
from atelier_core.domain.values import new_id, now
from atelier_gallery.ports import Change, D, Filter, Page, Stamp
from atelier_gallery.stores.rows import ms, readable, readable_page, time_of

HOUR: Final = 3_600_000  # milliseconds
WINDOWS: Final = (HOUR, 10 * HOUR, 100 * HOUR, 1_000 * HOUR, 10_000 * HOUR)
SOON: Final = 2.0  # seconds an insert may take and bear the time it began: the tail looks back 5
SELECTIVE: Final = frozenset({"job_id", "batch_id"})  # few have the same
STAMP: Final = ("owner", "batch_id", "version", "saved_at")


def some(keys: Sequence[tuple[str, int]], *, having: str) -> IndexModel:
    """An index of the documents whose field `having` holds text: most have no tag and no batch.

    Asking for a text that is not empty implies the filter, so queries need not name it.
    """
    name = "_".join((*(field for field, _ in keys), "some"))
    return IndexModel(list(keys), name=name, partialFilterExpression={having: {"$gt": ""}})


class MongoDocuments(Generic[D]):
    """Subclasses name the collection, its indexes and how documents are read and written."""

    name: ClassVar[str]
    indexes: ClassVar[Sequence[IndexModel]]
    initial: ClassVar[Document] = {}  # fields that only the first saving sets
    alive: ClassVar[Document] = {}  # what tells a document from a tombstone

    def __init__(self, database: Database) -> None:
        self._collection: AsyncIOMotorCollection[Document] = database.get_collection(
            self.name, write_concern=WriteConcern("majority", j=True)
        )
        self._clock = ServerClock(database)

    async def prepare(self) -> None:
        """Make the indexes. Raises TransientError."""
        with translated():
            await self._collection.create_indexes(list(self.indexes))

    def row(self, document: D) -> Document:
        raise NotImplementedError

    def read(self, doc: str) -> D:
        raise NotImplementedError

    def stamp(self, row: Document) -> Stamp:
        raise NotImplementedError

    async def get(self, document_id: str, *, owner: str) -> D | None:
        mine = {"_id": document_id, "owner": owner, **self.alive}
        rows = await self.rows(mine, ("doc",), limit=1)
        return self.read(rows[0]["doc"]) if rows else None

    async def find_many(self, ids: Collection[str], *, owners: Collection[str]) -> list[D]:
        return await self.documents({"_id": {"$in": list(ids)}, "owner": {"$in": list(owners)}})

    async def save_many(self, changes: Sequence[Change[D]]) -> frozenset[str]:
        if not changes:
            return frozenset()
        saver, ids = new_id(), [change.document.id for change in changes]
        mine = {"_id": {"$in": ids}, "saver": saver}
        with translated():
            at = await self._clock.now()
            began = time.monotonic()
            writes = [self._write(change, saver, at) for change in changes]
            try:
                result = await self._collection.bulk_write(writes, ordered=False)
                saved = result.inserted_count + result.matched_count
            except BulkWriteError as exc:
                refused_as_duplicates(exc)
                saved = exc.details.get("nInserted", 0) + exc.details.get("nMatched", 0)
            if time.monotonic() - began > SOON:  # whoever follows may be past the time they bear
                again: Document = {"$currentDate": {"saved_at": True}}
                await self._collection.update_many(mine, again)
            if saved == len(changes):
                return frozenset()
            kept = await self._collection.distinct("_id", mine)
        return frozenset(ids) - frozenset(kept)

    def _write(
        self, change: Change[D], saver: str, at: datetime
    ) -> InsertOne[Document] | UpdateOne:
        """An insert of what is there already runs into its unique id: that is how it loses."""
        row = {**self.row(change.document), "saver": saver}
        key: Document = {"_id": change.document.id}
        if change.read == 0:
            return InsertOne({**key, **row, **self.initial, "saved_at": at})
        update: Document = {"$set": row, "$currentDate": {"saved_at": True}}
        return UpdateOne({**key, "version": change.read, **self.alive}, update)

    async def newest_change(self, since: int = 0) -> int:
        changed = {"saved_at": {"$gte": time_of(since)}}
        rows = await self.rows(changed, ("saved_at",), sort=[("saved_at", -1)], limit=1)
        return ms(rows[0]["saved_at"]) if rows else since

    async def changed_since(
        self, since: int, *, owners: Collection[str], limit: int
    ) -> list[Stamp]:
        changed = {"saved_at": {"$gte": time_of(since)}, "owner": {"$in": list(owners)}}
        fields = (*STAMP, "job_id", "deleted")
        rows = await self.rows(changed, fields, sort=[("saved_at", 1)], limit=limit)
        return [self.stamp(row) for row in rows]

    async def documents(
        self, where: Document, *, sort: Sequence[tuple[str, int]] = (), limit: int = 0
    ) -> list[D]:
        rows = await self.rows({**where, **self.alive}, ("doc",), sort=sort, limit=limit)
        return readable(((row["_id"], row["doc"]) for row in rows), self.read)

    async def rows(
        self,
        where: Document,
        fields: Sequence[str],
        *,
        sort: Sequence[tuple[str, int]] = (),
        limit: int = 0,
    ) -> list[Document]:
        with translated():
            cursor = self._collection.find(where, dict.fromkeys(fields, 1), limit=limit)
            return await (cursor.sort(list(sort)) if sort else cursor).to_list(None)

    async def page(self, where: Document, page: Page) -> list[D]:
        async def rows(page: Page) -> list[tuple[str, int, str]]:
            found = await self._listed(where, page)
            return [(row["_id"], row["created_at"], row["doc"]) for row in found]

        return await readable_page(page, rows, self.read)

    async def _listed(self, where: Document, page: Page) -> list[Document]:
        """By wider and wider windows of time.

        Some servers with MongoDB's protocol sort all that a filter finds, index or not; with a
        window they find little, and the others do not mind.
        """
        way, beyond = (1, "$gt") if page.ascending else (-1, "$lt")
        found: list[Document] = []
        selective = not SELECTIVE.isdisjoint(where)
        for window in [None] if selective else _windows(page):
            bounds: list[Document] = [where, window] if window else [where]
            if page.after:
                created_at = ms(page.after.created_at)
                later: list[Document] = [
                    {"created_at": {beyond: created_at}},
                    {"created_at": created_at, "_id": {beyond: page.after.id}},
                ]
                bounds.append({"$or": later})
            found = await self.rows(
                {"$and": bounds, **self.alive},
                ("doc", "created_at"),
                sort=[("created_at", way), ("_id", way)],
                limit=page.limit,
            )
            if len(found) == page.limit:
                break
        return found


def _windows(page: Page) -> list[Document | None]:
    if page.after is None and page.ascending:
        return [None]
    edge = ms(page.after.created_at if page.after else now())
    if page.ascending:
        return [*({"created_at": {"$gte": edge, "$lte": edge + w}} for w in WINDOWS), None]
    newest = {"$lte": edge} if page.after else {}
    return [*({"created_at": {**newest, "$gte": edge - w}} for w in WINDOWS), None]


def conditions(owner: str, where: Filter, **more: Sequence[Any]) -> Document:
    """The common filters and those of `more` (field to values); none at all filters nothing."""
    fields: Mapping[str, Sequence[Any]] = {
        "tags": where.tags,
        "model": where.models,
        "provider": where.providers,
        "batch_id": where.batches,
        **more,
    }
    found: Document = {"owner": owner}
    found |= {
        name: values[0] if len(values) == 1 else {"$in": list(values)}
        for name, values in fields.items()
        if values
    }
    between = {
        operator: ms(time)
        for operator, time in (("$gt", where.created_after), ("$lt", where.created_before))
        if time is not None
    }
    return found | {"created_at": between} if between else found


def stamp_of(row: Document, *, job_id: str) -> Stamp:
    saved_at: datetime = row["saved_at"]
    return Stamp(
        id=row["_id"],
        owner=row["owner"],
        job_id=job_id,
        batch_id=row.get("batch_id"),
        version=row["version"],
        saved_at=ms(saved_at),
        deleted=row.get("deleted", False),
    )
