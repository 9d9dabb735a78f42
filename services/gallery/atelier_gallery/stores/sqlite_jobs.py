"""Jobs in SQLite."""

import json
import sqlite3
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from atelier_core.domain.job import Job
from atelier_gallery.ports import BatchJobs, JobFilter, Page, Silent
from atelier_gallery.schedule import STARTED
from atelier_gallery.stores.rows import BATCH_FIELDS, batch_of, job_row, ms, readable, time_of
from atelier_gallery.stores.sqlite import SqliteDocuments, Where

_STARTED = ", ".join(f"'{status}'" for status in STARTED)


class SqliteJobStore(SqliteDocuments[Job]):
    table = "jobs"
    columns = (
        *("owner", "version", "status", "done", "bulk", "batch_id", "batch_index", "batch_size"),
        *("model", "provider", "tags", "images", "cost", "created_at", "updated_at"),
        *("finished_at", "deadline_at", "doc"),
    )
    stamp = "id, owner, id AS job_id, batch_id, version, saved_at, 0 AS deleted"
    schema = (
        """
        CREATE TABLE IF NOT EXISTS jobs (
            id TEXT PRIMARY KEY, owner TEXT NOT NULL, version INTEGER NOT NULL,
            status TEXT NOT NULL, done INTEGER NOT NULL, bulk INTEGER NOT NULL,
            batch_id TEXT, batch_index INTEGER, batch_size INTEGER,
            model TEXT, provider TEXT, tags TEXT NOT NULL, images INTEGER NOT NULL,
            cost TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
            finished_at INTEGER, deadline_at INTEGER NOT NULL, saved_at INTEGER NOT NULL,
            swept_at INTEGER, sweep_due INTEGER NOT NULL DEFAULT 0,
            sweeps INTEGER NOT NULL DEFAULT 0, doc TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX IF NOT EXISTS jobs_newest ON jobs (owner, created_at, id)",
        "CREATE INDEX IF NOT EXISTS jobs_running ON jobs (owner, created_at, id) WHERE NOT done",
        "CREATE INDEX IF NOT EXISTS jobs_ended ON jobs (owner, finished_at) WHERE done",
        "CREATE INDEX IF NOT EXISTS jobs_batch ON jobs (batch_id) WHERE batch_id IS NOT NULL",
        "CREATE INDEX IF NOT EXISTS jobs_changed ON jobs (saved_at)",
        "CREATE INDEX IF NOT EXISTS jobs_overdue ON jobs (deadline_at) WHERE NOT done",
        "CREATE INDEX IF NOT EXISTS jobs_silent ON jobs (created_at, id) WHERE NOT done",
        f"""
        CREATE INDEX IF NOT EXISTS jobs_started ON jobs (bulk, created_at)
        WHERE status IN ({_STARTED})
        """,
    )

    def row(self, document: Job) -> dict[str, Any]:
        row = job_row(document)
        return row | {"tags": json.dumps(row["tags"])}

    def read(self, doc: str) -> Job:
        return Job.read(doc)

    async def select(self, *, owner: str, where: JobFilter, page: Page) -> list[Job]:
        sql = Where(self.table, owner)
        sql.common(where)
        sql.among("status", where.statuses)
        return await self.listed(sql, page)

    async def recent(self, *, owner: str, limit: int, finished_after: datetime) -> list[Job]:
        running = await self.documents(
            "WHERE owner = :owner AND NOT done ORDER BY created_at DESC, id DESC LIMIT :limit",
            owner=owner,
            limit=limit,
        )
        ended = await self.documents(
            "WHERE owner = :owner AND done AND finished_at > :after"
            " ORDER BY finished_at DESC LIMIT :limit",
            owner=owner,
            limit=limit,
            after=ms(finished_after),
        )
        return running + ended

    async def batch(self, batch_id: str, *, owner: str) -> BatchJobs | None:
        rows = await self.rows(
            f"SELECT {', '.join(BATCH_FIELDS)}, batch_size, created_at FROM jobs"  # noqa: S608 - of constants
            " WHERE batch_id = :batch AND owner = :owner ORDER BY batch_index",
            batch=batch_id,
            owner=owner,
        )
        if not rows:
            return None
        return batch_of(
            map(dict, rows), size=rows[0]["batch_size"], created_at=rows[0]["created_at"]
        )

    async def overdue(self, now: datetime, *, at_once: int) -> AsyncIterator[list[Job]]:
        async for rows in self._open("deadline_at", now, by="deadline_at", at_once=at_once):
            yield readable(((row["id"], row["doc"]) for row in rows), self.read)

    async def silent(self, now: datetime, *, at_once: int) -> AsyncIterator[list[Silent]]:
        async for rows in self._open("sweep_due", now, by="created_at", at_once=at_once):
            yield readable(((row["id"], row) for row in rows), self._silent)

    async def _open(
        self, due: str, now: datetime, *, by: str, at_once: int
    ) -> AsyncIterator[list[sqlite3.Row]]:
        """Pages of the jobs not done for which the time `due` has come, sorted by `by`."""
        place, place_id = 0, ""
        while rows := await self.rows(
            f"SELECT id, doc, saved_at, swept_at, sweeps, {by} FROM jobs WHERE NOT done"  # noqa: S608 - of constants
            f" AND {due} <= :now AND ({by}, id) > (:place, :id) ORDER BY {by}, id LIMIT :limit",
            now=ms(now),
            place=place,
            id=place_id,
            limit=at_once,
        ):
            yield rows
            place, place_id = rows[-1][by], rows[-1]["id"]

    def _silent(self, row: sqlite3.Row) -> Silent:
        return Silent(
            job=self.read(row["doc"]),
            saved_at=row["saved_at"],
            swept_at=None if row["swept_at"] is None else time_of(row["swept_at"]),
            sweeps=row["sweeps"],
        )

    async def claim_sweep(
        self, job_id: str, *, owner: str, swept_at: datetime | None, now: datetime, due: datetime
    ) -> bool:
        values = {
            "id": job_id,
            "owner": owner,
            "read": None if swept_at is None else ms(swept_at),
            "now": ms(now),
            "due": ms(due),
        }

        def work(connection: sqlite3.Connection) -> bool:
            changed = connection.execute(
                "UPDATE jobs SET swept_at = :now, sweep_due = :due, sweeps = sweeps + 1"
                " WHERE id = :id AND owner = :owner AND swept_at IS :read",
                values,
            )
            return changed.rowcount == 1

        return await self._engine.write(work)

    async def started_until(self, *, bulk: bool) -> datetime | None:
        rows = await self.rows(
            f"SELECT max(created_at) FROM jobs WHERE bulk = :bulk AND status IN ({_STARTED})",  # noqa: S608 - of constants
            bulk=bulk,
        )
        return None if rows[0][0] is None else time_of(rows[0][0])
