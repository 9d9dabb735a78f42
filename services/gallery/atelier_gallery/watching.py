"""One watcher's conversation, whatever carries it: what there is, then what changes."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from atelier_core.contracts.problems import not_found
from atelier_core.domain.job import Job
from atelier_core.domain.values import now as machine_now
from atelier_core.ports import Clock
from atelier_gallery.changes import (
    deleted_message,
    everything_since,
    image_message,
    job_message,
)
from atelier_gallery.live import OVERLAP, Live
from atelier_gallery.outbox import PING, UNKNOWN_TOPIC, Closed, Message, Outbox
from atelier_gallery.ports import ImageStore, JobFilter, JobStore, Page, Stamp
from atelier_gallery.topics import Topic, concern, is_young

NEWEST = 500  # jobs of a snapshot that are not done
JUST_ENDED = timedelta(minutes=15)
RESUMABLE = timedelta(days=1)  # tombstones live longer
MOST = 1_000  # changes; more than that is slower than starting again
BATCH_PAGE = 1_000


@dataclass(frozen=True, kw_only=True)
class Watching:
    """Opens conversations."""

    jobs: JobStore
    images: ImageStore
    live: Live
    clock: Clock = machine_now

    async def check(self, topics: Sequence[Topic], *, owner: str) -> tuple[Topic, ...]:
        """The topics that nothing is known of yet, though something may soon be.

        Raises:
            Problem: not_found: unknown, or somebody else's.
        """
        pending = []
        for topic in topics:
            if topic.kind == "me" or await self._exists(topic, owner=owner):
                continue
            if not is_young(topic.id, now=self.clock()):
                raise not_found("There is no such job or batch")
            pending.append(topic)
        return tuple(pending)

    async def messages(
        self,
        outbox: Outbox,
        topics: Sequence[Topic],
        *,
        owner: str,
        pending: tuple[Topic, ...] = (),
        after: int | None = None,
    ) -> AsyncGenerator[Message, None]:
        """A snapshot, or what changed `after` a cursor; then whatever `outbox` gets.

        `outbox` must have been watching before this begins, so that nothing falls between.

        Raises:
            Closed: the conversation is over.
            TransientError: the store does not answer.
        """
        cursor = self.live.cursor  # of before the reading: everything since is read, or comes
        changes = None if after is None else await self._since(after, topics, owner=owner)
        reset = "false" if changes is not None else "true"
        yield Message("snapshot.started", f'{{"reset":{reset}}}', key="")
        first: Iterable[Message] = changes or ()
        if changes is None:
            first = map(job_message, await self._snapshot(topics, owner=owner))
        told: dict[str, int] = {}
        for message in first:
            told[message.key] = message.version
            yield message
        yield Message("snapshot.complete", "{}", key="", cursor=cursor)
        while True:
            message = await outbox.take()
            if message.event == PING:
                told.clear()  # whatever was on its way while that was read has come
                pending = pending and await self._still_pending(pending, owner=owner)
            if message.version > told.get(message.key, -1):
                yield message

    async def _exists(self, topic: Topic, *, owner: str) -> bool:
        if topic.kind == "job":
            return await self.jobs.get(topic.id, owner=owner) is not None
        return await self.jobs.batch(topic.id, owner=owner) is not None

    async def _still_pending(self, pending: tuple[Topic, ...], *, owner: str) -> tuple[Topic, ...]:
        missing = tuple([t for t in pending if not await self._exists(t, owner=owner)])
        if any(not is_young(topic.id, now=self.clock()) for topic in missing):
            raise Closed(UNKNOWN_TOPIC)
        return missing

    async def _snapshot(self, topics: Sequence[Topic], *, owner: str) -> list[Job]:
        found: dict[str, Job] = {}
        for topic in topics:
            match topic.kind:
                case "me":
                    ended = self.clock() - JUST_ENDED
                    jobs = await self.jobs.recent(owner=owner, limit=NEWEST, finished_after=ended)
                case "job":
                    jobs = await self.jobs.find_many((topic.id,), owners=(owner,))
                case "batch":
                    page = Page(limit=BATCH_PAGE, ascending=True)
                    where = JobFilter(batches=(topic.id,))
                    jobs = await self.jobs.select(owner=owner, where=where, page=page)
            found |= {job.id: job for job in jobs}
        return sorted(found.values(), key=lambda job: (job.created_at, job.id))

    async def _since(
        self, after: int, topics: Sequence[Topic], *, owner: str
    ) -> list[Message] | None:
        """What changed, or None if starting again is better."""
        if after < _ms(self.clock() - RESUMABLE):
            return None
        since, owners = after - OVERLAP, (owner,)
        jobs = await everything_since(self.jobs, since, owners=owners, most=MOST)
        images = await everything_since(self.images, since, owners=owners, most=MOST)
        if len(jobs) > MOST or len(images) > MOST:
            return None
        kept = [
            [s for s in stamps if concern(topics, job_id=s.job_id, batch_id=s.batch_id)]
            for stamps in (jobs, images)
        ]
        return [
            *map(job_message, await self.jobs.find_many(_ids(kept[0]), owners=owners)),
            *map(image_message, await self.images.find_many(_ids(kept[1]), owners=owners)),
            *(deleted_message(s.id, s.version) for s in kept[1] if s.deleted),
        ]


def _ids(stamps: Sequence[Stamp]) -> list[str]:
    return [stamp.id for stamp in stamps if not stamp.deleted]


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)
