"""One run of one job by one worker: from its claim to its end, or to letting go of it.

What a model does not bring the next one of the chain is asked for, at once: `plan` says which may
be, `Tokens` whether it can be now. A run asks no model again that told it to wait.
"""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Final

from atelier_core.contracts.catalogue import Model
from atelier_core.contracts.chain import Chain, chain
from atelier_core.delivery import fitting
from atelier_core.domain.outcome import ProducedImage
from atelier_core.domain.request import AcceptedJob, Lane, ProviderChoice
from atelier_core.domain.run import Call
from atelier_core.domain.values import Money, seed_of
from atelier_core.failpoints import failpoint
from atelier_core.stored import told_by
from atelier_worker import calling
from atelier_worker.bench import Bench
from atelier_worker.calling import OpenCall, Reply, StillRunning, Stopped
from atelier_worker.decide import expired
from atelier_worker.grip import Grip, NotSentError, OvertakenError
from atelier_worker.lanes import NoPlaceError
from atelier_worker.letting_go import LettingGo
from atelier_worker.orders import order
from atelier_worker.pauses import Pauses
from atelier_worker.plan import Plan, confined_to, free_somewhere, outcome_of, pause, plan
from atelier_worker.ports import AGAIN, Answer, Fault, ImageProvider, ProviderError
from atelier_worker.progress import Progress
from atelier_worker.record import Held
from atelier_worker.time_left import TimeLeft

PATIENCE: Final = 5.0  # seconds a run waits for a provider's token before it makes room for others
LOCAL_PATIENCE: Final = 60.0  # the same at a provider that is this machine
SLOW: Final = 30.0  # seconds until the next look at a call that the vendor still works on


class Run:
    """Draws what is missing of a job; `again`: its message came before. The rest as for `Grip`."""

    def __init__(
        self,
        bench: Bench,
        job: AcceptedJob,
        models: Chain,
        *,
        lane: Lane,
        held: Held | None,
        again: bool = False,
        unrecorded: bool = False,
    ) -> None:
        self._bench, self._job, self._chain, self._lane = bench, job, models, lane
        self._grip = Grip(bench, job, held, unrecorded=unrecorded)
        free = all(model.free for model in models)
        # A worker that has only free models may have drawn it without a record.
        came = bool(again or held)
        self._unsure = came and not free and free_somewhere(job.request, bench.book)
        self._letting_go = LettingGo(bench, job, self._grip, free=free)
        self._progress = Progress(bench.publisher, job, started=self._grip.started)
        self._images: dict[int, ProducedImage] = {}
        self._open: dict[str, OpenCall] = {}
        self._pauses = Pauses(bench.tokens, bench.liveness)
        self._time = TimeLeft(job, bench.clock)
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
            if self._grip.calls or (self._unsure and self._pauses.askable(self._chain)):
                await self._look()
            todo = self._plan(range(self._job.request.n))
            async with asyncio.TaskGroup() as group:
                for call in todo.resume:
                    group.create_task(self._resume(call, group))
                self._draw(todo, group)
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
        self._grip.learn(*told_by(found, self._grip.calls, at=self._bench.clock()))

    def _plan(self, wanted: Iterable[int]) -> Plan:
        request, calls = self._job.request, self._grip.calls
        on_blocked = (request.providers or ProviderChoice()).on_blocked
        seen = confined_to(calls, on_blocked)
        # Of those also the ones that only other workers have: what they may draw is not given up.
        models = self._chain if seen is None else chain(request, self._bench.book, seen)
        return plan(wanted, calls, self._images, chain=models, on_blocked=on_blocked)

    @property
    def _over(self) -> bool:
        """Whether no call may start any more."""
        in_time = self._time.is_enough(begun=bool(self._grip.calls))
        return self._stopping or self._overtaken or not in_time

    def _draw(self, todo: Plan, group: asyncio.TaskGroup) -> None:
        """Ask for what can be asked for now."""
        for share in todo.draw:
            model = None if self._over else self._pauses.askable(share.models)
            if model is not None:
                most = model.capabilities.max_n
                for start in range(0, len(share.indexes), most):
                    indexes = share.indexes[start : start + most]
                    group.create_task(self._ask(indexes, model, group))

    async def _ask(self, indexes: tuple[int, ...], model: Model, group: asyncio.TaskGroup) -> None:
        """Make a call for `indexes`, and go on with the next model if that fails."""
        if await self._call(indexes, model):
            self._draw(self._plan(indexes), group)

    async def _call(self, indexes: tuple[int, ...], model: Model) -> bool:
        """Make a call, or note why none can be made; whether others may help out."""
        provider = self._bench.providers[model.provider]
        tokens = self._bench.tokens[model.provider]
        patience = LOCAL_PATIENCE if provider.local else PATIENCE
        try:
            async with tokens.place(self._lane, patience=patience):
                await tokens.turn(patience=patience)
                if self._over or not self._pauses.admits(model):
                    return True
                with tokens.trial(model.id) as heard:
                    call = self._grip.new_call(model, indexes)
                    await self._grip.begin(call, free=model.free)
                    if self._stopping:  # it ended while that was written down: nothing was sent
                        nothing = Money.exactly("0")
                        self._grip.learn(calling.stopped(call, nothing, at=self._bench.clock()))
                        return False
                    mine = self._opened(call, provider, free=model.free)
                    ask = partial(provider.generate, order(self._job, model, call), mine)
                    await failpoint("worker.before_call")
                    reply = await mine.reply(
                        ask, seconds=self._time.to_end, noticed=self._progress.tell
                    )
                    calling.pass_on(reply, heard)
        except NoPlaceError:
            self._pauses.no_place(model.id, step=self._grip.step)
            return True
        except NotSentError:
            self._pauses.note(model.id, Fault.OVERLOADED)
            return False
        except OvertakenError:
            self._overtaken = True
            return False
        await self._settle(mine, reply)
        return True

    async def _resume(self, call: Call, group: asyncio.TaskGroup) -> None:
        """Wait again for a call that the vendor has under an id, and go on if that fails."""
        provider = self._bench.providers.get(call.provider)
        model = next(iter(self._bench.book.find(call.model)), None)
        if provider is None or model is None or call.provider_job_id is None:
            self._pauses.note(call.model, Fault.MODEL_UNAVAILABLE, SLOW)
            return
        mine = self._opened(call, provider, free=model.free)
        ask = partial(provider.resume, order(self._job, model, call), call.provider_job_id, mine)
        with self._bench.tokens[provider.name].trial(model.id, resumed=True) as heard:
            reply = await mine.reply(ask, seconds=self._time.to_end, noticed=self._progress.tell)
            calling.pass_on(reply, heard)
        await self._settle(mine, reply)
        self._draw(self._plan(call.indexes), group)

    def _opened(self, call: Call, provider: ImageProvider, *, free: bool) -> OpenCall:
        mine = OpenCall(
            call=call,
            provider=provider,
            free=free,
            room=self._bench.room,
            tell=self._progress,
            save=self._grip.submitted,
            in_hand=self._time.in_hand,
        )
        self._open[call.id] = mine
        if self._stopping:
            mine.stop()
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
                self._letting_go.stored(kept.images)
                self._images |= {image.index: image for image in kept.images}
                self._progress.finished(self._images)
                call = calling.answered(call, reply, kept, at=at)
            case ProviderError():
                call = calling.failed(call, reply, free=mine.free, at=at)
                if reply.fault in AGAIN:
                    self._pauses.note(call.model, reply.fault, reply.retry_after)
            case Stopped(cost=cost):
                await failpoint("worker.after_stop")
                call = calling.stopped(call, cost, at=at)
            case StillRunning():
                self._pauses.note(call.model, Fault.TIMEOUT, SLOW)
        await mine.release()
        self._grip.learn(call)
        del self._open[call.id]
        if self._open and not self._grip.unrecorded:
            await self._grip.tell()

    async def _finish(self) -> None:
        """Write and tell how it ended, or let go of it."""
        n, now = self._job.request.n, self._bench.clock()
        todo = self._plan(range(n))
        stored = tuple(sorted(self._images.values(), key=lambda image: image.index))
        to_end, to_start = self._time.to_end, self._time.to_start(begun=bool(self._grip.calls))
        if self._stopping or self._overtaken:
            await self._letting_go.tell_what_stands()
        elif to_end <= 0 and len(stored) < n:
            late = expired(now).model_copy(update={"images": stored})
            await self._letting_go.conclude(late)
        elif to_start <= 0 and len(stored) < n:
            await self._letting_go.conclude(expired(now, begun=False))
        elif not todo.resume and not todo.draw:
            await self._letting_go.conclude(outcome_of(n, stored, todo.failed, at=now))
        else:
            shortest = self._pauses.shortest
            later = seed_of(f"{self._job.id}/{self._grip.step}") % 2 == 1
            wait = pause(self._grip.calls, at_least=shortest.seconds, later=later)
            wait = timedelta(seconds=fitting(wait.total_seconds(), min(to_end, to_start)))
            await self._letting_go.defer(now + wait, shortest.reason)
