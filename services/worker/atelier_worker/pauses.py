"""Which model a run can ask now, and how long it has to leave the others alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from atelier_core.contracts.catalogue import Model
from atelier_worker.alive import Liveness
from atelier_worker.ports import Fault
from atelier_worker.tokens import Tokens

ELSEWHERE: Final = 30.0  # seconds until another worker may have had the job
UNSURE: Final = 5.0  # seconds until a worker that may be taken for dead looks again
NO_PLACE: Final = (5.0, 30.0)  # seconds until the next try, at first and after ten deferrals
MANY: Final = 10


@dataclass(frozen=True)
class Pause:
    """At least so many `seconds`, because of `reason`."""

    seconds: float = 0.0
    reason: Fault = Fault.OVERLOADED


@dataclass
class Pauses:
    """A run asks no model again that has a pause; of several for one the longest counts.

    One that is only busy with other calls of ours is left to those that have their place there.
    """

    tokens: Mapping[str, Tokens]
    liveness: Liveness
    _of: dict[str, Pause] = field(default_factory=dict)
    _busy: dict[str, Pause] = field(default_factory=dict)

    def note(self, model: str, reason: Fault, seconds: float | None = None) -> None:
        """`model` is left alone from now on."""
        new = Pause(seconds or 0.0, reason)
        self._of[model] = max(new, self._of.get(model, new), key=lambda pause: pause.seconds)

    def no_place(self, model: str, *, step: int) -> None:
        """A call waited in vain for its place or its turn at `model`, in the job's `step`."""
        self._busy[model] = Pause(NO_PLACE[step > MANY])

    def askable(self, models: Iterable[Model]) -> Model | None:
        """The first of `models` that can be asked now; why those before cannot is noted.

        What is only busy is waited for, nobody else is paid instead; but not a provider that takes
        fewer calls than were configured.
        """
        for model in models:
            if not self.admits(model):
                continue
            if model.id not in self._busy:
                return model
            if not self.tokens[model.provider].strained:
                return None
        return None

    def admits(self, model: Model) -> bool:
        """Whether a call may be made that has its place there; why it may not is noted."""
        if model.id in self._of:
            return False
        if model.provider not in self.tokens:
            self.note(model.id, Fault.MODEL_UNAVAILABLE, ELSEWHERE)
            return False
        shut = self.tokens[model.provider].shut(model.id)
        if not self.liveness.sure:
            self.note(model.id, Fault.TRANSPORT, UNSURE)
        elif shut is not None:
            self.note(model.id, shut.fault, shut.seconds)
        return model.id not in self._of

    @property
    def shortest(self) -> Pause:
        """That of the model which can be asked first."""
        pauses = (self._busy | self._of).values()
        return min(pauses, key=lambda pause: pause.seconds, default=Pause())
