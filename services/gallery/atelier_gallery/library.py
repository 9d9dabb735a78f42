"""What people do to their pictures: to the trash, back again, gone for good."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from atelier_core.contracts.events import ImageDeleted, ImageUpdated, JobUpdated
from atelier_core.contracts.problems import Code, Problem
from atelier_core.domain.image import Image
from atelier_core.domain.job import Job, purge
from atelier_core.domain.outcome import THUMB_WIDTHS, image_key, thumb_key
from atelier_core.domain.values import now
from atelier_core.errors import NotFoundError, TransientError
from atelier_core.failpoints import failpoint
from atelier_core.ports import BlobStore, EventPublisher
from atelier_gallery.ports import ImageStore, JobStore
from atelier_gallery.saving import change, persistently

PATIENCE = 10.0  # seconds to try to delete the bytes of a purged picture


@dataclass(frozen=True, kw_only=True)
class Library:
    """The use cases. Each raises NotFoundError where `owner` has no such image."""

    jobs: JobStore
    images: ImageStore
    blobs: BlobStore
    publisher: EventPublisher

    async def trash(self, image_id: str, *, owner: str) -> Image:
        at = now()
        return await self._change(
            image_id,
            owner,
            lambda image: None if image.trashed_at else image.changed(trashed_at=at),
        )

    async def restore(self, image_id: str, *, owner: str) -> Image:
        return await self._change(
            image_id,
            owner,
            lambda image: image.changed(trashed_at=None) if image.trashed_at else None,
        )

    async def purge(self, image_id: str, *, owner: str) -> None:
        """Remove the image from its job, then its bytes, then its document: in this order, so that
        whatever is interrupted can be asked for again and nothing brings the image back.

        Raises:
            Problem: job_not_done while the job may still draw it again.
            TransientError: a store does not answer; the image may look damaged until asked again.
        """
        image = await self.images.get(image_id, owner=owner)
        if image is None:
            raise NotFoundError("There is no such image.")
        at = now()

        def without(job: Job) -> Job | None:
            if not job.done:
                raise Problem(Code.JOB_NOT_DONE, "The picture's job is not done.", job_id=job.id)
            return purge(job, image_id, at=at)

        settled = await change(self.jobs, image.job_id, without, owner=owner)
        await failpoint("gallery.after_purge")
        if settled.changed and settled.document:
            self.publisher.announce(JobUpdated(owner=owner, job=settled.document))
        await self._delete_bytes(image)
        await failpoint("gallery.after_bytes")
        version = await self.images.bury(
            image_id, owner=owner, job_id=image.job_id, batch_id=image.batch_id
        )
        self.publisher.announce(
            ImageDeleted(
                owner=owner,
                job_id=image.job_id,
                batch_id=image.batch_id,
                image_id=image_id,
                version=version,
            )
        )

    async def _change(
        self, image_id: str, owner: str, decide: Callable[[Image], Image | None]
    ) -> Image:
        settled = await change(self.images, image_id, decide, owner=owner)
        image = settled.document
        assert image is not None  # noqa: S101 - or NotFoundError was raised
        if settled.changed:
            self.publisher.announce(ImageUpdated(owner=owner, image=image))
        return image

    async def _delete_bytes(self, image: Image) -> None:
        keys = [image_key(image), *(thumb_key(image, width) for width in THUMB_WIDTHS)]
        try:
            async with asyncio.timeout(PATIENCE):
                for key in keys:
                    await persistently(lambda key=key: self.blobs.delete(key), what="bytes")  # type: ignore[misc]
        except TimeoutError as exc:
            raise TransientError("the bytes could not be deleted") from exc
