"""What changed: reading it, telling whether it is news, and saying it."""

import asyncio
import json
from collections.abc import Collection, Iterable

from atelier_core.domain.image import Image
from atelier_core.domain.job import Job
from atelier_gallery.outbox import Message
from atelier_gallery.ports import D, Documents, Stamp

SETTLED = 10.0  # seconds after which nothing older than the newest change can appear
STRIDE = 1_000  # changes read at once


class Known:
    """The versions passed on lately: at least those of the last `SETTLED` seconds."""

    def __init__(self) -> None:
        self._young: dict[str, int] = {}
        self._old: dict[str, int] = {}
        self._turned = asyncio.get_running_loop().time()

    def is_news(self, name: str, version: int) -> bool:
        return version > max(self._young.get(name, 0), self._old.get(name, 0))

    def learn(self, name: str, version: int) -> bool:
        """Whether it is news; from now on it is not."""
        now = asyncio.get_running_loop().time()
        if now - self._turned > 2 * SETTLED:
            self._young, self._old, self._turned = {}, self._young, now
        if not self.is_news(name, version):
            return False
        self._young[name] = version
        return True


async def everything_since(
    store: Documents[D], since: int, *, owners: Collection[str], most: int | None = None
) -> list[Stamp]:
    """All that was saved at or after `since`, oldest first; a little more than `most` at most."""
    found: dict[str, Stamp] = {}
    stride = STRIDE
    while True:
        stamps = await store.changed_since(since, owners=owners, limit=stride)
        found |= {stamp.id: stamp for stamp in stamps}
        if len(stamps) < stride or (most is not None and len(found) > most):
            return list(found.values())
        if stamps[-1].saved_at == since:
            stride *= 2  # more than fit were saved in one millisecond
        since = stamps[-1].saved_at


async def found(store: Documents[D], stamps: Iterable[Stamp], owners: Collection[str]) -> list[D]:
    """The documents of `stamps` as they are now, without those that are deleted."""
    ids = [stamp.id for stamp in stamps if not stamp.deleted]
    return await store.find_many(ids, owners=owners) if ids else []


def job_message(job: Job, *, cursor: str | None = None) -> Message:
    data = job.public_json().decode()
    return Message("job.updated", data, key=job.id, version=job.version, cursor=cursor)


def image_message(image: Image, *, cursor: str | None = None) -> Message:
    data = image.model_dump_json()
    return Message("image.updated", data, key=image.id, version=image.version, cursor=cursor)


def deleted_message(image_id: str, version: int, *, cursor: str | None = None) -> Message:
    data = json.dumps({"id": image_id, "version": version})
    return Message("image.deleted", data, key=image_id, version=version, cursor=cursor)
