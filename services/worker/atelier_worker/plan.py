"""What is still to be drawn of a job, by whom, and how it ends: pure functions of its calls and
pictures.

Every picture goes along the chain of models for itself. What its calls tell of a model:

| the last call there | that model |
|---|---|
| none, or lost with its worker | may be asked |
| rate_limited, overloaded | may be asked again: nothing was bought |
| timeout, transport | may be asked again, after the others |
| moderated | is done with; with `on_blocked: stop`, so are all others for this picture |
| anything else | is done with |

With `on_blocked: stop` the prompt of a job of which anything was moderated is shown to no provider
that has not seen it (`confined_to`). However long the chain: a picture is not paid for again after
two calls that may have cost something and brought nothing, and not asked for again after five that
were not answered.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from atelier_core.contracts.catalogue import Catalogue, Model
from atelier_core.contracts.chain import chain as chain_of
from atelier_core.domain.outcome import JobError, JobStatus, Outcome, ProducedImage
from atelier_core.domain.request import ImageRequest, OnBlocked
from atelier_core.domain.run import Call, CallOutcome
from atelier_worker.ports import UNANSWERED, WAITING, Fault

MAX_ATTEMPTS: Final = 5  # calls for one picture; refusals for lack of room are not counted
MAX_IN_VAIN: Final = 2  # calls for one picture that may have cost something: one, and one again
PAUSES: Final = (5.0, 5.0, 30.0, 30.0, 120.0, 120.0, 600.0)  # seconds after the n-th failure

LOST: Final = JobError(
    code="worker_lost", detail="The worker died before the provider answered.", retryable=True
)
UNAVAILABLE: Final = JobError(
    code=Fault.MODEL_UNAVAILABLE, detail="No provider here draws it.", retryable=True
)
STORAGE_FAILED: Final = "storage_failed"  # ours: another provider's picture would not be stored


@dataclass(frozen=True)
class Share:
    """Pictures that may come from any of `models`, the first choice first."""

    indexes: tuple[int, ...]
    models: tuple[Model, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Calls to wait for again, pictures to ask for, and pictures given up."""

    resume: tuple[Call, ...] = ()
    draw: tuple[Share, ...] = ()
    failed: Mapping[int, JobError] = field(default_factory=dict)


def plan(
    wanted: Iterable[int],
    calls: Iterable[Call],
    stored: Collection[int],
    *,
    chain: Sequence[Model],
    on_blocked: OnBlocked = OnBlocked.STOP,
) -> Plan:
    """What is left to do for the pictures `wanted` of a job of which `stored` are safe; `chain`
    has none but the providers it is confined to.
    """
    wanted, calls = tuple(wanted), tuple(calls)
    resume = tuple(
        call
        for call in calls
        if call.outcome is CallOutcome.OPEN and set(call.indexes) & set(wanted) - set(stored)
    )
    waited_for = {index for call in resume for index in call.indexes}
    failed: dict[int, JobError] = {}
    shares: dict[tuple[str, ...], Share] = {}
    for index in wanted:
        if index in stored or index in waited_for:
            continue
        own = [(call, _error(call, index)) for call in calls if index in call.indexes]
        models = _open_to(own, chain, on_blocked)
        if not models:
            failed[index] = _why([error for _, error in own])
            continue
        key = tuple(model.id for model in models)
        before = shares.get(key, Share((), models))
        shares[key] = Share((*before.indexes, index), models)
    return Plan(resume=resume, draw=tuple(shares.values()), failed=failed)


def confined_to(calls: Iterable[Call], on_blocked: OnBlocked) -> frozenset[str] | None:
    """The only providers that may still be shown the prompt, after those calls; None: all may."""
    calls = tuple(calls)
    if on_blocked is OnBlocked.TRY_NEXT or not any(_refused(call) for call in calls):
        return None
    return frozenset(call.provider for call in calls)


def free_somewhere(request: ImageRequest, book: Catalogue) -> bool:
    """Whether a worker, with whatever providers, may draw `request` for nothing."""
    providers = {model.provider for model in book.models if model.free}
    return any(model.free for model in chain_of(request, book, providers))


def _open_to(
    calls: Sequence[tuple[Call, JobError]], chain: Sequence[Model], on_blocked: OnBlocked
) -> tuple[Model, ...]:
    """The models that may be asked for a picture these calls did not bring, and why not; the first
    choice first, none if it is given up.
    """
    errors = [error for _, error in calls]
    codes = {error.code for error in errors}
    blocked = Fault.MODERATED in codes and on_blocked is OnBlocked.STOP
    if blocked or STORAGE_FAILED in codes or _unanswered(errors) >= MAX_ATTEMPTS:
        return ()
    last = {call.model: error.code for call, error in calls}
    may = [m for m in chain if last.get(m.id, LOST.code) in WAITING | {LOST.code}]
    may += [m for m in chain if last.get(m.id) in UNANSWERED]
    if sum(_in_vain(call, error) for call, error in calls) >= MAX_IN_VAIN:
        may = [m for m in may if m.free]
    return tuple(may)


def _refused(call: Call) -> bool:
    """Whether a moderation refused the prompt, or a picture of it: vendors do not tell which."""
    errors = (call.error, *(gap.error for gap in call.gaps))
    return any(error is not None and error.code == Fault.MODERATED for error in errors)


def _error(call: Call, index: int) -> JobError:
    """Why it did not bring that picture; if it did, the bytes went with the worker."""
    if call.gaps:
        return next((gap.error for gap in call.gaps if gap.index == index), LOST)
    return call.error or LOST


def _in_vain(call: Call, error: JobError) -> bool:
    """Whether a call that did not bring a picture may have cost something."""
    amount = call.cost.amount
    return error.code not in WAITING and (amount is None or Decimal(amount) != 0)


def _unanswered(errors: Iterable[JobError]) -> int:
    return sum(error is LOST or error.code in UNANSWERED for error in errors)


def _why(errors: Iterable[JobError]) -> JobError:
    """The error of a picture that is given up after those."""
    errors = [error for error in errors if error.code not in WAITING]
    if not errors:
        return UNAVAILABLE
    last = errors[-1]
    if last is LOST or _unanswered(errors) < MAX_ATTEMPTS:
        return last
    detail = f"{MAX_ATTEMPTS} attempts failed; the last: {last.detail}"
    return JobError(code="attempts_exhausted", detail=detail, retryable=True)


def pause(calls: Iterable[Call], *, at_least: float, later: bool) -> timedelta:
    """How long to wait after the last of `calls` failed: longer each time, at least as asked.

    Of jobs that failed together some take the next step `later`, so that they do not all come
    back together.
    """
    failures: Counter[tuple[str, int]] = Counter()  # those of ten pictures are one, not ten
    for call in reversed(tuple(calls)):
        if call.outcome is not CallOutcome.FAILED:
            break
        failures.update((call.model, index) for index in call.indexes)
    step = max(failures.values(), default=1) + later
    return timedelta(seconds=max(PAUSES[min(step, len(PAUSES)) - 1], at_least))


def outcome_of(
    n: int, images: Iterable[ProducedImage], failed: Mapping[int, JobError], *, at: datetime
) -> Outcome:
    """How a job ends of which nothing is left to do. The error is that of the first gap."""
    images = tuple(sorted(images, key=lambda image: image.index))
    have = {image.index for image in images}
    errors = [failed[index] for index in range(n) if index not in have]
    if not errors:
        return Outcome(status=JobStatus.SUCCEEDED, images=images, at=at)
    if images:
        status = JobStatus.PARTIALLY_SUCCEEDED
    elif all(error.code == Fault.MODERATED for error in errors):
        status = JobStatus.BLOCKED
    else:
        status = JobStatus.FAILED
    return Outcome(status=status, error=errors[0], images=images, at=at)
