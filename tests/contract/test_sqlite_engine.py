"""What the SQLite engine promises: groups, savepoints, errors of ours, and a file that survives."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atelier_core.adapters.sqlite import SqliteEngine
from atelier_core.errors import ConflictError, SettingsError, StorageFullError, TransientError

pytestmark = pytest.mark.anyio

TABLE = "CREATE TABLE IF NOT EXISTS t (k INTEGER PRIMARY KEY, v BLOB NOT NULL) STRICT"


def insert(k: int, v: bytes = b"x"):
    def work(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO t VALUES (:k, :v)", {"k": k, "v": v})
        return k

    return work


def keys(connection: sqlite3.Connection) -> list[int]:
    return [k for (k,) in connection.execute("SELECT k FROM t ORDER BY k")]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[SqliteEngine]:
    async with asyncio.timeout(20), SqliteEngine.open(tmp_path / "a.db") as engine:
        await engine.write(lambda c: c.execute(TABLE) and None)
        yield engine


async def test_a_write_returns_what_the_work_returned_and_a_read_sees_it(
    engine: SqliteEngine,
) -> None:
    assert await engine.write(insert(7)) == 7
    assert await engine.read(keys) == [7]
    row = await engine.read(lambda c: c.execute("SELECT k, v FROM t").fetchone())
    assert (row["k"], row["v"]) == (7, b"x")


async def test_what_a_work_raises_undoes_only_that_work(engine: SqliteEngine) -> None:
    class OwnError(Exception):
        pass

    def bad(connection: sqlite3.Connection) -> None:
        insert(100)(connection)
        raise OwnError

    works = [insert(1), bad, insert(2), bad, insert(3)]
    results = await asyncio.gather(*map(engine.write, works), return_exceptions=True)
    assert [type(r) for r in results] == [int, OwnError, int, OwnError, int]
    assert await engine.read(keys) == [1, 2, 3]


async def test_a_commit_is_on_the_disk_and_not_in_its_cache(engine: SqliteEngine) -> None:
    def pragma(name: str):
        return lambda c: c.execute(f"PRAGMA {name}").fetchone()[0]

    assert await engine.write(pragma("journal_mode")) == "wal"
    assert await engine.write(pragma("synchronous")) == 2  # FULL: each commit is synced


async def test_neighbours_share_a_transaction(engine: SqliteEngine) -> None:
    def commits(connection: sqlite3.Connection) -> int:
        # grows with every transaction that changed the file, by any other connection
        return connection.execute("PRAGMA data_version").fetchone()[0]

    observer = sqlite3.connect(engine.path)
    try:
        before = commits(observer)
        await asyncio.gather(*(engine.write(insert(k)) for k in range(200)))
        assert commits(observer) - before < 100
    finally:
        observer.close()
    assert await engine.read(keys) == list(range(200))


async def test_a_constraint_is_a_conflict_unless_the_work_handles_it(engine: SqliteEngine) -> None:
    await engine.write(insert(1))
    with pytest.raises(ConflictError):
        await engine.write(insert(1))

    def handled(connection: sqlite3.Connection) -> str:
        try:
            insert(1)(connection)
        except sqlite3.IntegrityError:
            return "twin"
        return "first"

    assert await engine.write(handled) == "twin"


async def test_a_mistake_in_the_sql_is_not_called_transient(engine: SqliteEngine) -> None:
    with pytest.raises(sqlite3.OperationalError):
        await engine.write(lambda c: c.execute("SELEKT"))


async def test_a_reader_cannot_write_and_sees_one_moment(engine: SqliteEngine) -> None:
    with pytest.raises(TransientError):
        await engine.read(insert(1))
    loop = asyncio.get_running_loop()

    def twice(connection: sqlite3.Connection) -> tuple[list[int], list[int]]:
        before = keys(connection)
        asyncio.run_coroutine_threadsafe(engine.write(insert(5)), loop).result(10)
        return before, keys(connection)

    assert await engine.read(twice) == ([], [])
    assert await engine.read(keys) == [5]


async def test_a_cancelled_caller_does_not_undo_or_block_the_work(engine: SqliteEngine) -> None:
    task = asyncio.ensure_future(engine.write(insert(1)))
    await asyncio.sleep(0)
    task.cancel()
    await engine.write(insert(2))
    assert await engine.read(keys) == [1, 2]


async def test_leaving_finishes_what_was_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with asyncio.timeout(20), SqliteEngine.open(path) as engine:
        await engine.write(lambda c: c.execute(TABLE) and None)
        writes = [asyncio.ensure_future(engine.write(insert(k))) for k in range(50)]
        await asyncio.sleep(0)
    assert await asyncio.gather(*writes) == list(range(50))
    async with SqliteEngine.open(path) as engine:
        assert await engine.read(keys) == list(range(50))


async def test_a_full_disk_is_named_and_nothing_is_damaged(engine: SqliteEngine) -> None:
    await engine.write(insert(1))

    def limit(pages: int):
        return lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchone()[0]

    pages = await engine.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await engine.write(limit(pages + 5))
    big = [engine.write(insert(k, b"." * 100_000)) for k in range(10, 15)]
    for result in await asyncio.gather(*big, return_exceptions=True):
        assert isinstance(result, StorageFullError)
    await engine.write(limit(1_000_000))
    await engine.write(insert(2))
    assert await engine.read(keys) == [1, 2]
    check = await engine.read(lambda c: c.execute("PRAGMA integrity_check").fetchone()[0])
    assert check == "ok"


SMALL_FILES = """
import asyncio, resource, sys
from pathlib import Path
from atelier_core.adapters.sqlite import SqliteEngine
from atelier_core.errors import TransientError

async def main():
    async with SqliteEngine.open(Path(sys.argv[1])) as engine:
        await engine.write(lambda c: c.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB) STRICT") and None)
        await engine.write(lambda c: c.execute("INSERT INTO t VALUES (1, x'00')") and None)
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, resource.RLIM_INFINITY))
        failed = 0
        for k in range(2, 12):
            try:
                await engine.write(lambda c: c.execute("INSERT INTO t VALUES (:k, zeroblob(50000))", {"k": k}) and None)
            except TransientError:
                failed += 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        await engine.write(lambda c: c.execute("INSERT INTO t VALUES (99, x'00')") and None)
        print(failed, *[k for (k,) in await engine.read(lambda c: c.execute("SELECT k FROM t ORDER BY k").fetchall())])
        print(await engine.read(lambda c: c.execute("PRAGMA integrity_check").fetchone()[0]))

asyncio.run(main())
"""


def test_a_file_that_cannot_grow_is_transient_and_nothing_is_damaged(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SMALL_FILES, tmp_path / "a.db"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    counts, check = done.stdout.splitlines()
    failed, *stored = map(int, counts.split())
    assert failed > 0
    assert failed + len(stored) == 12  # every key either stored or refused
    assert stored[0] == 1
    assert stored[-1] == 99
    assert check == "ok"


COUNTING = """
import asyncio, sys
from pathlib import Path
from atelier_core.adapters.sqlite import SqliteEngine

async def main():
    async with SqliteEngine.open(Path(sys.argv[1])) as engine:
        await engine.write(lambda c: c.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB) STRICT") and None)
        async def one(k):
            await engine.write(lambda c: c.execute("INSERT INTO t VALUES (:k, x'00')", {"k": k}) and None)
            print(k, flush=True)
        for start in range(0, 10**9, 10):
            await asyncio.gather(*map(one, range(start, start + 10)))

asyncio.run(main())
"""


async def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with subprocess.Popen(  # noqa: ASYNC220 - the loop has nothing else to do
        [sys.executable, "-c", COUNTING, path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(300)]
        os.kill(process.pid, signal.SIGKILL)
        lines += [line for line in process.stdout if line.endswith("\n")]
    acknowledged = {int(line) for line in lines}
    async with SqliteEngine.open(path) as engine:
        assert acknowledged <= set(await engine.read(keys))


async def test_another_file_in_its_place_is_the_operators_business(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_text("a shopping list\n" * 100)
    with pytest.raises(SettingsError, match=r"a\.db"):
        async with SqliteEngine.open(path):
            pass
    assert path.read_text() == "a shopping list\n" * 100
    with pytest.raises(SettingsError):
        async with SqliteEngine.open(tmp_path / "no such folder" / "a.db"):
            pass
