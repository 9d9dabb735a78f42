"""What there is: models, styles, providers."""

from collections.abc import Collection, Sequence
from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from atelier_api.costs import CostRange, by_quality
from atelier_api.workers import Workers
from atelier_core.contracts.catalogue import Capabilities, Catalogue, Model
from atelier_core.domain.values import Money, Time, Value
from atelier_core.http.app import new_router
from atelier_core.http.auth import Owner
from atelier_core.http.describe import problems


class ModelAnswer(Value):
    """A model; `price` is per image, and `quality_prices` is the range for each quality.

    `available`: a worker can draw with it, as far as is known.
    """

    id: str
    object: Literal["model"] = "model"
    name: str
    provider: str
    aliases: tuple[str, ...]
    available: bool
    capabilities: Capabilities
    price: Money
    quality_prices: dict[str, CostRange]


class StyleAnswer(Value):
    """A named addition to the prompt."""

    id: str
    object: Literal["style"] = "style"
    name: str
    description: str


class UnhealthyModel(Value):
    """A model that is left alone although its provider is asked: until when, and why."""

    id: str
    until: Time | None = None
    error: str | None = None


class ProviderAnswer(Value):
    """Where pictures come from. `workers` is how many announced it in the last half minute.

    `state` is theirs: `off` if there are none, `unknown` while that cannot be said. `until` is
    when it is tried again, `error` why it is not healthy, `limit` the calls open at once.
    `unhealthy_models` are those that some worker leaves alone.
    """

    id: str
    object: Literal["provider"] = "provider"
    available: bool
    state: Literal["healthy", "limited", "unhealthy", "off", "unknown"]
    until: Time | None = None
    limit: int | None = None
    error: str | None = None
    workers: int
    models: tuple[str, ...]
    unhealthy_models: tuple[UnhealthyModel, ...] = ()


class _List(Value):
    object: Literal["list"] = "list"
    next_cursor: None = None


class ModelList(_List):
    items: tuple[ModelAnswer, ...]


class StyleList(_List):
    items: tuple[StyleAnswer, ...]


class ProviderList(_List):
    items: tuple[ProviderAnswer, ...]


def catalogue_routes(book: Catalogue, providers: Collection[str], workers: Workers) -> APIRouter:
    router = new_router(tags=["catalogue"])
    models = book.of(providers)

    @router.get(
        "/v1/models",
        operation_id="listModels",
        summary="The models and what they can do",
        responses={200: {"model": ModelList}, **problems()},
    )
    async def list_models(_owner: Owner) -> Response:
        return _answer(ModelList(items=tuple(_model(model) for model in models)))

    @router.get(
        "/v1/styles",
        operation_id="listStyles",
        summary="The named styles",
        responses={200: {"model": StyleList}, **problems()},
    )
    async def list_styles(_owner: Owner) -> Response:
        shown = tuple(
            StyleAnswer(id=style.id, name=style.name, description=style.description)
            for style in book.styles
        )
        return _answer(StyleList(items=shown))

    @router.get(
        "/v1/providers",
        operation_id="listProviders",
        summary="The providers, whether they are on and how they do",
        responses={200: {"model": ProviderList}, **problems()},
    )
    async def list_providers(_owner: Owner) -> Response:
        return _answer(ProviderList(items=tuple(_provider(name) for name in _names())))

    def _names() -> Sequence[str]:
        return list(dict.fromkeys(model.provider for model in models))

    def _model(model: Model) -> ModelAnswer:
        shown = {**dict(model), "quality_prices": by_quality(model)}
        return ModelAnswer(**shown, available=workers.is_on(model.provider))

    def _provider(name: str) -> ProviderAnswer:
        found = workers.standing(name)
        known = workers.known_on()
        return ProviderAnswer(
            id=name,
            available=workers.is_on(name),
            state=found.state.value if found else _unheard(name, known),
            until=found and found.until,
            limit=found and found.limit,
            error=found and found.error,
            workers=found.workers if found else 0,
            models=tuple(model.id for model in models if model.provider == name),
            unhealthy_models=tuple(
                UnhealthyModel(id=model, until=health.until, error=health.error)
                for model, health in (found.models if found else {}).items()
            ),
        )

    return router


def _answer(value: Value) -> Response:
    return Response(value.model_dump_json(), media_type="application/json")


def _unheard(name: str, on: Collection[str] | None) -> Literal["off", "unknown"]:
    return "unknown" if on is None or name in on else "off"
