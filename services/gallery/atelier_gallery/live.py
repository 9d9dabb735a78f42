"""Hands every change to whoever watches it.

The truth is the tail: what the store says was saved since the last look. Announcements of the
other replicas only hurry it, and may be lost. A change passes on once, and never an older one
after a newer.
"""

import asyncio
import json
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from atelier_core.contracts.events import (
    Event,
    ImageDeleted,
    ImageUpdated,
    JobProgress,
    JobsUpdated,
    JobUpdated,
)
from atelier_core.domain.image import Image, images_of
from atelier_core.domain.job import Job
from atelier_core.domain.values import now as machine_now
from atelier_core.errors import TransientError
from atelier_core.ports import Clock
from atelier_gallery.changes import (
    SETTLED,
    Known,
    deleted_message,
    everything_since,
    found,
    image_message,
    job_message,
)
from atelier_gallery.outbox import PING, RESTART, TOO_MANY, Message, Outbox
from atelier_gallery.ports import ImageStore, JobStore, Stamp
from atelier_gallery.topics import Topic, encode_cursor

OVERLAP = 5_000  # milliseconds that a write may become visible after the time it bears
BEAT = 1.0  # seconds between two looks
PING_EVERY = 20.0  # seconds
WATCHERS = 20_000  # as many files as a process may usually open

_PING = Message(PING, "{}", key=PING, droppable=True)
_Key = tuple[str, str]

log = logging.getLogger(__name__)


class Live:
    """A handler of announcements; `run` must be running."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        images: ImageStore,
        beat: float = BEAT,
        ping: float = PING_EVERY,
        limit: int = WATCHERS,
        clock: Clock = machine_now,
    ) -> None:
        self._jobs = jobs
        self._images = images
        self._beat = beat
        self._ping = ping
        self._limit = limit
        self._clock = clock
        self._watchers: dict[_Key, set[Outbox]] = defaultdict(set)
        self._outboxes: dict[Outbox, datetime] = {}  # and when they came
        self._owners: Counter[str] = Counter()
        self._somebody = asyncio.Event()
        self._beginning = asyncio.Lock()
        self._position = 0
        self._moved = 0.0
        self._known = Known()
        self._closed = False

    @property
    def cursor(self) -> str:
        """Whoever has received everything so far may resume from here."""
        return encode_cursor(self._position)

    @asynccontextmanager
    async def watch(self, owner: str, topics: Sequence[Topic]) -> AsyncIterator[Outbox]:
        """An outbox that gets what changes from now on.

        Raises:
            TransientError: the store does not answer.
        """
        outbox = Outbox()
        keys = [(topic.kind, topic.id or owner) for topic in topics]
        if self._closed or len(self._outboxes) >= self._limit:
            outbox.close(RESTART if self._closed else TOO_MANY)
            yield outbox
            return
        async with self._beginning:
            if not self._outboxes:
                self._move(await self._newest())
                self._known = Known()
            self._outboxes[outbox] = self._clock()
        self._owners[owner] += 1
        for kind, name in keys:
            self._watchers[kind, f"{owner} {name}"].add(outbox)
        self._somebody.set()
        try:
            yield outbox
        finally:
            self._leave(outbox, owner, keys)

    def _leave(self, outbox: Outbox, owner: str, keys: Iterable[_Key]) -> None:
        self._outboxes.pop(outbox, None)
        self._owners -= Counter((owner,))
        for kind, name in keys:
            key = (kind, f"{owner} {name}")
            self._watchers[key].discard(outbox)
            if not self._watchers[key]:
                del self._watchers[key]
        if not self._outboxes:
            self._somebody.clear()

    def close(self) -> None:
        """Send everybody away: they come back to another replica, or to the next process."""
        self._closed = True
        for outbox in self._outboxes:
            outbox.close(RESTART)

    async def __call__(self, event: Event) -> None:
        """Pass on an announcement."""
        if not self._outboxes:
            return
        match event:
            case JobUpdated(job=job):
                self._tell_job(job)
            case JobsUpdated(jobs=jobs):
                self.tell(jobs)
            case ImageUpdated(image=image):
                self._tell_image(image)
            case ImageDeleted():
                audience = self._audience(event.owner, event.job_id, event.batch_id)
                self._tell_deleted(audience, event.image_id, event.version)
            case JobProgress():
                self._tell_progress(event)

    def tell(self, saved: Iterable[Job | Image]) -> None:
        """Pass on what was saved."""
        for document in saved:
            if isinstance(document, Job):
                self._tell_job(document)
            else:
                self._tell_image(document)

    async def run(self) -> None:
        """Follow the store and keep connections awake, until cancelled."""
        loop = asyncio.get_running_loop()
        pinged = loop.time()
        while True:
            await self._somebody.wait()
            await asyncio.sleep(self._beat)
            try:
                await self.look()
            except TransientError as exc:
                log.warning("the live view waits for its store", extra={"error": str(exc)})
            if loop.time() - pinged >= self._ping:
                pinged = loop.time()
                _tell(self._outboxes, _PING)

    async def look(self) -> None:
        """Read what changed since the last look and pass on what is news.

        Raises:
            TransientError: the store does not answer; the next look makes up for it.
        """
        settled = asyncio.get_running_loop().time() - self._moved > SETTLED
        since = self._position if settled else self._position - OVERLAP
        newest = await self._newest()
        owners = frozenset(self._owners)
        jobs = self._news(await everything_since(self._jobs, since, owners=owners))
        images = self._news(await everything_since(self._images, since, owners=owners))
        self.tell(await found(self._jobs, jobs, owners))
        self.tell(await found(self._images, images, owners))
        for stamp in images:
            if stamp.deleted:
                audience = self._audience(stamp.owner, stamp.job_id, stamp.batch_id)
                self._tell_deleted(audience, stamp.id, stamp.version)
        self._move(newest)

    async def _newest(self) -> int:
        newest = await self._jobs.newest_change(self._position)
        return await self._images.newest_change(newest)

    def _move(self, position: int) -> None:
        if position > self._position:
            self._position = position
            self._moved = asyncio.get_running_loop().time()

    def _news(self, stamps: Iterable[Stamp]) -> list[Stamp]:
        return [
            stamp
            for stamp in stamps
            if self._known.is_news(stamp.id, stamp.version)
            and self._audience(stamp.owner, stamp.job_id, stamp.batch_id)
        ]

    def _audience(self, owner: str, job_id: str, batch_id: str | None) -> set[Outbox]:
        sets = [
            self._watchers[key]
            for key in (
                ("me", f"{owner} {owner}"),
                ("job", f"{owner} {job_id}"),
                ("batch", f"{owner} {batch_id}"),
            )
            if key in self._watchers
        ]
        return sets[0] if len(sets) == 1 else set().union(*sets)

    def _tell_job(self, job: Job) -> None:
        audience = self._audience(job.owner, job.id, job.batch.id if job.batch else None)
        if audience and self._known.learn(job.id, job.version):
            _tell(audience, job_message(job, cursor=self.cursor))
            if job.finished_at and self._heard_all_since(job.finished_at, audience):
                for image in images_of(job):  # their documents follow the job by milliseconds
                    self._tell_image(image)

    def _heard_all_since(self, end: datetime, audience: set[Outbox]) -> bool:
        """Whether no later version of a picture drawn by `end` can be forgotten or unheard here."""
        lately = (self._clock() - end).total_seconds() < SETTLED
        return lately and all(self._outboxes[outbox] <= end for outbox in audience)

    def _tell_image(self, image: Image) -> None:
        audience = self._audience(image.owner, image.job_id, image.batch_id)
        if audience and self._known.learn(image.id, image.version):
            _tell(audience, image_message(image, cursor=self.cursor))

    def _tell_deleted(self, audience: set[Outbox], image_id: str, version: int) -> None:
        if audience and self._known.learn(image_id, version):
            _tell(audience, deleted_message(image_id, version, cursor=self.cursor))

    def _tell_progress(self, event: JobProgress) -> None:
        data = {"job_id": event.job_id, "index": event.index, "fraction": event.fraction}
        key = f"progress {event.job_id} {event.index}"
        message = Message("job.progress", json.dumps(data), key=key, droppable=True)
        _tell(self._audience(event.owner, event.job_id, event.batch_id), message)


def _tell(audience: Iterable[Outbox], message: Message) -> None:
    for outbox in audience:
        outbox.put(message)
