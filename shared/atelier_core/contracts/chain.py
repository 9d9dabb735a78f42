"""Who may draw a request, in which order: one pure function that the API and the worker share.

| `model` | means | `fallback` unless given |
|---|---|---|
| `auto` | every model but those for tests; the demo painter only where there is no other | any |
| an alias | the models of that alias, one a provider | same_model |
| `provider/model` | that one | none |

Models that share an alias are the same model at other providers.
"""

from collections import Counter
from collections.abc import Collection, Iterable

from atelier_core.contracts.catalogue import AUTO, Catalogue, Model
from atelier_core.contracts.fit import can_draw, shortfalls
from atelier_core.domain.request import Fallback, ImageRequest, ProviderChoice

Chain = tuple[Model, ...]

_AS_TYPED = ProviderChoice()


def chain(request: ImageRequest, book: Catalogue, on: Collection[str]) -> Chain:
    """The models of the providers `on` that may draw `request`, the first choice first.

    Providers in `order` come first, in that order; then whoever honours more of the parameters,
    then the catalogue's order. A provider's second model comes after every other's first.
    Empty if there is none: no such model, nothing fits, all are denied, or none is on.
    """
    choice = request.providers or _AS_TYPED
    fallback = choice.fallback or default_fallback(request.model, book)
    auto = request.model == AUTO
    meant = () if auto else book.find(request.model)
    if not (auto or meant):
        return ()

    def usable(models: Iterable[Model], *, after: Chain = ()) -> Chain:
        allowed = (m for m in models if _allowed(m, choice, on))
        return after + _ranked(request, choice, allowed, after)

    first = usable(_automatic(book, choice, alone=True) if auto else meant)
    if auto:
        first = _without_stand_ins(first, choice)
    if fallback is Fallback.NONE:
        return first[:1]
    if fallback is Fallback.SAME_MODEL:
        first = first[:1] if auto else first
        return usable(_same(book, meant or first), after=first)
    if auto:
        return first
    known = {m.id for m in meant}
    others = (m for m in _automatic(book, choice, alone=False) if m.id not in known)
    return usable(others, after=first)


def default_fallback(model: str, book: Catalogue) -> Fallback:
    """How far a request goes that does not say: as far as its `model` was left open."""
    if model == AUTO:
        return Fallback.ANY
    aliases = (alias for known in book.models for alias in known.aliases)
    return Fallback.SAME_MODEL if model in aliases else Fallback.NONE


def _allowed(model: Model, choice: ProviderChoice, on: Collection[str]) -> bool:
    provider = model.provider
    allowed = choice.allow is None or provider in choice.allow
    return provider in on and allowed and provider not in choice.deny


def _named(model: Model, choice: ProviderChoice) -> bool:
    return model.provider in choice.order or model.provider in (choice.allow or ())


def _automatic(book: Catalogue, choice: ProviderChoice, *, alone: bool) -> Iterable[Model]:
    """The models nobody has to name; those of a provider that is named count, too."""
    ways = ("yes", "alone") if alone else ("yes",)
    return (m for m in book.models if m.auto in ways or _named(m, choice))


def _without_stand_ins(models: Chain, choice: ProviderChoice) -> Chain:
    return tuple(m for m in models if m.auto == "yes" or _named(m, choice)) or models


def _same(book: Catalogue, models: Chain) -> Iterable[Model]:
    aliases = {alias for model in models for alias in model.aliases}
    known = {model.id for model in models}
    return (m for m in book.models if m.id not in known and aliases & set(m.aliases))


def _ranked(
    request: ImageRequest, choice: ProviderChoice, models: Iterable[Model], before: Chain
) -> Chain:
    drawing = [m for m in models if can_draw(request, m)]
    missed = {m.id: len(shortfalls(request, m)) for m in drawing}
    drawing.sort(key=lambda m: missed[m.id])
    turns = Counter(m.provider for m in before)
    turn: dict[str, int] = {}
    for model in drawing:
        turn[model.id] = turns[model.provider]
        turns[model.provider] += 1
    place = {name: choice.order.index(name) for name in choice.order}

    def rank(model: Model) -> tuple[int, int, int]:
        if model.provider in place:
            return 0, turn[model.id], place[model.provider]
        return 1, missed[model.id], turn[model.id]

    return tuple(sorted(drawing, key=rank))
