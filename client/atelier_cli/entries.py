"""Prompts from files and pipes."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from atelier_cli.failures import InputError
from atelier_client import ApiError, Entry

_LARGEST = 16 * 1024 * 1024  # bytes: four times what a batch may be, and no /dev/zero fills memory
_KINDS = {".txt": False, ".jsonl": True, ".ndjson": True}
_PLACE = re.compile(r"/prompts/(\d+)(?:/([^:\s]*))?(?=:|$)")  # of an entry, or of a field in it


@dataclass(frozen=True)
class Entries:
    """What a file holds, and the number of the line that each entry stands on."""

    shown: str
    entries: tuple[Entry, ...]
    lines: tuple[int, ...]

    @contextmanager
    def named(self) -> Iterator[None]:
        """Inside, a refusal of the server names lines of the file instead of `/prompts/…`."""
        try:
            yield
        except ApiError as refusal:
            refusal.detail = _PLACE.sub(self._line, refusal.detail, count=1)
            refusal.errors = tuple(
                {**error, "pointer": _PLACE.sub(self._line, str(error.get("pointer", "")))}
                for error in refusal.errors
            )
            raise

    def _line(self, place: re.Match[str]) -> str:
        index, field = int(place[1]), place[2]
        if index >= len(self.lines):
            return place[0]
        return f"{self.shown}, line {self.lines[index]}" + (f": {field}" if field else "")


def read_prompt(argument: str, stdin: BinaryIO) -> str:
    """The prompt: `argument` itself, or what is piped in for `-`. Raises InputError."""
    if argument != "-":
        return argument
    return _text("standard input", stdin.read(_LARGEST + 1)).rstrip("\r\n")


def read_entries(name: str, stdin: BinaryIO, *, jsonl: bool) -> Entries:
    """The entries of a file, or of `-`; raises InputError naming file and line.

    A line of a .txt file is a prompt; a line of a .jsonl file is a JSON text or object. Empty
    lines are none. Any name, and `-`, is read as JSON lines if `jsonl`.
    """
    path = Path(name)
    if name == "-":
        shown, raw = "standard input", stdin.read(_LARGEST + 1)
    else:
        shown, jsonl = name, jsonl or _as_json_lines(path)
        try:
            with path.open("rb") as file:
                raw = file.read(_LARGEST + 1)
        except OSError as exc:
            raise InputError(f"{name} cannot be read: {exc.strerror}.") from exc
    lines = _text(shown, raw).split("\n")
    numbered = [(n, line.strip("\r")) for n, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise InputError(f"{shown} holds no prompt.")
    return Entries(
        shown,
        tuple(_entry(f"{shown}, line {n}", line) if jsonl else line for n, line in numbered),
        tuple(n for n, _ in numbered),
    )


def _as_json_lines(path: Path) -> bool:
    kind = path.suffix.lower()
    if kind not in _KINDS:
        raise InputError(
            f"{path} is neither a .txt file (a line is a prompt) nor a .jsonl file"
            " (a line is an entry); add --jsonl to read it as the latter."
        )
    return _KINDS[kind]


def _entry(where: str, line: str) -> Entry:
    try:
        entry: Any = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as exc:
        reason = exc.msg if isinstance(exc, json.JSONDecodeError) else "no such number or depth"
        raise InputError(f"{where}: not JSON ({reason}).") from exc
    if isinstance(entry, str | dict):
        return entry
    raise InputError(f"{where}: an entry is a text or an object.")


def _no_number(_name: str) -> NoReturn:
    raise ValueError


def _text(shown: str, raw: bytes) -> str:
    if len(raw) > _LARGEST:
        raise InputError(f"{shown} is larger than 16 MiB, which no submission may be.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise InputError(f"{shown}, line {line}: not UTF-8 text.") from exc
