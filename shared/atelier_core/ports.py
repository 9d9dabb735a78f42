"""What the core needs from the outside world. Each promise here is a test in tests/contract."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from atelier_core.contracts.events import Announcement, Durable, Event
from atelier_core.domain.job import Job

Handler = Callable[[Event], Awaitable[None]]
"""Returning means done; what it raises goes to `delivery.judge`, the same for every broker."""


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """Consumers naming the same `queue` share its messages; each queue gets its own copy.

    A queue that is not `durable` is its one consumer's own, exists only while consumed, and may
    lose messages; those with the origin `deaf_to` it does not get. `prefetch` is how many messages
    may be in hand at once.
    """

    queue: str
    topics: frozenset[str]
    prefetch: int = 1
    durable: bool = True
    deaf_to: str | None = None


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A message given up, as it came, with the ids of its headers ("" where it had none)."""

    queue: str
    reason: str
    code: str
    raw: bytes
    owner: str = ""
    job_id: str = ""
    batch_id: str = ""


DeadHandler = Callable[[DeadLetter], Awaitable[None]]


class EventPublisher(Protocol):
    async def publish(self, *events: Durable) -> None:
        """Return once every one of `events` is safe: it survives a kill of us and of the broker.

        Raises:
            TransientError: they may not be safe, and they may be; within 3 seconds or so.
        """

    def announce(self, *events: Announcement) -> None:
        """Tell whoever listens right now. Never waits, never raises; may be lost."""


class EventSource(Protocol):
    def consume(
        self,
        subscription: Subscription,
        handler: Handler,
        *,
        on_dead: DeadHandler | None = None,
        grace: float = 30.0,
    ) -> AbstractAsyncContextManager[None]:
        """Feed `handler` until the context is left, up to `prefetch` messages at a time.

        Every message is settled exactly once, by `delivery.judge`. A message is handed out again
        with `redelivered` set when its consumer died or its handler raised. An unreadable message
        becomes a dead letter and blocks nothing. A dead letter is kept safely first, then `on_dead`
        is awaited (again after a delay if it raises, like a handler), and only then is the message
        gone. Durable queues keep what came before their consumer. A broker that goes away is waited
        for and consumption resumes by itself.

        Leaving takes nothing new, waits `grace` seconds for what is in hand, cancels the rest and
        returns it to the queue.
        """

    async def depth(self, queue: str) -> int:
        """How many messages wait in a durable `queue`, not counting those in hand or delayed.

        Raises:
            NotFoundError: no durable queue has that name.
            TransientError: the broker does not answer.
        """

    async def dead_letters(self, queue: str, *, limit: int = 100) -> Sequence[DeadLetter]:
        """The oldest dead letters of a durable `queue`; they stay where they are.

        Raises:
            NotFoundError: no durable queue has that name.
            TransientError: the broker does not answer.
        """


@dataclass(frozen=True, kw_only=True)
class BlobInfo:
    """What is known of a blob without reading it. `age` (seconds) is by the store's clock."""

    key: str
    size: int
    etag: str
    content_type: str
    age: float
    meta: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Blob:
    info: BlobInfo
    data: bytes


class BlobStore(Protocol):
    """Bytes under keys (`/`-separated, of `A-Za-z0-9._-`). All may raise TransientError."""

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
        """Store whole or not at all, durably, and return the new etag.

        `meta` has lower-case ASCII names and ASCII values. With `if_absent` or `if_match` exactly
        one of any number of racing writers wins.

        Raises:
            ConflictError: something is there (`if_absent`), or not what `if_match` names.
            StorageFullError: there is no room.
            TransientError: unknown: it may be stored or not; read to find out.
        """

    async def get(self, key: str) -> Blob:
        """The blob. Raises NotFoundError if there is none."""

    def stream(
        self, key: str, *, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[tuple[BlobInfo, AsyncIterator[bytes]]]:
        """The bytes from `start` up to and without `end`, in pieces; `size` is that of the whole.

        Raises:
            NotFoundError: on entering.
        """

    async def head(self, key: str) -> BlobInfo:
        """What `get` would find. Raises NotFoundError."""

    async def delete(self, key: str) -> None:
        """Remove it; not an error if nothing is there."""

    def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        """Everything whose key starts with `prefix`, in key order; `content_type` and `meta` may be
        empty.
        """

    async def presign(self, key: str, *, seconds: int, filename: str | None = None) -> str | None:
        """A URL that reads the blob for `seconds`; None where the store has no address."""


@dataclass(frozen=True)
class Credentials:
    """What a request shows of who it is from; each part may be missing."""

    bearer: str | None = None
    session: str | None = None
    ticket: str | None = None


class Identity(Protocol):
    async def identify(self, credentials: Credentials) -> str:
        """The owner the credentials speak for.

        Raises:
            UnauthenticatedError: none, wrong or expired (`contracts.problems`).
            TransientError: it cannot be known now; the caller must refuse.
        """


class JobReader(Protocol):
    async def read(
        self, job_id: str, *, owner: str, wait: float = 0, until_done: bool = False
    ) -> Job | None:
        """The newest snapshot, or None if `owner` has no such job yet.

        With `wait` it is waited for up to that many seconds: to exist, or with `until_done` to end.

        Raises:
            TransientError: the gallery does not answer.
        """


Clock = Callable[[], datetime]
