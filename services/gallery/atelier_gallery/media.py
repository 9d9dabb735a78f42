"""How bytes are answered: which part of them, under which name, and for how long they are good."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from atelier_core.contracts.problems import Code, Problem
from atelier_core.domain.image import Image
from atelier_core.domain.outcome import EXTENSIONS

IMMUTABLE = "private, max-age=31536000, immutable"
POLICY = "default-src 'none'; sandbox"  # a picture opened by itself runs nothing
NAME_LENGTH = 60

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_ASCII = re.compile(r"[^a-z0-9]+")
_ANY = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes from `start` up to and without `end`."""

    start: int
    end: int


def part_of(header: str | None, *, size: int) -> Part | None:
    """What a `Range` header asks for; None for everything.

    What is not one range of bytes is ignored, as RFC 9110 allows.

    Raises:
        Problem: range_not_satisfiable.
    """
    match = _RANGE.fullmatch((header or "").strip())
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        start, end = max(0, size - int(match[2])), size
    else:
        start = int(match[1])
        end = min(int(match[2]) + 1, size) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    if start >= size or start >= end:
        raise Problem(
            Code.RANGE_NOT_SATISFIABLE,
            "The file has no such range.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return Part(start, end)


def unchanged(header: str | None, etag: str) -> bool:
    """Whether an `If-None-Match` header says that the client has it."""
    known = {tag.strip().removeprefix("W/") for tag in (header or "").split(",")}
    return "*" in known or etag in known


def disposition(image: Image, *, download: bool) -> str:
    """`Content-Disposition`: a name from the prompt, in ASCII and in its own script."""
    tail = f"-{image.id[-8:]}.{EXTENSIONS.get(image.content_type, 'bin')}"
    plain = unicodedata.normalize("NFKD", image.prompt).encode("ascii", "ignore").decode()
    ascii_name = _slug(_ASCII, plain.lower()) + tail
    name = _slug(_ANY, unicodedata.normalize("NFC", image.prompt).lower()) + tail
    kind = "attachment" if download else "inline"
    return f"{kind}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def _slug(unsafe: re.Pattern[str], text: str) -> str:
    return unsafe.sub("-", text[: 4 * NAME_LENGTH]).strip("-")[:NAME_LENGTH].strip("-") or "image"


def headers_of(etag: str, content_type: str) -> Mapping[str, str]:
    """What every answer with bytes carries."""
    return {
        "ETag": etag,
        "Content-Type": content_type,
        "Cache-Control": IMMUTABLE,
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
    }
