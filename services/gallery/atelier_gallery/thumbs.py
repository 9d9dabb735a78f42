"""Thumbnails: the one that was derived before, or derived now, once however many ask."""

import asyncio
import logging

from atelier_core.contracts.problems import not_found
from atelier_core.domain.image import Image
from atelier_core.domain.outcome import image_key, thumb_key
from atelier_core.errors import NotFoundError, PermanentError, TransientError
from atelier_core.ports import BlobStore
from atelier_gallery.ports import Deriver

TYPE = "image/webp"
PATIENCE = 30.0  # seconds one derivation may take

log = logging.getLogger(__name__)


class Thumbs:
    """Derivations run in `group`: a client that leaves does not stop one others wait for."""

    def __init__(self, *, blobs: BlobStore, deriver: Deriver, group: asyncio.TaskGroup) -> None:
        self._blobs = blobs
        self._deriver = deriver
        self._group = group
        self._running: dict[str, asyncio.Future[bytes]] = {}

    async def get(self, image: Image, width: int) -> bytes:
        """WebP, `width` pixels wide.

        Raises:
            Problem: not_found when the picture cannot be decoded.
            TransientError: too much is being derived, or the store does not answer.
        """
        if image.error is not None:
            raise not_found("This picture cannot be decoded")
        key = thumb_key(image, width)
        try:
            return (await self._blobs.get(key)).data
        except NotFoundError:
            pass
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = asyncio.get_running_loop().create_future()
            self._group.create_task(self._run(key, image, width, running))
        return await asyncio.shield(running)

    async def _run(self, key: str, image: Image, width: int, answer: asyncio.Future[bytes]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                answer.set_result(await self._derive(key, image, width))
        except TimeoutError:
            answer.set_exception(TransientError("deriving a thumbnail takes too long"))
        except Exception as exc:  # noqa: BLE001 - belongs to whoever asked, not to the group
            answer.set_exception(exc)
        finally:
            del self._running[key]
            if not answer.done():
                answer.cancel()
            elif answer.exception() is not None:
                log.warning("no thumbnail", extra={"image_id": image.id, "width": width})

    async def _derive(self, key: str, image: Image, width: int) -> bytes:
        source = await self._blobs.get(image_key(image))
        try:
            data = await self._deriver.thumbnail(source.data, width)
        except PermanentError as exc:
            raise not_found("This picture cannot be decoded") from exc
        try:
            await self._blobs.put(key, data, content_type=TYPE)
        except TransientError as exc:
            log.warning("a thumbnail was not kept", extra={"error": str(exc)})
        try:
            await self._blobs.head(image_key(image))
        except NotFoundError:  # purged meanwhile: a purge deletes the picture first, then these
            await self._blobs.delete(key)
            raise
        return data
