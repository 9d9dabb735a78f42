"""What the SQLite stores of jobs and images share: saving, reading, the tail, filters."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Any, ClassVar, Generic, Self

from atelier_core.adapters.sqlite import SqliteEngine
from atelier_gallery.ports import Change, D, Filter, Page, Stamp
from atelier_gallery.stores.rows import ms, readable, readable_page

NOW = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"  # milliseconds


_TAGS = """
    CREATE TABLE IF NOT EXISTS {table}_tags (
        tag TEXT, document INTEGER, PRIMARY KEY (tag, document)
    ) STRICT, WITHOUT ROWID
"""


def among(name: str) -> str:
    """The end of a condition: one of the JSON list that is the parameter `name`."""
    return f" IN (SELECT value FROM json_each(:{name}))"  # noqa: S608 - names a parameter


class Where:
    """Conditions joined by AND, with their parameters; lists travel as JSON."""

    def __init__(self, table: str, owner: str) -> None:
        self.table = table
        self.sql = ["owner = :owner"]
        self.values: dict[str, Any] = {"owner": owner}

    def among(self, column: str, values: Iterable[Any]) -> None:
        """`column` is one of `values`; none at all filters nothing."""
        if values := tuple(values):
            self.add(column + among(column), column, values)

    def narrow(self, column: str, values: Iterable[Any]) -> None:
        """As `among`, where few rows have these values: the order is no way to find them."""
        if values := tuple(values):
            self.among(column, values)
            self.sql[0] = "+owner = :owner"

    def add(self, sql: str, name: str, values: Sequence[Any]) -> None:
        self.sql.append(sql)
        self.values[name] = json.dumps(values)

    def common(self, where: Filter) -> None:
        self.among("model", where.models)
        self.among("provider", where.providers)
        self.narrow("batch_id", where.batches)
        if where.tags:
            tagged = f"SELECT document FROM {self.table}_tags WHERE tag"  # noqa: S608 - a constant
            self.add(f"rowid IN ({tagged}{among('tags')})", "tags", where.tags)
        for operator, name, time in (
            (">", "after", where.created_after),
            ("<", "before", where.created_before),
        ):
            if time is not None:
                self.sql.append(f"created_at {operator} :created_{name}")
                self.values[f"created_{name}"] = ms(time)

    def page(self, page: Page) -> str:
        """All of it as the end of a SELECT."""
        way, beyond = ("ASC", ">") if page.ascending else ("DESC", "<")
        conditions, self.values["limit"] = [*self.sql], page.limit
        if page.after:
            conditions.append(f"(created_at, id) {beyond} (:place_time, :place_id)")
            self.values |= {"place_time": ms(page.after.created_at), "place_id": page.after.id}
        found = " AND ".join(conditions)
        return f"WHERE {found} ORDER BY created_at {way}, id {way} LIMIT :limit"


class SqliteDocuments(Generic[D]):
    """`create` it on an open engine. Subclasses name the table, its columns and the document."""

    table: ClassVar[str]
    schema: ClassVar[tuple[str, ...]]
    columns: ClassVar[tuple[str, ...]]  # those that `row` fills
    stamp: ClassVar[str]  # the columns of a Stamp

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine
        names, columns = ", ".join(self.columns), ", ".join(f":{c}" for c in self.columns)
        changes = ", ".join(f"{c} = :{c}" for c in self.columns)
        self._insert = (
            f"INSERT INTO {self.table} (id, {names}, saved_at) VALUES (:id, {columns}, {NOW})"  # noqa: S608 - of constants
            " ON CONFLICT (id) DO NOTHING"
        )
        self._update = (
            f"UPDATE {self.table} SET {changes}, saved_at = {NOW}"  # noqa: S608 - of constants
            " WHERE id = :id AND version = :read AND doc != ''"
        )

    @classmethod
    async def create(cls, engine: SqliteEngine) -> Self:
        """The store on `engine`, its table made if it is not there."""

        def work(connection: sqlite3.Connection) -> None:
            for statement in (*cls.schema, _TAGS.format(table=cls.table)):
                connection.execute(statement)

        await engine.write(work)
        return cls(engine)

    def row(self, document: D) -> dict[str, Any]:
        raise NotImplementedError

    def read(self, doc: str) -> D:
        raise NotImplementedError

    async def get(self, document_id: str, *, owner: str) -> D | None:
        rest = "WHERE id = :id AND owner = :owner AND doc != ''"
        rows = await self._kept(rest, id=document_id, owner=owner)
        return self.read(rows[0]["doc"]) if rows else None

    async def find_many(self, ids: Collection[str], *, owners: Collection[str]) -> list[D]:
        return await self.documents(
            f"WHERE id{among('ids')} AND owner{among('owners')} AND doc != ''",
            ids=json.dumps(list(ids)),
            owners=json.dumps(list(owners)),
        )

    async def save_many(self, changes: Sequence[Change[D]]) -> frozenset[str]:
        rows = [{"id": c.document.id, "read": c.read, **self.row(c.document)} for c in changes]

        def work(connection: sqlite3.Connection) -> frozenset[str]:
            return frozenset(row["id"] for row in rows if not self.save(connection, row))

        return await self._engine.write(work) if rows else frozenset()

    def save(self, connection: sqlite3.Connection, row: dict[str, Any]) -> bool:
        """Whether the row was saved."""
        if row["read"]:
            return connection.execute(self._update, row).rowcount == 1
        cursor = connection.execute(self._insert, row)
        if cursor.rowcount != 1:
            return False
        self.index(connection, cursor.lastrowid, row)
        return True

    def index(self, connection: sqlite3.Connection, rowid: int | None, row: dict[str, Any]) -> None:
        """What makes a new row be found by more than its columns; none of it ever changes."""
        tags = {(tag, rowid) for tag in json.loads(row["tags"])}
        connection.executemany(f"INSERT INTO {self.table}_tags VALUES (?, ?)", tags)  # noqa: S608 - a constant

    async def newest_change(self, since: int = 0) -> int:
        rows = await self.rows(f"SELECT max(saved_at) FROM {self.table}")  # noqa: S608 - a constant
        return max(rows[0][0] or 0, since)

    async def changed_since(
        self, since: int, *, owners: Collection[str], limit: int
    ) -> list[Stamp]:
        rows = await self.rows(
            f"SELECT {self.stamp} FROM {self.table} WHERE saved_at >= :since"  # noqa: S608 - of constants
            f" AND owner{among('owners')} ORDER BY saved_at LIMIT :limit",
            since=since,
            owners=json.dumps(list(owners)),
            limit=limit,
        )
        return [Stamp(**{**dict(row), "deleted": bool(row["deleted"])}) for row in rows]

    async def documents(self, rest: str, **values: Any) -> list[D]:
        rows = await self._kept(rest, **values)
        return readable(((row["id"], row["doc"]) for row in rows), self.read)

    async def listed(self, where: Where, page: Page) -> list[D]:
        async def rows(page: Page) -> list[tuple[str, int, str]]:
            rest = where.page(page)
            found = await self._kept(rest, **where.values)
            return [(row["id"], row["created_at"], row["doc"]) for row in found]

        return await readable_page(page, rows, self.read)

    async def _kept(self, rest: str, **values: Any) -> list[sqlite3.Row]:
        return await self.rows(f"SELECT id, created_at, doc FROM {self.table} {rest}", **values)  # noqa: S608 - of constants

    async def rows(self, sql: str, **values: Any) -> list[sqlite3.Row]:
        return await self._engine.read(lambda c: c.execute(sql, values).fetchall())
