"""Which model draws a job, and what is sent to its provider."""

from collections.abc import Collection
from datetime import datetime

from atelier_core.contracts.catalogue import Catalogue, Model
from atelier_core.domain.request import AcceptedJob, ImageRequest
from atelier_core.domain.run import Call
from atelier_core.domain.values import Money, new_id
from atelier_worker.ports import Order


def choose(request: ImageRequest, book: Catalogue, providers: Collection[str]) -> Model | None:
    """The best model the request may mean among those of `providers`; None if there is none."""
    return next((m for m in book.find(request.model) if m.provider in providers), None)


def new_call(
    job: AcceptedJob, model: Model, book: Catalogue, *, indexes: tuple[int, ...], at: datetime
) -> Call:
    """A call about to be made. A free one that is lost costs nothing; any other is unknown."""
    return Call(
        id=new_id(),
        provider=model.provider,
        model=model.id,
        indexes=indexes,
        prompt_as_sent=prompt_as_sent(job.request, model, book),
        sent_at=at,
        cost=Money.exactly("0") if model.free else Money.unknown(),
    )


def prompt_as_sent(request: ImageRequest, model: Model, book: Catalogue) -> str:
    """The prompt, with the style in words for a model that knows no styles."""
    style = book.style(request.style) if request.style else None
    if style is None or model.capabilities.styles:
        return request.prompt
    return f"{request.prompt}, {style.suffix}"


def order(job: AcceptedJob, model: Model, call: Call) -> Order:
    """What `call` asks of the provider."""
    width, height = job.request.dimensions()
    return Order(
        call_id=call.id,
        job_id=job.id,
        model=model.id,
        prompt=call.prompt_as_sent,
        negative_prompt=job.request.negative_prompt,
        width=width,
        height=height,
        indexes=call.indexes,
        seeds=tuple((job.seed + index) % 2**32 for index in call.indexes),
        style=job.request.style if model.capabilities.styles else None,
        output_format=job.request.output_format,
        free=model.free,
    )
