"""The times a run keeps to: the job's deadlines, and how long its message may be in hand."""

import time
from collections.abc import Callable
from typing import Final

from atelier_core.domain.request import AcceptedJob
from atelier_core.ports import Clock

IN_HAND: Final = 450.0  # seconds a message may wait for calls: the broker takes it back later
ENOUGH: Final = 300.0  # of these, seconds left when a call begins: hardly one takes longer


class TimeLeft:
    """Seconds left of a run that begins now.

    Deadlines are times of day, by `clock`. For the message in hand whichever counts more has
    `passed`: that clock can be set back, the other stands still while a machine sleeps.
    """

    def __init__(
        self, job: AcceptedJob, clock: Clock, *, passed: Callable[[], float] = time.monotonic
    ) -> None:
        self._job = job
        self._clock = clock
        self._passed = passed
        self._began = clock(), passed()

    @property
    def to_end(self) -> float:
        """Until the deadline."""
        return self._job.deadline - self._clock().timestamp()

    def to_start(self, *, begun: bool) -> float:
        """Until the first call must have been made, if the job was not `begun`."""
        start = None if begun else self._job.start_deadline
        return self.to_end if start is None else start - self._clock().timestamp()

    @property
    def in_hand(self) -> float:
        """Until the message must not wait for a call any more."""
        at, ticks = self._began
        gone = max((self._clock() - at).total_seconds(), self._passed() - ticks)
        return max(0.0, IN_HAND - gone)

    def is_enough(self, *, begun: bool) -> bool:
        """Whether a call may begin now."""
        return min(self.to_end, self.to_start(begun=begun)) > 0 and self.in_hand >= ENOUGH
