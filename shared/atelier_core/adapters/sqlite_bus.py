"""The event bus of one process on one SQLite file: what is published survives `kill -9`.

The table holds the messages, memory only the order in which they are due. One process at a time
uses the file (embedded mode locks its data folder), so nothing is polled.
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Self

from atelier_core.adapters.local import LocalQueue, consuming
from atelier_core.adapters.local_messages import Listeners, takers
from atelier_core.adapters.sqlite import SqliteEngine
from atelier_core.adapters.sqlite_messages import (
    INSERT,
    LETTERS,
    TABLES,
    WAITING,
    MessageRow,
    remaining,
)
from atelier_core.contracts import topology
from atelier_core.contracts.events import Announcement, Durable, about, encode, topic
from atelier_core.delivery import Settler
from atelier_core.errors import NotFoundError
from atelier_core.ports import DeadHandler, DeadLetter, Handler, Subscription


class SqliteBus:
    """EventPublisher and EventSource; `open` it."""

    def __init__(
        self,
        engine: SqliteEngine,
        *,
        durable: Mapping[str, frozenset[str]],
        delays: Sequence[float],
        clock: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._topics = durable
        self._delays = delays
        self._clock = clock
        self._queues: dict[str, LocalQueue[int]] = {queue: LocalQueue() for queue in durable}
        self._listeners = Listeners(delays)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        engine: SqliteEngine,
        *,
        durable: Mapping[str, frozenset[str]] = topology.DURABLE,
        delays: Sequence[float] = topology.DELAYS,
        clock: Callable[[], float] = time.time,
    ) -> AsyncIterator[Self]:
        """A bus with the queues `durable` (their topics by name) and the fixed `delays`.

        What was in hand when the last process died is handed out again. `clock` gives seconds since
        the epoch; it decides only how much of a delay is left after a restart.
        """
        bus = cls(engine, durable=durable, delays=delays, clock=clock)
        await bus._recover()
        try:
            yield bus
        finally:
            for queue in bus._queues.values():
                queue.close()

    async def publish(self, *events: Durable) -> None:
        """As the port says; many events are one transaction."""
        messages = [(event, encode(event)) for event in events]
        rows = [
            {"queue": queue, "body": raw, "about": json.dumps(about(event))}
            for event, raw in messages
            for queue in takers(topic(event), self._topics)
        ]

        def insert(connection: sqlite3.Connection) -> list[int]:
            return [connection.execute(INSERT, row).lastrowid or 0 for row in rows]

        def stored(done: asyncio.Future[list[int]]) -> None:
            if done.exception() is None:
                for row, seq in zip(rows, done.result(), strict=True):
                    self._queues[str(row["queue"])].push(seq)
                for event, raw in messages:
                    self._listeners.tell(event, raw)

        writing = self._engine.submit(insert)
        writing.add_done_callback(stored)  # also when our caller is cancelled: it may be stored
        await asyncio.shield(writing)

    def announce(self, *events: Announcement) -> None:
        """As the port says; announcements are never stored."""
        for event in events:
            self._listeners.tell(event, encode(event))

    async def inject(self, queue: str, raw: bytes, ids: Mapping[str, str] | None = None) -> None:
        """Put any bytes into a durable queue, as another program might."""
        row = {"queue": queue, "body": raw, "about": json.dumps(dict(ids or {}))}
        waiting = self._known(queue)
        waiting.push(await self._engine.write(lambda c: c.execute(INSERT, row).lastrowid or 0))

    @asynccontextmanager
    async def consume(
        self,
        subscription: Subscription,
        handler: Handler,
        *,
        on_dead: DeadHandler | None = None,
        grace: float = 30.0,
    ) -> AsyncIterator[None]:
        if not subscription.durable:
            async with self._listeners.consume(subscription, handler, on_dead=on_dead, grace=grace):
                yield
            return
        settler = Settler(handler=handler, on_dead=on_dead, delays=self._delays)
        queue = self._known(subscription.queue)

        async def handle(seq: int) -> None:
            row = MessageRow(self._engine, queue, seq, self._clock)
            if (delivery := await row.hand_out(settler.pause)) is not None:
                await settler.settle(delivery, row)

        async with consuming(queue, handle, prefetch=subscription.prefetch, grace=grace):
            yield

    async def depth(self, queue: str) -> int:
        return len(self._known(queue))

    async def dead_letters(self, queue: str, *, limit: int = 100) -> Sequence[DeadLetter]:
        self._known(queue)
        values = {"queue": queue, "limit": limit}
        rows = await self._engine.read(lambda c: c.execute(LETTERS, values).fetchall())
        return tuple(DeadLetter(**dict(row)) for row in rows)

    async def _recover(self) -> None:
        def prepare(connection: sqlite3.Connection) -> list[sqlite3.Row]:
            for statement in TABLES:
                connection.execute(statement)
            return connection.execute(WAITING).fetchall()

        now = self._clock()
        for seq, name, due, delay in await self._engine.write(prepare):
            queue = self._queues.get(name)
            if queue is None:
                continue  # of a version with other queues; kept
            if due is None:
                queue.push(seq)
            else:
                queue.push_later(seq, remaining(due=due, delay=delay, now=now))

    def _known(self, queue: str) -> LocalQueue[int]:
        if queue not in self._queues:
            raise NotFoundError(f"There is no durable queue {queue!r}.")
        return self._queues[queue]
