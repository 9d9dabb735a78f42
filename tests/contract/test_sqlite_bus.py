"""What the SQLite bus promises beyond every bus: it survives kill -9, full disks and odd clocks."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from atelier_core.adapters.sqlite import SqliteEngine
from atelier_core.adapters.sqlite_bus import SqliteBus
from atelier_core.adapters.sqlite_messages import remaining
from atelier_core.contracts.events import Event
from atelier_core.domain.values import now
from atelier_core.errors import Defer, StorageFullError, TransientError
from bus_harness import (
    DELAYS,
    DURABLE,
    A,
    B,
    Recorder,
    eventually,
    requested,
    started,
    subscription,
)

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


@asynccontextmanager
async def opened(
    path: Path, *, clock: Callable[[], float] | None = None
) -> AsyncIterator[tuple[SqliteBus, SqliteEngine]]:
    more = {"clock": clock} if clock else {}
    async with (
        asyncio.timeout(30),
        SqliteEngine.open(path) as engine,
        SqliteBus.open(engine, durable=DURABLE, delays=DELAYS, **more) as bus,
    ):
        yield bus, engine


CHILD = """
import asyncio, sys
from pathlib import Path
from atelier_core.adapters.sqlite import SqliteEngine
from atelier_core.adapters.sqlite_bus import SqliteBus
from bus_harness import A, DELAYS, DURABLE, requested, subscription

async def main():
    async with (
        SqliteEngine.open(Path(sys.argv[1])) as engine,
        SqliteBus.open(engine, durable=DURABLE, delays=DELAYS) as bus,
    ):
        async def handler(event):
            print("handled", event.id, flush=True)
            await asyncio.sleep(0.003)
            print("returned", event.id, flush=True)

        async def publish():
            while True:
                event = requested()
                await bus.publish(event)
                print("published", event.id, flush=True)

        async with bus.consume(subscription(A, prefetch=8), handler):
            await asyncio.gather(*(publish() for _ in range(4)))

asyncio.run(main())
"""


async def test_kill_9_loses_nothing_and_marks_what_was_in_hand(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    tests = Path(__file__).parent.parent
    with subprocess.Popen(  # noqa: ASYNC220 - the loop has nothing else to do
        [sys.executable, "-c", CHILD, path],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tests)},
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2000)]
        os.kill(process.pid, signal.SIGKILL)
        lines += [line for line in process.stdout if line.endswith("\n")]
    said: dict[str, set[str]] = {"published": set(), "handled": set(), "returned": set()}
    for line in lines:
        what, event_id = line.split()
        said[what].add(event_id)
    assert said["published"]
    async with opened(path) as (bus, _):
        waiting = await bus.depth(A)
        assert await bus.depth(B) >= len(said["published"])  # nobody consumed these
        async with bus.consume(subscription(A, prefetch=100), handler := Recorder()):
            await handler.until(waiting)
    left = {e.id: e for e in handler.seen}
    assert said["published"] <= said["returned"] | set(left)
    in_hand = said["handled"] - said["returned"]
    assert in_hand <= set(left)
    for event_id, event in left.items():
        if event_id in said["handled"]:
            assert event.redelivered
    assert sum(not e.redelivered for e in left.values()) >= len(left) - len(said["handled"]) - 8


async def test_what_was_delayed_is_handed_out_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    async with (
        opened(path) as (bus, _),
        bus.consume(subscription(A), handler := Recorder(Defer(now() + timedelta(seconds=0.5)))),
    ):
        await bus.publish(event := requested())
        await handler.until(1)

        async def delayed() -> bool:
            return await bus.depth(A) == 0

        await eventually(delayed)
    async with opened(path) as (bus, _), bus.consume(subscription(A), again := Recorder()):
        (second,) = await again.until(1)
    assert second.id == event.id
    assert second.redelivered


async def test_a_clock_set_back_does_not_lengthen_a_delay(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    handler = Recorder(TransientError("busy"))
    async with (
        opened(path, clock=lambda: 2_000_000_000.0) as (bus, _),
        bus.consume(subscription(A), handler),
    ):
        await bus.publish(requested())
        await handler.until(1)
    async with (
        opened(path, clock=lambda: 1_000_000_000.0) as (bus, _),
        bus.consume(subscription(A), again := Recorder()),
    ):
        await again.until(1)


@pytest.mark.parametrize(
    ("due", "at", "left"),
    [(105, 100, 5), (105, 104, 1), (105, 200, 0), (105, 0, 30), (105, 75, 30)],
)
def test_what_remains_of_a_delay(due: float, at: float, left: float) -> None:
    assert remaining(due=due, delay=30, now=at) == left


async def test_counts_and_dead_letters_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    handler = Recorder(*[ValueError("bug")] * 2)
    async with opened(path) as (bus, _), bus.consume(subscription(A), handler):
        await bus.publish(requested())
        await handler.until(2)
    async with opened(path) as (bus, _):
        async with bus.consume(subscription(A), Recorder(ValueError("bug"))):

            async def buried() -> bool:
                return len(await bus.dead_letters(A)) == 1

            await eventually(buried)  # the third failure, not the first
        kept = await bus.dead_letters(A)
    async with opened(path) as (bus, _):
        assert await bus.dead_letters(A) == kept
        assert await bus.dead_letters(B) == ()


async def test_a_queue_this_version_does_not_know_keeps_its_messages(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    async with opened(path) as (bus, _):
        await bus.publish(started())
    async with (
        SqliteEngine.open(path) as engine,
        SqliteBus.open(engine, durable={A: DURABLE[A]}, delays=DELAYS) as bus,
    ):
        await bus.publish(requested())
    async with opened(path) as (bus, _):
        assert await bus.depth(B) == 1


async def test_a_full_disk_refuses_and_then_everything_goes_on(tmp_path: Path) -> None:
    def limit(pages: int) -> Callable[[sqlite3.Connection], object]:
        return lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchone()

    async with opened(tmp_path / "bus.db") as (bus, engine):
        await bus.publish(first := requested())
        pages = await engine.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
        await engine.write(limit(pages))
        refused, stored = [], [first]
        for _ in range(60):
            event = requested()
            try:
                await bus.publish(event)
            except StorageFullError:
                refused.append(event)
            else:
                stored.append(event)
        assert refused
        assert await bus.depth(A) == len(stored)
        await engine.write(limit(1_000_000))
        await bus.publish(last := requested())
        async with bus.consume(subscription(A), handler := Recorder()):
            await handler.until(len(stored) + 1)
        assert handler.ids == [e.id for e in [*stored, last]]


async def test_a_hand_out_that_cannot_be_counted_is_none(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    async with (
        asyncio.timeout(30),
        SqliteEngine.open(path, busy=0.05) as engine,
        SqliteBus.open(engine, durable=DURABLE, delays=DELAYS) as bus,
    ):
        await bus.publish(event := requested())
        other = sqlite3.connect(path, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(TransientError):
                await bus.publish(requested())
            async with bus.consume(subscription(A), handler := Recorder()):
                await asyncio.sleep(0.2)
                assert handler.seen == []
                other.execute("COMMIT")
                assert await handler.until(1) == [event]
        finally:
            other.close()


async def test_what_a_cancelled_publisher_stored_is_handed_out_without_a_restart(
    tmp_path: Path,
) -> None:
    async with (
        opened(tmp_path / "bus.db") as (bus, engine),
        bus.consume(subscription(A), handler := Recorder()),
    ):
        for _ in range(20):
            task = asyncio.ensure_future(bus.publish(requested()))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        async def empty() -> bool:
            sql = "SELECT count(*) FROM bus_messages WHERE queue = 'a'"
            count = await engine.read(lambda c: c.execute(sql).fetchone()[0])
            return count == 0 and len(handler.seen) > 0

        await eventually(empty)


async def test_a_hundred_publishers_and_a_consumer(tmp_path: Path) -> None:
    count = 3000
    events = [requested() for _ in range(count)]
    done = asyncio.Event()
    seen: list[Event] = []

    async def handler(event: Event) -> None:
        seen.append(event)
        if len(seen) == count:
            done.set()

    async with opened(tmp_path / "bus.db") as (bus, _):

        async def publish(part: list[Event]) -> None:
            for event in part:
                await bus.publish(event)

        async with bus.consume(subscription(A, prefetch=100), handler):
            await asyncio.gather(*(publish(events[i::100]) for i in range(100)))
            await done.wait()

        async def empty() -> bool:
            return await bus.depth(A) == 0

        await eventually(empty)
    assert sorted(e.id for e in seen) == sorted(e.id for e in events)
    assert not any(e.redelivered for e in seen)
