"""Thumbnails and blurhashes, made when nobody waits for them."""

import logging

from atelier_core.contracts.events import Event, ImageDerived, JobEnded
from atelier_core.domain.derive import SMALL
from atelier_core.domain.outcome import ProducedImage, image_key, thumb_key
from atelier_core.errors import NotFoundError, PermanentError
from atelier_core.failpoints import failpoint
from atelier_core.ports import BlobStore, EventPublisher
from atelier_worker.ports import Deriver
from atelier_worker.rush import Rush

log = logging.getLogger(__name__)


class Derive:
    """Handler of `media.derive`: the small thumbnail and the blurhash of each picture of a job."""

    def __init__(
        self, blobs: BlobStore, publisher: EventPublisher, deriver: Deriver, *, rush: Rush
    ) -> None:
        self._blobs = blobs
        self._publisher = publisher
        self._deriver = deriver
        self._rush = rush

    async def __call__(self, event: Event) -> None:
        """Derive, whatever is there: a thumbnail may be (somebody looked at the picture, or the end
        is told again for a late bill) without a blurhash. A picture that cannot be decoded gets an
        error people can see.

        Raises:
            TransientError: the store, the broker or the pool has no room now.
        """
        if not isinstance(event, JobEnded):
            return
        await self._rush.over()
        for image in event.outcome.images:
            await self._derive(event.owner, image)
        await failpoint("worker.derive_before_ack")

    async def _derive(self, owner: str, image: ProducedImage) -> None:
        try:
            blob = await self._blobs.get(image_key(image))
        except NotFoundError:
            return  # purged meanwhile
        blurhash = error = None
        try:
            derived = await self._deriver.derive(blob.data)
        except PermanentError as exc:
            error = str(exc)[:300]
            log.warning("not derived", extra={"image_id": image.id, "error": error})
        else:
            key = thumb_key(image, SMALL)
            await self._blobs.put(key, derived.thumb_320, content_type="image/webp")
            await failpoint("worker.derive_after_put")
            try:
                await self._blobs.head(image_key(image))
            except NotFoundError:  # purged since: a purge deletes the picture first, then these
                await self._blobs.delete(key)
                return
            blurhash = derived.blurhash
        await self._publisher.publish(
            ImageDerived(
                owner=owner,
                job_id=image.job_id,
                image_id=image.id,
                blurhash=blurhash,
                error=error,
            )
        )
