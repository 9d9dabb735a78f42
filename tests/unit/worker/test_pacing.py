"""How fast calls start at a provider: as it documents, and slower where it takes less."""

from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from atelier_core.contracts.catalogue import Rate
from atelier_worker.pacing import APART, LONGEST, RECOVERED, Pace

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


def bucket(every: float, *, retry_after: float | None, seconds: float) -> tuple[list[float], int]:
    """A provider that takes one start in `every` seconds, always asked by who has no idea of that:
    when it took one, and how many it refused.

    It says how long to wait, honestly or, if given, always `retry_after`.
    """
    pace, now, free_at, refused = Pace.of(None, workers=1), 0.0, 0.0, 0
    taken: list[float] = []
    while now < seconds:
        now += pace.wait(now)
        pace = pace.started(now)
        if now >= free_at:
            taken.append(now)
            free_at = now + every
        else:
            refused += 1
            says = free_at - now if retry_after is None else retry_after
            pace = pace.refused(sent_at=now, retry_after=says, now=now + 0.1)
            now += says
    return taken, refused


@given(st.floats(0.5, 20), st.none() | st.floats(0.5, 2))
def test_a_provider_that_takes_less_is_soon_asked_about_as_often_as_it_answers(
    every: float, retry_after: float | None
) -> None:
    taken, refused = bucket(every, retry_after=retry_after, seconds=300 * every)
    assert len(taken) >= 100, "a third of what there was at least"
    assert refused <= len(taken) / 2


def slow(seconds: float) -> Pace:
    """One that starts calls `seconds` apart after a refusal at that time."""
    pace = Pace(gap=seconds / 2, due=seconds).refused(sent_at=0, retry_after=1, now=seconds)
    assert pace.slow == seconds
    return pace


@given(RATE, st.floats(0.01, LONGEST))
def test_a_refusal_slows_down_whatever_is_documented_and_is_forgotten(
    rate: Rate, spacing: float
) -> None:
    before = Pace.of(rate, workers=1)
    after = slow(spacing).shared(rate, workers=1)
    assert after.apart == before.apart
    assert after.slowed(spacing) == (spacing > before.apart)
    if after.slowed(spacing):
        assert after.started(spacing).wait(spacing) == spacing, "nothing is saved up meanwhile"
    assert not after.slowed(spacing + RECOVERED * 40)


def test_half_as_often_and_twice_as_often_again() -> None:
    pace = slow(8.0)
    assert pace.started(8.0).wait(8.0) == 8.0
    later = 8.0 + RECOVERED
    assert abs(pace.started(later).wait(later) - 4.0) < 1e-9
    again = pace.refused(sent_at=7.0, retry_after=1, now=9.0)
    assert again == pace, "it was sent before the last cut"
    assert pace.refused(sent_at=9.0, retry_after=0, now=9.5) == pace, "no time was named"
    assert 15 < pace.refused(sent_at=9.0, retry_after=1, now=9.0).slow < 16
    assert slow(LONGEST).refused(sent_at=61, retry_after=9, now=61).slow == LONGEST
