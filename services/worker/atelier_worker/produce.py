"""One picture as the provider sent it: looked at, marked with where it is from, described."""

import hashlib
import logging
from datetime import datetime

from atelier_core.contracts.catalogue import Model
from atelier_core.domain.media import BadImageError, MediaInfo, inspect
from atelier_core.domain.outcome import ProducedImage
from atelier_core.domain.request import AcceptedJob
from atelier_core.domain.run import Call
from atelier_core.domain.values import child_id
from atelier_core.errors import AtelierError
from atelier_worker.orders import parameters
from atelier_worker.ports import Answer, Picture
from atelier_worker.provenance import Provenance, embed

log = logging.getLogger(__name__)


class NotAPictureError(AtelierError):
    """What a provider sent is no picture that can be shown."""


def produce(
    job: AcceptedJob,
    call: Call,
    answer: Answer,
    picture: Picture,
    *,
    model: Model | None,
    at: datetime,
) -> tuple[ProducedImage, bytes]:
    """The description of a picture, and the bytes to store. Takes milliseconds per megabyte.
    `model` is the one that was called, as far as it is known.

    Raises:
        NotAPictureError: it is not one of the formats taken, or damaged, or too large.
    """
    try:
        info = inspect(picture.data)
    except BadImageError as exc:
        raise NotAPictureError(str(exc)) from exc
    data = _marked(job, call, answer, picture, model=model, info=info)
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
    job: AcceptedJob,
    call: Call,
    answer: Answer,
    picture: Picture,
    *,
    model: Model | None,
    info: MediaInfo,
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
        parameters=parameters(job.request, model) if model else {},
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
