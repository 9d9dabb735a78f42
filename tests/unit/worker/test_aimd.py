"""How many calls a provider gets at once: fewer when it refuses, more when it answers."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from atelier_worker.aimd import REGAINED, Window

LIMIT = st.integers(1, 5_000)
TIME = st.floats(0, 1e6)
WINDOW = st.builds(Window, st.floats(1, 5_000) | st.just(inf), st.just(-inf) | TIME, st.just(0.0))
LATER = st.floats(1, 1e6)


@given(WINDOW, LIMIT, TIME)
def test_there_is_always_room_for_one_and_never_for_more_than_configured(
    window: Window, limit: int, now: float
) -> None:
    assert 1 <= window.calls(limit, now=now) <= limit


@given(WINDOW, LIMIT, st.integers(0, 5_000), LATER)
def test_a_refusal_never_makes_room(window: Window, limit: int, busy: int, apart: float) -> None:
    now = max(window.cut_at, 0.0) + apart
    after = window.refused(sent_at=now - apart / 2, busy=busy, limit=limit, now=now)
    assert after.calls(limit, now=now) <= window.calls(limit, now=now)
    assert after.size <= max(1, busy / 2), "half of what was open, not of what might have been"
    again = after.refused(sent_at=now - apart / 2, busy=busy, limit=limit, now=now + 1)
    assert again == after, "those sent before the cut are one refusal together"


@given(WINDOW, LIMIT, TIME)
def test_an_answer_never_takes_room(window: Window, limit: int, now: float) -> None:
    before = window.calls(limit, now=now)
    assert before <= window.answered(limit=limit, now=now).calls(limit, now=now) <= before + 1


@given(st.integers(1, 60))
def test_a_window_full_of_answers_makes_room_for_one_more_until_all_is_as_before(
    limit: int,
) -> None:
    window = Window(size=1.0, cut_at=0.0)
    for calls in range(1, limit):
        assert window.calls(limit, now=0) == calls
        for _ in range(calls + 1):  # while it grows, a call is a little less of it
            if window.calls(limit, now=0) == calls:
                window = window.answered(limit=limit, now=0)
    assert window.answered(limit=limit, now=0).size == inf


@given(st.integers(2, 60))
def test_a_refusal_is_forgotten_while_nobody_asks(limit: int) -> None:
    window = Window().refused(sent_at=0, busy=limit, limit=limit, now=1)
    missing = limit - window.calls(limit, now=1)
    assert missing >= 1
    assert window.calls(limit, now=1 + REGAINED * 1.01) >= window.calls(limit, now=1) + 1
    assert window.calls(limit, now=1 + REGAINED * (missing + 0.01)) == limit


@given(LIMIT)
def test_only_what_was_refused_bounds_it(limit: int) -> None:
    assert Window().answered(limit=limit, now=9).size == inf
    assert Window().calls(limit, now=9) == limit
