"""Prompts from files and pipes."""

import json
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from atelier_cli.failures import InputError
from atelier_client import Entry

_LARGEST = 16 * 1024 * 1024  # bytes: four times what a batch may be, and no /dev/zero fills memory
_KINDS = {".txt": False, ".jsonl": True, ".ndjson": True}


def read_prompt(argument: str, stdin: BinaryIO) -> str:
    """The prompt: `argument` itself, or what is piped in for `-`. Raises InputError."""
    if argument != "-":
        return argument
    return _text("standard input", stdin.read(_LARGEST + 1)).rstrip("\r\n")


def read_entries(name: str, stdin: BinaryIO, *, jsonl: bool) -> list[Entry]:
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
    numbered = [(number, line.strip("\r")) for number, line in enumerate(lines, 1)]
    entries: list[Entry] = [
        _entry(f"{shown}, line {number}", line) if jsonl else line
        for number, line in numbered
        if line.strip()
    ]
    if not entries:
        raise InputError(f"{shown} holds no prompt.")
    return entries


def _as_json_lines(path: Path) -> bool:
    kind = path.suffix.lower()
    if kind not in _KINDS:
        raise InputError(
            f"{path.name} is neither a .txt file (a line is a prompt) nor a .jsonl file"
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
