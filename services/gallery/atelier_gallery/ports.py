"""What the gallery needs of its documents and of pictures; tests/contract holds it to them.

Every query takes the owner. Documents change only by compare-and-set with the version that was
read. `saved_at` is when a document was last saved, in milliseconds by the database's own clock.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from atelier_core.domain.batch import BatchPart
from atelier_core.domain.image import Image
from atelier_core.domain.job import Job
from atelier_core.domain.outcome import JobStatus

D = TypeVar("D", Job, Image)


@dataclass(frozen=True)
class Change(Generic[D]):
    """`document` is to follow what had the version `read`; 0 means nothing was there."""

    document: D
    read: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of a list ended: lists go by creation, then id."""

    created_at: datetime
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What to list. An empty collection filters nothing; values in one are alternatives.

    `created_after` and `created_before` are exclusive.
    """

    tags: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    batches: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter(Filter):
    """`models` are those that drew it, or were asked for as long as none has."""

    statuses: tuple[JobStatus, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFilter(Filter):
    """`words`: all of them are whole words of the prompt, whatever their case."""

    jobs: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    trashed: tuple[bool, ...] = (False,)
    favorite: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`limit` documents at most, those after the place `after`, newest first unless `ascending`."""

    limit: int
    after: Place | None = None
    ascending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """That a document changed: enough to know whom it concerns and whether it is news."""

    id: str
    owner: str
    job_id: str
    batch_id: str | None
    version: int
    saved_at: int
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJobs:
    """A batch of `size` jobs and those of them that are known, by index."""

    size: int
    created_at: datetime
    parts: tuple[BatchPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """A job that is not done and was not heard of lately; `sweeps` is how often it was swept."""

    job: Job
    saved_at: int
    swept_at: datetime | None
    sweeps: int


class Documents(Protocol[D]):
    """What jobs and images have in common. All may raise TransientError.

    What a version newer than this one has saved may be unreadable: `get` then raises
    ContractError, whoever asks for several finds the others.
    """

    async def get(self, document_id: str, *, owner: str) -> D | None:
        """The newest version, or None if `owner` has no such document."""

    async def find_many(self, ids: Collection[str], *, owners: Collection[str]) -> list[D]:
        """Those of `ids` that exist and belong to one of `owners`, in no order."""

    async def save_many(self, changes: Sequence[Change[D]]) -> frozenset[str]:
        """Save each change whose document still has the version that was read, durably.

        One of any number of racing savers wins. One change a document at most.

        Returns:
            The ids of those that lost: read them again and decide again. After an unknown answer
            a saver may be told that it lost against itself.
        """

    async def newest_change(self, since: int = 0) -> int:
        """The highest `saved_at` from `since` on, of anybody's; `since` if there is none."""

    async def changed_since(
        self, since: int, *, owners: Collection[str], limit: int
    ) -> list[Stamp]:
        """What was saved at or after `since`, oldest first, the newest version of each."""


class JobStore(Documents[Job], Protocol):
    async def select(self, *, owner: str, where: JobFilter, page: Page) -> list[Job]: ...

    async def recent(self, *, owner: str, limit: int, finished_after: datetime) -> list[Job]:
        """The newest `limit` jobs that are not done, and those that ended after a time."""

    async def batch(self, batch_id: str, *, owner: str) -> BatchJobs | None:
        """What is known of the batch, or None if `owner` has no such batch."""

    def overdue(self, now: datetime, *, at_once: int) -> AsyncIterator[list[Job]]:
        """Unfinished jobs of anybody whose `schedule.deadline` has passed, the longest first.

        In pages read one after the other, of `at_once` at most; those that cannot be read are
        left out.
        """

    def silent(self, now: datetime, *, at_once: int) -> AsyncIterator[list[Silent]]:
        """Jobs of anybody, not done and due for the sweeper at `now`, oldest first, in pages as of
        `overdue`.

        A job that was never swept is due.
        """

    async def claim_sweep(
        self, job_id: str, *, owner: str, swept_at: datetime | None, now: datetime, due: datetime
    ) -> bool:
        """Mark the job as swept `now`, next at `due`; False if `swept_at` is not the last time."""

    async def started_until(self, *, bulk: bool) -> datetime | None:
        """When the newest job that was started, of those sure to be bulk or of the others, was
        accepted.
        """


class ImageStore(Documents[Image], Protocol):
    """A buried image is not found by anything but `changed_since` and cannot be saved again."""

    async def select(self, *, owner: str, where: ImageFilter, page: Page) -> list[Image]: ...

    async def bury(self, image_id: str, *, owner: str, job_id: str, batch_id: str | None) -> int:
        """Put a tombstone in the place of the image, also if it was never saved.

        Idempotent. Tombstones go away by themselves after 7 days.

        Returns:
            The tombstone's version, higher than that of any version of the image.
        """


class Deriver(Protocol):
    async def thumbnail(self, data: bytes, width: int) -> bytes:
        """A WebP picture at most `width` pixels wide, same proportions.

        Raises:
            TransientError: too much is being derived; `retry_after` says when to ask again.
            PermanentError: `data` is no picture that can be decoded.
        """
