"""What was ordered, in the terms of a model that knows only some sizes and words."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from math import log

from atelier_core.contracts.catalogue import Catalogue, Model
from atelier_core.contracts.fit import drawn_size
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


def open_models(book: Catalogue, provider: str, listed: Collection[str]) -> str:
    """Which of the models of `provider` a key may use, as a sentence; `listed` is by its names.

    Raises:
        ProviderError: none.
    """
    known = [vendors_name(model) for model in book.of([provider])]
    usable = sum(name in listed for name in known)
    if not usable:
        detail = "The key works, but none of the models known here is open to it."
        raise ProviderError(Fault.MODEL_UNAVAILABLE, detail)
    return f"The key works, and {usable} of the {len(known)} models known here are open to it."


def models(number: int) -> str:
    """`1 model`, `2 models`."""
    return f"{number} model{'' if number == 1 else 's'}"


def nearest_ratio(order: Order, ratios: Iterable[str]) -> str:
    """That of `ratios` ("16:9") that distorts the ordered one least."""
    return _nearest(order, ratios, ":")


def nearest_size(order: Order, sizes: Iterable[str]) -> str:
    """That of `sizes` ("1024x1536") with the ordered shape, and of those the nearest in area."""
    return _nearest(order, sizes, "x")


def sized(order: Order, model: Model) -> Order:
    """`order` in the size that `model`, which is not one of fixed sizes, draws."""
    width, height = drawn_size(order.width, order.height, model)
    return replace(order, width=width, height=height)


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
