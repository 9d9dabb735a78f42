"""The rows of the SQLite bus: what is written when a message is handed out, delayed, forgotten."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from atelier_core.adapters.local import LocalQueue
from atelier_core.adapters.sqlite import SqliteEngine
from atelier_core.delivery import Delivery, GiveUp, Marks
from atelier_core.errors import TransientError
from atelier_core.ports import DeadLetter

TABLES = (
    """CREATE TABLE IF NOT EXISTS bus_messages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        queue TEXT NOT NULL,
        body BLOB NOT NULL,
        about TEXT NOT NULL,
        handed INTEGER NOT NULL DEFAULT 0,
        deferrals INTEGER NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0,
        dead_code TEXT,
        dead_reason TEXT,
        due REAL,
        delay REAL
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS bus_dead (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        queue TEXT NOT NULL,
        reason TEXT NOT NULL,
        code TEXT NOT NULL,
        body BLOB NOT NULL,
        owner TEXT NOT NULL,
        job_id TEXT NOT NULL,
        batch_id TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX IF NOT EXISTS bus_dead_queue ON bus_dead (queue, seq)",
)
INSERT = "INSERT INTO bus_messages (queue, body, about) VALUES (:queue, :body, :about)"
WAITING = "SELECT seq, queue, due, delay FROM bus_messages ORDER BY seq"
HAND_OUT = "UPDATE bus_messages SET handed = handed + 1 WHERE seq = :seq RETURNING *"
FORGET = "DELETE FROM bus_messages WHERE seq = :seq"
DELAY = """UPDATE bus_messages SET due = :due, delay = :delay, deferrals = :deferrals,
    failures = :failures, dead_code = :dead_code, dead_reason = :dead_reason WHERE seq = :seq"""
BURY = """INSERT INTO bus_dead (queue, reason, code, body, owner, job_id, batch_id)
    VALUES (:queue, :reason, :code, :raw, :owner, :job_id, :batch_id)"""
LETTERS = """SELECT queue, reason, code, body AS raw, owner, job_id, batch_id FROM bus_dead
    WHERE queue = :queue ORDER BY seq LIMIT :limit"""


def remaining(*, due: float, delay: float, now: float) -> float:
    """Seconds a delayed message still has to wait: never more than its delay, clocks may jump."""
    return min(max(due - now, 0.0), delay)


@dataclass(frozen=True, eq=False)
class MessageRow:
    """`delivery.Carrier` of the message in row `seq`."""

    engine: SqliteEngine
    queue: LocalQueue[int]
    seq: int
    clock: Callable[[], float]

    async def hand_out(self, pause: float) -> Delivery | None:
        """The message, its delivery counted on disk; None if it went back or is gone."""
        try:
            row = await self._write(HAND_OUT)
        except asyncio.CancelledError:
            self.back()
            raise
        except TransientError:
            try:
                await asyncio.sleep(pause)  # a full disk: not in a tight loop
            finally:
                self.back()
            return None
        return _delivery(row) if row is not None else None

    async def done(self) -> None:
        await self._write(FORGET)

    async def again(self, delay: float, marks: Marks) -> None:
        await self._write(
            DELAY,
            due=self.clock() + delay,
            delay=delay,
            deferrals=marks.deferrals,
            failures=marks.failures,
            dead_code=marks.dead.code if marks.dead else None,
            dead_reason=marks.dead.reason if marks.dead else None,
        )
        self.queue.push_later(self.seq, delay)

    async def keep(self, letter: DeadLetter) -> None:
        await self._write(BURY, **vars(letter))

    def back(self) -> None:
        self.queue.push_back(self.seq)

    async def _write(self, statement: str, **values: Any) -> Any:
        parameters = {"seq": self.seq, **values}
        return await self.engine.write(lambda c: c.execute(statement, parameters).fetchone())


def _delivery(row: sqlite3.Row) -> Delivery:
    dead = GiveUp(row["dead_code"], row["dead_reason"]) if row["dead_code"] else None
    marks = Marks(deferrals=row["deferrals"], failures=row["failures"], dead=dead)
    return Delivery(
        queue=row["queue"],
        raw=row["body"],
        about=json.loads(row["about"]),
        marks=marks,
        redelivered=row["handed"] > 1,
    )
