"""What may be shown in a terminal: text without power over it, and short forms of numbers."""

import unicodedata
from datetime import datetime

_BIDI = frozenset("\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_KIB, _MIB = 1024, 1024 * 1024


def printable(text: object, *, lines: bool = False) -> str:
    """`text` with all that moves the cursor, colours or reorders written out as its code.

    Line ends and tabs become spaces, unless `lines` are to stay. Emoji keep their joiners.
    """
    return "".join(_shown(c, lines=lines) for c in str(text))


def _shown(character: str, *, lines: bool) -> str:
    if character == "\n":
        return "\n" if lines else " "
    if character == "\t":
        return " "
    if character in _BIDI or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return character


def age(then: datetime, *, now: datetime) -> str:
    """How long ago, in the largest whole unit: 5s, 3m, 2h, 4d."""
    seconds = max(0, int((now - then).total_seconds()))
    for unit, size in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def duration(seconds: float) -> str:
    """Seconds as people say them: 0.4 s, 12 s, 3 min 5 s, 2 h 4 min."""
    if seconds < 10:  # noqa: PLR2004 - where a decimal stops being of interest
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def size(count: int) -> str:
    """Bytes as people say them."""
    if count < _KIB:
        return f"{count} B"
    if count < _MIB:
        return f"{count / _KIB:.0f} KiB"
    return f"{count / _MIB:.1f} MiB"


def counted(number: int, noun: str) -> str:
    """`1 image`, `2 images`, `1,000 images`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def words(status: str) -> str:
    """A status as it reads in a sentence."""
    return printable(status.replace("_", " "))
