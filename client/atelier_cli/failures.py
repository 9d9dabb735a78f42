"""From a failure to an exit status and a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

from pydantic import ValidationError
from typer import TyperException

from atelier_cli.text import printable
from atelier_client import ApiError, Unreachable

_NO_KEY = "The server wants a valid key: --api-key or ATELIER_API_KEY"
# Of these nobody knows whether a submission was accepted; only our own services name an id.
_OPEN = ("service_unavailable", "internal_error", "unexpected_answer", "idempotency_in_progress")
_MUST_BE = {  # by the kind of pydantic's error
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
}


class Exit(IntEnum):
    """What a script can tell from the status."""

    FINE = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_SUCCEEDED = 4
    INTERRUPTED = 130


class InputError(Exception):
    """What was typed, set or put into a file cannot be used; the message is a whole sentence."""


@contextmanager
def installed(what: str, *, extra: str) -> Iterator[None]:
    """Around the import of `what`, which has an extra of its own; raises InputError without it."""
    try:
        yield
    except ModuleNotFoundError as exc:
        if (exc.name or "").startswith("atelier_"):
            raise
        raise InputError(
            f"{what} is not installed here ({exc.name} is missing):"
            f" pip install 'atelier-images[{extra}]'."
        ) from exc


def status_of(failure: Exception) -> Exit:
    """The exit status for one of the failures that commands may raise."""
    if isinstance(failure, Unreachable | TimeoutError):
        return Exit.UNREACHABLE
    if isinstance(failure, ApiError):
        return Exit.REFUSED
    return Exit.USAGE


def usage(failure: TyperException) -> str:
    """What is wrong with the arguments; what a number must be in our words."""
    cause = failure.__cause__
    if isinstance(cause, ValidationError):
        error = cause.errors(include_url=False)[0]
        if error["type"] in _MUST_BE:
            failure.message = f"it must be {_MUST_BE[error['type']].format(**error.get('ctx', {}))}"
    return failure.format_message()


def problem_of(failure: Exception) -> dict[str, Any]:
    """The failure for programs: the server's own problem where there is one."""
    if isinstance(failure, ApiError):
        known = {
            "code": failure.code,
            "status": failure.status,
            "detail": failure.detail,
            "request_id": failure.request_id,
            "retryable": failure.retryable,
        }
        return {**known, **failure.problem, **_key(failure)}
    if isinstance(failure, Unreachable):
        detail = {"code": "unreachable", "detail": failure.detail, "retryable": True}
        return {**detail, **_key(failure)}
    return {"code": "invalid_input", "detail": sentence(failure), "retryable": False}


def sentence(failure: Exception) -> str:
    """The failure for people, safe to print."""
    if isinstance(failure, ApiError):
        about = failure.code + (f", request {failure.request_id}" if failure.request_id else "")
        places = [f"\n  {printable(_place(e))}" for e in failure.errors if _news(e, failure)]
        known = failure.code == "unauthenticated"  # the server's sentence is for HTTP
        detail = _NO_KEY if known else failure.detail.rstrip(".")
        text = f"{printable(detail)} ({printable(about)}).{''.join(places)}"
        return text + (_unknown(failure) if failure.retryable and failure.code in _OPEN else "")
    if isinstance(failure, Unreachable):
        text = f"{printable(failure.detail).rstrip('.')}."
        return text + (_unknown(failure) if failure.sent else "")
    if isinstance(failure, OSError):
        where = f"{failure.filename}: " if failure.filename else ""
        return printable(f"{where}{failure.strerror or failure}.")
    return printable(str(failure) or type(failure).__name__, lines=True)


def _place(error: Any) -> str:
    return f"{error.get('pointer', '')}: {error.get('detail', '')}"


def _news(error: Any, failure: ApiError) -> bool:
    """Whether it says more than the sentence before it."""
    several = len(failure.errors) > 1 and error.get("pointer")  # two places, the same complaint
    return (_place(error) if several else str(error.get("detail", ""))) not in failure.detail


def _unknown(failure: ApiError | Unreachable) -> str:
    if failure.idempotency_key is None:
        return ""
    known = isinstance(failure, ApiError) and (failure.job_id or failure.batch_id)
    return (
        f"\n  It may have been accepted all the same{f', as {printable(known)}' if known else ''}."
        f" Repeat it with --idempotency-key {printable(failure.idempotency_key)}"
        " and nothing is drawn twice."
    )


def _key(failure: ApiError | Unreachable) -> dict[str, str]:
    return {"idempotency_key": failure.idempotency_key} if failure.idempotency_key else {}
