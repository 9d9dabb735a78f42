"""Reading a job that may not be there yet, or not be as far as the reader wants it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

from atelier_core.contracts.problems import Code, Problem, not_found
from atelier_core.domain.job import Job
from atelier_core.domain.values import is_id
from atelier_core.domain.values import now as machine_now
from atelier_core.ports import Clock
from atelier_gallery.live import Live
from atelier_gallery.outbox import Closed
from atelier_gallery.ports import BatchJobs, JobStore
from atelier_gallery.topics import Topic, is_young

JUST_ACCEPTED = timedelta(minutes=1)
RECORDING = 2.0  # seconds to wait for what was accepted just now
BACKLOG = timedelta(days=1)  # how late a job may be recorded
RETRY_AFTER = 2  # seconds

T = TypeVar("T")


async def until(
    live: Live,
    topic: Topic,
    read: Callable[[], Awaitable[T]],
    enough: Callable[[T], bool],
    *,
    owner: str,
    wait: float,
) -> T:
    """What `read` returns once that is `enough` or `wait` seconds have passed.

    It is read again whenever something about the topic changes.
    """
    found = await read()
    if enough(found) or wait <= 0:
        return found
    try:
        async with asyncio.timeout(wait), live.watch(owner, (topic,)) as outbox:
            while not enough(found := await read()):
                await outbox.take()
    except (TimeoutError, Closed):
        return await read()
    return found


class GalleryJobReader:
    """A `JobReader` in the gallery's own process."""

    def __init__(self, jobs: JobStore, live: Live) -> None:
        self._jobs = jobs
        self._live = live

    async def read(
        self, job_id: str, *, owner: str, wait: float = 0, until_done: bool = False
    ) -> Job | None:
        return await until(
            self._live,
            Topic("job", job_id),
            lambda: self._jobs.get(job_id, owner=owner),
            lambda job: job is not None and (job.done or not until_done),
            owner=owner,
            wait=wait,
        )


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Reads for people: what is not there becomes the right problem.

    `backlog` is how many events wait to be folded.
    """

    jobs: JobStore
    live: Live
    backlog: Callable[[], Awaitable[int]]
    clock: Clock = machine_now

    async def job(self, job_id: str, *, owner: str, wait: float = 0, after_version: int = 0) -> Job:
        """The job, once its version is above `after_version` or `wait` seconds have passed.

        Raises:
            Problem: not_found, or service_unavailable while it may not be recorded yet.
        """
        read, topic = (lambda: self.jobs.get(job_id, owner=owner)), Topic("job", job_id)
        job = await self._exists(topic, read, owner=owner)
        newer = await until(
            self.live,
            topic,
            read,
            lambda job: job is not None and job.version > after_version,
            owner=owner,
            wait=wait,
        )
        return newer or job

    async def batch(self, batch_id: str, *, owner: str) -> BatchJobs:
        """What is known of the batch.

        Raises:
            Problem: as `job`.
        """
        read = lambda: self.jobs.batch(batch_id, owner=owner)  # noqa: E731 - as in `job`
        return await self._exists(Topic("batch", batch_id), read, owner=owner)

    async def _exists(
        self, topic: Topic, read: Callable[[], Awaitable[T | None]], *, owner: str
    ) -> T:
        if not is_id(topic.id):
            raise not_found("There is no such job or batch")
        fresh, waiting = (
            is_young(topic.id, now=self.clock(), limit=limit) for limit in (JUST_ACCEPTED, BACKLOG)
        )
        appears = partial(until, self.live, topic, read, lambda found: found is not None)
        found = await appears(owner=owner, wait=RECORDING if fresh else 0)
        if found is None and waiting and await self.backlog():
            # Old by its id may be new by another clock: the API's can be behind ours.
            found = None if fresh else await appears(owner=owner, wait=RECORDING)
            if found is None:
                raise Problem(
                    Code.SERVICE_UNAVAILABLE,
                    "Events wait to be recorded; this may be among them.",
                    retry_after=RETRY_AFTER,
                )
        if found is None:
            raise not_found("There is no such job or batch")
        return found
