"""When the next call at a provider may start: a leaky bucket told by one time. Pure."""

from dataclasses import dataclass, replace
from typing import Final

from atelier_core.contracts.catalogue import Rate

APART: Final = 0.001  # seconds between two starts: a thousand connections are not opened at once
BURST: Final = 0.2  # of the starts of a period that may come at once; the others are spread


@dataclass(frozen=True)
class Pace:
    """`apart` seconds between two starts, but for `ahead` seconds that may be saved up.

    `due` is when the next start would be, had none been saved.
    """

    apart: float = APART
    ahead: float = 0.0
    due: float = 0.0

    @classmethod
    def of(cls, rate: Rate | None, *, workers: int) -> "Pace":
        """One of so many workers that share `rate`: together they never exceed it."""
        if rate is None:
            return cls()
        calls = rate.calls / workers
        burst = max(0.0, min(calls - 1, calls * BURST))
        apart = max(APART, rate.seconds / (calls - burst))
        return cls(apart=apart, ahead=burst * apart)

    def wait(self, now: float) -> float:
        """Seconds until the next call may start."""
        return max(0.0, self.due - self.ahead - now)

    def started(self, now: float) -> "Pace":
        """After a call took its turn, now or as soon as `wait` says."""
        return replace(self, due=max(self.due, now) + self.apart)
