"""What becomes of a message once its handler has been tried. One answer for every broker."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from atelier_core.contracts.events import Event, decode
from atelier_core.contracts.topology import DELAYS
from atelier_core.domain.request import MAX_DEADLINE
from atelier_core.domain.values import now as utc_now
from atelier_core.errors import ContractError, Defer, PermanentError, TransientError
from atelier_core.ports import Clock, DeadHandler, DeadLetter, Handler

log = logging.getLogger(__name__)

MAX_FAILURES = 3  # tries of a handler that raises what nobody expected: a bug, not the weather
MAX_AGE = MAX_DEADLINE + 24 * 3600.0  # seconds until trouble that passes is believed not to
PAUSE = 1.0  # seconds before a message goes back to a broker that just refused its verdict


@dataclass(frozen=True)
class Retry:
    """Hand it out again after one of the fixed delays; `failed` counts against MAX_FAILURES."""

    delay: float
    failed: bool


@dataclass(frozen=True)
class GiveUp:
    """Keep it as a dead letter; `code` is an error code of the job contract."""

    code: str
    reason: str


Verdict = Retry | GiveUp


def judge(  # noqa: PLR0911 - a table reads best as one match
    error: BaseException,
    *,
    failures: int,
    age: float,
    now: datetime,
    delays: Sequence[float] = DELAYS,
) -> Verdict:
    """Decide the fate of a message whose handler raised `error`.

    Args:
        error: what the handler raised, or what reading the message raised.
        failures: how often a handler failed unexpectedly with this message before.
        age: seconds since the event it carries.
        now: the time `Defer.until` is compared with.
        delays: the broker's fixed delays in seconds, ascending.
    """
    match error:
        case Defer(until=until):
            return Retry(tier((until - now).total_seconds(), delays), failed=False)
        case TransientError(retry_after=after) if age < MAX_AGE:
            return Retry(tier(after or 0, delays), failed=False)
        case TransientError():
            return GiveUp("deadline_passed", describe(error))
        case ContractError():
            return GiveUp("unreadable_message", describe(error))
        case PermanentError():
            return GiveUp("internal_error", describe(error))
        case _ if failures + 1 >= MAX_FAILURES:
            return GiveUp("internal_error", describe(error))
        case _:
            return Retry(delays[0], failed=True)


def tier(seconds: float, delays: Sequence[float] = DELAYS) -> float:
    """The shortest fixed delay that is long enough, or the longest there is."""
    return next((delay for delay in delays if delay >= seconds), delays[-1])


def fitting(seconds: float, left: float, delays: Sequence[float] = DELAYS) -> float:
    """How long to wait, wanted `seconds`, if all must be done within `left`.

    A wait that only rounding would take past the end is the longest fixed delay that is not.
    """
    if seconds >= left or tier(seconds, delays) <= left:
        return min(seconds, left)
    return max((delay for delay in delays if delay < left), default=seconds)


def describe(error: BaseException) -> str:
    """One bounded line for a dead letter: never the message's content."""
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:500]


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What a message remembers of earlier tries; it travels with it through every retry.

    `dead` is set once it is safely kept as a dead letter and only its `DeadHandler` has to succeed.
    """

    deferrals: int = 0
    failures: int = 0
    dead: GiveUp | None = None

    def after(self, retry: Retry) -> "Marks":
        if retry.failed:
            return replace(self, failures=self.failures + 1)
        return replace(self, deferrals=self.deferrals + 1)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A message as it is handed out; `about` holds the ids of its headers."""

    queue: str
    raw: bytes
    about: Mapping[str, str]
    marks: Marks = field(default_factory=Marks)
    redelivered: bool = False

    def letter(self, verdict: GiveUp) -> DeadLetter:
        return DeadLetter(
            queue=self.queue,
            reason=verdict.reason,
            code=verdict.code,
            raw=self.raw,
            owner=self.about.get("owner", ""),
            job_id=self.about.get("job_id", ""),
            batch_id=self.about.get("batch_id", ""),
        )


class Carrier(Protocol):
    """What a broker does with one message it handed out. All but `back` may raise TransientError.

    Exactly one of `done`, `again` and `back` ends it; `keep` may come before.
    """

    async def done(self) -> None:
        """Forget the message."""

    async def again(self, delay: float, marks: Marks) -> None:
        """Hand it out again after `delay` seconds with `marks`, and until then keep it safely."""

    async def keep(self, letter: DeadLetter) -> None:
        """Return once the dead letter is safe."""

    def back(self) -> None:
        """Return the message to its queue, now."""


@dataclass(frozen=True, kw_only=True)
class Settler:
    """Tries a consumer's handlers on one message after the other and settles each exactly once."""

    handler: Handler
    on_dead: DeadHandler | None
    delays: Sequence[float] = DELAYS
    clock: Clock = utc_now
    pause: float = PAUSE

    async def settle(self, delivery: Delivery, carrier: Carrier) -> None:
        """Handle, judge, and do with the message what the verdict says.

        Raises nothing: a message whose verdict the broker did not take goes back to its queue, as
        does one whose handling is cancelled.
        """
        try:
            await self._settle(delivery, carrier)
        except asyncio.CancelledError:
            carrier.back()
            raise
        except Exception as exc:
            expected = isinstance(exc, TransientError)
            log.warning(
                "verdict not taken, message returned to its queue",
                extra={"queue": delivery.queue, "error": describe(exc), **delivery.about},
                exc_info=None if expected else exc,
            )
            try:
                await asyncio.sleep(self.pause)
            finally:
                carrier.back()

    async def _settle(self, delivery: Delivery, carrier: Carrier) -> None:
        marks = delivery.marks
        verdict = marks.dead or await self._try(delivery)
        if isinstance(verdict, GiveUp):
            letter = delivery.letter(verdict)
            if marks.dead is None:
                await carrier.keep(letter)
                marks = Marks(dead=verdict)
            verdict = await self._bury(letter, marks)
        if isinstance(verdict, Retry):
            await carrier.again(verdict.delay, marks.after(verdict))
        else:
            await carrier.done()

    async def _try(self, delivery: Delivery) -> Verdict | None:
        event: Event | None = None
        try:
            event = decode(delivery.raw, redelivered=delivery.redelivered)
            await self.handler(event)
        except (Exception, asyncio.CancelledError) as exc:  # noqa: BLE001 - judged, not swallowed
            verdict = self._judge(exc, delivery.marks, event)
            _report(verdict, delivery, exc)
            return verdict
        return None

    async def _bury(self, letter: DeadLetter, marks: Marks) -> Retry | None:
        """Tell `on_dead`. It is tried again like a handler; the letter itself is safe already."""
        if self.on_dead is None:
            return None
        try:
            await self.on_dead(letter)
        except (Exception, asyncio.CancelledError) as exc:  # noqa: BLE001 - judged, not swallowed
            verdict = self._judge(exc, marks, None)
            if isinstance(verdict, Retry):
                return verdict
            log.error(  # noqa: TRY400 - described, without the message it may quote
                "nobody could be told of a dead letter",
                extra={"queue": letter.queue, "job_id": letter.job_id, "error": verdict.reason},
            )
        return None

    def _judge(self, exc: BaseException, marks: Marks, event: Event | None) -> Verdict:
        if isinstance(exc, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise exc
            # Some drivers cancel their callers when a connection dies; nobody cancelled us.
            exc = TransientError("a connection died")
        now = self.clock()
        age = (now - event.time).total_seconds() if event else 0.0
        return judge(exc, failures=marks.failures, age=age, now=now, delays=self.delays)


def _report(verdict: Verdict, delivery: Delivery, exc: BaseException) -> None:
    extra = {"queue": delivery.queue, **delivery.about}
    match verdict:
        case Retry(failed=True):
            log.error("handler failed, to be tried again", extra=extra, exc_info=exc)
        case Retry():
            log.debug("deferred", extra=extra | {"delay": verdict.delay})
        case GiveUp():
            log.error("given up", extra=extra | {"code": verdict.code, "reason": verdict.reason})
