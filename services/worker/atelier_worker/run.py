"""One run of one job by one worker: from its claim to its end, or to letting go of it."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from atelier_core.contracts.catalogue import Model
from atelier_core.domain.outcome import Outcome, ProducedImage
from atelier_core.domain.request import AcceptedJob, Lane
from atelier_core.domain.run import Call, CallOutcome
from atelier_core.domain.values import Money
from atelier_core.errors import Defer
from atelier_core.failpoints import failpoint
from atelier_worker import calling
from atelier_worker.bench import Bench
from atelier_worker.calling import OpenCall, Reply, StillRunning, Stopped
from atelier_worker.decide import LOOK_AGAIN, expired
from atelier_worker.grip import Grip, NotSentError, OvertakenError
from atelier_worker.lanes import NoPlaceError, Tokens
from atelier_worker.orders import new_call, order
from atelier_worker.plan import Plan, outcome_of, pause, plan
from atelier_worker.ports import AGAIN, WAITING, Answer, Fault, ImageProvider, ProviderError
from atelier_worker.progress import Progress
from atelier_worker.record import Held, ended, handed_back

PATIENCE: Final = 5.0  # seconds a run waits for a provider's token before it makes room for others
LOCAL_PATIENCE: Final = 60.0  # the same at a provider that is this machine
NO_PLACE: Final = (5.0, 30.0)  # seconds until the next try, at first and after ten deferrals
MANY: Final = 10


@dataclass(frozen=True)
class Pause:
    """Why nothing more can be done now, and for how many seconds at least."""

    reason: str
    seconds: float = 0.0


class Run:
    """Draws what is missing of a job. `held` and `unrecorded` as for `Grip`."""

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
        self._grip = Grip(bench, job, held, unrecorded=unrecorded)
        self._progress = Progress(bench.publisher, job, started=self._grip.started)
        self._images: dict[int, ProducedImage] = {}
        self._mine: list[ProducedImage] = []
        self._open: dict[str, OpenCall] = {}
        self._pauses: list[Pause] = []
        self._overtaken = self._stopping = False

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
            if self._grip.calls:
                await self._look()
            todo = self._plan()
            async with asyncio.TaskGroup() as group:
                for call in todo.resume:
                    group.create_task(self._resume(call))
                for indexes in todo.draw:
                    group.create_task(self._ask(indexes))
            await self._finish()
        except asyncio.CancelledError:
            await self._grip.hand_back([mine.call for mine in self._open.values()])
            raise

    async def _look(self) -> None:
        """Find the pictures that earlier runs stored, and what they tell of their calls."""
        found = await self._bench.trouble.persist(
            lambda: self._bench.storing.find(self._job.id), what="pictures of an earlier run"
        )
        self._images = {piece.image.index: piece.image for piece in found}
        self._progress.finished(self._images)
        bills = {piece.bill.call_id: piece.bill for piece in found}
        for call in self._grip.calls:
            if call.id in bills and call.outcome in (CallOutcome.OPEN, CallOutcome.LOST):
                self._grip.learn(calling.billed(call, bills[call.id], at=self._bench.clock()))

    def _plan(self) -> Plan:
        return plan(
            self._job.request.n,
            self._grip.calls,
            self._images,
            free=self._model.free,
            max_n=self._model.capabilities.max_n,
        )

    @property
    def _left(self) -> float:
        """Seconds until the deadline."""
        return self._job.deadline - self._bench.clock().timestamp()

    async def _ask(self, indexes: tuple[int, ...]) -> None:
        """Make a call for `indexes`, or note why none can be made now."""
        provider = self._bench.providers[self._model.provider]
        tokens = self._bench.tokens[provider.name]
        patience = LOCAL_PATIENCE if provider.local else PATIENCE
        if self._closed(tokens):
            return
        try:
            async with tokens.place(self._lane, patience=patience):
                await tokens.pace()
                if self._stopping or self._overtaken or self._left <= 0 or self._closed(tokens):
                    return
                at, book = self._bench.clock(), self._bench.book
                call = new_call(self._job, self._model, book, indexes=indexes, at=at)
                await self._grip.begin(call)
                if self._stopping:  # it ended while that was written down: nothing was sent
                    nothing = Money.exactly("0")
                    self._grip.learn(calling.stopped(call, nothing, at=self._bench.clock()))
                    return
                mine = self._opened(call, provider, free=self._model.free)
                asked = order(self._job, self._model, call)
                ask = partial(provider.generate, asked, mine)
                await failpoint("worker.before_call")
                reply = await mine.reply(ask, seconds=self._left, noticed=self._progress.tell)
        except NoPlaceError:
            seconds = NO_PLACE[self._grip.step > MANY]
            self._pauses.append(Pause(Fault.OVERLOADED, seconds))
        except NotSentError:
            self._pauses.append(Pause(Fault.OVERLOADED))
        except OvertakenError:
            self._overtaken = True
        else:
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
        """Wait again for a call that the vendor has under an id."""
        provider = self._bench.providers.get(call.provider)
        model = next(iter(self._bench.book.find(call.model)), None)
        if provider is None or model is None or call.provider_job_id is None:
            self._pauses.append(Pause(Fault.MODEL_UNAVAILABLE, 30.0))
            return
        mine = self._opened(call, provider, free=model.free)
        ask = partial(provider.resume, order(self._job, model, call), call.provider_job_id, mine)
        reply = await mine.reply(ask, seconds=self._left, noticed=self._progress.tell)
        await self._settle(mine, reply)

    def _opened(self, call: Call, provider: ImageProvider, *, free: bool) -> OpenCall:
        mine = OpenCall(
            call=call,
            provider=provider,
            free=free,
            room=self._bench.room,
            tell=self._progress,
            save=self._grip.submitted,
        )
        self._open[call.id] = mine
        return mine

    async def _settle(self, mine: OpenCall, reply: Reply) -> None:
        """Keep what a call brought. From here on nothing raises."""
        await failpoint("worker.after_answer")
        call, at = mine.call, self._bench.clock()
        match reply:
            case Answer() if self._stopping:
                call = calling.stopped(call, reply.cost, at=at)
            case Answer():
                kept = await self._bench.storing.keep(self._job, call, reply)
                self._mine += kept.images
                self._images |= {image.index: image for image in kept.images}
                self._progress.finished(self._images)
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
        self._grip.learn(call)
        del self._open[call.id]
        if self._open:
            await self._grip.tell()

    async def _finish(self) -> None:
        """Write and tell how it ended, or let go of it."""
        todo = self._plan()
        n, now = self._job.request.n, self._bench.clock()
        stored = tuple(sorted(self._images.values(), key=lambda image: image.index))
        if self._stopping or self._overtaken:
            held = await self._grip.tell()
            if held.record.outcome is None:
                raise OvertakenError("the record was changed by somebody else")
            await self._tell_end(held, held.record.outcome)
        elif self._left <= 0 and len(stored) < n:
            await self._conclude(expired(now).model_copy(update={"images": stored}))
        elif not todo.resume and not todo.draw:
            await self._conclude(outcome_of(n, stored, todo.failed, at=now))
        else:
            await self._defer()

    async def _conclude(self, outcome: Outcome) -> None:
        """Write the end and tell it; or tell the end that somebody wrote before."""
        await failpoint("worker.before_outcome")
        held = await self._grip.tell(ended(outcome, self._grip.calls, holder=self._bench.me))
        await failpoint("worker.after_outcome")
        await self._tell_end(held, held.record.outcome or outcome)

    async def _tell_end(self, held: Held, outcome: Outcome) -> None:
        await self._bench.storing.discard(tuple(self._mine), outcome.images)
        await self._bench.announce_end(self._job, held.record)

    async def _defer(self) -> None:
        """Let go of it until something can be done again. Raises Defer, or tells its end."""
        seconds = max((p.seconds for p in self._pauses), default=0.0)
        wait = pause(self._grip.calls, retry_after=seconds)
        now = self._bench.clock()
        until = now + min(wait, timedelta(seconds=self._left))
        held = await self._grip.tell(handed_back(self._grip.calls, holder=self._bench.me))
        await failpoint("worker.after_hand_back")
        if held.record.outcome is not None:
            await self._tell_end(held, held.record.outcome)
        elif held.record.holder is not None:
            raise Defer(now + LOOK_AGAIN)
        else:
            reason = self._pauses[0].reason if self._pauses else Fault.OVERLOADED
            await self._grip.deferred(until=until, reason=reason)
            raise Defer(until, reason)
