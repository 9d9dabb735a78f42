"""What can go wrong, by what the caller can do about it.

AtelierError
├── ApiError      the server answered, and not with what was asked for (`retryable` says what then)
├── Unreachable   no answer, or half of one: for a submission the outcome is unknown
└── JobFailed     raised by `raise_for_status()` alone: the job is done and has not succeeded
"""

from collections.abc import Mapping, Sequence
from typing import Any


class AtelierError(Exception):
    """The root of everything this package raises on purpose."""


class ApiError(AtelierError):
    """An RFC 9457 problem. `code` is stable, `detail` is a sentence for people.

    `job_id` (or `batch_id`) is there when the outcome of a submission is unknown: repeat it with
    the same `idempotency_key` and it is the same job.
    """

    def __init__(
        self,
        detail: str,
        *,
        code: str,
        status: int,
        retryable: bool = False,
        request_id: str | None = None,
        job_id: str | None = None,
        batch_id: str | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
        retry_after: float | None = None,
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.status = status
        self.retryable = retryable
        self.request_id = request_id
        self.job_id = job_id
        self.batch_id = batch_id
        self.errors = tuple(errors)
        self.retry_after = retry_after
        self.problem = dict(problem or {})
        self.idempotency_key: str | None = None


class Unreachable(AtelierError, ConnectionError):  # noqa: N818 - reads as what it says
    """Nobody answered in time, or the connection broke. If `sent`, it may have arrived."""

    def __init__(self, detail: str, *, sent: bool = True) -> None:
        super().__init__(detail)
        self.detail = detail
        self.sent = sent
        self.idempotency_key: str | None = None


class JobFailed(AtelierError):  # noqa: N818 - reads as what it says
    """A done job that has not (wholly) succeeded; `code` and `detail` are those of its error."""

    def __init__(self, job_id: str, status: str, code: str | None, detail: str | None) -> None:
        reason = f": {detail}" if detail else ""
        super().__init__(f"Job {job_id} {status.replace('_', ' ')}{reason}")
        self.job_id = job_id
        self.status = status
        self.code = code
        self.detail = detail
