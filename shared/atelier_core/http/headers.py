"""Small parts of HTTP: `Prefer`, and cursors."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from atelier_core.contracts.problems import Code, Problem

MAX_WAIT = 60  # seconds

_WAIT = re.compile(r'wait\s*=\s*"?(\d{1,9})"?')


def wait_of(prefer: str | None) -> int | None:
    """The seconds of `Prefer: wait=N`, at most 60; None if it is not asked for.

    RFC 7240: a preference that is not understood is ignored.
    """
    for part in (prefer or "").split(","):
        if match := _WAIT.fullmatch(part.strip().lower()):
            return min(int(match[1]), MAX_WAIT)
    return None


def encode_cursor(position: Sequence[str | int | float], filters: Mapping[str, Any]) -> str:
    """An opaque place in a list; good only for the same filters."""
    text = json.dumps([_digest(filters), *position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str, filters: Mapping[str, Any], *, parts: int) -> tuple[Any, ...]:
    """The `parts` of the position that `encode_cursor` was given.

    Raises:
        Problem: invalid_cursor: not one of ours, or of a list with other filters.
    """
    wrong = Problem(Code.INVALID_CURSOR, "This cursor is not of this list and these filters.")
    try:
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), b"-_", validate=True)
        found = json.loads(raw)
    except (ValueError, binascii.Error, RecursionError):
        raise wrong from None
    if not isinstance(found, list) or len(found) != parts + 1 or found[0] != _digest(filters):
        raise wrong
    if not all(isinstance(part, str | int | float) for part in found):
        raise wrong
    return tuple(found[1:])


def _digest(filters: Mapping[str, Any]) -> str:
    canonical = json.dumps(filters, sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
