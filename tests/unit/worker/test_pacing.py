"""How fast calls start at a provider that documents how fast they may."""

from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from atelier_core.contracts.catalogue import Rate
from atelier_worker.pacing import APART, Pace

RATE = st.builds(Rate, calls=st.integers(1, 200), seconds=st.floats(1, 120))


def starts(pace: Pace, *, arrivals: list[float]) -> list[float]:
    """When each call starts that came after so many seconds from the one before."""
    now, found = 0.0, []
    for later in arrivals:
        now += later
        start = now + pace.wait(now)
        pace = pace.started(now)
        found.append(start)
        now = start
    return found


@given(RATE, st.integers(1, 8), st.lists(st.floats(0, 20), min_size=1, max_size=150))
def test_no_period_has_more_starts_than_documented(
    rate: Rate, workers: int, arrivals: list[float]
) -> None:
    pace = Pace.of(rate, workers=workers)
    found = starts(pace, arrivals=arrivals)
    share = ceil(rate.calls / workers)
    for first, start in enumerate(found):
        within = sum(start <= other < start + rate.seconds - 1e-6 for other in found[first:])
        assert within <= share


@given(RATE)
def test_a_provider_that_is_always_asked_gets_most_of_what_it_allows(rate: Rate) -> None:
    found = starts(Pace.of(rate, workers=1), arrivals=[0.0] * (rate.calls * 2))
    assert found[-1] <= rate.seconds * 2.6


def test_without_a_rate_starts_are_only_kept_apart() -> None:
    assert starts(Pace.of(None, workers=3), arrivals=[0.0] * 3) == [0.0, APART, 2 * APART]


def test_what_is_saved_up_may_come_at_once() -> None:
    pace = Pace.of(Rate(calls=100, seconds=10), workers=2)
    found = starts(pace, arrivals=[60.0, *[0.0] * 40])
    assert found[:11] == [60.0] * 11
    assert found[12] > 60.1
