"""From an answer's bytes to a resource, or to the error it means."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from atelier_client.effects import Reply
from atelier_client.errors import ApiError

_PASSING = frozenset({502, 503, 504})  # of proxies in front, which know no problems


def resource(reply: Reply) -> dict[str, Any]:
    """The JSON object of a good answer; raises ApiError for a problem or a stranger's answer."""
    check(reply)
    data = _object(reply.content)
    if data is None:
        raise unexpected(reply, "The answer is not JSON; is this an Atelier server?")
    return data


def check(reply: Reply) -> None:
    """Raises the ApiError that a refusal means."""
    if reply.status < 400:  # noqa: PLR2004 - HTTP's own
        return
    problem = _object(reply.content) or {}
    if not isinstance(problem.get("code"), str):
        raise unexpected(reply, f"The server answered {reply.status}.")
    raise ApiError(
        str(problem.get("detail") or problem.get("title") or problem["code"]),
        code=problem["code"],
        status=reply.status,
        retryable=bool(problem.get("retryable")),
        request_id=problem.get("request_id") or reply.headers.get("x-request-id"),
        job_id=problem.get("job_id"),
        batch_id=problem.get("batch_id"),
        errors=[e for e in problem.get("errors") or () if isinstance(e, Mapping)],
        retry_after=retry_after(reply.headers, now=datetime.now(UTC)),
        problem=problem,
    )


def unexpected(reply: Reply, detail: str) -> ApiError:
    """An answer that the contract does not know."""
    return ApiError(
        detail,
        code="unexpected_answer",
        status=reply.status,
        retryable=reply.status in _PASSING,
        request_id=reply.headers.get("x-request-id"),
        retry_after=retry_after(reply.headers, now=datetime.now(UTC)),
    )


def retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """The seconds that `Retry-After` asks for, whether it gives seconds or a date."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError):
        return None


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None
