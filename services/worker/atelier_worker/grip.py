"""A run's hold on the record of its job, and all it has learnt of the job's calls."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from atelier_core.contracts.catalogue import Model
from atelier_core.contracts.events import JobDeferred, JobStarted
from atelier_core.domain.request import AcceptedJob
from atelier_core.domain.run import Call, RunRecord, merge_calls
from atelier_core.domain.values import child_id, new_id
from atelier_core.errors import AtelierError, ConflictError, TransientError
from atelier_core.failpoints import failpoint
from atelier_worker import calling
from atelier_worker.bench import Bench
from atelier_worker.orders import new_call
from atelier_worker.ports import Fault, ProviderError
from atelier_worker.record import Change, Held, handed_back, known

log = logging.getLogger(__name__)

LEAVING: Final = 5.0  # seconds for handing a job back
CALLS: Final = 1_000  # what a job's calls are numbered from as children of it; its images from 0


class OvertakenError(AtelierError):
    """Somebody else changed the record first: read it and decide again."""


class NotSentError(AtelierError):
    """A call was not made: it could not be written down first, or not in time."""


class Grip:
    """`held` is the record as it stands, with this worker as holder, or None: there is none.

    With `unrecorded` one is written only when there is something to tell before the end. Whatever
    is learnt of calls goes into the record with every write.
    """

    def __init__(
        self, bench: Bench, job: AcceptedJob, held: Held | None, *, unrecorded: bool
    ) -> None:
        self._bench = bench
        self._job = job
        self._held = held
        self._unrecorded = unrecorded and held is None
        self._calls: tuple[Call, ...] = held.record.calls if held else ()
        self._writing = asyncio.Lock()

    @property
    def calls(self) -> tuple[Call, ...]:
        return self._calls

    @property
    def unrecorded(self) -> bool:
        """Whether no record was asked for, and none tried to be written."""
        return self._unrecorded

    @property
    def step(self) -> int:
        return self._held.record.step if self._held else 1

    def learn(self, *calls: Call) -> None:
        self._calls = merge_calls(self._calls, calls)

    def new_call(self, model: Model, indexes: tuple[int, ...]) -> Call:
        """A call about to be made.

        A free one without a record has the same id whoever makes it: a job that was handed out
        twice as new, to be drawn twice, shows it once.
        """
        same = child_id(self._job.id, CALLS + indexes[0])
        alike = self._unrecorded and model.free and all(call.id != same for call in self._calls)
        return new_call(
            self._job,
            model,
            self._bench.book,
            call_id=same if alike else new_id(),
            indexes=indexes,
            at=self._bench.clock(),
        )

    async def begin(self, call: Call, *, free: bool) -> None:
        """Write down that `call` is about to be made; a `free` one only if others are already.

        Raises:
            OvertakenError: the record is not this run's any more.
            NotSentError: it may be written or not, or took so long that others may have taken this
                worker for dead; it is learnt as a call that was not sent.
        """
        async with self._writing:
            if self._unrecorded and free:
                self.learn(call)
                return
            try:
                await self._write(call)
            except ConflictError as exc:
                raise OvertakenError("the record was changed by somebody else") from exc
            except TransientError as exc:
                raise self._not_sent(call, "the run record was not safe") from exc
        await failpoint("worker.after_record")
        if not self._bench.liveness.sure:
            raise self._not_sent(call, "others may have taken this worker for dead")

    def _not_sent(self, call: Call, why: str) -> NotSentError:
        """The error to raise; the call is learnt as one that was not sent, and `why`."""
        error = ProviderError(Fault.OVERLOADED, f"Not sent: {why}.")
        self.learn(calling.failed(call, error, free=True, at=self._bench.clock()))
        return NotSentError(why)

    async def submitted(self, call: Call) -> None:
        """Write down the vendor's id of `call`, for as long as the store needs."""
        self.learn(call)
        await failpoint("worker.before_provider_id")
        await self.tell()
        await failpoint("worker.after_provider_id")

    async def started(self, finished: int) -> None:
        """What was not recorded is now, and people are told that it runs and how many of its
        pictures are finished. May be lost.
        """
        try:
            async with self._writing:
                if self._held is None:
                    await self._write()
            started = JobStarted(
                owner=self._job.owner,
                job=self._job,
                step=self.step,
                finished=finished,
                calls=self._calls,
            )
            await self._bench.publisher.publish(started)
        except AtelierError as exc:
            log.info("start not told", extra={"job_id": self._job.id, "error": str(exc)})

    async def tell(self, change: Change | None = None) -> Held:
        """Write `change` (by default: only what was learnt), for as long as the store needs."""
        change = change or known(self._calls, holder=self._bench.me)
        self._unrecorded = False
        async with self._writing:
            self._held = await self._bench.change(self._job.id, change, over=self._held)
        return self._held

    async def deferred(self, *, until: datetime, reason: str) -> None:
        """Tell people that it waits; told or not, that is safe in the record and in the queue."""
        record = self._held.record if self._held else RunRecord(holder=None)
        deferred = JobDeferred(
            owner=self._job.owner,
            job=self._job,
            step=record.step,
            until=until,
            reason=reason,
            calls=record.calls,
        )
        try:
            await self._bench.publisher.publish(deferred)
        except TransientError as exc:
            log.warning("deferral not told", extra={"job_id": self._job.id, "error": str(exc)})

    async def hand_back(self, open_calls: Iterable[Call]) -> None:
        """Let go because this worker leaves: `open_calls` that cannot be resumed are lost.

        Never raises, and takes seconds at most.
        """
        self.learn(*(calling.lost(call) for call in open_calls if not call.provider_job_id))
        if self._held is None:
            return
        try:
            async with asyncio.timeout(LEAVING), self._writing:
                change = handed_back(self._calls, holder=self._bench.me)
                self._held = await self._bench.records.change(self._job.id, change, over=self._held)
                record = self._held.record
                if record.holder is None and record.outcome is None:
                    await self.deferred(until=self._bench.clock(), reason="worker_leaving")
        except (AtelierError, TimeoutError) as exc:
            log.warning("not handed back", extra={"job_id": self._job.id, "error": str(exc)})

    async def _write(self, *calls: Call) -> None:
        """Become or stay the holder, with `calls` in the record. Not tried for ever."""
        self._unrecorded = False
        base = self._held.record if self._held else RunRecord(holder=self._bench.me, step=1)
        wanted = base.merged((*self._calls, *calls))
        held = await self._bench.records.write(self._job.id, wanted, over=self._held)
        if held.record.outcome is not None:
            raise ConflictError("the job has ended meanwhile")
        self._held = held
        self.learn(*calls)
