"""Which model a run can ask now, and how long it has to leave the others alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from atelier_core.contracts.catalogue import Model
from atelier_worker.alive import Liveness
from atelier_worker.ports import Fault
from atelier_worker.tokens import Tokens

UNSURE: Final = 5.0  # seconds until a worker that may be taken for dead looks again


@dataclass(frozen=True)
class Pause:
    """At least so many `seconds`, because of `reason`."""

    seconds: float = 0.0
    reason: Fault = Fault.OVERLOADED


@dataclass
class Pauses:
    """A run asks no model again that has a pause; of several for one the longest counts."""

    tokens: Mapping[str, Tokens]
    liveness: Liveness
    _of: dict[str, Pause] = field(default_factory=dict)

    def note(self, model: str, reason: Fault, seconds: float | None = None) -> None:
        """`model` is left alone from now on."""
        new = Pause(seconds or 0.0, reason)
        self._of[model] = max(new, self._of.get(model, new), key=lambda pause: pause.seconds)

    def askable(self, models: Iterable[Model]) -> Model | None:
        """The first of `models` that can be asked now; why those before cannot is noted."""
        for model in models:
            if model.id in self._of:
                continue
            shut = self.tokens[model.provider].shut(model.id)
            if not self.liveness.sure:
                self.note(model.id, Fault.TRANSPORT, UNSURE)
            elif shut is not None:
                self.note(model.id, shut.fault, shut.seconds)
            else:
                return model
        return None

    @property
    def shortest(self) -> Pause:
        """That of the model which can be asked first."""
        return min(self._of.values(), key=lambda pause: pause.seconds, default=Pause())
