"""A FastAPI application with everything that all services have in common."""

from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, NoReturn, get_origin

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from atelier_core.http.auth import internal_token, owner_of
from atelier_core.http.docs import docs_router
from atelier_core.http.edge import Edge
from atelier_core.http.health import Probes, health_router
from atelier_core.http.origin import PublicAddress
from atelier_core.http.validation import parameter_problem
from atelier_core.ports import Identity

IDEMPOTENCY_KEY = "Idempotency-Key"


class StrictRoute(APIRoute):
    """A route that refuses parameters it does not name, and single ones that are repeated.

    Who calls is asked first: strangers learn nothing of what a route takes.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        lists = _query_names(self)
        owned = any(dependant.call is owner_of for dependant in _dependants(self))

        async def strict(request: Request) -> Response:
            if errors := [*_query_errors(request, lists), *_header_errors(request)]:
                if owned:
                    await owner_of(request)
                raise parameter_problem(errors)
            return await handle(request)

        return strict


def _query_errors(request: Request, lists: Mapping[str, bool]) -> Iterator[dict[str, Any]]:
    if not request.scope["query_string"]:
        return
    for name, count in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in lists:
            yield {"loc": ("query", name), "type": "extra_forbidden"}
        elif count > 1 and not lists[name]:
            yield {"loc": ("query", name), "type": "repeated"}


def _header_errors(request: Request) -> Iterator[dict[str, Any]]:
    if len(request.headers.getlist(IDEMPOTENCY_KEY)) > 1:
        yield {"loc": ("header", IDEMPOTENCY_KEY), "type": "repeated"}


def _dependants(route: APIRoute) -> Iterator[Dependant]:
    pending = [route.dependant]
    while pending:
        dependant = pending.pop()
        pending += dependant.dependencies
        yield dependant


def _query_names(route: APIRoute) -> dict[str, bool]:
    """The names a query may hold, plain parameters and the fields of query models, and whether
    each is a list.
    """
    names: dict[str, bool] = {}
    for dependant in _dependants(route):
        for parameter in dependant.query_params:
            kind = parameter.field_info.annotation
            names[parameter.alias] = _is_list(kind)
            for name, field in getattr(kind, "model_fields", {}).items():
                names[field.alias or name] = _is_list(field.annotation)
    return names


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) in (tuple, list, set, frozenset)


def new_router(**options: Any) -> APIRouter:
    """A router whose routes refuse unknown and repeated parameters."""
    return APIRouter(route_class=StrictRoute, **options)


def new_app(
    *routers: APIRouter,
    title: str,
    identity: Identity,
    address: PublicAddress,
    api_key: str | None,
    probes: Probes | None = None,
) -> FastAPI:
    """An application of `routers`, and of health, `/openapi.json` and `/docs`.

    Every failure is a problem, every answer has an id and the security headers.

    Args:
        routers: what the service itself answers.
        title: what the service is called in its own documents.
        identity: who says which owner a request speaks for (`auth.owner_of`).
        address: where people reach the installation.
        api_key: the installation's key, from which the internal token follows.
        probes: what must answer before `/readyz` says yes.
    """
    app = FastAPI(
        title=title,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            HTTPException: _raise,
            RequestValidationError: _raise,
            WebSocketRequestValidationError: _raise,
        },
    )
    app.state.identity = identity
    app.state.internal_token = internal_token(api_key)
    app.add_middleware(Edge, address=address)
    for router in (*routers, health_router(probes or {}), docs_router()):
        app.include_router(router)
    return app


async def _raise(_connection: Any, exc: Exception) -> NoReturn:
    """Let the edge answer: the framework has words of its own."""
    raise exc
