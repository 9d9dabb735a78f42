"""PNG files that cost nothing to make: for the fake provider and the server that plays a vendor."""

import random
import struct
import zlib
from functools import cache

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def picture(*, width: int, height: int, seed: int, size: int = 0) -> bytes:
    """A valid PNG of one colour, the same for the same arguments.

    It has exactly `size` bytes if that is more than it needs (some 130 bytes and a pixel's
    eighth of a bit): the rest is noise in a chunk that viewers skip.
    """
    dice = random.Random(seed)  # noqa: S311 - a colour, not a secret
    header = struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0)
    start = _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"PLTE", dice.randbytes(3))
    end = _chunk(b"IDAT", _pixels(width, height)) + _chunk(b"IEND", b"")
    spare = size - len(start) - len(end) - 12
    return start + (_noise(spare) if spare >= 0 else b"") + end


@cache
def _noise(size: int) -> bytes:
    """The same noise in all pictures of a size: making it anew would cost more than a job does."""
    return _chunk(b"noIs", random.Random(size).randbytes(size))  # noqa: S311 - not a secret


@cache
def _pixels(width: int, height: int) -> bytes:
    return zlib.compress(bytes((1 + (width + 7) // 8) * height), 9)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
