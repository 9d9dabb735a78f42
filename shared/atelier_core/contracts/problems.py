"""The errors clients see (RFC 9457), each with a stable code.

Use cases raise `Problem`; `atelier_core.http` renders it. A problem never echoes input.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from atelier_core.errors import AtelierError


class Code(StrEnum):
    MALFORMED_BODY = "malformed_body"
    INVALID_CURSOR = "invalid_cursor"
    UNAUTHENTICATED = "unauthenticated"
    BUDGET_EXCEEDED = "budget_exceeded"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    JOB_TERMINAL = "job_terminal"
    JOB_NOT_DONE = "job_not_done"
    IDEMPOTENCY_IN_PROGRESS = "idempotency_in_progress"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    RANGE_NOT_SATISFIABLE = "range_not_satisfiable"
    INVALID_REQUEST = "invalid_request"
    UNSUPPORTED_PARAMETER = "unsupported_parameter"
    MODEL_NOT_FOUND = "model_not_found"
    IDEMPOTENCY_MISMATCH = "idempotency_mismatch"
    UPGRADE_REQUIRED = "upgrade_required"
    RATE_LIMITED = "rate_limited"
    QUEUE_FULL = "queue_full"
    INTERNAL_ERROR = "internal_error"
    NO_PROVIDER_AVAILABLE = "no_provider_available"
    SERVICE_UNAVAILABLE = "service_unavailable"
    STORAGE_FULL = "storage_full"


STATUS: dict[Code, int] = {
    Code.MALFORMED_BODY: 400,
    Code.INVALID_CURSOR: 400,
    Code.UNAUTHENTICATED: 401,
    Code.BUDGET_EXCEEDED: 402,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.JOB_TERMINAL: 409,
    Code.JOB_NOT_DONE: 409,
    Code.IDEMPOTENCY_IN_PROGRESS: 409,
    Code.BODY_TOO_LARGE: 413,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.RANGE_NOT_SATISFIABLE: 416,
    Code.INVALID_REQUEST: 422,
    Code.UNSUPPORTED_PARAMETER: 422,
    Code.MODEL_NOT_FOUND: 422,
    Code.IDEMPOTENCY_MISMATCH: 422,
    Code.UPGRADE_REQUIRED: 426,
    Code.RATE_LIMITED: 429,
    Code.QUEUE_FULL: 429,
    Code.INTERNAL_ERROR: 500,
    Code.NO_PROVIDER_AVAILABLE: 503,
    Code.SERVICE_UNAVAILABLE: 503,
    Code.STORAGE_FULL: 507,
}

RETRYABLE = frozenset(
    {
        Code.IDEMPOTENCY_IN_PROGRESS,
        Code.RATE_LIMITED,
        Code.QUEUE_FULL,
        Code.INTERNAL_ERROR,
        Code.NO_PROVIDER_AVAILABLE,
        Code.SERVICE_UNAVAILABLE,
    }
)


def title(code: Code) -> str:
    """The same words for every problem of this code."""
    return code.replace("_", " ").capitalize()


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one place of the input; `pointer` is RFC 6901 (or `?name`, a header)."""

    pointer: str
    detail: str


@dataclass(eq=False)
class Problem(AtelierError):  # noqa: N818 - RFC 9457 calls it a problem
    """An answer that is not the one hoped for. `retry_after` is in seconds."""

    code: Code
    detail: str
    errors: Sequence[FieldError] = field(default=())
    job_id: str | None = None
    batch_id: str | None = None
    retry_after: int | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        return STATUS[self.code]

    @property
    def title(self) -> str:
        return title(self.code)

    @property
    def retryable(self) -> bool:
        return self.code in RETRYABLE


class UnauthenticatedError(Problem):
    """No credentials, or wrong or expired ones; which of these is not said."""

    def __init__(self) -> None:
        super().__init__(
            Code.UNAUTHENTICATED,
            "A valid API key is needed: send it as `Authorization: Bearer KEY`, or sign in.",
            headers={"WWW-Authenticate": "Bearer"},
        )


def not_found(what: str = "There is nothing at this address") -> Problem:
    """The one answer for what is unknown, malformed or somebody else's."""
    return Problem(Code.NOT_FOUND, f"{what}.")
