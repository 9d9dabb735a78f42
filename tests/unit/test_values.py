from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_core.domain.values import (
    CostStatus,
    Money,
    child_id,
    is_id,
    milliseconds,
    new_id,
    rfc3339,
    seed_of,
)


def test_ids_sort_by_time() -> None:
    ids = [new_id() for _ in range(100)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 100
    assert all(is_id(i) for i in ids)


@pytest.mark.parametrize("text", ["", "x", "../etc", "0198C7A2-0000-7000-8000-000000000000", "\n"])
def test_what_is_not_an_id(text: str) -> None:
    assert not is_id(text)
    assert not is_id(f"{new_id()}\n")


def test_children_are_the_same_for_everybody_and_sort_by_index() -> None:
    parent = new_id()
    children = [child_id(parent, i) for i in range(1000)]
    assert children == [child_id(parent, i) for i in range(1000)]
    assert children == sorted(set(children))
    assert all(is_id(child) and child[:13] == parent[:13] for child in children)
    assert not {child_id(new_id(), i) for i in range(1000)} & set(children)


def test_grandchildren_differ_from_children() -> None:
    parent = new_id()
    assert child_id(child_id(parent, 0), 0) != child_id(parent, 0)


def test_a_seed_follows_from_the_job() -> None:
    job = new_id()
    assert seed_of(job) == seed_of(job)
    assert len({seed_of(new_id()) for _ in range(50)}) > 40
    assert 0 <= seed_of(job) < 2**32


@given(st.datetimes(timezones=st.timezones()))
def test_times_sort_as_text(time: datetime) -> None:
    later = time.astimezone(UTC)
    if later.year < 9999:
        assert rfc3339(time) < rfc3339(time + timedelta(milliseconds=1))
    assert milliseconds(time).microsecond % 1000 == 0


def test_a_time_is_shown_in_utc_with_milliseconds() -> None:
    time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(time) == "2026-01-02T01:04:05.000Z"


def test_totals() -> None:
    exact, estimate = Money.exactly("0.04"), Money(amount="0.01", status=CostStatus.ESTIMATED)
    assert Money.total([]) == Money.exactly("0")
    assert Money.total([exact] * 3) == Money.exactly("0.12")
    assert Money.total([exact, estimate]).status is CostStatus.ESTIMATED
    assert Money.total([exact, Money.unknown()]) == Money.unknown()
    assert Money.total([exact, Money.exactly("1", "EUR")]).amount is None
    assert Money.total([Money.exactly("100"), Money.exactly("900")]).amount == "1000"
