"""Blobs in a folder. What is there once `put` returned is there after a power cut.

Layout: `blobs/` holds one file per key under its own name (`file_format`), `tmp/` what is being
written. A blob is written and fsynced in `tmp/`, renamed to its place, and the place's folder is
fsynced. One process owns the folder; inside it a lock per key makes compare-and-set.
"""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Self, TypeVar

from atelier_core.adapters.blob_keys import check_key, check_meta, check_prefix
from atelier_core.adapters.file_errors import translated_os
from atelier_core.adapters.file_format import (
    Trailer,
    make_trailer,
    open_blob,
    peek_blob,
    read_bytes,
    read_trailer,
    write_blob,
)
from atelier_core.adapters.file_tree import Folders, walk
from atelier_core.errors import (
    ConflictError,
    NotFoundError,
    PermanentError,
    SettingsError,
    StorageFullError,
)
from atelier_core.ports import Blob, BlobInfo

T = TypeVar("T")

_PIECE = 256 * 1024
_SMALL = 64 * 1024  # records of runs and thumbnails; pictures are larger
_PAGE = 200  # blobs described per visit to a thread when listing
_LOCKS = 256
_THREADS = 16


class FileBlobStore:
    """A `BlobStore` in a folder of a POSIX file system."""

    conditional = True

    def __init__(self, root: Path, threads: ThreadPoolExecutor, low: Callable[[], bool]) -> None:
        self._low = low
        self._blobs = root / "blobs"
        self._tmp = root / "tmp"
        self._folders = Folders(self._blobs)
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        self._threads = threads

    @classmethod
    @asynccontextmanager
    async def open(
        cls, root: Path | str, *, low: Callable[[], bool] = lambda: False
    ) -> AsyncIterator[Self]:
        """A store in the folder `root`, which is made if need be.

        While `low()` only small blobs are taken, so that the last room is there for deleting.
        What an interrupted process left half written is removed. Leaving waits for writes in hand.

        Raises:
            SettingsError: there can be no such folder, or it cannot be written.
        """
        threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="blobs")
        try:
            try:
                store = await asyncio.to_thread(cls._prepared, Path(root), threads, low)
            except OSError as exc:
                reason = exc.strerror or exc
                raise SettingsError(f"The folder {root} cannot hold blobs: {reason}.") from exc
            yield store
        finally:
            threads.shutdown(wait=True)

    @classmethod
    def _prepared(cls, root: Path, threads: ThreadPoolExecutor, low: Callable[[], bool]) -> Self:
        store = cls(root.resolve(), threads, low)
        store._tmp.mkdir(parents=True, exist_ok=True)
        store._blobs.mkdir(exist_ok=True)
        for leftover in store._tmp.iterdir():
            leftover.unlink()
        probe = store._tmp / "probe"
        probe.write_bytes(b"")
        probe.unlink()
        return store

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str,
        meta: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> str:
        path = self._path(key)
        kept = check_meta(dict(meta or {}))

        def check() -> None:
            if not (if_absent or if_match is not None):
                return
            there = peek_blob(path)
            if if_absent and there is not None:
                raise ConflictError(f"{key} exists")
            if if_match is not None and (there is None or there.etag != if_match):
                raise ConflictError(f"{key} is not what it was")

        def work() -> str:
            if len(data) > _SMALL and self._low():
                raise StorageFullError(f"no room for {key}: the last of the disk is kept free")
            with translated_os(key):
                check()  # spares a loser the writing; the check that decides comes under the lock
                etag, trailer = make_trailer(content_type=content_type, meta=kept)
                draft = self._tmp / etag
                try:
                    write_blob(draft, data, trailer)
                    with self._lock(key):
                        check()
                        self._folders.move(draft, path)
                except BaseException:
                    with suppress(OSError):
                        draft.unlink(missing_ok=True)
                    raise
                return etag

        return await self._run(work)

    async def get(self, key: str) -> Blob:
        path = self._path(key)

        def work() -> Blob:
            with translated_os(key):
                fd = open_blob(path)
                try:
                    info = _info(key, read_trailer(fd))
                    return Blob(info=info, data=read_bytes(fd, 0, info.size))
                finally:
                    os.close(fd)

        return await self._run(work)

    @asynccontextmanager
    async def stream(
        self, key: str, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[tuple[BlobInfo, AsyncIterator[bytes]]]:
        path = self._path(key)
        with translated_os(key):
            # Opened here, not in a thread: a caller cancelled meanwhile would leak what it opened.
            fd = open_blob(path)
        reading: list[asyncio.Future[bytes]] = []
        try:
            info = _info(key, read_trailer(fd))
            stop = info.size if end is None else min(end, info.size)

            async def pieces() -> AsyncIterator[bytes]:
                for offset in range(start, stop, _PIECE):
                    size = min(_PIECE, stop - offset)
                    reading[:] = [
                        asyncio.get_running_loop().run_in_executor(
                            self._threads, read_bytes, fd, offset, size
                        )
                    ]
                    with translated_os(key):
                        yield await asyncio.shield(reading[0])

            yield info, pieces()
        finally:
            # A number closed while a thread still reads from it could be another file's by then.
            if reading and not reading[0].done():
                reading[0].add_done_callback(partial(_close, fd))
            else:
                os.close(fd)

    async def head(self, key: str) -> BlobInfo:
        path = self._path(key)

        def work() -> BlobInfo:
            with translated_os(key):
                return _info(key, peek_blob(path))

        return await self._run(work)

    async def delete(self, key: str) -> None:
        path = self._path(key)

        def work() -> None:
            with translated_os(key), self._lock(key):
                self._folders.remove(path)

        await self._run(work)

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        found = walk(self._blobs, check_prefix(prefix))

        def page() -> list[tuple[str, Trailer | None]]:
            with translated_os(prefix):
                return [(key, peek_blob(self._blobs / key)) for key in islice(found, _PAGE)]

        while pairs := await self._run(page):
            for key, trailer in pairs:
                if trailer is not None:  # deleted meanwhile, or no blob
                    yield _info(key, trailer)

    async def presign(
        self,
        key: str,
        *,
        seconds: int,  # noqa: ARG002 - the port's; a folder has no address
        filename: str | None = None,  # noqa: ARG002
    ) -> str | None:
        self._path(key)
        return None

    def _path(self, key: str) -> Path:
        path = self._blobs / check_key(key)
        # Keys hold no "..": only a link that somebody made in the folder could lead out of it.
        # What this process made is no link; resolving each path would cost more than reading it.
        if self._folders.made(path.parent):
            return path
        if not Path(os.path.realpath(path)).is_relative_to(self._blobs):
            raise PermanentError(f"{key} leads out of the folder")
        return path

    def _lock(self, key: str) -> threading.Lock:
        return self._locks[hash(key) % _LOCKS]


def _close(fd: int, done: asyncio.Future[bytes]) -> None:
    done.exception()  # nobody waits for it any more
    os.close(fd)


def _info(key: str, trailer: Trailer | None) -> BlobInfo:
    if trailer is None:
        raise NotFoundError(key)
    return BlobInfo(
        key=key,
        size=trailer.size,
        etag=trailer.etag,
        content_type=trailer.content_type,
        age=max(0.0, time.time() - trailer.mtime),
        meta=trailer.meta,
    )
