"""Whether a provider is asked at all: closed while it works, open while it does not. Pure.

An open circuit becomes half open by itself: then one call at a time is let through, and what
becomes of it closes the circuit or opens it for twice as long. Times are seconds on any one clock.
"""

from dataclasses import dataclass, replace
from typing import Final

from atelier_worker.ports import UNANSWERED, Fault

REFUSALS: Final = frozenset({Fault.AUTH, Fault.BILLING})  # a person has to do something
OUTAGES: Final = UNANSWERED | {Fault.OVERLOADED}
AWAY: Final = OUTAGES | REFUSALS  # whatever else it answers shows that it works


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """When circuits open: after so many `failures` in a row, at first for `first` seconds, at most
    for `longest`. Where a person has to do something they open at once, for longer.
    """

    failures: int = 5
    first: float = 15.0
    longest: float = 600.0
    first_refusal: float = 300.0
    longest_refusal: float = 3600.0

    def seconds(self, fault: Fault, openings: int) -> float:
        """For how long one opens that has opened so often before without a success."""
        first, longest = self.first, self.longest
        if fault in REFUSALS:
            first, longest = self.first_refusal, self.longest_refusal
        return min(longest, first * 2.0 ** min(openings, 30))


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """`until` is None while it is closed. `fault` is what counts against it, the latest."""

    failures: int = 0
    openings: int = 0
    until: float | None = None
    probing: bool = False
    fault: Fault | None = None

    def permits(self, now: float) -> bool:
        """Whether a call may start."""
        return self.until is None or (now >= self.until and not self.probing)

    @property
    def closed(self) -> bool:
        return self.until is None

    def begun(self) -> "Circuit":
        """After a permitted call started: the only one, unless the circuit is closed."""
        return self if self.closed else replace(self, probing=True)

    def succeeded(self, *, probe: bool) -> "Circuit":
        """After a call was answered. While it is not closed only the probe's word counts: others
        were sent before.
        """
        return Circuit() if self.closed or probe else self

    def failed(
        self, fault: Fault, *, probe: bool, now: float, breaker: Breaker, retry_after: float = 0.0
    ) -> "Circuit":
        """After a call failed by the provider's `fault`."""
        if not self.closed and not probe:
            return self
        failures = self.failures + 1
        if self.closed and fault not in REFUSALS and failures < breaker.failures:
            return replace(self, failures=failures, fault=fault)
        seconds = max(breaker.seconds(fault, self.openings), retry_after)
        return Circuit(
            failures=failures, openings=self.openings + 1, until=now + seconds, fault=fault
        )

    def abandoned(self) -> "Circuit":
        """After the probe ended without an answer of the provider."""
        return replace(self, probing=False)
