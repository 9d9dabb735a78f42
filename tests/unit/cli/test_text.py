import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_cli.text import age, counted, duration, printable, size


@given(st.text(st.characters(exclude_categories=[])))
def test_nothing_shown_has_power_over_a_terminal(text: str) -> None:
    for character in printable(text):
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
        assert unicodedata.bidirectional(character) not in ("RLO", "LRO", "RLE", "LRE", "PDF")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202egnp.exe", "a\\u202egnp.exe"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("\r\a\b", "\\r\\x07\\x08"),
        ("\udcff", "\\udcff"),
        ("👨\u200d👩\u200d👧 🦊", "👨\u200d👩\u200d👧 🦊"),
        ("مرحبا بالعالم", "مرحبا بالعالم"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_lines_may_stay() -> None:
    assert printable("a\nb\x1b", lines=True) == "a\nb\\x1b"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0s"), (0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (7200, "2h"), (90000, "1d")],
)
def test_age(seconds: int, shown: str) -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC)
    assert age(now - timedelta(seconds=seconds), now=now) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.44, "0.4 s"), (12.9, "12 s"), (185, "3 min 5 s"), (7500, "2 h 5 min")]
)
def test_duration(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_numbers() -> None:
    assert [size(n) for n in (0, 1023, 2048, 3 * 1024 * 1024)] == [
        "0 B",
        "1023 B",
        "2 KiB",
        "3.0 MiB",
    ]
    assert [counted(n, "job") for n in (0, 1, 1000)] == ["0 jobs", "1 job", "1,000 jobs"]
