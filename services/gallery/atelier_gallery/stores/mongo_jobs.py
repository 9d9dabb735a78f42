"""Jobs in MongoDB."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from pymongo import IndexModel

from atelier_core.adapters.mongo import Document, translated
from atelier_core.domain.job import Job
from atelier_gallery.ports import BatchJobs, JobFilter, Page, Silent, Stamp
from atelier_gallery.schedule import STARTED
from atelier_gallery.stores.mongo import MongoDocuments, conditions, some, stamp_of
from atelier_gallery.stores.rows import BATCH_FIELDS, batch_of, job_row, ms, readable, time_of


def _unfinished(*keys: tuple[str, int]) -> IndexModel:
    return IndexModel([("done", 1), *keys], partialFilterExpression={"done": False})


class MongoJobStore(MongoDocuments[Job]):
    name = "gallery_jobs"
    initial = {"swept_at": None, "sweep_due": 0, "sweeps": 0}  # noqa: RUF012 - declared as such
    indexes = (
        IndexModel([("owner", 1), ("created_at", -1), ("_id", -1)]),
        some([("owner", 1), ("tags", 1), ("created_at", -1)], having="tags"),
        IndexModel([("owner", 1), ("done", 1), ("finished_at", -1)]),
        some([("batch_id", 1), ("batch_index", 1)], having="batch_id"),
        IndexModel([("saved_at", 1)]),
        IndexModel([("bulk", 1), ("created_at", -1)]),
        _unfinished(("deadline_at", 1), ("_id", 1)),
        _unfinished(("created_at", 1), ("_id", 1)),
    )

    def row(self, document: Job) -> dict[str, Any]:
        return job_row(document)

    def read(self, doc: str) -> Job:
        return Job.read(doc)

    def stamp(self, row: dict[str, Any]) -> Stamp:
        return stamp_of(row, job_id=row["_id"])

    async def select(self, *, owner: str, where: JobFilter, page: Page) -> list[Job]:
        statuses = [str(status) for status in where.statuses]
        return await self.page(conditions(owner, where, status=statuses), page)

    async def recent(self, *, owner: str, limit: int, finished_after: datetime) -> list[Job]:
        running = await self.documents(
            {"owner": owner, "done": False}, sort=[("created_at", -1), ("_id", -1)], limit=limit
        )
        ended = await self.documents(
            {"owner": owner, "done": True, "finished_at": {"$gt": ms(finished_after)}},
            sort=[("finished_at", -1)],
            limit=limit,
        )
        return running + ended

    async def batch(self, batch_id: str, *, owner: str) -> BatchJobs | None:
        rows = await self.rows(
            {"batch_id": batch_id, "owner": owner},
            (*BATCH_FIELDS, "batch_size", "created_at"),
            sort=[("batch_index", 1)],
        )
        if not rows:
            return None
        return batch_of(rows, size=rows[0]["batch_size"], created_at=rows[0]["created_at"])

    async def overdue(self, now: datetime, *, at_once: int) -> AsyncIterator[list[Job]]:
        async for rows in self._open("deadline_at", now, by="deadline_at", at_once=at_once):
            yield readable(((row["_id"], row["doc"]) for row in rows), self.read)

    async def silent(self, now: datetime, *, at_once: int) -> AsyncIterator[list[Silent]]:
        async for rows in self._open("sweep_due", now, by="created_at", at_once=at_once):
            yield readable(((row["_id"], row) for row in rows), self._silent)

    async def _open(
        self, due: str, now: datetime, *, by: str, at_once: int
    ) -> AsyncIterator[list[Document]]:
        """Pages of the jobs not done for which the time `due` has come, sorted by `by`."""
        fields, sort = ("doc", "saved_at", "swept_at", "sweeps", by), [(by, 1), ("_id", 1)]
        found: Document = {"done": False, due: {"$lte": ms(now)}}
        where = found
        while rows := await self.rows(where, fields, sort=sort, limit=at_once):
            yield rows
            place, last = rows[-1][by], rows[-1]["_id"]
            behind = {"$or": [{by: {"$gt": place}}, {by: place, "_id": {"$gt": last}}]}
            where = {**found, "$and": [{by: {"$gte": place}}, behind]}

    def _silent(self, row: Document) -> Silent:
        return Silent(
            job=self.read(row["doc"]),
            saved_at=ms(row["saved_at"]),
            swept_at=None if row["swept_at"] is None else time_of(row["swept_at"]),
            sweeps=row["sweeps"],
        )

    async def claim_sweep(
        self, job_id: str, *, owner: str, swept_at: datetime | None, now: datetime, due: datetime
    ) -> bool:
        read = None if swept_at is None else ms(swept_at)
        with translated():
            result = await self._collection.update_one(
                {"_id": job_id, "owner": owner, "swept_at": read},
                {"$set": {"swept_at": ms(now), "sweep_due": ms(due)}, "$inc": {"sweeps": 1}},
            )
        return result.matched_count == 1

    async def started_until(self, *, bulk: bool) -> datetime | None:
        started = {"bulk": bulk, "status": {"$in": [str(status) for status in STARTED]}}
        rows = await self.rows(started, ("created_at",), sort=[("created_at", -1)], limit=1)
        return time_of(rows[0]["created_at"]) if rows else None
