"""The circuits at one provider: its own, and one for each model that has trouble of its own."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from atelier_worker.circuit import AWAY, Breaker, Circuit
from atelier_worker.ports import Fault, ProviderError

MODELS: Final = 1_000  # models in trouble that are remembered: callers may make up names
FORBIDDEN: Final = 403  # unlike 401 this speaks of the model, not of the key
PROBING: Final = 5.0  # seconds until one may look again whether somebody else's probe came back


@dataclass(frozen=True)
class Shut:
    """No call may start for so many `seconds`, because of `fault`."""

    fault: Fault
    seconds: float


@dataclass(frozen=True)
class Trial:
    """A call that is being made. Whether what becomes of it decides about a circuit that is not
    closed: the provider's, its model's. One that was `resumed` never does: it was let in before.
    """

    model: str
    sent_at: float
    probe: bool = False
    own_probe: bool = False
    resumed: bool = False


class Circuits:
    """Times are seconds on any one clock."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._provider = Circuit()
        self._models: OrderedDict[str, Circuit] = OrderedDict()

    @property
    def closed(self) -> bool:
        """Whether the provider's is; those of models may be open all the same."""
        return self._provider.closed

    def shut(self, model: str, now: float) -> Shut | None:
        """Why no call to `model` may start now; None if one may."""
        for circuit in (self._provider, self._models.get(model)):
            if circuit is not None and not circuit.permits(now):
                open_for = _open(circuit, now)
                return Shut(open_for.fault, max(open_for.seconds, PROBING))
        return None

    def provider(self, now: float) -> Shut | None:
        """Until when the provider is left alone or only tried, and why; None if it is well."""
        return None if self._provider.closed else _open(self._provider, now)

    def models(self, now: float) -> Mapping[str, Shut]:
        """The same of the models that are not well."""
        return {
            name: _open(circuit, now)
            for name, circuit in self._models.items()
            if not circuit.closed
        }

    def begun(self, model: str, now: float, *, resumed: bool) -> Trial:
        """A call to `model`, which is not `shut`, starts, or one that was begun is waited for."""
        if resumed:
            return Trial(model, now, resumed=True)
        own = self._models.get(model, Circuit())
        probe, own_probe = not self._provider.closed, not own.closed
        self._provider = self._provider.begun()
        if own_probe:
            self._models[model] = own.begun()
        return Trial(model, now, probe, own_probe)

    def heard(self, trial: Trial, error: ProviderError | None, now: float) -> None:
        """It ended with `error` or, None, as it should."""
        fault = error.fault if error else None
        if error is not None and fault in AWAY and not _of_model(error):
            self._provider = self._provider.failed(
                error.fault,
                probe=trial.probe,
                now=now,
                breaker=self._breaker,
                retry_after=error.retry_after or 0.0,
            )
            if trial.own_probe:
                self._abandoned(trial.model)
            return
        self._provider = self._provider.succeeded(probe=trial.probe)
        if error is None or not _of_model(error):
            self._learn(trial, None, now)
        elif not trial.resumed:  # else what is not there may be only the call
            self._learn(trial, error.fault, now)

    def unheard(self, trial: Trial) -> None:
        """It ended without a word of the provider."""
        if trial.probe:
            self._provider = self._provider.abandoned()
        if trial.own_probe:
            self._abandoned(trial.model)

    def _learn(self, trial: Trial, fault: Fault | None, now: float) -> None:
        circuit = self._models.pop(trial.model, Circuit())
        if fault is None:
            circuit = circuit.succeeded(probe=trial.own_probe)
        else:
            circuit = circuit.failed(fault, probe=trial.own_probe, now=now, breaker=self._breaker)
        if circuit != Circuit():
            self._models[trial.model] = circuit
            if len(self._models) > MODELS:
                self._models.popitem(last=False)

    def _abandoned(self, model: str) -> None:
        if model in self._models:
            self._models[model] = self._models[model].abandoned()


def _of_model(error: ProviderError) -> bool:
    """Whether it speaks of the model, and not of the provider as a whole."""
    refused = error.fault is Fault.AUTH and error.http_status == FORBIDDEN
    return refused or error.fault is Fault.MODEL_UNAVAILABLE


def _open(circuit: Circuit, now: float) -> Shut:
    return Shut(circuit.fault or Fault.OVERLOADED, max(0.0, (circuit.until or 0.0) - now))
