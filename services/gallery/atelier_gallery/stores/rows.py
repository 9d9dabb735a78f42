"""What is kept beside a document so that a database can find it; the same for every database.

The document itself is kept as JSON text: exact, whatever its strings and keys hold.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from atelier_core.domain.batch import BatchPart
from atelier_core.domain.image import Image
from atelier_core.domain.job import Job
from atelier_core.domain.outcome import JobStatus
from atelier_core.domain.values import Money
from atelier_core.errors import ContractError
from atelier_gallery.ports import BatchJobs, Page, Place
from atelier_gallery.schedule import deadline, is_bulk
from atelier_gallery.words import words_of

TOMBSTONE_DAYS = 7

R = TypeVar("R")
T = TypeVar("T")

log = logging.getLogger(__name__)


def readable(rows: Iterable[tuple[str, R]], read: Callable[[R], T]) -> list[T]:
    """What `read` makes of these rows with their ids. One that this version cannot read is left
    out and logged: it must not keep the others from anybody.
    """
    found = []
    for row_id, row in rows:
        try:
            found.append(read(row))
        except ContractError as exc:
            log.error("left out", extra={"id": row_id, "error": str(exc)})  # noqa: TRY400
    return found


async def readable_page(
    page: Page,
    rows: Callable[[Page], Awaitable[list[tuple[str, int, str]]]],
    read: Callable[[str], T],
) -> list[T]:
    """The page of what `read` can read, of `rows` with their id, creation and document: who comes
    behind one that is left out takes its place.
    """
    found: list[T] = []
    while True:
        taken = await rows(page)
        found += readable(((row_id, doc) for row_id, _, doc in taken), read)
        if len(taken) < page.limit or len(found) >= page.limit:
            return found[: page.limit]
        last, created_at, _ = taken[-1]
        page = replace(page, after=Place(time_of(created_at), last))


def ms(time: datetime) -> int:
    """Whole milliseconds since the epoch."""
    return round(time.timestamp() * 1000)


def time_of(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def job_row(job: Job) -> dict[str, Any]:
    return {
        "owner": job.owner,
        "version": job.version,
        "status": str(job.status),
        "done": job.done,
        "bulk": is_bulk(job),
        "batch_id": job.batch.id if job.batch else None,
        "batch_index": job.batch.index if job.batch else None,
        "batch_size": job.batch.size if job.batch else None,
        "model": job.model or job.request.model,
        "provider": job.provider,
        "tags": list(job.tags),
        "images": len(job.images),
        "cost": job.cost.model_dump_json(),
        "created_at": ms(job.created_at),
        "updated_at": ms(job.updated_at),
        "finished_at": ms(job.finished_at) if job.finished_at else None,
        "deadline_at": ms(deadline(job)),
        "doc": job.model_dump_json(),
    }


def image_row(image: Image) -> dict[str, Any]:
    return {
        "owner": image.owner,
        "version": image.version,
        "job_id": image.job_id,
        "batch_id": image.batch_id,
        "model": image.model,
        "provider": image.provider,
        "tags": list(image.tags),
        "trashed": image.trashed_at is not None,
        "favorite": image.favorite,
        "deleted": False,
        "created_at": ms(image.created_at),
        "words": list(words_of(image.prompt)),
        "doc": image.model_dump_json(exclude={"content_url", "thumb_urls"}),
    }


BATCH_FIELDS = ("status", "version", "batch_index", "images", "cost", "updated_at")


def batch_of(rows: Iterable[Mapping[str, Any]], *, size: int, created_at: int) -> BatchJobs:
    """From the BATCH_FIELDS of each of its jobs."""
    return BatchJobs(
        size=size,
        created_at=time_of(created_at),
        parts=tuple(
            BatchPart(
                status=JobStatus(row["status"]),
                version=row["version"],
                index=row["batch_index"],
                images=row["images"],
                cost=Money.read(row["cost"]),
                updated_at=time_of(row["updated_at"]),
            )
            for row in rows
        ),
    )
