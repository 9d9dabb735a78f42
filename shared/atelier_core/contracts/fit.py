"""What a model makes of a request: whether it can draw it, and what it will not honour. Pure.

The API warns by it and the worker orders by it, so that a warning is what then happens.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import log, sqrt
from typing import Literal, TypeVar

from atelier_core.contracts.catalogue import Model
from atelier_core.domain.request import ImageRequest

_N = TypeVar("_N", int, float)

_TOLERANCE = log(1.1)  # a picture may be a tenth wider or narrower than asked for

Name = Literal[
    "size", "aspect_ratio", "negative_prompt", "seed", "steps", "guidance", "quality",
    "output_format",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A parameter that is dropped (`parameter_ignored`) or changed (`parameter_adjusted`)."""

    name: Name
    code: Literal["parameter_ignored", "parameter_adjusted"]
    detail: str


@dataclass(frozen=True, slots=True)
class Fitted:
    """The parameters as a model takes them: within its bounds, None where it does not know them."""

    steps: int | None
    guidance: float | None
    quality: str | None


def can_draw(request: ImageRequest, model: Model) -> bool:
    """Whether a picture of that size, or of about that shape, can come from `model`."""
    can = model.capabilities
    if can.fixed_sizes and request.aspect_ratio in can.aspect_ratios:
        return True
    width, height = request.dimensions()
    if not (can.min_side <= min(width, height) and max(width, height) <= can.max_side):
        return False
    shape = log(width / height)
    if not can.fixed_sizes:
        drawn = drawn_size(width, height, model)
        moved = max(abs(drawn[0] - width), abs(drawn[1] - height))
        rounded = model.size_rule is None or moved < model.size_rule.step
        return rounded or abs(log(drawn[0] / drawn[1]) - shape) <= _TOLERANCE
    shapes = (*can.sizes, *can.aspect_ratios)
    return any(abs(_shape(known) - shape) <= _TOLERANCE for known in shapes)


def drawn_size(width: int, height: int, model: Model) -> tuple[int, int]:
    """The nearest that `model`, which is not one of fixed sizes, draws."""
    rule = model.size_rule
    if rule is None:
        return width, height
    wide, tall = max(width, height / rule.slimmest), max(height, width / rule.slimmest)
    least, most = rule.pixels
    scale = sqrt(min(most, max(least, wide * tall)) / (wide * tall))
    longest, step = model.capabilities.max_side, rule.step
    sides = [min(longest, step * round(side * scale / step)) for side in (wide, tall)]
    while sides[0] * sides[1] > most:
        sides[sides.index(max(sides))] -= step
    while sides[0] * sides[1] < least or max(sides) > rule.slimmest * min(sides):
        sides[sides.index(min(sides))] += step
    return sides[0], sides[1]


def fitted(request: ImageRequest, model: Model) -> Fitted:
    """What `model` is asked for in place of what the request says."""
    can = model.capabilities
    steps, guidance = request.steps, request.guidance
    if steps is not None:
        steps = _within(can.steps, steps) if can.steps else None
    if guidance is not None:
        guidance = _within(can.guidance, guidance) if can.guidance else None
    quality = request.quality if request.quality in can.qualities else None
    return Fitted(steps=steps, guidance=guidance, quality=quality)


def shortfalls(request: ImageRequest, model: Model) -> tuple[Shortfall, ...]:
    """What `model` would not honour of a request that it can draw."""
    return tuple(_shortfalls(request, model))


def _shortfalls(request: ImageRequest, model: Model) -> Iterator[Shortfall]:
    can = model.capabilities
    if can.fixed_sizes and request.size and request.size not in can.sizes:
        yield Shortfall(
            "size", "parameter_adjusted", f"{model.name} draws the nearest size that it knows."
        )
    elif can.fixed_sizes and request.aspect_ratio and request.aspect_ratio not in can.aspect_ratios:
        yield Shortfall(
            "aspect_ratio",
            "parameter_adjusted",
            f"{model.name} draws the nearest shape that it knows.",
        )
    elif (
        request.size and (drawn := drawn_size(*request.dimensions(), model)) != request.dimensions()
    ):
        detail = f"{model.name} draws {drawn[0]}x{drawn[1]}, the nearest that it can."
        yield Shortfall("size", "parameter_adjusted", detail)
    if request.negative_prompt is not None and not can.negative_prompt:
        yield _ignored("negative_prompt", model)
    if request.seed is not None and not can.seed:
        yield _ignored("seed", model)
    taken = fitted(request, model)
    yield from _bounded("steps", request.steps, taken.steps, model)
    yield from _bounded("guidance", request.guidance, taken.guidance, model)
    if request.quality is not None and taken.quality is None:
        yield _ignored("quality", model)
    if request.output_format not in can.output_formats:
        yield _ignored("output_format", model)


def _bounded(
    name: Name, asked: float | None, taken: float | None, model: Model
) -> Iterator[Shortfall]:
    if asked is None or asked == taken:
        return
    if taken is None:
        yield _ignored(name, model)
    else:
        bound = "most" if asked > taken else "least"
        detail = f"The {bound} that {model.name} takes is {taken:g}; the job runs with that."
        yield Shortfall(name, "parameter_adjusted", detail)


def _ignored(name: Name, model: Model) -> Shortfall:
    detail = f"{model.name} does not know this; the job runs without it."
    return Shortfall(name, "parameter_ignored", detail)


def _within(bounds: tuple[_N, _N], value: _N) -> _N:
    return min(bounds[1], max(bounds[0], value))


@cache
def _shape(of: str) -> float:
    """Of a size ("1024x768") or a ratio ("4:3")."""
    width, height = of.replace(":", "x").split("x")
    return log(int(width) / int(height))
