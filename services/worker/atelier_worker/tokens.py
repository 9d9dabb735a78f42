"""Who may call a provider now: tokens for open calls, a pace for starts, circuits for outages."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from atelier_core.contracts.catalogue import Rate
from atelier_core.contracts.events import Health
from atelier_core.domain.request import Lane
from atelier_worker.aimd import Window
from atelier_worker.circuit import Breaker
from atelier_worker.circuits import Circuits, Shut, Trial
from atelier_worker.lanes import Gate, NoPlaceError
from atelier_worker.pacing import Pace
from atelier_worker.ports import WAITING, Fault, ProviderError

KEPT_SHARE: Final = 0.2  # of a provider's tokens, for interactive jobs
KEPT_FOR: Final = 10.0  # seconds an only token is kept for a job that comes back after the shortest


@dataclass(frozen=True)
class State:
    """How a provider does; `seconds` until it is tried again, `calls` that may be open. `models`
    are those that are not asked although the provider is.
    """

    health: Health
    calls: int
    seconds: float | None = None
    fault: Fault | None = None
    models: Mapping[str, Shut] = field(default_factory=dict)


Heard = Callable[[ProviderError | None], None]
"""Told what the provider made of a call: its error, or None if it answered as it should."""


class Tokens(Gate):
    """The calls of this worker at one provider.

    `limit` is how many may be open at once; its answers say how many of those really can. Of
    whatever there is, a fifth is kept for interactive jobs. Of a single token nothing can be: there
    an interactive job that waited in vain has the next turn, if it comes back within `kept_for`
    seconds. `changed` is called when the provider's state is another one.
    """

    def __init__(
        self,
        limit: int,
        *,
        breaker: Breaker,
        rate: Rate | None = None,
        changed: Callable[[], None] = lambda: None,
        kept_for: float = KEPT_FOR,
    ) -> None:
        super().__init__(limit, bulk=_bulk_tokens(limit))
        self._most = limit
        self._rate = rate
        self._changed = changed
        self._window = Window()
        self._pace = Pace.of(rate, workers=1)
        self._circuits = Circuits(breaker)
        self._closed_until = 0.0
        self._refusal = Fault.RATE_LIMITED  # the latest of those that are no outage
        self._kept_for = kept_for
        self._kept: asyncio.TimerHandle | None = None
        self._known = _essence(State(Health.HEALTHY, limit))

    def share(self, limit: int, *, workers: int) -> None:
        """From now on `limit` calls may be open, and the documented rate is that of `workers`."""
        self._most = limit
        self._pace = self._pace.shared(self._rate, workers=workers)
        self._fit()

    async def turn(self, *, patience: float) -> None:
        """Wait for the turn to start a call.

        Raises:
            NoPlaceError: it does not come within `patience` seconds.
        """
        now = _time()
        wait = self._pace.wait(now)
        if wait > patience:
            raise NoPlaceError("calls may not start that fast")
        self._pace = self._pace.started(now)
        if wait > 0:
            await asyncio.sleep(wait)

    def shut(self, model: str) -> Shut | None:
        """Why no call to `model` may start now; None if one may."""
        now = _time()
        if now < self._closed_until:
            return Shut(self._refusal, self._closed_until - now)
        return self._circuits.shut(model, now)

    @contextmanager
    def trial(self, model: str, *, resumed: bool = False) -> Iterator[Heard]:
        """The body makes a call to `model`, which is not `shut`, or waits again for one that was
        made (`resumed`), and tells what it heard, if it heard anything.
        """
        trial = self._circuits.begun(model, _time(), resumed=resumed)
        heard = False

        def hear(error: ProviderError | None) -> None:
            nonlocal heard
            heard = True
            self._learn(trial, error)

        try:
            yield hear
        finally:
            if not heard:
                self._circuits.unheard(trial)

    @property
    def strained(self) -> bool:
        """Whether the provider takes fewer calls than were configured: others may help out."""
        now = _time()
        return self._window.calls(self._most, now=now) < self._most or self._pace.slowed(now)

    @property
    def state(self) -> State:
        now = _time()
        calls, models = self._window.calls(self._most, now=now), self._circuits.models(now)
        if away := self._circuits.provider(now):
            return State(Health.UNHEALTHY, calls, away.seconds, away.fault, models)
        if now < self._closed_until:
            closed = self._closed_until - now
            return State(Health.LIMITED, calls, closed, self._refusal, models)
        if self.strained:
            return State(Health.LIMITED, calls, None, self._refusal, models)
        return State(Health.HEALTHY, calls, models=models)

    def _learn(self, trial: Trial, error: ProviderError | None) -> None:
        now, fault = _time(), error.fault if error else None
        if error is not None and fault in WAITING:
            self._refused(trial, error, now)
        elif error is None:
            self._window = self._window.answered(limit=self._most, now=now)
        self._circuits.heard(trial, error, now)
        self._fit()
        known = _essence(self.state)
        if known != self._known:
            self._known = known
            self._changed()

    def _refused(self, trial: Trial, error: ProviderError, now: float) -> None:
        after = error.retry_after or 0.0
        if self._circuits.closed:  # else this was the only call
            self._window = self._window.refused(
                sent_at=trial.sent_at, busy=self.busy, limit=self._most, now=now
            )
        if error.fault is Fault.RATE_LIMITED:
            self._pace = self._pace.refused(sent_at=trial.sent_at, retry_after=after, now=now)
        self._refusal = error.fault
        self._closed_until = max(self._closed_until, now + after)

    def _fit(self) -> None:
        calls = self._window.calls(self._most, now=_time())
        if calls != self.limit:
            self.resize(calls, bulk=_bulk_tokens(calls))

    async def _take(self, lane: Lane, patience: float) -> None:
        interactive = lane is Lane.INTERACTIVE
        try:
            await super()._take(lane, patience)
        except NoPlaceError:
            if interactive and self.limit == 1:
                self._keep()
            raise
        if interactive:
            self._unkeep()

    def _keep(self) -> None:
        if self._kept:
            self._kept.cancel()
        self._kept = asyncio.get_running_loop().call_later(self._kept_for, self._unkeep)

    def _unkeep(self) -> None:
        if self._kept:
            self._kept.cancel()
            self._kept = None
            self._serve()

    def _room(self, lane: Lane) -> bool:
        kept = lane is Lane.BULK and self._kept is not None
        return not kept and super()._room(lane)


def _essence(state: State) -> tuple[object, ...]:
    """What of a state is worth telling at once."""
    return state.health, state.fault, frozenset(state.models)


def _bulk_tokens(limit: int) -> int:
    return max(1, limit - max(1, round(limit * KEPT_SHARE)))


def _time() -> float:
    return asyncio.get_running_loop().time()
