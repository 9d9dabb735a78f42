"""When the next call at a provider may start: a leaky bucket told by one time. Pure.

The bucket leaks as fast as the provider documents. What it really takes may be less (a new account,
another program with the same key): when it names a time to come back, calls start half as often as
they did, and twice as often again for every two minutes without another such answer.
"""

from dataclasses import dataclass, replace
from math import exp2, inf
from typing import Final

from atelier_core.contracts.catalogue import Rate

APART: Final = 0.001  # seconds between two starts: a thousand connections are not opened at once
BURST: Final = 0.2  # of the starts of a period that may come at once; the others are spread
SLOWER: Final = 2.0
RECOVERED: Final = 120.0  # seconds until starts come twice as often again
LONGEST: Final = 60.0  # seconds between two starts, however often it refuses
NEWS: Final = 0.25  # what the latest start counts among those before


@dataclass(frozen=True)
class Pace:
    """`apart` seconds between two starts, but for `ahead` seconds that may be saved up.

    `due` is when the next start would be, had none been saved. Starts came `gap` seconds apart of
    late, the last at `last`; they were to come `slow` seconds apart after a refusal at `cut_at`.
    """

    apart: float = APART
    ahead: float = 0.0
    due: float = 0.0
    gap: float = 0.0
    last: float | None = None
    slow: float = 0.0
    cut_at: float = -inf

    @classmethod
    def of(cls, rate: Rate | None, *, workers: int) -> "Pace":
        """One of so many workers that share `rate`: together they never exceed it."""
        return cls().shared(rate, workers=workers)

    def shared(self, rate: Rate | None, *, workers: int) -> "Pace":
        """The same, now that so many workers share `rate`."""
        if rate is None:
            return replace(self, apart=APART, ahead=0.0)
        calls = rate.calls / workers
        burst = max(0.0, min(calls - 1, calls * BURST))
        apart = max(APART, rate.seconds / (calls - burst))
        return replace(self, apart=apart, ahead=burst * apart)

    def wait(self, now: float) -> float:
        """Seconds until the next call may start."""
        saved = 0.0 if self.slowed(now) else self.ahead
        return max(0.0, self.due - saved - now)

    def started(self, now: float) -> "Pace":
        """After a call took its turn, now or as soon as `wait` says."""
        start = now + self.wait(now)
        gap = self.gap
        if self.last is not None:
            gap += NEWS * (min(start - self.last, LONGEST) - gap)
        due = max(self.due, now) + self._spacing(now)
        return replace(self, due=due, gap=gap, last=start)

    def refused(self, *, sent_at: float, retry_after: float, now: float) -> "Pace":
        """After a call sent at `sent_at` was one too many for the rate: the next is welcome in
        `retry_after` seconds. What was sent before the last cut says nothing about what came of it.
        """
        if sent_at <= self.cut_at or retry_after <= 0:
            return self
        slow = min(LONGEST, SLOWER * max(self._spacing(now), self.gap))
        return replace(self, slow=slow, cut_at=now)

    def slowed(self, now: float) -> bool:
        """Whether calls start less often than is documented."""
        return self._spacing(now) > self.apart

    def _spacing(self, now: float) -> float:
        return max(self.apart, self.slow * exp2((self.cut_at - now) / RECOVERED))
