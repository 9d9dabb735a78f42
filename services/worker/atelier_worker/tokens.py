"""Who may call a provider now: tokens for open calls, a pace for starts, circuits for outages."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from atelier_core.contracts.catalogue import Rate
from atelier_core.contracts.events import Health
from atelier_worker.aimd import Window
from atelier_worker.circuit import AWAY, Breaker, Circuit
from atelier_worker.lanes import Gate, NoPlaceError
from atelier_worker.pacing import Pace
from atelier_worker.ports import WAITING, Fault, ProviderError

KEPT_SHARE: Final = 0.2  # of a provider's tokens, for interactive jobs
MODELS: Final = 1_000  # models in trouble that are remembered: callers may make up names
FORBIDDEN: Final = 403  # unlike 401 this speaks of the model, not of the key
PROBING: Final = 5.0  # seconds until one may look again whether somebody else's probe came back


@dataclass(frozen=True)
class Shut:
    """No call may start for so many `seconds`, because of `fault`."""

    fault: Fault
    seconds: float


@dataclass(frozen=True)
class State:
    """How a provider does; `seconds` until it is tried again, `calls` that may be open."""

    health: Health
    calls: int
    seconds: float | None = None
    fault: Fault | None = None


Heard = Callable[[ProviderError | None], None]
"""Told what the provider made of a call: its error, or None if it answered as it should."""


class Tokens(Gate):
    """The calls of this worker at one provider.

    `limit` is how many may be open at once; its answers say how many of those really can. Of
    whatever there is, a fifth is kept for interactive jobs.
    """

    def __init__(self, limit: int, *, breaker: Breaker, rate: Rate | None = None) -> None:
        super().__init__(limit, bulk=_bulk_tokens(limit))
        self._most = limit
        self._rate = rate
        self._breaker = breaker
        self._window = Window()
        self._pace = Pace.of(rate, workers=1)
        self._circuit = Circuit()
        self._models: OrderedDict[str, Circuit] = OrderedDict()
        self._closed_until = 0.0
        self._refusal = Fault.RATE_LIMITED  # the latest of those that are no outage

    def share(self, limit: int, *, workers: int) -> None:
        """From now on `limit` calls may be open, and the documented rate is that of `workers`."""
        self._most = limit
        self._pace = replace(Pace.of(self._rate, workers=workers), due=self._pace.due)
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
        for circuit in (self._circuit, self._models.get(model)):
            if circuit is not None and not circuit.permits(now):
                seconds = (circuit.until or 0.0) - now
                return Shut(circuit.fault or Fault.OVERLOADED, max(seconds, PROBING))
        return None

    @contextmanager
    def trial(self, model: str) -> Iterator[Heard]:
        """The body makes a call to `model`, which is not `shut`, and tells what it heard, if it
        heard anything.
        """
        sent_at = _time()
        own = self._models.get(model, Circuit())
        probe, own_probe = not self._circuit.closed, not own.closed
        self._circuit = self._circuit.begun()
        if own_probe:
            self._models[model] = own.begun()
        heard = False

        def hear(error: ProviderError | None) -> None:
            nonlocal heard
            heard = True
            fault = error.fault if error else None
            of_model = fault is Fault.MODEL_UNAVAILABLE or (
                fault is Fault.AUTH and error is not None and error.http_status == FORBIDDEN
            )
            self._learn(None if of_model else error, probe=probe, sent_at=sent_at)
            if of_model or fault not in AWAY:
                self._learn_of(model, fault if of_model else None, probe=own_probe)
            elif own_probe:
                self._abandoned(model)

        try:
            yield hear
        finally:
            if not heard and probe:
                self._circuit = self._circuit.abandoned()
            if not heard and own_probe:
                self._abandoned(model)

    @property
    def strained(self) -> bool:
        """Whether the provider takes fewer calls than were configured: others may help out."""
        return self._window.calls(self._most) < self._most

    @property
    def state(self) -> State:
        now, calls = _time(), self._window.calls(self._most)
        if not self._circuit.closed:
            seconds = max(0.0, (self._circuit.until or 0.0) - now)
            return State(Health.UNHEALTHY, calls, seconds, self._circuit.fault)
        if now < self._closed_until:
            closed = self._closed_until - now
            return State(Health.LIMITED, calls, closed, self._refusal)
        if self.strained:
            return State(Health.LIMITED, calls, None, self._refusal)
        return State(Health.HEALTHY, calls)

    def _learn(self, error: ProviderError | None, *, probe: bool, sent_at: float) -> None:
        now = _time()
        fault = error.fault if error else None
        after = (error.retry_after if error else None) or 0.0
        if fault in WAITING:
            if self._circuit.closed:  # else this was the only call
                self._window = self._window.refused(
                    sent_at=sent_at, busy=self.busy, limit=self._most, now=now
                )
            self._refusal = fault
            self._closed_until = max(self._closed_until, now + after)
        elif fault is None:
            self._window = self._window.answered(limit=self._most)
        if fault in AWAY:
            self._circuit = self._circuit.failed(
                fault, probe=probe, now=now, breaker=self._breaker, retry_after=after
            )
        else:
            self._circuit = self._circuit.succeeded(probe=probe)
        self._fit()

    def _learn_of(self, model: str, fault: Fault | None, *, probe: bool) -> None:
        circuit = self._models.pop(model, Circuit())
        if fault is None:
            circuit = circuit.succeeded(probe=probe)
        else:
            circuit = circuit.failed(fault, probe=probe, now=_time(), breaker=self._breaker)
        if circuit != Circuit():
            self._models[model] = circuit
            if len(self._models) > MODELS:
                self._models.popitem(last=False)

    def _abandoned(self, model: str) -> None:
        if model in self._models:
            self._models[model] = self._models[model].abandoned()

    def _fit(self) -> None:
        calls = self._window.calls(self._most)
        if calls != self.limit:
            self.resize(calls, bulk=_bulk_tokens(calls))


def _bulk_tokens(limit: int) -> int:
    return max(1, limit - max(1, round(limit * KEPT_SHARE)))


def _time() -> float:
    return asyncio.get_running_loop().time()
