"""One run of one job by one worker: from its claim to its end, or to letting go of it."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from atelier_core.contracts.catalogue import Model
from atelier_core.contracts.events import JobDeferred, JobStarted
from atelier_core.domain.outcome import Outcome, ProducedImage
from atelier_core.domain.request import AcceptedJob, Lane
from atelier_core.domain.run import Call, CallOutcome, RunRecord, merge_calls
from atelier_core.errors import AtelierError, ConflictError, Defer, TransientError
from atelier_worker import calling
from atelier_worker.bench import Bench
from atelier_worker.calling import OpenCall, Reply, StillRunning, Stopped
from atelier_worker.decide import LOOK_AGAIN, expired
from atelier_worker.lanes import NoPlaceError, Tokens
from atelier_worker.orders import new_call, order
from atelier_worker.plan import Plan, outcome_of, pause, plan
from atelier_worker.ports import AGAIN, WAITING, Answer, Fault, ImageProvider, ProviderError
from atelier_worker.progress import Progress
from atelier_worker.record import Change, Held, ended, handed_back, known

log = logging.getLogger(__name__)

PATIENCE: Final = 5.0  # seconds a run waits for a provider's token before it makes room for others
LOCAL_PATIENCE: Final = 60.0  # the same at a provider that is this machine
LEAVING: Final = 5.0  # seconds for handing a job back


class OvertakenError(AtelierError):
    """Somebody else changed the record first: read it and decide again."""


@dataclass(frozen=True)
class Pause:
    """Why nothing more can be done now, and for how many seconds at least."""

    reason: str
    seconds: float = 0.0


class Run:
    """Draws what is missing of a job.

    `held` is the record as it stands, with this worker as holder, or None: there is none. With
    `unrecorded` one is written only when there is something to tell. What becomes known of calls is
    kept in `_calls` and goes into the record with every write.
    """

    def __init__(
        self,
        bench: Bench,
        job: AcceptedJob,
        model: Model,
        *,
        lane: Lane,
        held: Held | None,
        unrecorded: bool = False,
    ) -> None:
        self._bench, self._job, self._model, self._lane = bench, job, model, lane
        self._held = held
        self._unrecorded = unrecorded
        self._calls: tuple[Call, ...] = held.record.calls if held else ()
        self._images: dict[int, ProducedImage] = {}
        self._mine: list[ProducedImage] = []
        self._open: dict[str, OpenCall] = {}
        self._pauses: list[Pause] = []
        self._overtaken = False
        self._stopping = False
        self._writing = asyncio.Lock()
        self._progress = Progress(bench.publisher, job, clock=time.monotonic)

    def stop(self) -> None:
        """The record says that the job has ended: abort what can be aborted."""
        self._stopping = True
        for call in self._open.values():
            call.stop()

    async def __call__(self) -> None:
        """Run until the job has ended and everybody was told.

        Raises:
            Defer: the rest must wait; the record has no holder now.
            OvertakenError: it is not this run's any more.
        """
        try:
            if self._calls:
                await self._look()
            todo = self._plan()
            await _all(
                *(self._resume(call) for call in todo.resume),
                *(self._ask(indexes) for indexes in todo.draw),
            )
            await self._finish()
        except asyncio.CancelledError:
            await self._hand_back()
            raise

    # What is there, and what is missing.

    async def _look(self) -> None:
        """Find the pictures that earlier runs stored, and what they tell of their calls."""
        found = await self._bench.trouble.persist(
            lambda: self._bench.storing.find(self._job.id), what="pictures of an earlier run"
        )
        self._images = {piece.image.index: piece.image for piece in found}
        bills = {piece.bill.call_id: piece.bill for piece in found}
        self._learn(
            *(
                calling.billed(call, bills[call.id], at=self._bench.clock())
                for call in self._calls
                if call.id in bills and call.outcome in (CallOutcome.OPEN, CallOutcome.LOST)
            )
        )

    def _plan(self) -> Plan:
        return plan(
            self._job.request.n,
            self._calls,
            self._images,
            free=self._model.free,
            max_n=self._model.capabilities.max_n,
        )

    def _learn(self, *calls: Call) -> None:
        self._calls = merge_calls(self._calls, calls)

    @property
    def _left(self) -> float:
        """Seconds until the deadline."""
        return self._job.deadline - self._bench.clock().timestamp()

    # Calls.

    async def _ask(self, indexes: tuple[int, ...]) -> None:
        provider = self._bench.providers[self._model.provider]
        tokens = self._bench.tokens[provider.name]
        patience = LOCAL_PATIENCE if provider.local else PATIENCE
        if self._closed(tokens):
            return
        try:
            async with tokens.place(self._lane, patience=patience):
                if self._stopping or self._overtaken or self._left <= 0 or self._closed(tokens):
                    return
                call = new_call(
                    self._job,
                    self._model,
                    self._bench.book,
                    indexes=indexes,
                    at=self._bench.clock(),
                )
                if not await self._begin(call):
                    return
                mine = self._opened(call, provider, free=self._model.free)
                ask = provider.generate(order(self._job, self._model, call), mine)
                reply = await mine.reply(ask, seconds=self._left, noticed=self._noticed)
        except NoPlaceError:
            step = self._held.record.step if self._held else 0
            self._pauses.append(Pause(Fault.OVERLOADED, 5.0 if step < 6 else 30.0))  # noqa: PLR2004
            return
        await self._settle(mine, reply)

    def _closed(self, tokens: Tokens) -> bool:
        if not self._bench.liveness.sure:
            self._pauses.append(Pause(Fault.TRANSPORT, 5.0))
        elif tokens.closed_for:
            self._pauses.append(Pause(Fault.RATE_LIMITED, tokens.closed_for))
        else:
            return False
        return True

    async def _resume(self, call: Call) -> None:
        provider = self._bench.providers.get(call.provider)
        model = next(iter(self._bench.book.find(call.model)), None)
        if provider is None or model is None or call.provider_job_id is None:
            self._pauses.append(Pause(Fault.MODEL_UNAVAILABLE, 30.0))
            return
        mine = self._opened(call, provider, free=model.free)
        ask = provider.resume(order(self._job, model, call), call.provider_job_id, mine)
        reply = await mine.reply(ask, seconds=self._left, noticed=self._noticed)
        await self._settle(mine, reply)

    async def _begin(self, call: Call) -> bool:
        """Write down that `call` is about to be made; False if that cannot be."""
        async with self._writing:
            if self._held is None and self._unrecorded:
                self._learn(call)
                return True
            try:
                await self._create_or_add(call)
            except ConflictError:
                self._overtaken = True
                return False
            except TransientError:
                # Whether it is written is unknown. That it was never sent is known.
                error = ProviderError(Fault.OVERLOADED, "Not sent: the run record was not safe.")
                self._learn(calling.failed(call, error, free=True, at=self._bench.clock()))
                self._pauses.append(Pause(Fault.OVERLOADED))
                return False
        return True

    async def _create_or_add(self, call: Call | None) -> None:
        base = self._held.record if self._held else RunRecord(holder=self._bench.me, step=1)
        calls = (*self._calls, call) if call else self._calls
        wanted = base.merged(calls)
        held = await self._bench.records.write(self._job.id, wanted, over=self._held)
        if held.record.outcome is not None:
            raise ConflictError("the job has ended meanwhile")
        self._held = held
        self._calls = merge_calls(self._calls, calls)

    def _opened(self, call: Call, provider: ImageProvider, *, free: bool) -> OpenCall:
        mine = OpenCall(
            call=call,
            provider=provider,
            free=free,
            room=self._bench.room,
            tell=self._progress,
            save=self._submitted,
        )
        self._open[call.id] = mine
        if self._stopping:
            mine.stop()
        return mine

    async def _submitted(self, call: Call) -> None:
        self._learn(call)
        await self._tell(known(self._calls, holder=self._bench.me))

    async def _noticed(self) -> None:
        """A call takes a while: what was not recorded is now, and people are told. May be lost."""
        try:
            async with self._writing:
                if self._held is None:
                    await self._create_or_add(None)
            step = self._held.record.step if self._held else 1
            await self._bench.publisher.publish(
                JobStarted(owner=self._job.owner, job=self._job, step=step, calls=self._calls)
            )
        except AtelierError as exc:
            log.info("start not told", extra={"job_id": self._job.id, "error": str(exc)})

    async def _settle(self, mine: OpenCall, reply: Reply) -> None:
        """Keep what a call brought. From here on nothing raises."""
        call, at = mine.call, self._bench.clock()
        match reply:
            case Answer() if self._stopping:
                call = calling.stopped(call, reply.cost, at=at)
            case Answer():
                kept = await self._bench.storing.keep(self._job, call, reply)
                self._mine += kept.images
                self._images |= {image.index: image for image in kept.images}
                call = calling.answered(call, reply, kept, at=at)
            case ProviderError():
                call = calling.failed(call, reply, free=mine.free, at=at)
                if reply.fault in AGAIN:
                    self._pauses.append(Pause(reply.fault, reply.retry_after or 0.0))
                if reply.fault in WAITING and reply.retry_after:
                    self._bench.tokens[call.provider].close(reply.retry_after)
            case Stopped(cost=cost):
                call = calling.stopped(call, cost, at=at)
            case StillRunning():
                self._pauses.append(Pause(Fault.TIMEOUT, 30.0))
        await mine.release()
        del self._open[call.id]
        self._learn(call)
        if self._open:
            await self._tell(known(self._calls, holder=self._bench.me))

    # How it goes on.

    async def _finish(self) -> None:
        todo = self._plan()
        if self._stopping or self._overtaken:
            held = await self._tell(known(self._calls, holder=self._bench.me))
            if held.record.outcome is None:
                raise OvertakenError("the record was changed by somebody else")
            await self._tell_end(held)
            return
        if not todo.resume and not todo.draw:
            n, images = self._job.request.n, self._images.values()
            await self._conclude(outcome_of(n, images, todo.failed, at=self._bench.clock()))
        elif self._left <= 0:
            stored = tuple(sorted(self._images.values(), key=lambda image: image.index))
            await self._conclude(expired(self._bench.clock()).model_copy(update={"images": stored}))
        else:
            await self._defer()

    async def _conclude(self, outcome: Outcome) -> None:
        """Write the end and tell it, or tell the end that somebody wrote before."""
        held = await self._tell(ended(outcome, self._calls, holder=self._bench.me))
        await self._tell_end(held)

    async def _tell_end(self, held: Held) -> None:
        outcome = held.record.outcome
        if outcome is not None:
            await self._bench.storing.discard(tuple(self._mine), outcome.images)
            await self._bench.announce_end(self._job, held.record)

    async def _defer(self) -> None:
        """Let go of it until something can be done again. Raises Defer, or tells the end."""
        seconds = max((p.seconds for p in self._pauses), default=0.0)
        wait = pause(self._calls, retry_after=seconds)
        now = self._bench.clock()
        until = now + min(wait, timedelta(seconds=self._left))
        held = await self._tell(handed_back(self._calls, holder=self._bench.me))
        if held.record.outcome is not None:
            await self._tell_end(held)
            return
        if held.record.holder is not None:
            raise Defer(now + LOOK_AGAIN)
        reason = self._pauses[0].reason if self._pauses else Fault.OVERLOADED
        await self._tell_deferred(held, until=until, reason=reason)
        raise Defer(until, reason)

    async def _hand_back(self) -> None:
        """Let go of it because this worker leaves. Never raises, and takes seconds at most."""
        for mine in tuple(self._open.values()):
            if mine.call.provider_job_id is None:
                self._learn(calling.lost(mine.call))
        try:
            async with asyncio.timeout(LEAVING), self._writing:
                if self._held is None:
                    return
                self._held = await self._bench.records.change(
                    self._job.id, handed_back(self._calls, holder=self._bench.me), over=self._held
                )
                record = self._held.record
                if record.holder is None and record.outcome is None:
                    now = self._bench.clock()
                    await self._tell_deferred(self._held, until=now, reason="worker_leaving")
        except (AtelierError, TimeoutError) as exc:
            log.warning("not handed back", extra={"job_id": self._job.id, "error": str(exc)})

    async def _tell(self, change: Change) -> Held:
        async with self._writing:
            self._held = await self._bench.change(self._job.id, change, over=self._held)
        return self._held

    async def _tell_deferred(self, held: Held, *, until: datetime, reason: str) -> None:
        """Tell people; that it waits is safe in the record and in the queue, told or not."""
        record = held.record
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


async def _all(*work: Coroutine[Any, Any, None]) -> None:
    """Do all of `work` at once."""
    if len(work) == 1:
        await work[0]
        return
    async with asyncio.TaskGroup() as group:
        for one in work:
            group.create_task(one)
