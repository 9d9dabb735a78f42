"""Idempotency rows and tickets in the embedded database."""
# ruff: noqa: S608 - only constants of this module are put into statements

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from atelier_api.ports import KEPT, Claim, Row, Scope, State
from atelier_core.adapters.sqlite import SqliteEngine
from atelier_core.domain.values import milliseconds, rfc3339

_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS api_idempotency (
        owner TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, key TEXT NOT NULL,
        fingerprint TEXT NOT NULL, id TEXT NOT NULL, created_at TEXT NOT NULL,
        state TEXT NOT NULL, claimed REAL NOT NULL,
        PRIMARY KEY (owner, method, path, key)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS api_idempotency_claimed ON api_idempotency (claimed)",
    """CREATE TABLE IF NOT EXISTS api_tickets (
        digest TEXT PRIMARY KEY, owner TEXT NOT NULL, expires REAL NOT NULL
    ) STRICT, WITHOUT ROWID""",
)
_NOW: Final = "((julianday('now') - 2440587.5) * 86400.0)"  # seconds, with their fraction
_WHERE: Final = "owner = :owner AND method = :method AND path = :path AND key = :key"


@asynccontextmanager
async def open_stores(
    engine: SqliteEngine,
) -> AsyncIterator[tuple["SqliteIdempotency", "SqliteTickets"]]:
    """Both stores, their tables made if they are not there."""

    def create(connection: sqlite3.Connection) -> None:
        for statement in _TABLES:
            connection.execute(statement)

    await engine.write(create)
    yield SqliteIdempotency(engine), SqliteTickets(engine)


class SqliteIdempotency:
    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine

    async def claim(self, claims: Sequence[Claim]) -> Sequence[Row]:
        def work(connection: sqlite3.Connection) -> Sequence[Row]:
            connection.execute(
                f"DELETE FROM api_idempotency WHERE claimed < {_NOW} - :kept", {"kept": KEPT}
            )
            return [_claim(connection, claim) for claim in claims]

        return await self._engine.write(work)

    async def find(self, scope: Scope) -> Row | None:
        return await self._engine.read(lambda connection: _find(connection, scope, mine=False))

    async def mark(self, scopes: Sequence[Scope], state: State) -> None:
        sql = f"UPDATE api_idempotency SET state = :state WHERE {_WHERE} AND state <> 'accepted'"
        rows = [{**_named(scope), "state": state.value} for scope in scopes]
        await self._engine.write(lambda connection: connection.executemany(sql, rows) and None)

    async def forget(self, scope: Scope) -> None:
        sql = f"DELETE FROM api_idempotency WHERE {_WHERE} AND state <> 'accepted'"
        await self._engine.write(lambda connection: connection.execute(sql, _named(scope)) and None)


def _named(scope: Scope) -> dict[str, str]:
    return {
        "owner": scope.owner,
        "method": scope.method,
        "path": scope.path,
        "key": scope.key,
    }


def _claim(connection: sqlite3.Connection, claim: Claim) -> Row:
    inserted = connection.execute(
        f"INSERT INTO api_idempotency VALUES (:owner, :method, :path, :key, :fingerprint, :id,"
        f" :created_at, 'pending', {_NOW}) ON CONFLICT DO NOTHING",
        {
            **_named(claim.scope),
            "fingerprint": claim.fingerprint,
            "id": claim.id,
            "created_at": rfc3339(claim.created_at),
        },
    )
    row = _find(connection, claim.scope, mine=inserted.rowcount == 1)
    if row is None:
        raise AssertionError("a row that was just inserted or in the way is there")
    return row


def _find(connection: sqlite3.Connection, scope: Scope, *, mine: bool) -> Row | None:
    found = connection.execute(
        f"SELECT fingerprint, id, created_at, state, {_NOW} - claimed AS age"
        f" FROM api_idempotency WHERE {_WHERE}",
        _named(scope),
    ).fetchone()
    if found is None:
        return None
    return Row(
        fingerprint=found["fingerprint"],
        id=found["id"],
        created_at=datetime.fromisoformat(found["created_at"]),
        state=State(found["state"]),
        age=max(0.0, found["age"]),
        mine=mine,
    )


class SqliteTickets:
    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine

    async def issue(self, digest: str, *, owner: str, seconds: float) -> datetime:
        def work(connection: sqlite3.Connection) -> float:
            connection.execute(f"DELETE FROM api_tickets WHERE expires < {_NOW}")
            [expires] = connection.execute(
                f"INSERT INTO api_tickets VALUES (:digest, :owner, {_NOW} + :seconds)"
                " RETURNING expires",
                {"digest": digest, "owner": owner, "seconds": seconds},
            ).fetchone()
            return float(expires)

        return milliseconds(datetime.fromtimestamp(await self._engine.write(work)).astimezone())

    async def redeem(self, digest: str) -> str | None:
        def work(connection: sqlite3.Connection) -> str | None:
            found = connection.execute(
                f"DELETE FROM api_tickets WHERE digest = :digest RETURNING owner, expires > {_NOW}",
                {"digest": digest},
            ).fetchone()
            return str(found[0]) if found is not None and found[1] else None

        return await self._engine.write(work)
