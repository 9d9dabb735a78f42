"""One picture as the provider sent it: looked at, marked with where it is from, described."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from atelier_core.domain.media import BadImageError, MediaInfo, inspect
from atelier_core.domain.outcome import ProducedImage
from atelier_core.domain.request import AcceptedJob
from atelier_core.domain.run import Call
from atelier_core.domain.values import CostStatus, Money, child_id, rfc3339
from atelier_core.errors import AtelierError
from atelier_core.ports import BlobInfo
from atelier_worker.ports import Answer, Picture
from atelier_worker.provenance import Provenance, embed

log = logging.getLogger(__name__)


class NotAPictureError(AtelierError):
    """What a provider sent is no picture that can be shown."""


@dataclass(frozen=True)
class Bill:
    """What a stored picture tells of the call that brought it."""

    call_id: str
    cost: Money
    provider_request_id: str | None
    http_status: int | None


def produce(
    job: AcceptedJob, call: Call, answer: Answer, picture: Picture, *, at: datetime
) -> tuple[ProducedImage, bytes]:
    """The description of a picture, and the bytes to store. Takes milliseconds per megabyte.

    Raises:
        NotAPictureError: it is not one of the formats taken, or damaged, or too large.
    """
    try:
        info = inspect(picture.data)
    except BadImageError as exc:
        raise NotAPictureError(str(exc)) from exc
    data = _marked(job, call, answer, picture, info)
    image = ProducedImage(
        id=child_id(job.id, picture.index),
        job_id=job.id,
        index=picture.index,
        seed=picture.seed,
        width=info.width,
        height=info.height,
        content_type=info.content_type,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        created_at=at,
    )
    return image, data


def _marked(
    job: AcceptedJob, call: Call, answer: Answer, picture: Picture, info: MediaInfo
) -> bytes:
    """The picture with its provenance in it; as it came if that cannot be written into it."""
    provenance = Provenance(
        prompt=job.request.prompt,
        negative_prompt=job.request.negative_prompt,
        prompt_as_sent=answer.prompt_as_sent or call.prompt_as_sent,
        model=call.model,
        provider=call.provider,
        seed=picture.seed,
        width=info.width,
        height=info.height,
        style=job.request.style,
        provider_request_id=answer.provider_request_id,
        job_id=job.id,
        # Not the time of the call: drawn again after a death, the same picture is the same file.
        created_at=job.created_at,
    )
    try:
        return embed(picture.data, provenance)
    except Exception:
        log.exception("no provenance written", extra={"job_id": job.id})  # what is bought is kept
        return picture.data


def particulars(image: ProducedImage, call: Call, answer: Answer) -> dict[str, str]:
    """What is stored beside a picture, so that a later run needs to ask nobody about it."""
    meta = {
        "call-id": call.id,
        "seed": "" if image.seed is None else str(image.seed),
        "cost": answer.cost.amount or "",
        "currency": answer.cost.currency,
        "cost-status": answer.cost.status,
        "request-id": _ascii(answer.provider_request_id or ""),
        "http-status": str(answer.http_status or ""),
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
    meta: Mapping[str, str] = info.meta
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
