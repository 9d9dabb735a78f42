"""What is sent to the provider of a model."""

from datetime import datetime

from atelier_core.contracts.catalogue import Catalogue, Model
from atelier_core.contracts.fit import fitted
from atelier_core.domain.request import AcceptedJob, ImageRequest
from atelier_core.domain.run import Call
from atelier_core.domain.values import Money
from atelier_worker.ports import Order


def new_call(
    job: AcceptedJob,
    model: Model,
    book: Catalogue,
    *,
    call_id: str,
    indexes: tuple[int, ...],
    at: datetime,
) -> Call:
    """A call about to be made. A free one that is lost costs nothing; any other is unknown."""
    return Call(
        id=call_id,
        provider=model.provider,
        model=model.id,
        indexes=indexes,
        prompt_as_sent=book.worded(job.request.prompt, job.request.style, model),
        sent_at=at,
        cost=Money.exactly("0") if model.free else Money.unknown(),
    )


def parameters(request: ImageRequest, model: Model) -> dict[str, int | float | str]:
    """What is asked of `model` beside words, size and seed; what it does not take is left out."""
    taken = fitted(request, model)
    asked = {"steps": taken.steps, "guidance": taken.guidance, "quality": taken.quality}
    return {name: value for name, value in asked.items() if value is not None}


def order(job: AcceptedJob, model: Model, call: Call) -> Order:
    """What `call` asks of the provider."""
    width, height = job.request.dimensions()
    taken = fitted(job.request, model)
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
        steps=taken.steps,
        guidance=taken.guidance,
        quality=taken.quality,
    )
