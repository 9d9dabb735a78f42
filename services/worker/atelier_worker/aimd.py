"""How many calls a provider takes at once, found out by its answers. Pure.

Additive increase, multiplicative decrease (Chiu and Jain, 1989): many workers that each follow this
rule come to share what there is, without talking to each other. What a provider refused long ago
says little about now, so the increase goes on while nobody asks.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

LESS: Final = 0.5
REGAINED: Final = 15.0  # seconds for one more call that nobody has tried


@dataclass(frozen=True)
class Window:
    """How many calls may be open, if fewer than the configured limit; unbounded at first.

    `size` is that of the time `at`; `cut_at` is when it last became smaller, on the same clock.
    """

    size: float = inf
    cut_at: float = -inf
    at: float = 0.0

    def calls(self, limit: int, *, now: float) -> int:
        """The calls that may be open where `limit` is configured: one at least."""
        return max(1, int(min(self._grown(now), limit)))

    def refused(self, *, sent_at: float, busy: int, limit: int, now: float) -> "Window":
        """After a call that was sent at `sent_at`, one of `busy`, came too many.

        What was sent before the last cut says nothing about what came of it.
        """
        if sent_at <= self.cut_at:
            return self
        open_calls = min(self._grown(now), limit, max(1, busy))
        return Window(size=max(1.0, open_calls * LESS), cut_at=now, at=now)

    def answered(self, *, limit: int, now: float) -> "Window":
        """After a call that was taken: one more for each window full of them."""
        size = self._grown(now)
        size += 1 / size
        return Window(size=inf if size >= limit else size, cut_at=self.cut_at, at=now)

    def _grown(self, now: float) -> float:
        return self.size + (now - self.at) / REGAINED
