"""How many calls a provider takes at once, found out by its answers. Pure.

Additive increase, multiplicative decrease (Chiu and Jain, 1989): many workers that each follow this
rule come to share what there is, without talking to each other.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

LESS: Final = 0.5


@dataclass(frozen=True)
class Window:
    """How many calls may be open, if fewer than the configured limit; unbounded at first.

    `cut_at` is when it last became smaller, on the clock of the callers.
    """

    size: float = inf
    cut_at: float = -inf

    def calls(self, limit: int) -> int:
        """The calls that may be open where `limit` is configured: one at least."""
        return max(1, int(min(self.size, limit)))

    def refused(self, *, sent_at: float, busy: int, limit: int, now: float) -> "Window":
        """After a call that was sent at `sent_at`, one of `busy`, came too many.

        What was sent before the last cut says nothing about what came of it.
        """
        if sent_at <= self.cut_at:
            return self
        open_calls = min(self.size, limit, max(1, busy))
        return Window(size=max(1.0, open_calls * LESS), cut_at=now)

    def answered(self, *, limit: int) -> "Window":
        """After a call that was taken: one more for each window full of them."""
        size = self.size + 1 / self.size
        return Window(size=inf if size >= limit else size, cut_at=self.cut_at)
