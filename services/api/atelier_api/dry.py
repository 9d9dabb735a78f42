"""What a submission would do: who would be asked for what, and what it may cost. Pure."""

from collections.abc import Iterable
from typing import Literal

from atelier_api.costs import CostRange, asking, bounds, total
from atelier_api.offer import Offer
from atelier_core.contracts.catalogue import Catalogue, Model
from atelier_core.contracts.fit import shortfalls
from atelier_core.domain.request import ImageRequest, RequestWarning
from atelier_core.domain.values import Value


class Step(Value):
    """A model that would be asked, and how; `ignored` are the parameters it does not honour."""

    provider: str
    model: str
    calls: int
    prompt_as_sent: str
    ignored: tuple[str, ...] = ()
    cost: CostRange


class DryJob(Value):
    """What would be accepted, and who would be asked for it, one after the other."""

    index: int
    request: ImageRequest
    warnings: tuple[RequestWarning, ...]
    chain: tuple[Step, ...]
    cost: CostRange


class DryRun(Value):
    """What a submission would do; nothing was queued and nothing spent."""

    object: Literal["dry_run"] = "dry_run"
    jobs: tuple[DryJob, ...]
    cost: CostRange


def dry_run(asked: Iterable[tuple[ImageRequest, Offer]], book: Catalogue) -> DryRun:
    """The chain of every job and the cost of them all."""
    jobs = tuple(_job(index, request, offer, book) for index, (request, offer) in enumerate(asked))
    return DryRun(jobs=jobs, cost=total([job.cost for job in jobs]))


def _job(index: int, request: ImageRequest, offer: Offer, book: Catalogue) -> DryJob:
    steps = tuple(step(request, model, book) for model in offer.models)
    return DryJob(
        index=index,
        request=request,
        warnings=offer.warnings,
        chain=steps,
        cost=bounds([step.cost for step in steps]),
    )


def step(request: ImageRequest, model: Model, book: Catalogue) -> Step:
    """What asking `model` for the whole of `request` means."""
    return Step(
        provider=model.provider,
        model=model.id,
        calls=-(-request.n // model.capabilities.max_n),
        prompt_as_sent=book.worded(request.prompt, request.style, model),
        ignored=tuple(
            short.name for short in shortfalls(request, model) if short.code == "parameter_ignored"
        ),
        cost=asking(request, model),
    )
