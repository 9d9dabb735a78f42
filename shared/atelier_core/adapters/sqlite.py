"""One SQLite file: a single writer that commits in groups, and readers that never wait for it."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Self, TypeVar

from atelier_core.errors import (
    ConflictError,
    PermanentError,
    SettingsError,
    StorageFullError,
    TransientError,
)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

GROUP = 500  # works in one transaction at most: bounds how long a COMMIT keeps the first waiting
READERS = 4
BUSY = 5.0  # seconds to wait for somebody else's lock (a backup, a curious operator)

_NOT_OURS = frozenset(
    {
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
    }
)


@dataclass(eq=False)
class _Request:
    work: Work[Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


@dataclass(eq=False)
class SqliteEngine:
    """`open` it; rows come as `sqlite3.Row`. Works use the connection only while they run."""

    path: Path
    _busy: float
    _loop: asyncio.AbstractEventLoop
    _readers: ThreadPoolExecutor
    _requests: SimpleQueue[_Request | None] = field(default_factory=SimpleQueue)
    _local: threading.local = field(default_factory=threading.local)
    _read_connections: list[sqlite3.Connection] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, *, busy: float = BUSY) -> AsyncIterator[Self]:
        """Open or create the database at `path`; its folder exists.

        `busy` seconds are waited for another program that holds the file.
        Leaving finishes every write that was asked for, then closes the file.

        Raises:
            SettingsError: something else is at `path`, or it cannot be opened for writing.
        """
        connection = await asyncio.to_thread(_writer_connection, path, busy)
        readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-read")
        engine = cls(path, busy, asyncio.get_running_loop(), readers)
        writer = threading.Thread(
            target=engine._write_until_closed, args=(connection,), name="sqlite-write", daemon=True
        )
        writer.start()
        try:
            yield engine
        finally:
            engine._requests.put(None)
            await asyncio.shield(asyncio.to_thread(engine._close, writer))

    async def write(self, work: Work[T]) -> T:
        """What `work(connection)` returned, once what it wrote is on disk.

        Works share a transaction with their neighbours, each under its own savepoint: what one
        raises undoes only that one and is raised here, errors of SQLite translated. A full disk
        may undo its neighbours too; they are told so. A cancelled caller's work is still done.

        Raises:
            StorageFullError: no space left; nothing of it was written.
            TransientError: the file could not be written; nothing of it was.
            ConflictError: a constraint that the work did not handle itself.
        """
        return await self.submit(work)

    def submit(self, work: Work[T]) -> asyncio.Future[T]:
        """As `write`, for who must know the result even when its own caller was cancelled."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._requests.put(_Request(work, future))
        return future

    async def read(self, work: Work[T]) -> T:
        """What `work(connection)` returns; it sees one moment's state and cannot write.

        Raises:
            TransientError: the file could not be read.
        """
        return await self._loop.run_in_executor(self._readers, self._read, work)

    def _read(self, work: Work[T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        try:
            if connection is None:
                connection = _connect(self.path, self._busy)
                connection.execute("PRAGMA query_only = ON")
                self._local.connection = connection
                self._read_connections.append(connection)
            connection.execute("BEGIN")
            try:
                return work(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as exc:
            raise translated(exc) from exc

    def _write_until_closed(self, connection: sqlite3.Connection) -> None:
        open_ = True
        while open_:
            group: list[_Request] = []
            request = self._requests.get()
            while request is not None:
                group.append(request)
                if len(group) == GROUP:
                    break
                try:
                    request = self._requests.get_nowait()
                except Empty:
                    break
            open_ = request is not None
            if group:
                _commit(connection, group)
                with suppress(RuntimeError):  # the loop was closed: nobody is left to be told
                    self._loop.call_soon_threadsafe(_tell, group)
        connection.close()

    def _close(self, writer: threading.Thread) -> None:
        self._readers.shutdown()
        for connection in self._read_connections:
            connection.close()
        writer.join()


def translated(error: sqlite3.Error) -> Exception:
    """The error of ours that says the same; a mistake in the SQL stays what it is."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StorageFullError("The disk is full.")
    if code == sqlite3.SQLITE_CONSTRAINT:
        return ConflictError(f"SQLite refused: {error}")
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return PermanentError(f"The database is damaged: {error}")
    if code in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE):
        return error
    return TransientError(f"SQLite: {error}")


def _connect(path: Path, busy: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=busy, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.row_factory = sqlite3.Row
    return connection


def _writer_connection(path: Path, busy: float) -> sqlite3.Connection:
    try:
        connection = _connect(path, busy)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA journal_size_limit = 67108864")
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
    except sqlite3.Error as exc:
        if getattr(exc, "sqlite_errorcode", 0) & 0xFF in _NOT_OURS:
            message = f"{path} cannot be used as a database ({exc}): choose another data folder."
            raise SettingsError(message) from exc
        raise translated(exc) from exc
    return connection


def _commit(connection: sqlite3.Connection, group: list[_Request]) -> None:
    """Run a group in one transaction; afterwards each has its result or its error."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        for index, request in enumerate(group):
            _run(connection, request)
            if not connection.in_transaction:
                # SQLite gave up the whole transaction (full disk, input or output error).
                _fail(group[:index], request.error)
                connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")
    except sqlite3.Error as exc:
        _fail(group, translated(exc))
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")


def _run(connection: sqlite3.Connection, request: _Request) -> None:
    connection.execute("SAVEPOINT work")
    try:
        request.result = request.work(connection)
    except BaseException as exc:  # noqa: BLE001 - it belongs to whoever asked, not to this thread
        request.error = translated(exc) if isinstance(exc, sqlite3.Error) else exc
        if request.error is not exc:
            request.error.__cause__ = exc
        if connection.in_transaction:
            connection.execute("ROLLBACK TO work")
            connection.execute("RELEASE work")
    else:
        connection.execute("RELEASE work")


def _fail(group: list[_Request], error: BaseException | None) -> None:
    for request in group:
        request.error = request.error or error


def _tell(group: list[_Request]) -> None:
    for request in group:
        if request.future.done():
            continue  # its caller was cancelled
        if request.error is not None:
            request.future.set_exception(request.error)
        else:
            request.future.set_result(request.result)
