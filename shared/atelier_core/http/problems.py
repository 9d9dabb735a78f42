"""Every failure as a problem (RFC 9457), whoever raised it."""

import json
import logging
import traceback
from collections.abc import Iterator
from typing import Any

from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from atelier_core.contracts.problems import Code, Problem, not_found
from atelier_core.contracts.routes import allowed
from atelier_core.errors import ContractError, NotFoundError, StorageFullError, TransientError
from atelier_core.http.validation import parameter_problem
from atelier_core.telemetry import request_id

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 2  # seconds, where the cause did not say

log = logging.getLogger(__name__)


def problem_body(problem: Problem) -> dict[str, Any]:
    """The members of the answer."""
    rid = request_id.get() or ""
    body: dict[str, Any] = {
        "type": f"/docs/problems#{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": f"urn:atelier:request:{rid}",
        "code": problem.code,
        "request_id": rid,
        "retryable": problem.retryable,
        "errors": [{"pointer": e.pointer, "detail": e.detail} for e in problem.errors],
    }
    if problem.job_id is not None:
        body["job_id"] = problem.job_id
    if problem.batch_id is not None:
        body["batch_id"] = problem.batch_id
    return body


def problem_response(problem: Problem) -> Response:
    """The answer; `Retry-After` is there whenever the same request may succeed later."""
    headers = dict(problem.headers)
    after = problem.retry_after or (RETRY_AFTER if problem.retryable else None)
    if after is not None:
        headers["Retry-After"] = str(after)
    content = json.dumps(problem_body(problem)).encode()
    return Response(content, problem.status, headers, MEDIA_TYPE)


def problem_of(  # noqa: PLR0911 - a table reads best as one match
    exc: BaseException, connection: HTTPConnection
) -> Problem:
    """What to answer after `exc`; what nobody expected is logged and says nothing of its cause."""
    match exc:
        case BaseExceptionGroup(exceptions=[only]):
            return problem_of(only, connection)
        case Problem():
            return exc
        case RequestValidationError() | WebSocketRequestValidationError():
            return parameter_problem(exc.errors())
        case HTTPException():
            return _of_framework(exc, connection)
        case NotFoundError():
            return not_found()
        case StorageFullError():
            return Problem(Code.STORAGE_FULL, "There is no room left to store this.")
        case TransientError(retry_after=after):
            log.warning("unavailable", extra={"error": str(exc), "path": connection.url.path})
            return Problem(
                Code.SERVICE_UNAVAILABLE,
                "A server this depends on does not answer; nothing is known of the outcome.",
                retry_after=max(1, round(after)) if after else None,
            )
        case ContractError():
            log.error("cannot be read", extra={"error": str(exc), "path": connection.url.path})
            return Problem(
                Code.INTERNAL_ERROR,
                "Another release wrote this; the one that answers cannot read it.",
            )
    log.error("unexpected error", extra={"where": outline(exc), "path": connection.url.path})
    return Problem(Code.INTERNAL_ERROR, "This is a fault of ours; the log has it by request id.")


def _of_framework(exc: HTTPException, connection: HTTPConnection) -> Problem:
    path = connection.url.path
    match exc.status_code:
        case 404 | 405:
            methods = allowed(path)
            method = connection.scope.get("method", "GET")
            if not methods or method in methods:
                return not_found()
            return Problem(
                Code.METHOD_NOT_ALLOWED,
                "This address does not take that method.",
                headers={"Allow": ", ".join(sorted(methods))},
            )
        case 413:
            return Problem(Code.BODY_TOO_LARGE, "The body is too large.")
        case 415:
            return Problem(Code.UNSUPPORTED_MEDIA_TYPE, "Send application/json.")
        case status if status < 500:  # noqa: PLR2004 - where the caller's faults end
            return Problem(Code.MALFORMED_BODY, "The request cannot be read.")
    return Problem(Code.INTERNAL_ERROR, "This is a fault of ours; the log has it by request id.")


def outline(exc: BaseException) -> str:
    """Types and places of an error and its causes, without messages: they may hold prompts."""
    return "\n".join(_outline(exc))


def _outline(exc: BaseException | None) -> Iterator[str]:
    seen: set[int] = set()
    while exc is not None and id(exc) not in seen:
        seen.add(id(exc))
        yield type(exc).__qualname__
        yield from (
            f"  {frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(exc.__traceback__)
        )
        if isinstance(exc, BaseExceptionGroup):
            for inner in exc.exceptions:
                yield from _outline(inner)
        exc = exc.__cause__ or exc.__context__
