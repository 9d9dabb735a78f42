"""What was ordered, in the terms of a model that knows only some sizes and words."""

from collections.abc import Iterable
from math import log

from atelier_core.contracts.catalogue import Catalogue, Model
from atelier_worker.ports import Fault, Order, ProviderError


def model_of(book: Catalogue, order: Order) -> Model:
    """The catalogue's entry for what was ordered.

    Raises:
        ProviderError: there is none; nothing was sent.
    """
    found = book.find(order.model)
    if not found:
        raise ProviderError(Fault.MODEL_UNAVAILABLE, "The model is not in the catalogue.")
    return found[0]


def vendors_name(model: Model) -> str:
    """What the vendor calls the model: the id without our provider before it."""
    return model.id.partition("/")[2]


def nearest_ratio(order: Order, ratios: Iterable[str]) -> str:
    """That of `ratios` ("16:9") that distorts the ordered one least."""
    return _nearest(order, ratios, ":")


def nearest_size(order: Order, sizes: Iterable[str]) -> str:
    """That of `sizes` ("1024x1536") with the ordered shape, and of those the nearest in area."""
    return _nearest(order, sizes, "x")


def format_of(order: Order, model: Model) -> str | None:
    """The file format to ask for; None if the model does not know the ordered one."""
    known = order.output_format in model.capabilities.output_formats
    return order.output_format if known else None


def quality_of(order: Order, model: Model) -> str | None:
    """The quality to ask for; None leaves it to the vendor."""
    return order.quality if order.quality in model.capabilities.qualities else None


def _nearest(order: Order, choices: Iterable[str], between: str) -> str:
    def distance(choice: str) -> tuple[float, float]:
        width, height = (int(part) for part in choice.split(between))
        shape = abs(log(width * order.height) - log(height * order.width))
        return round(shape, 3), abs(log(width * height) - log(order.width * order.height))

    return min(choices, key=distance)
