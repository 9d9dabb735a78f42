"""Writing a picture into a folder: streamed, whole or not at all, and nowhere else."""

import hashlib
import os
import re
import unicodedata
from contextlib import suppress
from email.message import Message
from functools import partial
from pathlib import Path
from uuid import uuid4

from atelier_client.answers import check
from atelier_client.effects import Flow, Open, Read, Reply, Work
from atelier_client.errors import ApiError
from atelier_client.retry import Retry, patiently

_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_LONGEST = 150  # bytes: leaves room for a suffix in every file system


def save(
    call: Open, directory: Path, *, fallback: str, sha256: str | None, retry: Retry
) -> Flow[Path]:
    """Where the picture is now. Raises ApiError, Unreachable, or OSError for the disk's part."""
    return (yield from patiently(lambda: _save(call, directory, fallback, sha256), retry))


def _save(call: Open, directory: Path, fallback: str, sha256: str | None) -> Flow[Path]:
    reply = yield call
    check(reply)
    name = filename(reply, fallback=fallback)
    part: Part = yield Work(partial(Part, directory, name))
    try:
        while piece := (yield Read()):
            yield Work(partial(part.write, piece))
        if sha256 and part.sha256 != sha256:
            raise ApiError(
                f"{name} arrived damaged; it was not saved.",
                code="damaged_download",
                status=reply.status,
                retryable=True,
            )
        kept: Path = yield Work(part.keep)
    finally:
        part.discard()
    return kept


class Part:
    """A file that is not there yet: a hidden one beside it, until `keep`."""

    def __init__(self, directory: Path, name: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._target = directory / name
        self._path = directory / f".{uuid4().hex}.part"
        self._file = self._path.open("xb")
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, piece: bytes) -> None:
        self._file.write(piece)
        self._hash.update(piece)

    def keep(self) -> Path:
        """Gives it its name, or the first free one with a number; nothing is ever overwritten."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        number = 1
        while True:
            target = self._numbered(number)
            try:
                target.open("xb").close()  # ours from here on, on every file system
            except FileExistsError:
                number += 1
            else:
                self._path.replace(target)
                return target

    def discard(self) -> None:
        """Removes what was not kept."""
        self._file.close()
        with suppress(FileNotFoundError):
            self._path.unlink()

    def _numbered(self, number: int) -> Path:
        if number == 1:
            return self._target
        return self._target.with_name(f"{self._target.stem}-{number}{self._target.suffix}")


def filename(reply: Reply, *, fallback: str) -> str:
    """The name the server gives the picture, made harmless; else `fallback`."""
    message = Message()
    message["Content-Disposition"] = reply.headers.get("content-disposition", "")
    return safe_name(message.get_filename() or "") or fallback


def safe_name(name: str) -> str:
    """`name` as a plain file name: no folder, no control, not hidden, not too long; maybe empty."""
    name = re.split(r"[/\\]", name)[-1]
    name = "".join("_" if _harmful(c) else c for c in name).strip(" .")
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        return name.encode(errors="replace")[:_LONGEST].decode(errors="ignore")
    room = max(1, _LONGEST - len(suffix.encode(errors="replace")[:20]) - 1)
    short = stem.encode(errors="replace")[:room].decode(errors="ignore")
    return f"{short}.{suffix[:20]}"


def _harmful(character: str) -> bool:
    return character in '<>:"|?*' or unicodedata.category(character) in (
        "Cc",
        "Cf",
        "Cs",
        "Zl",
        "Zp",
    )
