"""Images in SQLite, their words in FTS5."""

import json
import sqlite3
from typing import Any

from atelier_core.domain.image import Image
from atelier_gallery.ports import ImageFilter, Page
from atelier_gallery.stores.rows import TOMBSTONE_DAYS, image_row
from atelier_gallery.stores.sqlite import NOW, SqliteDocuments, Where


class SqliteImageStore(SqliteDocuments[Image]):
    """A tombstone is a row without a document."""

    table = "images"
    columns = (
        *("owner", "version", "job_id", "batch_id", "model", "provider", "tags", "trashed"),
        *("favorite", "deleted", "created_at", "doc"),
    )
    stamp = "id, owner, job_id, batch_id, version, saved_at, deleted"
    schema = (
        """
        CREATE TABLE IF NOT EXISTS images (
            id TEXT PRIMARY KEY, owner TEXT NOT NULL, version INTEGER NOT NULL,
            job_id TEXT NOT NULL, batch_id TEXT, model TEXT, provider TEXT, tags TEXT NOT NULL,
            trashed INTEGER NOT NULL, favorite INTEGER NOT NULL, deleted INTEGER NOT NULL,
            created_at INTEGER NOT NULL, saved_at INTEGER NOT NULL, doc TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE INDEX IF NOT EXISTS images_newest ON images (owner, created_at, id, trashed)
        WHERE NOT deleted
        """,
        "CREATE INDEX IF NOT EXISTS images_job ON images (job_id)",
        "CREATE INDEX IF NOT EXISTS images_batch ON images (batch_id) WHERE batch_id IS NOT NULL",
        "CREATE INDEX IF NOT EXISTS images_changed ON images (saved_at)",
        "CREATE INDEX IF NOT EXISTS images_deleted ON images (saved_at) WHERE deleted",
        """
        CREATE VIRTUAL TABLE IF NOT EXISTS images_words
        USING fts5 (
            words, detail = none,
            tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Co So'"
        )
        """,
    )

    def row(self, document: Image) -> dict[str, Any]:
        row = image_row(document)
        return row | {"tags": json.dumps(row["tags"]), "words": " ".join(row["words"])}

    def read(self, doc: str) -> Image:
        return Image.read(doc)

    def index(self, connection: sqlite3.Connection, rowid: int | None, row: dict[str, Any]) -> None:
        super().index(connection, rowid, row)
        words = (rowid, row["words"])
        connection.execute("INSERT INTO images_words (rowid, words) VALUES (?, ?)", words)

    async def select(self, *, owner: str, where: ImageFilter, page: Page) -> list[Image]:
        sql = Where(self.table, owner)
        sql.sql.append("NOT deleted")
        sql.common(where)
        sql.narrow("job_id", where.jobs)
        sql.among("trashed", (int(value) for value in where.trashed))
        sql.among("favorite", (int(value) for value in where.favorite))
        if where.words:
            sql.sql.append("rowid IN (SELECT rowid FROM images_words(:words))")
            sql.values["words"] = " ".join(f'"{word}"' for word in where.words)
        return await self.listed(sql, page)

    async def bury(self, image_id: str, *, owner: str, job_id: str, batch_id: str | None) -> int:
        values = {"id": image_id, "owner": owner, "job_id": job_id, "batch_id": batch_id}

        def work(connection: sqlite3.Connection) -> int:
            for index in ("images_words WHERE rowid", "images_tags WHERE document"):
                connection.execute(
                    f"DELETE FROM {index} IN (SELECT rowid FROM images"  # noqa: S608 - of constants
                    " WHERE id = :id AND owner = :owner)",
                    values,
                )
            connection.execute(
                "INSERT INTO images (id, owner, version, job_id, batch_id, tags, trashed,"  # noqa: S608 - of constants
                " favorite, deleted, created_at, saved_at, doc)"
                f" VALUES (:id, :owner, 2, :job_id, :batch_id, '[]', 0, 0, 1, 0, {NOW}, '')"
                " ON CONFLICT (id) DO UPDATE SET version = version + 1, tags = '[]', deleted = 1,"
                f" saved_at = {NOW}, doc = '' WHERE owner = :owner AND NOT deleted",
                values,
            )
            connection.execute(
                "DELETE FROM images WHERE deleted"  # noqa: S608 - of constants
                f" AND saved_at < {NOW} - {TOMBSTONE_DAYS} * 86400000"
            )
            row = connection.execute("SELECT version FROM images WHERE id = :id", values).fetchone()
            return int(row[0])

        return await self._engine.write(work)
