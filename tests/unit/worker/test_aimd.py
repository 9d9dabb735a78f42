"""How many calls a provider gets at once: fewer when it refuses, more when it answers."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from atelier_worker.aimd import Window

LIMIT = st.integers(1, 5_000)
WINDOW = st.builds(Window, st.floats(1, 5_000) | st.just(inf), st.just(-inf) | st.floats(0, 1e6))


@given(WINDOW, LIMIT)
def test_there_is_always_room_for_one_and_never_for_more_than_configured(
    window: Window, limit: int
) -> None:
    assert 1 <= window.calls(limit) <= limit


@given(WINDOW, LIMIT, st.integers(0, 5_000), st.floats(1, 1e6))
def test_a_refusal_never_makes_room(window: Window, limit: int, busy: int, apart: float) -> None:
    now = max(window.cut_at, 0.0) + apart
    after = window.refused(sent_at=now - apart / 2, busy=busy, limit=limit, now=now)
    assert after.calls(limit) <= window.calls(limit)
    assert after.size <= max(1, busy / 2), "half of what was open, not of what might have been"
    again = after.refused(sent_at=now - apart / 2, busy=busy, limit=limit, now=now + 1)
    assert again == after, "those sent before the cut are one refusal together"


@given(WINDOW, LIMIT)
def test_an_answer_never_takes_room(window: Window, limit: int) -> None:
    after = window.answered(limit=limit)
    assert window.calls(limit) <= after.calls(limit) <= window.calls(limit) + 1


@given(st.integers(1, 60))
def test_a_window_full_of_answers_makes_room_for_one_more_until_all_is_as_before(
    limit: int,
) -> None:
    window = Window(size=1.0, cut_at=0.0)
    for calls in range(1, limit):
        assert window.calls(limit) == calls
        for _ in range(calls + 1):  # while it grows, a call is a little less of it
            if window.calls(limit) == calls:
                window = window.answered(limit=limit)
    assert window.answered(limit=limit).size == inf


@given(LIMIT)
def test_only_what_was_refused_bounds_it(limit: int) -> None:
    assert Window().answered(limit=limit) == Window()
    assert Window().calls(limit) == limit
