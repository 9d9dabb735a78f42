"""Which models may draw a request, what will not be honoured, what it would cost. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal

from atelier_core.contracts.catalogue import Catalogue, Model
from atelier_core.contracts.problems import Code, FieldError, Problem
from atelier_core.domain.request import ImageRequest, RequestWarning
from atelier_core.domain.values import CostStatus, Value


@dataclass(frozen=True, slots=True)
class Offer:
    """The models that may draw it, best first, and what the best will not honour."""

    models: tuple[Model, ...]
    warnings: tuple[RequestWarning, ...]


def enabled(book: Catalogue, named: Collection[str] | None) -> frozenset[str]:
    """The providers this installation offers: those named, else every one but the test ones."""
    known = {model.provider for model in book.models}
    hidden = {model.provider for model in book.models if model.auto == "never"}
    return frozenset(known & set(named) if named else known - hidden)


def offer(
    request: ImageRequest, *, book: Catalogue, providers: Collection[str], at: str = ""
) -> Offer:
    """What can be done about `request`; `at` is where it stands in the body.

    Raises:
        Problem: invalid_request (style), model_not_found, unsupported_parameter (size).
    """
    if request.style is not None and book.style(request.style) is None:
        raise _problem(Code.INVALID_REQUEST, f"{at}/style", "There is no such style.")
    models = tuple(m for m in book.find(request.model) if m.provider in providers)
    if not models:
        raise _problem(Code.MODEL_NOT_FOUND, f"{at}/model", "There is no such model here.")
    fitting = tuple(m for m in models if _fits(request, m))
    if not fitting:
        where = "aspect_ratio" if request.aspect_ratio else "size"
        sides = models[0].capabilities
        raise _problem(
            Code.UNSUPPORTED_PARAMETER,
            f"{at}/{where}",
            f"No model draws that: sides have {sides.min_side} to {sides.max_side} pixels.",
        )
    return Offer(fitting, tuple(_warnings(request, fitting[0])))


def _fits(request: ImageRequest, model: Model) -> bool:
    sides = model.capabilities
    return all(sides.min_side <= side <= sides.max_side for side in request.dimensions())


def _warnings(request: ImageRequest, model: Model) -> Iterable[RequestWarning]:
    can = model.capabilities
    ignored = {
        "negative_prompt": request.negative_prompt is not None and not can.negative_prompt,
        "seed": request.seed is not None and not can.seed,
        "output_format": request.output_format not in can.output_formats,
    }
    for name, is_ignored in ignored.items():
        if is_ignored:
            yield RequestWarning(
                code="parameter_ignored",
                pointer=f"/{name}",
                detail=f"{model.name} does not know this; the job runs without it.",
            )


def _problem(code: Code, pointer: str, detail: str) -> Problem:
    return Problem(code, f"{pointer}: {detail}", errors=(FieldError(pointer, detail),))


class CostRange(Value):
    """What it may cost; an unknown end has no amount."""

    min: str | None
    max: str | None
    currency: str
    status: CostStatus


class Step(Value):
    """A model that would be asked, and how."""

    provider: str
    model: str
    calls: int
    prompt_as_sent: str
    cost: CostRange


def step(request: ImageRequest, model: Model, book: Catalogue) -> Step:
    """What asking `model` for the whole of `request` means."""
    price = model.price
    amount = None if price.amount is None else _text(Decimal(price.amount) * request.n)
    return Step(
        provider=model.provider,
        model=model.id,
        calls=-(-request.n // model.capabilities.max_n),
        prompt_as_sent=book.worded(request.prompt, request.style, model),
        cost=CostRange(min=amount, max=amount, currency=price.currency, status=price.status),
    )


def total(costs: Iterable[CostRange]) -> CostRange:
    """The sum; one unknown part makes it unknown, several currencies have no sum."""
    costs = tuple(costs)
    currencies = {cost.currency for cost in costs}
    lows, highs = [cost.min for cost in costs], [cost.max for cost in costs]
    if len(currencies) != 1 or None in lows or None in highs:
        return CostRange(min=None, max=None, currency="USD", status=CostStatus.UNKNOWN)
    exact = all(cost.status is CostStatus.EXACT for cost in costs)
    return CostRange(
        min=_text(sum(Decimal(low or 0) for low in lows)),
        max=_text(sum(Decimal(high or 0) for high in highs)),
        currency=currencies.pop(),
        status=CostStatus.EXACT if exact else CostStatus.ESTIMATED,
    )


def _text(amount: Decimal | int) -> str:
    amount = Decimal(amount)
    return format(amount.normalize() if amount else Decimal(), "f")
