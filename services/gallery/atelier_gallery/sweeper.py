"""Looks for jobs whose message was lost, and asks for them again."""

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

from atelier_core.contracts import topology
from atelier_core.contracts.events import JobRequested
from atelier_core.domain.job import Job
from atelier_core.domain.request import AcceptedJob, Lane
from atelier_core.domain.run import RunRecord, run_key, worker_key
from atelier_core.domain.values import now as machine_now
from atelier_core.errors import ContractError, NotFoundError
from atelier_core.failpoints import failpoint
from atelier_core.ports import BlobStore, Clock, EventPublisher, EventSource
from atelier_gallery.ports import JobStore, Silent
from atelier_gallery.schedule import Lanes, forgotten, is_bulk, next_sweep, suspicious

EVERY = 60.0  # seconds between two readings
AT_ONCE = 500  # jobs read at once
QUIET = 60_000  # milliseconds without a change before a job is looked at
ALIVE = 30.0  # seconds that a worker's sign of life is good for

QUEUES = {Lane.INTERACTIVE: topology.INTERACTIVE, Lane.BULK: topology.BULK}

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Sweeper:
    """`sweep` every minute in every replica: a job is asked for again by one of them."""

    jobs: JobStore
    blobs: BlobStore
    source: EventSource
    publisher: EventPublisher
    clock: Clock = machine_now
    _empty: frozenset[Lane] = field(default=frozenset())

    async def sweep(self) -> int:
        """One round; returns how many jobs were asked for again.

        Raises:
            TransientError: a server does not answer.
        """
        now = self.clock()
        before, self._empty = self._empty, frozenset()  # a reading that fails breaks the series
        empty = [lane for lane, queue in QUEUES.items() if not await self.source.depth(queue)]
        self._empty = frozenset(empty)
        started = {bulk: await self.jobs.started_until(bulk=bulk) for bulk in (False, True)}
        lanes = Lanes(empty=before & self._empty, started=started)
        return sum([await self._try(one, lanes, now) async for one in self._quiet(now)])

    async def _try(self, one: Silent, lanes: Lanes, now: datetime) -> bool:
        """One that nobody here can judge must not keep the others waiting."""
        try:
            return await self._look_at(one, lanes, now)
        except ContractError as exc:
            log.error("not judged", extra={"job_id": one.job.id, "error": str(exc)})  # noqa: TRY400
            return False

    async def _quiet(self, now: datetime) -> AsyncIterator[Silent]:
        """Every job that was not heard of for a while: the oldest may wait in a long queue, and
        the one that is forgotten be behind them.
        """
        quiet_since = now.timestamp() * 1000 - QUIET
        async for page in self.jobs.silent(now, at_once=AT_ONCE):
            for one in page:
                if one.saved_at <= quiet_since:
                    yield one

    async def _look_at(self, one: Silent, lanes: Lanes, now: datetime) -> bool:
        if not suspicious(one.job, lanes=lanes, now=now):
            return False
        record = await self._record(one.job.id)
        alive = record is not None and await self._alive(record.holder)
        if not forgotten(one.job, lanes=lanes, record=record, holder_alive=alive, now=now):
            return False
        if not await self.jobs.claim_sweep(
            one.job.id,
            owner=one.job.owner,
            swept_at=one.swept_at,
            now=now,
            due=next_sweep(one.sweeps, now=now),
        ):
            return False
        await failpoint("gallery.after_sweep_claim")
        log.warning("asking for a forgotten job again", extra={"job_id": one.job.id})
        await self.publisher.publish(request_of(one.job))
        return True

    async def _record(self, job_id: str) -> RunRecord | None:
        try:
            blob = await self.blobs.get(run_key(job_id))
        except NotFoundError:
            return None
        return RunRecord.read(blob.data)

    async def _alive(self, holder: str | None) -> bool:
        if holder is None:
            return False
        try:
            return (await self.blobs.head(worker_key(holder))).age < ALIVE
        except NotFoundError:
            return False


def request_of(job: Job) -> JobRequested:
    """The message that once asked for the job."""
    accepted = AcceptedJob(
        id=job.id,
        owner=job.owner,
        batch=job.batch,
        retried_from=job.retried_from,
        request=job.request,
        tags=job.tags,
        metadata=job.metadata,
        warnings=job.warnings,
        created_at=job.created_at,
    )
    lane = Lane.BULK if is_bulk(job) else Lane.INTERACTIVE
    return JobRequested(owner=job.owner, job=accepted, lane=lane)
