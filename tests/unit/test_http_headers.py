"""Cursors and `Prefer`."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_core.contracts.problems import Code, Problem
from atelier_core.http.headers import decode_cursor, encode_cursor, wait_of

FILTERS = {"status": ["queued"], "tag": None}


@given(st.lists(st.text() | st.integers() | st.floats(allow_nan=False), max_size=3))
def test_a_cursor_brings_its_position_back(position: list[str | int | float]) -> None:
    cursor = encode_cursor(position, FILTERS)
    assert cursor.isascii()
    assert decode_cursor(cursor, FILTERS, parts=len(position)) == tuple(position)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "rubbish",
        "é",
        "====",
        encode_cursor(["a", 1], {"status": ["running"]}),
        encode_cursor(["a"], FILTERS),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        base64.urlsafe_b64encode(b'{"a": 1}').decode(),
        base64.urlsafe_b64encode(b"\xff").decode(),
        base64.urlsafe_b64encode(
            json.dumps([encode_cursor([], FILTERS), {}, {}]).encode()
        ).decode(),
    ],
)
def test_a_cursor_of_elsewhere_is_refused(cursor: str) -> None:
    with pytest.raises(Problem) as caught:
        decode_cursor(cursor, FILTERS, parts=2)
    assert caught.value.code is Code.INVALID_CURSOR


@given(st.text())
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    with pytest.raises(Problem):
        decode_cursor(text, FILTERS, parts=9)


@pytest.mark.parametrize(
    ("prefer", "wait"),
    [
        (None, None),
        ("", None),
        ("wait=5", 5),
        ("WAIT = 5", 5),
        ('wait="7"', 7),
        ("respond-async, wait=10", 10),
        ("wait=0", 0),
        ("wait=3600", 60),
        ("wait=-1", None),
        ("wait=soon", None),
        ("wait", None),
        ("wait=" + "9" * 5000, None),
    ],
)
def test_prefer(prefer: str | None, wait: int | None) -> None:
    assert wait_of(prefer) == wait
