"""Which models and styles exist: dated data in one file, read by everybody.

What exists is here; what is on right now is known from the workers' announcements.
"""

from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from importlib.resources import files
from math import ceil
from typing import Literal

from pydantic import BaseModel, ConfigDict

from atelier_core.domain.values import Money

MEGAPIXEL = 1024 * 1024
USUAL_AREA = 1024 * 1536  # pixels of the largest picture that prices by quality are meant for
AUTO = "auto"
DEFAULT = "default"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Capabilities(_Entry):
    """What a model can do.

    `sizes` are the usual ones; unless `fixed_sizes`, any side within the bounds is accepted.
    `steps` and `guidance` are the least and the most it takes, null if it takes none.
    """

    min_side: int
    max_side: int
    sizes: tuple[str, ...]
    aspect_ratios: tuple[str, ...]
    max_n: int
    seed: bool
    negative_prompt: bool
    styles: bool
    output_formats: tuple[Literal["png", "jpeg", "webp"], ...]
    fixed_sizes: bool = False
    steps: tuple[int, int] | None = None
    guidance: tuple[float, float] | None = None
    qualities: tuple[str, ...] = ()


class SizeRule(_Entry):
    """Sides are multiples of `step`, one at most `slimmest` times the other, and within `pixels`
    in all, the least and the most.
    """

    step: int
    slimmest: int
    pixels: tuple[int, int]


class TokenPrice(_Entry):
    """US dollars per million tokens: of the prompt, of a picture, and of words beside it."""

    text_in: str
    image_out: str
    text_out: str = "0"


class Model(_Entry):
    """A model of a provider; `price` is per image, or `by_megapixel` per started megapixel of one.

    `size_prices` are pairs of pixels and price: a picture costs as the class next to it in size.
    Where tokens decide, `price` estimates a usual picture, and `tokens` prices what was used;
    `quality_prices` are the least and the most for one of at most 1536x1024, by quality.
    `auto`: whether it may be meant where it is not named: yes, only if there is no other, never.
    """

    id: str
    name: str
    provider: str
    aliases: tuple[str, ...]
    capabilities: Capabilities
    size_rule: SizeRule | None = None
    price: Money
    by_megapixel: bool = False
    size_prices: tuple[tuple[int, str], ...] = ()
    tokens: TokenPrice | None = None
    quality_prices: dict[str, tuple[str, str]] = {}
    auto: Literal["yes", "alone", "never"] = "yes"

    def price_at(self, width: int, height: int) -> Money:
        """The price of a picture of that size."""
        amount, pixels = self.price.amount, width * height
        if amount is not None and self.by_megapixel:
            amount = str(Decimal(amount) * ceil(pixels / MEGAPIXEL))
        if self.size_prices:
            amount = min(self.size_prices, key=lambda known: abs(known[0] - pixels))[1]
        return self.price.model_copy(update={"amount": amount})

    def quality_range(self, quality: str | None, size: tuple[int, int]) -> tuple[Decimal, Decimal]:
        """The least and the most for a picture in `quality`, or in any if that is None.

        For models with `quality_prices`; one beyond their usual size costs more at most.
        """
        chosen = [self.quality_prices[quality]] if quality else self.quality_prices.values()
        larger = max(Decimal(1), Decimal(size[0] * size[1]) / USUAL_AREA)
        least = min(Decimal(low) for low, _ in chosen)
        return least, max(Decimal(high) for _, high in chosen) * larger

    @property
    def free(self) -> bool:
        return self.price.amount == "0"


class Rate(_Entry):
    """How many calls of one account may start in so many seconds, as the provider documents it."""

    calls: int
    seconds: float


class Style(_Entry):
    """A named addition to the prompt; providers that know styles get its id instead."""

    id: str
    name: str
    description: str
    suffix: str


class Catalogue(_Entry):
    """All there is; the order of the models is that in which `auto` prefers them.

    `rates` has the providers that have a limit which is the same for everybody.
    """

    dated: str
    rates: dict[str, Rate] = {}
    models: tuple[Model, ...]
    styles: tuple[Style, ...]

    def find(self, name: str) -> tuple[Model, ...]:
        """The models that `name` may mean, best first: an id, an alias, or `auto` for any.

        Those for tests are never meant by `auto`. An entry `<provider>/default`
        stands for every model of its provider: nobody can list what is on a server of one's own.
        """
        if name == AUTO:
            return tuple(m for m in self.models if m.auto != "never")
        found = tuple(m for m in self.models if name == m.id or name in m.aliases)
        if found:
            return found
        provider, _, own = name.partition("/")
        return tuple(
            m.model_copy(update={"id": name, "name": own, "aliases": ()})
            for m in self.models
            if own and m.id == f"{provider}/{DEFAULT}"
        )

    @property
    def qualities(self) -> tuple[str, ...]:
        """The names of all qualities that any model knows."""
        named = (quality for model in self.models for quality in model.capabilities.qualities)
        return tuple(dict.fromkeys(named))

    def style(self, name: str) -> Style | None:
        return next((style for style in self.styles if style.id == name), None)

    def worded(self, prompt: str, style: str | None, model: Model) -> str:
        """`prompt` as `model` gets it: with the style in words if it knows no styles."""
        known = self.style(style) if style else None
        return prompt if known is None or model.capabilities.styles else f"{prompt}, {known.suffix}"

    def of(self, providers: Iterable[str]) -> tuple[Model, ...]:
        """The models of `providers`."""
        names = frozenset(providers)
        return tuple(m for m in self.models if m.provider in names)


@cache
def catalogue() -> Catalogue:
    """The catalogue that ships with this version."""
    text = files("atelier_core.contracts").joinpath("catalogue.json").read_text("utf-8")
    return Catalogue.model_validate_json(text)
