"""What asking would cost, from the dated prices of the catalogue. Unknown is never zero. Pure."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from atelier_core.contracts.catalogue import Model
from atelier_core.contracts.fit import fitted
from atelier_core.domain.request import ImageRequest
from atelier_core.domain.values import CostStatus, Value


class CostRange(Value):
    """What it may cost; an unknown end has no amount."""

    min: str | None
    max: str | None
    currency: str
    status: CostStatus


UNKNOWN = CostRange(min=None, max=None, currency="USD", status=CostStatus.UNKNOWN)


def asking(request: ImageRequest, model: Model) -> CostRange:
    """The price of the whole of `request` at `model`, each call being answered once.

    Where quality decides and none is asked for, the vendor chooses: from the least to the most.
    """
    least, most = _a_picture(request, model)
    return CostRange(
        min=_text(least and least * request.n),
        max=_text(most and most * request.n),
        currency=model.price.currency,
        status=model.price.status,
    )


def by_quality(model: Model) -> dict[str, CostRange]:
    """What a picture of the usual size costs in each quality, where that decides."""
    currency, status = model.price.currency, model.price.status
    return {
        quality: CostRange(min=least, max=most, currency=currency, status=status)
        for quality, (least, most) in model.quality_prices.items()
    }


def bounds(steps: Sequence[CostRange]) -> CostRange:
    """What a job may cost whose chain has these `steps`: at least the cheapest of them.

    At most twice the dearest: a call may be billed and bring nothing, and no picture is paid for
    a third time, however long the chain.
    """
    if not _summable(steps):
        return UNKNOWN
    highs = [Decimal(step.max or 0) for step in steps]
    return CostRange(
        min=_text(min(Decimal(step.min or 0) for step in steps)),
        max=_text(2 * max(highs)),
        currency=steps[0].currency,
        status=_status(steps),
    )


def total(costs: Sequence[CostRange]) -> CostRange:
    """The sum; one unknown part makes it unknown, several currencies have no sum."""
    if not _summable(costs):
        return UNKNOWN
    return CostRange(
        min=_text(sum(Decimal(cost.min or 0) for cost in costs)),
        max=_text(sum(Decimal(cost.max or 0) for cost in costs)),
        currency=costs[0].currency,
        status=_status(costs),
    )


def _a_picture(request: ImageRequest, model: Model) -> tuple[Decimal | None, Decimal | None]:
    if model.quality_prices:
        return model.quality_range(fitted(request, model).quality, request.dimensions())
    amount = model.price_at(*request.dimensions()).amount
    price = None if amount is None else Decimal(amount)
    return price, price


def _summable(costs: Iterable[CostRange]) -> bool:
    costs = tuple(costs)
    known = all(cost.min is not None and cost.max is not None for cost in costs)
    return known and len({cost.currency for cost in costs}) == 1


def _status(costs: Iterable[CostRange]) -> CostStatus:
    exact = all(cost.status is CostStatus.EXACT for cost in costs)
    return CostStatus.EXACT if exact else CostStatus.ESTIMATED


def _text(amount: Decimal | int | None) -> str | None:
    if amount is None:
        return None
    cut = Decimal(amount).quantize(Decimal("0.000001"))
    return format(cut.normalize() if cut else Decimal(), "f")
