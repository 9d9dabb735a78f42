"""Pictures are decoded in processes of their own: what a picture does to one, it does to no other.

Not `ProcessPoolExecutor`: there a child that dies fails whatever the others have in hand, one that
hangs cannot be ended alone, and with `spawn` each child runs the program's main module again.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self

from atelier_core.adapters import media_child
from atelier_core.adapters.media_child import (
    ANSWER,
    DERIVE,
    DONE,
    HASH_LENGTH,
    READY,
    REQUEST,
    THUMBNAIL,
)
from atelier_core.domain.containers import BadImageError
from atelier_core.domain.derive import Derived
from atelier_core.errors import TransientError

_KEPT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "TZ")  # of the environment: no secrets
_WIDEST = 8192


class _DiedError(Exception):
    """The process ended with a picture in hand."""


class _Child:
    """A running process; `pictures` is how many it has answered."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        self.sink = process.stdin
        self.pictures = 0
        self._reading = asyncio.Lock()
        self._source = process.stdout
        self._process = process

    async def read(self) -> tuple[bytes, bytes]:
        async with self._reading:
            status, length = ANSWER.unpack(await self._source.readexactly(ANSWER.size))
            return status, await self._source.readexactly(length)

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        self.sink.close()
        async with self._reading:  # whoever waits for an answer hears of the end first
            await self._source.read()  # to the end, without which the pipe is never closed
        await self._process.wait()


class MediaPool:
    """`thumbnail` and `derive` of the domain, in at most `processes` processes at a time."""

    def __init__(
        self,
        *,
        processes: int,
        memory_limit_mb: int,
        recycle_after: int,
        queue: int,
        cpu_seconds: float,
        patience: float,
    ) -> None:
        self._limits = (str(memory_limit_mb), str(cpu_seconds))
        self._recycle_after = recycle_after
        self._most = processes + queue
        self._patience = patience
        self._processes = processes
        self._free = asyncio.Semaphore(processes)
        self._in_hand = 0
        self._idle: list[_Child] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._children: set[_Child] = set()
        self._closed = False

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        processes: int | None = None,
        memory_limit_mb: int = 1536,
        recycle_after: int = 2_000,
        queue: int = 64,
        cpu_seconds: float = 20.0,
        patience: float = 60.0,
    ) -> AsyncIterator[Self]:
        """A pool; its processes start when there is something to do, and end with the context.

        Args:
            processes: at most; by default one less than there are cores, at least one.
            memory_limit_mb: address space of each process.
            recycle_after: pictures a process handles before a new one takes its place. Starting
                one takes as long as 300 small pictures.
            queue: pictures that may wait; more are refused.
            cpu_seconds: of one picture.
            patience: seconds a picture may take, waiting included.
        """
        pool = cls(
            processes=processes or max(1, (os.cpu_count() or 2) - 1),
            memory_limit_mb=memory_limit_mb,
            recycle_after=recycle_after,
            queue=queue,
            cpu_seconds=cpu_seconds,
            patience=patience,
        )
        try:
            yield pool
        finally:
            await pool._close()

    async def thumbnail(self, data: bytes, width: int) -> bytes:
        """A WebP file at most `width` (1 to 8,192) pixels wide.

        Raises:
            BadImageError: no picture we take, or too much for a process.
            TransientError: too many are waiting, or it took too long.
        """
        if not 1 <= width <= _WIDEST:
            raise ValueError(f"no width of a thumbnail: {width}")
        return await self._ask(THUMBNAIL, width, data)

    async def derive(self, data: bytes) -> Derived:
        """Thumbnail and blurhash. Raises as `thumbnail`."""
        body = await self._ask(DERIVE, 0, data)
        start = HASH_LENGTH.size + HASH_LENGTH.unpack_from(body)[0]
        return Derived(thumb_320=body[start:], blurhash=body[HASH_LENGTH.size : start].decode())

    async def _ask(self, what: bytes, width: int, data: bytes) -> bytes:
        if self._closed:
            raise _leaving()
        if self._in_hand >= self._most:
            raise TransientError("too many pictures wait to be decoded", retry_after=1)
        self._in_hand += 1
        try:
            async with asyncio.timeout(self._patience), self._free:
                status, body = await self._answer(what, width, data)
        except TimeoutError as exc:
            raise TransientError("decoding a picture took too long", retry_after=10) from exc
        finally:
            self._in_hand -= 1
        if status != DONE:
            raise BadImageError(body.decode())
        return body

    async def _answer(self, what: bytes, width: int, data: bytes) -> tuple[bytes, bytes]:
        if self._closed:
            raise _leaving()
        if self._idle:
            # It may have died of something else while it was idle: that is not the picture's fault.
            with suppress(_DiedError):
                return await self._exchange(self._idle.pop(), what, width, data)
        try:
            return await self._exchange(await self._start(), what, width, data)
        except _DiedError as exc:
            raise BadImageError("The picture is too much to decode.") from exc

    async def _exchange(
        self, child: _Child, what: bytes, width: int, data: bytes
    ) -> tuple[bytes, bytes]:
        keep = False
        try:
            child.sink.write(REQUEST.pack(what, width, len(data)))
            child.sink.write(data)
            await child.sink.drain()
            answer = await child.read()
            child.pictures += 1
            keep = child.pictures < self._recycle_after and not self._closed
        except (OSError, asyncio.IncompleteReadError) as exc:
            if self._closed:
                raise _leaving() from exc
            raise _DiedError from exc
        finally:
            if keep:
                self._idle.append(child)
            else:  # after an interruption too: its answer would be taken for the next one's
                self._end(child)
        return answer

    async def _start(self) -> _Child:
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # never a module of the folder we happen to be in
                "-m",
                media_child.__name__,
                *self._limits,
                stdin=PIPE,
                stdout=PIPE,
                env=environment,
                start_new_session=True,  # Ctrl-C is for us; the child ends when we are done
            )
        except OSError as exc:
            raise TransientError(f"no process to decode in: {exc.strerror}") from exc
        child = _Child(process)
        self._children.add(child)
        ready = False
        try:
            ready = not self._closed and (await child.read())[0] == READY
        except (OSError, asyncio.IncompleteReadError) as exc:
            raise TransientError("the process to decode in did not start") from exc
        finally:
            if not ready:
                self._end(child)
        if not ready:
            raise _leaving()
        return child

    def _end(self, child: _Child) -> None:
        """Kill it; `_close` waits for it to be gone."""
        if child not in self._children:
            return
        self._children.discard(child)
        task = asyncio.create_task(child.kill())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _close(self) -> None:
        self._closed = True
        for child in tuple(self._children):
            self._end(child)
        for _ in range(self._processes):  # whoever has one hears of the end and gives it back
            await self._free.acquire()
        await asyncio.gather(*self._ending)


def _leaving() -> TransientError:
    return TransientError("leaving: no more pictures are decoded here")
