"""Asking again: what is worth it, when, and for how long."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from atelier_client.effects import Flow, Pause, T
from atelier_client.errors import ApiError, Unreachable


@dataclass(frozen=True)
class Retry:
    """At most `attempts` repeats, `base` seconds apart, doubling up to `cap`, with jitter.

    A longer `Retry-After` is honoured up to `patience` seconds; beyond, the error is raised.
    """

    attempts: int = 4
    base: float = 0.25
    cap: float = 8.0
    patience: float = 30.0
    jitter: Callable[[], float] = random.random

    def delay(self, failures: int, asked: float | None) -> float | None:
        """Seconds to wait after that many failures in a row, or None to give up."""
        if failures > self.attempts or (asked or 0.0) > self.patience:
            return None
        return max(asked or 0.0, self.backoff(failures))

    def backoff(self, failures: int) -> float:
        """Seconds to wait after that many failures in a row; at least half of it is certain."""
        doubled = self.base * 2.0 ** min(failures - 1, 60)
        return min(self.cap, doubled) * (0.5 + self.jitter() / 2)


ON_THE_WAY = Retry(attempts=8)  # somebody is waiting for a result that will come: more patience


def patiently(attempt: Callable[[], Flow[T]], retry: Retry) -> Flow[T]:
    """The result of `attempt`, made again while the failure is one that passes.

    Raises the last failure. `attempt` must be safe to repeat.
    """
    failures, sent = 0, False
    while True:
        try:
            return (yield from attempt())
        except (ApiError, Unreachable) as failure:
            failures += 1
            if isinstance(failure, Unreachable):
                failure.sent = sent = failure.sent or sent
            elif not failure.retryable:
                raise
            asked = failure.retry_after if isinstance(failure, ApiError) else None
            delay = retry.delay(failures, asked)
            if delay is None:
                raise
        yield Pause(delay)
