"""One call to one provider: asked once, waited for within limits, its end written into the call."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from atelier_core.domain.run import Call, CallOutcome, Gap
from atelier_core.domain.values import Money
from atelier_worker.lanes import Room
from atelier_worker.ports import UNANSWERED, Answer, Fault, ImageProvider, ProviderError
from atelier_worker.storing import Kept, failure
from atelier_worker.tokens import Heard

log = logging.getLogger(__name__)

NOTICED: Final = 0.25  # seconds a call may take before anybody is told that it runs
CANCEL: Final = 20.0  # seconds a vendor gets to confirm a cancellation

_REFUSED = frozenset(
    set(Fault) - UNANSWERED - {Fault.MODERATED, Fault.BAD_RESPONSE}
)  # costs nothing

Tell = Callable[[int, float], None]


@dataclass(frozen=True)
class StillRunning:
    """The vendor works on it longer than a message may be held."""


@dataclass(frozen=True)
class Stopped:
    """The call was aborted because the job has ended; `cost` is what the vendor says it costs."""

    cost: Money


Reply = Answer | ProviderError | StillRunning | Stopped


@dataclass
class OpenCall:
    """A call while it is open, waited for at most `in_hand` seconds. It is the `Caller` its
    provider talks to.
    """

    call: Call
    provider: ImageProvider
    free: bool
    room: Room
    tell: Tell
    save: Callable[[Call], Awaitable[None]]
    in_hand: float
    reserved: int = 0
    _work: asyncio.Task[Answer | ProviderError] | None = field(default=None, init=False)
    _stopping: bool = field(default=False, init=False)

    async def submitted(self, provider_job_id: str) -> None:
        self.call = self.call.model_copy(update={"provider_job_id": provider_job_id})
        await self.save(self.call)
        if self._stopping:  # asked for before the vendor could be told
            self.stop()

    def progress(self, index: int, fraction: float) -> None:
        self.tell(index, min(1.0, max(0.0, fraction)))

    async def receiving(self, size: int) -> None:
        self.reserved += await self.room.reserve(size)

    async def release(self) -> None:
        """The pictures are stored or dropped."""
        size, self.reserved = self.reserved, 0
        await self.room.release(size)

    def stop(self) -> None:
        """Abort it if that helps: a paid call without a vendor's id is bought already, so its
        answer is waited for, for the sake of the bill.
        """
        self._stopping = True
        if self._work and (self.free or self.call.provider_job_id):
            self._work.cancel()

    async def reply(
        self,
        ask: Callable[[], Awaitable[Answer]],
        *,
        seconds: float,
        noticed: Callable[[], Coroutine[Any, Any, None]],
    ) -> Reply:
        """Await `ask` for at most `seconds`; call `noticed` if it takes longer than anybody would
        call instantly. Raises only if cancelled from outside.
        """
        limit = min(seconds, self.in_hand)
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            work = self._work = group.create_task(_only_expected(ask))
            notices: list[asyncio.Task[None]] = []
            timer = loop.call_later(NOTICED, lambda: notices.append(group.create_task(noticed())))
            try:
                if self._stopping:
                    self.stop()
                done, _ = await asyncio.wait({work}, timeout=limit)
            finally:
                timer.cancel()
                for notice in notices:
                    notice.cancel()
            if not done:
                work.cancel()
        if not work.cancelled():
            return work.result()
        if done or seconds <= self.in_hand:
            return Stopped(await cancel(self.provider, self.call))
        if self.call.provider_job_id:
            return StillRunning()
        return ProviderError(Fault.TIMEOUT, f"No answer within {self.in_hand:.0f} seconds.")


def pass_on(reply: Reply, heard: Heard) -> None:
    """Tell what the provider made of a call, if it said anything."""
    if isinstance(reply, Answer | ProviderError):
        heard(reply if isinstance(reply, ProviderError) else None)


async def _only_expected(ask: Callable[[], Awaitable[Answer]]) -> Answer | ProviderError:
    """What `ask` brings; every surprise becomes an error that is not tried again."""
    try:
        return await ask()
    except ProviderError as exc:
        return exc
    except Exception as exc:
        log.exception("a provider raised what it should not")
        detail = f"The provider's adapter failed ({type(exc).__name__})."
        return ProviderError(Fault.BAD_RESPONSE, detail)


async def cancel(provider: ImageProvider, call: Call) -> Money:
    """Ask the vendor to stop `call` and return its bill, unknown if it does not tell."""
    if call.provider_job_id is None:
        return call.cost
    try:
        async with asyncio.timeout(CANCEL):
            return await provider.cancel(call.provider_job_id)
    except (ProviderError, TimeoutError) as exc:
        log.warning("not canceled at the vendor", extra={"call": call.id, "error": str(exc)})
        return call.cost


def answered(call: Call, answer: Answer, kept: Kept, *, at: datetime) -> Call:
    """The end of a call that was answered: succeeded if it brought a picture."""
    gaps = [Gap(index=i, error=kept.spoilt[i]) for i in call.indexes if i in kept.spoilt]
    return call.model_copy(
        update={
            "outcome": CallOutcome.SUCCEEDED if kept.images else CallOutcome.FAILED,
            "error": gaps[0].error if gaps else None,
            "gaps": tuple(gaps),
            "answered_at": at,
            "cost": answer.cost,
            "provider_request_id": answer.provider_request_id,
            "http_status": answer.http_status,
            "prompt_as_sent": answer.prompt_as_sent or call.prompt_as_sent,
        }
    )


def failed(call: Call, error: ProviderError, *, free: bool, at: datetime) -> Call:
    """The end of a call that brought nothing. What was refused outright costs nothing."""
    nothing = free or error.fault in _REFUSED
    return call.model_copy(
        update={
            "outcome": CallOutcome.FAILED,
            "error": failure(error.fault, error.detail),
            "answered_at": at,
            "cost": error.cost or (Money.exactly("0") if nothing else Money.unknown()),
            "provider_request_id": error.provider_request_id,
            "http_status": error.http_status,
        }
    )


def stopped(call: Call, cost: Money, *, at: datetime) -> Call:
    """The end of a call that was aborted."""
    return call.model_copy(
        update={
            "outcome": CallOutcome.CANCELED,
            "error": failure(Fault.CANCELED, "The job ended before the provider answered."),
            "answered_at": at,
            "cost": cost,
        }
    )


def lost(call: Call) -> Call:
    """The end of a call nobody waits for any more."""
    return call.model_copy(update={"outcome": CallOutcome.LOST})
