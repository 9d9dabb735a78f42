"""The run record: the one arbiter of a job that is being run, kept in the object store.

`protocols.md` of the design calls it by its key, `jobs/{id}/run`. It is changed only by
compare-and-set; everything here is a pure step from one record to the next.
"""

from collections.abc import Iterable
from enum import StrEnum

from atelier_core.domain.outcome import JobError, Outcome
from atelier_core.domain.values import Money, Time, Value

MAX_TAKEOVERS = 5


class CallOutcome(StrEnum):
    """What became of a call. A known end replaces `lost`, `lost` replaces `open`."""

    OPEN = "open"
    LOST = "lost"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def rank(self) -> int:
        return {CallOutcome.OPEN: 0, CallOutcome.LOST: 1}.get(self, 2)


class Gap(Value):
    """Why an answered call did not bring one of its pictures."""

    index: int
    error: JobError


class Call(Value):
    """One call to one provider, written down before it is made.

    `error` is why it failed, or the first of its `gaps`.
    """

    id: str
    provider: str
    model: str
    indexes: tuple[int, ...]
    prompt_as_sent: str
    sent_at: Time
    answered_at: Time | None = None
    provider_job_id: str | None = None
    provider_request_id: str | None = None
    outcome: CallOutcome = CallOutcome.OPEN
    error: JobError | None = None
    gaps: tuple[Gap, ...] = ()
    http_status: int | None = None
    cost: Money = Money.unknown()


class RunRecord(Value):
    """`holder` is the incarnation of the worker that runs the job; null when it was handed back.

    `step` grows with every announced start or deferral, over all workers, so that the gallery can
    tell which of two is the later one.
    """

    holder: str | None
    takeovers: int = 0
    step: int = 0
    calls: tuple[Call, ...] = ()
    outcome: Outcome | None = None

    def merged(self, calls: Iterable[Call]) -> "RunRecord":
        """With `calls` known too: by id, the better known end wins."""
        return self.model_copy(update={"calls": merge_calls(self.calls, calls)})


def merge_calls(known: Iterable[Call], news: Iterable[Call]) -> tuple[Call, ...]:
    """The union by id, in the order first seen; of two ends of one call the better known wins.

    A vendor's job id, once known, is never forgotten.
    """
    merged: dict[str, Call] = {}
    for call in (*known, *news):
        before = merged.get(call.id, call)
        best, other = (call, before) if call.outcome.rank > before.outcome.rank else (before, call)
        if best.provider_job_id is None and other.provider_job_id is not None:
            best = best.model_copy(update={"provider_job_id": other.provider_job_id})
        merged[call.id] = best
    return tuple(merged.values())


def run_key(job_id: str) -> str:
    return f"jobs/{job_id}/run"


def images_prefix(job_id: str) -> str:
    return f"jobs/{job_id}/images/"


def worker_key(incarnation: str) -> str:
    return f"workers/{incarnation}"
