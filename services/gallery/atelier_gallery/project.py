"""The projection: events become saved snapshots, images and announcements, many at a time."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from atelier_core.contracts.events import (
    BatchRequested,
    Event,
    ImageDerived,
    JobDeferred,
    JobEnded,
    JobRequested,
    JobStarted,
    JobsUpdated,
)
from atelier_core.domain.image import Image, images_of
from atelier_core.domain.job import Job
from atelier_core.domain.outcome import image_key
from atelier_core.domain.run import images_prefix
from atelier_core.domain.values import now
from atelier_core.errors import ContractError, Defer
from atelier_core.failpoints import failpoint
from atelier_core.ports import BlobStore, EventPublisher
from atelier_gallery.fold import split
from atelier_gallery.ports import Change, ImageStore, JobStore
from atelier_gallery.rounds import CALM, InHand, Story, derivation, next_linger
from atelier_gallery.saving import Decision, Settled, change_many, persistently

MOST = 200  # events in one round
UNSEEN = timedelta(seconds=5)  # until a picture is asked for again that is derived but not saved


class Project:
    """A handler of one event; `run` must be running. `tell` tells this `replica`'s own watchers.

    It returns once the event's job and images are saved, and never for want of a server: then it
    waits. An event whose folding fails, or whose job cannot be read, fails alone.
    """

    def __init__(
        self,
        *,
        jobs: JobStore,
        images: ImageStore,
        blobs: BlobStore,
        publisher: EventPublisher,
        tell: Callable[[Sequence[Job | Image]], None],
        replica: str,
    ) -> None:
        self._jobs = jobs
        self._images = images
        self._blobs = blobs
        self._publisher = publisher
        self._tell = tell
        self._replica = replica
        self._waiting: list[InHand] = []
        self._arrived = asyncio.Event()
        self._in_round = 0

    @property
    def in_hand(self) -> int:
        """How many events were taken and are not settled."""
        return self._in_round + len(self._waiting)

    async def __call__(self, event: Event) -> None:
        """Fold the event.

        Raises:
            Defer: what was derived belongs to a picture not yet known.
            ContractError: no event for a projection, or about what this version cannot read.
        """
        in_hand = InHand(event, asyncio.get_running_loop().create_future())
        self._waiting.append(in_hand)
        self._arrived.set()
        await in_hand.settled

    async def run(self) -> None:
        """Handle what arrives, round by round, until cancelled."""
        linger = CALM
        while True:
            await self._arrived.wait()
            if len(self._waiting) < MOST:
                await asyncio.sleep(linger)
            taken, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            if not self._waiting:
                self._arrived.clear()
            self._in_round = len(taken)
            linger = next_linger(linger, len(taken))
            try:
                await self._round(taken)
            except Exception as exc:  # noqa: BLE001 - belongs to these events, not to the next ones
                for in_hand in taken:
                    in_hand.failed(exc)
            self._in_round = 0

    async def _round(self, taken: Sequence[InHand]) -> None:
        stories: dict[str, Story] = {}
        pictures: dict[str, list[InHand]] = {}
        for in_hand in taken:
            match in_hand.event:
                case ImageDerived(image_id=image_id):
                    pictures.setdefault(image_id, []).append(in_hand)
                case (
                    BatchRequested() | JobRequested() | JobStarted() | JobDeferred() | JobEnded()
                ) as event:
                    for part in split(event):
                        story = stories.setdefault(part.job_id, Story(part.owner))
                        story.events.append(part)
                        story.waiting.append(in_hand)
                case other:
                    in_hand.failed(ContractError(f"{other.type} is not projected"))
        if stories:
            settled = await self._save_jobs(stories)
            jobs = [result.document for result in settled if result.document is not None]
            await self._insert_images(jobs)
            await self._remove_late_bytes(stories, jobs)
            # After the images: whoever hears of them may ask for them.
            self._announce([r.document for r in settled if r.changed and r.document is not None])
        if pictures:
            await self._save_derived(pictures)
        await failpoint("gallery.before_ack")
        for in_hand in taken:
            in_hand.done()

    def _announce(self, jobs: Sequence[Job]) -> None:
        self._tell(jobs)
        by_owner: dict[str, list[Job]] = {}
        for job in jobs:
            by_owner.setdefault(job.owner, []).append(job)
        for owner, theirs in by_owner.items():
            self._publisher.announce(
                JobsUpdated(owner=owner, jobs=tuple(theirs), origin=self._replica)
            )

    async def _save_jobs(self, stories: dict[str, Story]) -> list[Settled[Job]]:
        """The stored snapshots after the stories that could be folded."""
        decisions = {i: Decision[Job](story.owner, story.decide) for i, story in stories.items()}
        settled = await persistently(lambda: change_many(self._jobs, decisions), what="jobs")
        for job_id, result in settled.items():
            if result.error is not None:
                for in_hand in stories[job_id].waiting:
                    in_hand.failed(result.error)
        return [result for result in settled.values() if result.error is None]

    async def _insert_images(self, jobs: Iterable[Job]) -> None:
        """Also for jobs that did not change: whoever saved them may have died before this."""
        new = [Change(image, read=0) for job in jobs for image in images_of(job)]
        if new:
            await failpoint("gallery.after_save")
            await persistently(lambda: self._images.save_many(new), what="images")

    async def _remove_late_bytes(self, stories: dict[str, Story], jobs: Iterable[Job]) -> None:
        """What was stored for a job that had ended otherwise belongs to nobody."""
        late = [job for job in jobs if stories[job.id].left_bytes(job)]
        if late:
            await persistently(lambda: self._tidy(late), what="late pictures")

    async def _tidy(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            kept = {image_key(image) for image in job.images}
            async for blob in self._blobs.list(images_prefix(job.id)):
                if blob.key not in kept:
                    await self._blobs.delete(blob.key)

    async def _save_derived(self, pictures: dict[str, list[InHand]]) -> None:
        decisions = {
            image_id: Decision[Image](waiting[0].event.owner, derivation(waiting))
            for image_id, waiting in pictures.items()
        }
        settled = await persistently(lambda: change_many(self._images, decisions), what="images")
        # Not announced: nobody waits for a blurhash, and other replicas read it within a second.
        self._tell([r.document for r in settled.values() if r.changed and r.document is not None])
        for image_id, result in settled.items():
            if result.error is not None or result.document is None:
                await self._refuse(image_id, pictures[image_id], result.error)

    async def _refuse(
        self, image_id: str, waiting: Sequence[InHand], error: Exception | None
    ) -> None:
        """Derived before its job's end was folded: later. Purged since: never mind."""
        for in_hand in waiting:
            event = in_hand.event
            if error is not None or not isinstance(event, ImageDerived):
                in_hand.failed(error or ContractError("not about a picture"))
                continue
            try:
                job = await persistently(
                    lambda event=event: self._jobs.get(event.job_id, owner=event.owner),  # type: ignore[misc]
                    what="jobs",
                )
            except ContractError as exc:
                in_hand.failed(exc)
                continue
            if job is None or not job.done or any(image.id == image_id for image in job.images):
                in_hand.failed(Defer(now() + UNSEEN, "the picture is not known yet"))
