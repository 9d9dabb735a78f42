"""The requests of the contract, as values. Nothing here talks to anybody."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from atelier_client.effects import Call, Open, Query
from atelier_client.parameters import Entry

HOLD = 30.0  # seconds for which the server may hold a long poll
IDLE = 45.0  # seconds of silence after which a live stream is dead: it says something every 20
_LONGEST = 255  # characters of an idempotency key


def submit(prompt: str, parameters: Mapping[str, Any], *, key: str | None) -> Call:
    return _post("/v1/jobs", _given({"prompt": prompt, **parameters}), key=key)


def submit_batch(prompts: Iterable[Entry], shared: Mapping[str, Any], *, key: str | None) -> Call:
    entries = [p if isinstance(p, str) else _given(p) for p in prompts]
    return _post("/v1/batches", {"prompts": entries, **_given(shared)}, key=key)


def dry_run(prompts: str | Sequence[Entry], parameters: Mapping[str, Any]) -> Call:
    """Without a key: there is nothing that could be accepted."""
    call = (
        submit(prompts, parameters, key=None)
        if isinstance(prompts, str)
        else submit_batch(prompts, parameters, key=None)
    )
    return replace(call, query=(("dry_run", "true"),))


def retry(job_id: str, *, key: str) -> Call:
    return _post(f"/v1/jobs/{segment(job_id)}/retry", None, key=key)


def poll_job(job_id: str, *, wait: float, after_version: int) -> Call:
    """Answers when the job is newer than `after_version`, or unchanged after `wait` seconds."""
    query = (("wait", str(max(1, round(wait)))), ("after_version", str(after_version)))
    return Call("GET", f"/v1/jobs/{segment(job_id)}", query=query, patience=wait)


def stream(topics: Iterable[str], cursor: str | None) -> Open:
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    if cursor is not None:
        headers["Last-Event-ID"] = cursor
    query = tuple(("topic", topic) for topic in topics)
    return Open("GET", "/v1/events/stream", query=query, headers=headers, events=True, idle=IDLE)


def content(image_id: str, content_url: str) -> Open:
    """The picture as a download. Only a path on our origin is followed, for it gets the key."""
    ours = content_url.startswith("/") and not content_url.startswith("//")
    path = content_url if ours else f"/v1/images/{segment(image_id)}/content"
    return Open("GET", path, query=(("download", "1"),), headers={"Accept": "image/*"})


def filters(**values: Any) -> Query:
    """Query parameters from keyword arguments: None is left out, a sequence is repeated."""
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        several = value if isinstance(value, list | tuple) else (value,)
        pairs += [(name, _text(one)) for one in several if one is not None]
    return tuple(pairs)


def segment(identifier: str) -> str:
    """An id as one segment of a path; raises ValueError if it can be none."""
    if identifier in ("", ".", ".."):
        raise ValueError(f"{identifier!r} is not an id")
    return quote(identifier.encode(errors="surrogateescape"), safe="")


def _post(path: str, body: Any, *, key: str | None) -> Call:
    headers = {} if key is None else {"Idempotency-Key": _checked(key)}
    if body is None:
        return Call("POST", path, headers=headers)
    headers["Content-Type"] = "application/json"
    # ASCII, so that a lone surrogate is refused by the server's rules and not by an encoder here
    return Call("POST", path, headers=headers, body=json.dumps(body, allow_nan=False).encode())


def _checked(key: str) -> str:
    if not (key.isascii() and key.isprintable() and len(key) <= _LONGEST):
        raise ValueError(f"An idempotency key has at most {_LONGEST} printable ASCII characters.")
    return key


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return str(value)
