"""Who may draw a request, and what will not be honoured; or why nobody can. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from atelier_core.contracts.catalogue import Catalogue, Model
from atelier_core.contracts.chain import Chain, chain
from atelier_core.contracts.fit import can_draw, shortfalls
from atelier_core.contracts.problems import Code, FieldError, Problem
from atelier_core.domain.request import DEFAULT_DEADLINE, ImageRequest, RequestWarning


@dataclass(frozen=True, slots=True)
class Offer:
    """The chain, the first choice first, and what the first will not honour.

    `on`: whether any of these providers is known to be on; else they are all that could be.
    """

    models: Chain
    warnings: tuple[RequestWarning, ...]
    on: bool = True


def enabled(book: Catalogue, named: Collection[str] | None) -> frozenset[str]:
    """The providers this installation offers: those named, else every one but the test ones."""
    known = {model.provider for model in book.models}
    return frozenset(known & set(named) if named else known - _for_tests(book))


def offer(
    request: ImageRequest,
    *,
    book: Catalogue,
    providers: Collection[str],
    on: Collection[str] | None = None,
    at: str = "",
) -> Offer:
    """What can be done about `request` by those of `providers` that are `on` (None: unknown).

    `at` is where the request stands in the body.

    Raises:
        Problem: invalid_request (style, quality, a provider's name, start_deadline),
            model_not_found, unsupported_parameter (size, aspect_ratio, providers).
    """
    _refuse(Code.INVALID_REQUEST, *_wrong(request, book=book, providers=providers, at=at))
    living = providers if on is None else frozenset(on).intersection(providers)
    found = chain(request, book, living)
    if found:
        return Offer(found, _warnings(request, found[0]))
    possible = chain(request, book, providers)
    if not possible:
        _refuse(*_reason(request, book=book, providers=providers, at=at))
    return Offer(possible, _warnings(request, possible[0]), on=False)


def _wrong(
    request: ImageRequest, *, book: Catalogue, providers: Collection[str], at: str
) -> Iterator[FieldError]:
    if request.style is not None and book.style(request.style) is None:
        yield FieldError(f"{at}/style", "There is no such style.")
    if request.quality is not None and request.quality not in book.qualities:
        detail = f"This must be one of: {', '.join(book.qualities)}."
        yield FieldError(f"{at}/quality", detail)
    limit = request.deadline or DEFAULT_DEADLINE
    if request.start_deadline is not None and request.start_deadline > limit:
        detail = f"This must be at most the deadline, {limit:,} seconds."
        yield FieldError(f"{at}/start_deadline", detail)
    choice = request.providers
    if choice is None:
        return
    hidden = _for_tests(book) - set(providers)
    known = sorted({model.provider for model in book.models} - hidden)
    lists = {"order": choice.order, "allow": choice.allow or (), "deny": choice.deny}
    for name, given in lists.items():
        for index, provider in enumerate(given):
            if provider not in known:
                detail = f"There is no such provider; there are: {', '.join(known)}."
                yield FieldError(f"{at}/providers/{name}/{index}", detail)


def _reason(
    request: ImageRequest, *, book: Catalogue, providers: Collection[str], at: str
) -> tuple[Code, FieldError]:
    """Why no model of `providers` may draw it, whether or not they are on."""
    meant = tuple(m for m in book.find(request.model) if m.provider in providers)
    if not meant:
        detail = "There is no such model here; /v1/models lists those there are."
        return Code.MODEL_NOT_FOUND, FieldError(f"{at}/model", detail)
    if any(can_draw(request, m) for m in meant):
        detail = "This leaves no provider that could draw it."
        return Code.UNSUPPORTED_PARAMETER, FieldError(f"{at}/providers", detail)
    where = "aspect_ratio" if request.aspect_ratio else "size"
    free = [m for m in meant if not m.capabilities.fixed_sizes]
    detail = f"No model draws that{_bounds(free) if free else _choice(meant[0], where)}."
    return Code.UNSUPPORTED_PARAMETER, FieldError(f"{at}/{where}", detail)


def _bounds(free: Sequence[Model]) -> str:
    least = min(m.capabilities.min_side for m in free)
    most = max(m.capabilities.max_side for m in free)
    rules = [m.size_rule.slimmest for m in free if m.size_rule]
    ruled = len(rules) == len(free) and max(rules) * least < most
    slim = f", one at most {max(rules)} times the other" if ruled else ""
    return f": sides have {least} to {most} pixels{slim}"


def _choice(model: Model, where: str) -> str:
    shapes, sizes = (
        ", ".join(each) for each in (model.capabilities.aspect_ratios, model.capabilities.sizes)
    )
    known = shapes if where == "aspect_ratio" else f"{sizes}, and the shapes {shapes}"
    return f"; {model.name} draws: {known}"


def _warnings(request: ImageRequest, model: Model) -> tuple[RequestWarning, ...]:
    return tuple(
        RequestWarning(code=short.code, pointer=f"/{short.name}", detail=short.detail)
        for short in shortfalls(request, model)
    )


def _for_tests(book: Catalogue) -> set[str]:
    return {model.provider for model in book.models if model.auto == "never"}


def _refuse(code: Code, *errors: FieldError) -> None:
    if errors:
        raise Problem(code, f"{errors[0].pointer}: {errors[0].detail}", errors=errors)
