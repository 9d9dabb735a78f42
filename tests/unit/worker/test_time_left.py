"""How long a message may be in hand, whatever happens to the clock on the wall."""

from datetime import timedelta

from atelier_core.domain.values import now
from atelier_worker.time_left import ENOUGH, IN_HAND, TimeLeft
from worker_harness import job


class Clocks:
    """The time of day, and the seconds that have passed: a test moves each for itself."""

    def __init__(self) -> None:
        self.wall, self.passed = now(), 0.0
        self.left = TimeLeft(job(), lambda: self.wall, passed=lambda: self.passed)

    def go_on(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.passed += seconds


def test_what_is_left_is_what_has_not_passed() -> None:
    clocks = Clocks()
    assert clocks.left.in_hand == IN_HAND
    clocks.go_on(IN_HAND - ENOUGH)
    assert (clocks.left.in_hand, clocks.left.is_enough(begun=True)) == (ENOUGH, True)
    clocks.go_on(1)
    assert not clocks.left.is_enough(begun=True)
    clocks.go_on(IN_HAND)
    assert clocks.left.in_hand == 0


def test_a_clock_set_back_gives_no_more_time() -> None:
    """The broker would take the message back, and give it to somebody else."""
    clocks = Clocks()
    clocks.go_on(100)
    clocks.wall -= timedelta(hours=1)
    assert clocks.left.in_hand == IN_HAND - 100
    clocks.go_on(100)
    assert clocks.left.in_hand == IN_HAND - 200
    assert not clocks.left.is_enough(begun=True)


def test_a_machine_that_slept_has_been_away() -> None:
    """Asleep it counts no seconds; the time of day went on."""
    clocks = Clocks()
    clocks.wall += timedelta(seconds=400)
    assert clocks.left.in_hand == IN_HAND - 400
