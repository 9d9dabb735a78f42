"""Images in MongoDB.

Search is an index of words, not `$text`: that knows no "all of them" that means the same on every
server with MongoDB's protocol, and cannot begin with the owner and end with the time.
"""

from contextlib import suppress
from typing import Any

from pymongo import IndexModel, UpdateOne
from pymongo.errors import BulkWriteError

from atelier_core.adapters.mongo import Document, translated
from atelier_core.domain.image import Image
from atelier_core.errors import TransientError
from atelier_gallery.ports import ImageFilter, Page, Stamp
from atelier_gallery.stores.mongo import MongoDocuments, conditions, some, stamp_of
from atelier_gallery.stores.rows import TOMBSTONE_DAYS, image_row


class MongoImageStore(MongoDocuments[Image]):
    """A tombstone is a document that says `deleted`, until the server removes it."""

    name = "gallery_images"
    alive = {"deleted": False}  # noqa: RUF012 - declared as such
    indexes = (
        IndexModel([("owner", 1), ("trashed", 1), ("created_at", -1), ("_id", -1)]),
        some([("owner", 1), ("tags", 1), ("created_at", -1)], having="tags"),
        IndexModel([("job_id", 1)]),
        some([("batch_id", 1)], having="batch_id"),
        IndexModel([("saved_at", 1)]),
        IndexModel([("owner", 1), ("words", 1), ("created_at", -1)]),
        IndexModel(
            [("deleted_at", 1)],
            name="deleted_at_some",
            expireAfterSeconds=TOMBSTONE_DAYS * 86400,
            partialFilterExpression={"deleted": True},
        ),
    )

    def row(self, document: Image) -> dict[str, Any]:
        return image_row(document)

    def read(self, doc: str) -> Image:
        return Image.read(doc)

    def stamp(self, row: dict[str, Any]) -> Stamp:
        return stamp_of(row, job_id=row["job_id"])

    async def select(self, *, owner: str, where: ImageFilter, page: Page) -> list[Image]:
        found = conditions(
            owner, where, job_id=where.jobs, trashed=where.trashed, favorite=where.favorite
        )
        if where.words:
            found["words"] = {"$all": list(where.words)}
        return await self.page(found, page)

    async def bury(self, image_id: str, *, owner: str, job_id: str, batch_id: str | None) -> int:
        grave: Document = {
            "owner": owner,
            "job_id": job_id,
            "batch_id": batch_id,
            "deleted": True,
            "tags": [],
            "words": [],
            "doc": "",
        }
        mine = {"_id": image_id, "owner": owner}
        update = {
            "$set": grave,
            "$inc": {"version": 2},  # 2 also where none was saved, which would have been 1
            "$currentDate": {"saved_at": True, "deleted_at": True},
        }
        with translated():
            await self._collection.update_one({**mine, "deleted": False}, update)
            row = await self._collection.find_one(mine, {"version": 1, "deleted": 1})
            if row is None:
                with suppress(BulkWriteError):  # somebody else buried or saved it just now
                    await self._collection.bulk_write([UpdateOne(mine, update, upsert=True)])
                row = await self._collection.find_one(mine, {"version": 1, "deleted": 1})
        if row is None or not row["deleted"]:
            raise TransientError("An image changed while it was buried.")
        return int(row["version"])
