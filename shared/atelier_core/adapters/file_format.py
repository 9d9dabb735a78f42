"""How a blob lies in its file: the bytes as they came, then a trailer that describes them.

One file holds content and description, so one rename publishes both or neither. The trailer comes
last because pictures end where their format says: every viewer still opens the file as it is, and
a range of the blob is the same range of the file.
"""

import errno
import json
import os
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

_MAGIC = b"ATLRBLB1"
_TAIL = struct.Struct(">I8s")  # length of the JSON before it, magic
_GUESS = 4096  # bytes that nearly always hold the whole trailer


@dataclass(frozen=True)
class Trailer:
    size: int
    etag: str
    content_type: str
    meta: Mapping[str, str]
    mtime: float


def make_trailer(*, content_type: str, meta: Mapping[str, str]) -> tuple[str, bytes]:
    """A new etag and the trailer; no two writes share an etag, not even of the same bytes."""
    etag = secrets.token_hex(16)
    text = json.dumps({"etag": etag, "type": content_type, "meta": dict(meta)}).encode()
    return etag, text + _TAIL.pack(len(text), _MAGIC)


def read_trailer(fd: int) -> Trailer | None:
    """The description of the blob in an open file; None if the file is no blob."""
    stat = os.fstat(fd)
    if not S_ISREG(stat.st_mode):
        return None
    tail = os.pread(fd, _GUESS, max(0, stat.st_size - _GUESS))
    if len(tail) < _TAIL.size:
        return None
    length, magic = _TAIL.unpack_from(tail, len(tail) - _TAIL.size)
    size = stat.st_size - _TAIL.size - length
    if magic != _MAGIC or size < 0:
        return None
    if length + _TAIL.size <= len(tail):
        text = tail[-_TAIL.size - length : -_TAIL.size]
    else:
        text = os.pread(fd, length, size)
    try:
        fields = json.loads(text)
        return Trailer(size, fields["etag"], fields["type"], fields["meta"], stat.st_mtime)
    except (ValueError, KeyError, TypeError):
        return None


def write_blob(path: Path, data: bytes, trailer: bytes) -> None:
    """Write a new file, on disk when this returns."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    try:
        for part in (memoryview(data), memoryview(trailer)):
            rest = part
            while rest:
                rest = rest[os.write(fd, rest) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def read_bytes(fd: int, start: int, size: int) -> bytes:
    """Exactly `size` bytes from `start`."""
    parts = []
    while size > 0:
        part = os.pread(fd, size, start)
        if not part:
            raise OSError(errno.EIO, "the file is shorter than it was")
        parts.append(part)
        start, size = start + len(part), size - len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def open_blob(path: Path) -> int:
    """Open for reading; FileNotFoundError also where a part of the path is a file."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except NotADirectoryError as exc:  # below a blob there is nothing
        raise FileNotFoundError(errno.ENOENT, exc.strerror) from exc


def peek_blob(path: Path) -> Trailer | None:
    """The description of the blob at `path`; None if none is there."""
    try:
        fd = open_blob(path)
    except FileNotFoundError:
        return None
    try:
        return read_trailer(fd)
    finally:
        os.close(fd)
