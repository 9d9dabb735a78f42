"""From a provider's answer to pictures in the object store. What was bought is not lost again."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from atelier_core.contracts.catalogue import Catalogue
from atelier_core.domain.outcome import JobError, Outcome, ProducedImage, image_key
from atelier_core.domain.request import AcceptedJob
from atelier_core.domain.run import Call
from atelier_core.errors import AtelierError, PermanentError
from atelier_core.failpoints import failpoint
from atelier_core.ports import BlobStore, Clock
from atelier_core.stored import Bill, Found, find, particulars, with_pictures
from atelier_worker.ports import AGAIN, Answer, Fault, Picture
from atelier_worker.produce import NotAPictureError, produce
from atelier_worker.trouble import Trouble

log = logging.getLogger(__name__)

IN_THREAD: Final = 256 * 1024  # bytes from which looking at a picture would hold everybody else up


@dataclass(frozen=True)
class Kept:
    """What became of an answer: pictures stored, and why the others are not."""

    images: tuple[ProducedImage, ...] = ()
    spoilt: Mapping[int, JobError] = field(default_factory=dict)


class Storing:
    """Keeps pictures, and finds those kept before."""

    def __init__(
        self, blobs: BlobStore, *, book: Catalogue, trouble: Trouble, clock: Clock
    ) -> None:
        self._blobs = blobs
        self._book = book
        self._trouble = trouble
        self._clock = clock

    async def keep(self, job: AcceptedJob, call: Call, answer: Answer) -> Kept:
        """Store the answer's pictures, for as long as the store needs. Never raises."""
        images: list[ProducedImage] = []
        spoilt = {m.index: failure(m.fault, m.detail) for m in answer.missing}
        for picture in answer.pictures:
            if picture.index not in call.indexes:
                log.warning("a picture nobody ordered", extra={"job_id": job.id})
                continue
            try:
                images.append(await self._keep(job, call, answer, picture))
            except NotAPictureError as exc:
                spoilt[picture.index] = failure(Fault.BAD_RESPONSE, str(exc))
            except PermanentError as exc:
                log.exception("the store refuses a picture", extra={"job_id": job.id})
                spoilt[picture.index] = JobError(code="storage_failed", detail=str(exc)[:300])
            except Exception as exc:
                log.exception("a picture could not be looked at", extra={"job_id": job.id})
                detail = f"The picture could not be read ({type(exc).__name__})."
                spoilt[picture.index] = failure(Fault.BAD_RESPONSE, detail)
        have = {image.index for image in images} | set(spoilt)
        for index in set(call.indexes) - have:
            spoilt[index] = failure(Fault.BAD_RESPONSE, "The provider sent no picture for it.")
        return Kept(tuple(images), spoilt)

    async def find(self, job_id: str) -> tuple[Found, ...]:
        """The pictures of a job that are in the store already, one an index, in their order.

        Raises:
            TransientError: the store did not answer.
        """
        return await find(self._blobs, job_id)

    async def with_pictures(
        self, job_id: str, outcome: Outcome, *, calls: Sequence[Call], n: int | None
    ) -> tuple[Outcome, tuple[Call, ...]]:
        """`stored.with_pictures` of this store."""
        return await with_pictures(self._blobs, job_id, outcome, calls=calls, n=n)

    async def discard(
        self, mine: tuple[ProducedImage, ...], named: tuple[ProducedImage, ...]
    ) -> None:
        """Remove the bytes of `mine` that the job's outcome does not name. Never raises."""
        for key in {image_key(image) for image in mine} - {image_key(image) for image in named}:
            try:
                await self._blobs.delete(key)
            except AtelierError as exc:
                log.warning("late bytes not removed", extra={"key": key, "error": str(exc)})

    async def _keep(
        self, job: AcceptedJob, call: Call, answer: Answer, picture: Picture
    ) -> ProducedImage:
        at = self._clock()
        model = next(iter(self._book.find(call.model)), None)
        look = partial(produce, job, call, answer, picture, model=model, at=at)
        image, data = await asyncio.to_thread(look) if len(picture.data) > IN_THREAD else look()
        bill = Bill(call.id, answer.cost, answer.provider_request_id, answer.http_status)
        meta = particulars(image, bill)

        async def put() -> None:
            await self._blobs.put(
                image_key(image), data, content_type=image.content_type, meta=meta
            )

        await failpoint("worker.before_put")
        await self._trouble.persist(put, what="picture", final=(PermanentError,))
        await failpoint("worker.after_put")
        return image


def failure(fault: Fault, detail: str) -> JobError:
    """An attempt's error; `detail` is cut to what people read."""
    return JobError(code=fault, detail=detail[:300], retryable=fault in AGAIN)
