"""Walking the three picture formats from outside: their parts, never their pixels.

A walk trusts nothing: every length is checked against the bytes there are, so that it ends, in time
that grows with the number of parts, on whatever it is given.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from atelier_core.errors import PermanentError

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
JPEG_MAGIC = b"\xff\xd8\xff"
MAX_PARTS = 50_000  # a file of millions of empty parts is an attack, not a picture

_MARKERS_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # without length and content
_SCAN = 0xDA
_END = 0xD9


class BadImageError(PermanentError):
    """Bytes that are no picture we take; the message is a sentence for people."""


@dataclass(frozen=True)
class Part:
    """`data[start:end]` is the part with its frame, `data[body:tail]` its content."""

    kind: bytes
    start: int
    body: int
    tail: int
    end: int


def content_type_of(data: bytes) -> str | None:
    """The type by the first bytes, or None if it is not one of the three."""
    if data.startswith(PNG_MAGIC):
        return "image/png"
    if data.startswith(JPEG_MAGIC):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def png_chunks(data: bytes) -> Iterator[Part]:
    """The chunks up to and with IEND.

    Raises:
        BadImageError: they do not fit the bytes, or there is no IEND.
    """
    at = len(PNG_MAGIC)
    for _ in range(MAX_PARTS):
        if at + 12 > len(data):
            raise BadImageError("The PNG file is cut off.")
        body = at + 8
        tail = body + int.from_bytes(data[at : at + 4])
        if tail + 4 > len(data):
            raise BadImageError("The PNG file is cut off.")
        kind = data[at + 4 : body]
        yield Part(kind, at, body, tail, tail + 4)
        if kind == b"IEND":
            return
        at = tail + 4
    raise BadImageError("The PNG file has too many parts.")


def jpeg_segments(data: bytes) -> Iterator[Part]:
    """The segments from after SOI up to and with the first SOS; `kind` is the marker's byte.

    Raises:
        BadImageError: they do not fit the bytes, or there is no SOS.
    """
    at = 2
    for _ in range(MAX_PARTS):
        if at + 4 > len(data):
            raise BadImageError("The JPEG file is cut off.")
        if data[at] != 0xFF:  # noqa: PLR2004 - how every marker begins
            raise BadImageError("The JPEG file is damaged.")
        marker = data[at + 1]
        if marker == 0xFF:  # noqa: PLR2004 - fill
            at += 1
            continue
        if marker == _END:
            raise BadImageError("The JPEG file has no picture in it.")
        if marker in _MARKERS_ALONE:
            at += 2
            continue
        tail = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if tail > len(data) or tail < at + 4:
            raise BadImageError("The JPEG file is cut off.")
        yield Part(bytes((marker,)), at, at + 4, tail, tail)
        if marker == _SCAN:
            return
        at = tail
    raise BadImageError("The JPEG file has too many parts.")


def webp_chunks(data: bytes) -> Iterator[Part]:
    """The chunks of the RIFF file; `end` counts the padding.

    Raises:
        BadImageError: they do not fit the bytes.
    """
    stop = 8 + int.from_bytes(data[4:8], "little")
    if stop > len(data) or len(data) < 12:  # noqa: PLR2004 - the RIFF header
        raise BadImageError("The WebP file is cut off.")
    at = 12
    for _ in range(MAX_PARTS):
        if at >= stop:
            return
        body = at + 8
        tail = body + int.from_bytes(data[at + 4 : body], "little")
        if tail > stop:
            raise BadImageError("The WebP file is cut off.")
        end = min(tail + (tail - body) % 2, stop)
        yield Part(data[at : at + 4], at, body, tail, end)
        at = end
    raise BadImageError("The WebP file has too many parts.")


def webp_frame_size(kind: bytes, head: bytes) -> tuple[int, int] | None:
    """Width and height by the first 10 bytes of a VP8, VP8L or VP8X chunk; None if damaged."""
    if kind == b"VP8X" and len(head) >= 10:  # noqa: PLR2004 - length of its content
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if kind == b"VP8L" and len(head) >= 5 and head[0] == 0x2F:  # noqa: PLR2004 - signature
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and len(head) >= 10 and head[3:6] == b"\x9d\x01\x2a":  # noqa: PLR2004 - as above
        return (
            int.from_bytes(head[6:8], "little") & 0x3FFF,
            int.from_bytes(head[8:10], "little") & 0x3FFF,
        )
    return None
