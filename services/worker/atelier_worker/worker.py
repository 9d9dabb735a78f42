"""What a worker does with a job it is handed: look at its record, decide, act."""

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from atelier_core.contracts.chain import Chain, chain
from atelier_core.contracts.events import Event, JobCancel, JobRequested
from atelier_core.domain.outcome import JobError, JobStatus, Outcome
from atelier_core.domain.request import AcceptedJob, Lane
from atelier_core.domain.run import Call, merge_calls
from atelier_core.errors import ConflictError, Defer
from atelier_core.failpoints import failpoint
from atelier_worker import calling
from atelier_worker.bench import Bench
from atelier_worker.closing import end_early, tell_end
from atelier_worker.decide import (
    Announce,
    Create,
    Decision,
    DeferTo,
    Delivery,
    Draw,
    End,
    Join,
    Take,
    TakeOver,
    decide,
)
from atelier_worker.grip import OvertakenError
from atelier_worker.lanes import Gate, NoPlaceError
from atelier_worker.ports import Fault
from atelier_worker.record import Held
from atelier_worker.run import Run
from atelier_worker.rush import Rush

log = logging.getLogger(__name__)

SLOT: Final = 60.0  # seconds a message in hand waits for a slot
CLEAR: Final = 60.0  # seconds it waits for trouble to pass
SOON: Final = timedelta(seconds=5)
LATER: Final = timedelta(seconds=30)  # another worker may have what this one lacks
REMEMBERED: Final = 10_000  # cancels heard of jobs that are not running here
DECISIONS: Final = 8  # of one delivery: each but the first was overtaken by somebody else


@dataclass
class _Running:
    """A job in this worker's hands; `run` is its run once there is one."""

    run: Run | None = None
    end: asyncio.Future[None] = field(default_factory=asyncio.Future)
    stopped: bool = False

    def stop(self) -> None:
        """Its record says that it has ended: the run is told, now or once there is one."""
        self.stopped = True
        if self.run:
            self.run.stop()


class Worker:
    """The handler of both lanes. One job runs at most once in this process."""

    def __init__(self, bench: Bench, *, slots: Gate, rush: Rush) -> None:
        self._bench = bench
        self._slots = slots
        self._rush = rush
        self._running: dict[str, _Running] = {}
        self._canceled: OrderedDict[str, None] = OrderedDict()

    async def __call__(self, event: Event) -> None:
        """Run the requested job to its end.

        Raises:
            Defer: it has to wait; the request should come again then.
            TransientError: the store does not answer; nothing was begun.
        """
        if not isinstance(event, JobRequested):
            return
        await failpoint("worker.after_receive")
        try:
            async with self._slots.place(event.lane, patience=SLOT):
                await self._may_begin()
                await self._work(event)
            self._rush.note()
            await failpoint("worker.before_ack")
        except NoPlaceError:
            raise Defer(self._bench.clock() + SOON) from None

    async def cancel(self, event: Event) -> None:
        """Abort what runs of a job whose record says that it has ended; look before it begins."""
        if not isinstance(event, JobCancel):
            return
        if event.job_id not in self._running:
            self._canceled[event.job_id] = None
            if len(self._canceled) > REMEMBERED:
                self._canceled.popitem(last=False)
            return
        held = await self._bench.records.read(event.job_id)
        running = self._running.get(event.job_id)
        if held and held.record.outcome and running:
            running.stop()

    async def _may_begin(self) -> None:
        try:
            await self._bench.trouble.passed(patience=CLEAR)
        except TimeoutError:
            raise Defer(self._bench.clock() + LATER, "trouble in this worker") from None
        if not self._bench.liveness.sure:
            raise Defer(self._bench.clock() + SOON, "this worker may be taken for dead")

    async def _work(self, event: JobRequested) -> None:
        # A first delivery hardly ever has a record, and does not need to know: who creates it
        # where one stands is told so. A lost race costs a free picture at most.
        look = event.redelivered or event.job_id in self._canceled
        for _ in range(DECISIONS):
            decision, held, models = await self._decide(event, look=look)
            look = True
            if isinstance(decision, Join):
                await asyncio.shield(self._running[event.job_id].end)
                return
            running = self._running[event.job_id] = _Running()
            try:
                await self._act(decision, held, models, event, running)
            except OvertakenError:
                running.end.set_exception(Defer(self._bench.clock() + SOON))
            except BaseException as exc:
                again = exc if isinstance(exc, Defer) else Defer(self._bench.clock() + SOON)
                running.end.set_exception(again)
                raise
            else:
                running.end.set_result(None)
                return
            finally:
                del self._running[event.job_id]
                if running.end.done():
                    running.end.exception()  # whether or not anybody joined
        raise Defer(self._bench.clock() + SOON, "overtaken again and again")

    async def _decide(
        self, event: JobRequested, *, look: bool
    ) -> tuple[Decision, Held | None, Chain]:
        bench, job = self._bench, event.job
        models = chain(job.request, bench.book, bench.providers)
        held = await bench.records.read(job.id) if look else None
        holder = held.record.holder if held else None
        alive = holder is not None and await bench.liveness.is_alive(holder)
        delivery = Delivery(
            me=bench.me,
            redelivered=event.redelivered,
            free=bool(models) and all(model.free for model in models),
            running=job.id in self._running,
            holder_alive=alive,
            now=bench.clock(),
            deadline=job.deadline,
            start_deadline=job.start_deadline,
        )
        return decide(held.record if held else None, delivery), held, models

    async def _act(
        self,
        decision: Decision,
        held: Held | None,
        models: Chain,
        event: JobRequested,
        running: _Running,
    ) -> None:
        job, lane = event.job, event.lane
        match decision:
            case Announce() if held:
                await tell_end(self._bench, job, held)
            case End(outcome=outcome):
                await self._end(job, held, outcome)
            case DeferTo(until=until):
                raise Defer(until, "held by a living worker")
            case _ if not models:
                await self._without_model(job, held)
            case Draw():
                await self._run(job, models, lane, None, running, unrecorded=True)
            case Create():
                await self._run(job, models, lane, None, running, again=event.redelivered)
            case Take(lost=lost) | TakeOver(lost=lost) if held:
                takeovers = int(isinstance(decision, TakeOver))
                held = await self._claim(job, held, lost, takeovers=takeovers)
                await self._run(job, models, lane, held, running)

    async def _run(
        self,
        job: AcceptedJob,
        models: Chain,
        lane: Lane,
        held: Held | None,
        running: _Running,
        *,
        again: bool = False,
        unrecorded: bool = False,
    ) -> None:
        running.run = Run(
            self._bench, job, models, lane=lane, held=held, again=again, unrecorded=unrecorded
        )
        if running.stopped:
            running.run.stop()
        await running.run()

    async def _claim(
        self, job: AcceptedJob, held: Held, lost: tuple[Call, ...], *, takeovers: int
    ) -> Held:
        """Become the holder of a record.

        Raises:
            OvertakenError: somebody else did, or ended it.
        """
        record = held.record.model_copy(
            update={
                "holder": self._bench.me,
                "takeovers": held.record.takeovers + takeovers,
                "step": held.record.step + 1,
                "calls": merge_calls(held.record.calls, map(calling.lost, lost)),
            }
        )
        try:
            claimed = await self._bench.records.write(job.id, record, over=held)
        except ConflictError as exc:
            raise OvertakenError("claimed by somebody else") from exc
        await failpoint("worker.after_claim")
        if claimed.record.outcome is not None:
            raise OvertakenError("ended by somebody else")
        return claimed

    async def _end(self, job: AcceptedJob, held: Held | None, outcome: Outcome) -> None:
        """End it without another call, and tell that."""
        held = await end_early(self._bench, job, held, outcome)
        await tell_end(self._bench, job, held)

    async def _without_model(self, job: AcceptedJob, held: Held | None) -> None:
        """No provider here draws what is asked for; perhaps one elsewhere does."""
        book = self._bench.book
        if chain(job.request, book, {model.provider for model in book.models}):
            raise Defer(self._bench.clock() + LATER, "no provider here has the model")
        error = JobError(code=Fault.MODEL_UNAVAILABLE, detail="No model in the catalogue draws it.")
        outcome = Outcome(status=JobStatus.FAILED, error=error, at=self._bench.clock())
        await self._end(job, held, outcome)
