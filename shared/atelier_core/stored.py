"""The pictures of a job that are in the object store, and what is kept beside each of them."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from atelier_core.domain.outcome import JobStatus, Outcome, ProducedImage
from atelier_core.domain.run import Call, CallOutcome, images_prefix
from atelier_core.domain.values import CostStatus, Money, child_id, rfc3339
from atelier_core.errors import NotFoundError
from atelier_core.ports import BlobInfo, BlobStore

log = logging.getLogger(__name__)

UNTOLD: Final = (CallOutcome.OPEN, CallOutcome.LOST)
"""Of a call whose end nobody wrote down."""


@dataclass(frozen=True)
class Bill:
    """What a stored picture tells of the call that brought it."""

    call_id: str
    cost: Money
    provider_request_id: str | None
    http_status: int | None


@dataclass(frozen=True)
class Found:
    """A picture that a run stored, and the bill of its call."""

    image: ProducedImage
    bill: Bill


async def find(blobs: BlobStore, job_id: str) -> tuple[Found, ...]:
    """The pictures of a job that are in the store, one an index, in their order.

    Raises:
        TransientError: the store did not answer.
    """
    found: dict[int, Found] = {}
    async for listed in blobs.list(images_prefix(job_id)):
        try:
            info = await blobs.head(listed.key)
            image, bill = read_particulars(job_id, info)
        except NotFoundError:
            continue
        except (KeyError, ValueError):
            log.warning("a picture without particulars", extra={"key": listed.key})
            continue
        found.setdefault(image.index, Found(image, bill))
    return tuple(found[index] for index in sorted(found))


async def with_pictures(
    blobs: BlobStore, job_id: str, outcome: Outcome, *, calls: Sequence[Call], n: int | None
) -> tuple[Outcome, tuple[Call, ...]]:
    """The end of a job whose run does not tell it, with the pictures that `calls` brought of it;
    and those calls whose end only these pictures tell.

    What was bought is kept, unless the job was canceled: then nobody wants it. With all the `n`
    that were asked for (None: not known) it has succeeded.

    Raises:
        TransientError: the store did not answer.
    """
    nothing = (CallOutcome.FAILED, CallOutcome.CANCELED)
    if outcome.status is JobStatus.CANCELED or all(call.outcome in nothing for call in calls):
        return outcome, ()
    found = await find(blobs, job_id)
    images = tuple(piece.image for piece in found)
    if len(images) == n:
        outcome = Outcome(status=JobStatus.SUCCEEDED, at=outcome.at)
    elif images and outcome.status is JobStatus.FAILED:
        outcome = outcome.model_copy(update={"status": JobStatus.PARTIALLY_SUCCEEDED})
    outcome = outcome.model_copy(update={"images": images})
    return outcome, told_by(found, calls, at=outcome.at)


def told_by(found: Iterable[Found], calls: Iterable[Call], *, at: datetime) -> tuple[Call, ...]:
    """Of `calls` those whose end nobody wrote down, ended as a picture they left tells."""
    bills = {piece.bill.call_id: piece.bill for piece in found}
    return tuple(
        billed(call, bills[call.id], at=at)
        for call in calls
        if call.id in bills and call.outcome in UNTOLD
    )


def billed(call: Call, bill: Bill, *, at: datetime) -> Call:
    """The end of a call that nobody wrote down, known from a picture it left in the store."""
    return call.model_copy(
        update={
            "outcome": CallOutcome.SUCCEEDED,
            "answered_at": at,
            "cost": bill.cost,
            "provider_request_id": bill.provider_request_id,
            "http_status": bill.http_status,
        }
    )


def particulars(image: ProducedImage, bill: Bill) -> dict[str, str]:
    """What is stored beside a picture, so that whoever finds it needs to ask nobody about it."""
    meta = {
        "call-id": bill.call_id,
        "seed": "" if image.seed is None else str(image.seed),
        "cost": bill.cost.amount or "",
        "currency": bill.cost.currency,
        "cost-status": bill.cost.status,
        "request-id": _ascii(bill.provider_request_id or ""),
        "http-status": str(bill.http_status or ""),
        "index": str(image.index),
        "width": str(image.width),
        "height": str(image.height),
        "sha256": image.sha256,
        "created-at": rfc3339(image.created_at),
    }
    return {name: value for name, value in meta.items() if value}


def read_particulars(job_id: str, info: BlobInfo) -> tuple[ProducedImage, Bill]:
    """The reverse of `particulars`.

    Raises:
        KeyError, ValueError: something is missing, or is not what `particulars` writes.
    """
    meta = info.meta
    index = int(meta["index"])
    image = ProducedImage(
        id=child_id(job_id, index),
        job_id=job_id,
        index=index,
        seed=int(meta["seed"]) if "seed" in meta else None,
        width=int(meta["width"]),
        height=int(meta["height"]),
        content_type=info.content_type,
        bytes=info.size,
        sha256=meta["sha256"],
        created_at=datetime.fromisoformat(meta["created-at"]),
    )
    cost = Money(
        amount=meta.get("cost"),
        currency=meta["currency"],
        status=CostStatus(meta["cost-status"]),
    )
    status = meta.get("http-status")
    bill = Bill(meta["call-id"], cost, meta.get("request-id"), int(status) if status else None)
    return image, bill


def _ascii(text: str) -> str:
    return "".join(c for c in text if c.isascii() and c.isprintable())[:200].strip()
