"""A FastAPI application with everything that all services have in common."""

from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from atelier_core.http.auth import internal_token
from atelier_core.http.docs import docs_router
from atelier_core.http.edge import Edge
from atelier_core.http.health import Probes, health_router
from atelier_core.http.origin import PublicAddress
from atelier_core.http.validation import parameter_problem
from atelier_core.ports import Identity


class StrictRoute(APIRoute):
    """A route that refuses query parameters it does not name."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            if request.scope["query_string"]:
                known = _query_names(self)
                errors = [
                    {"loc": ("query", name), "type": "extra_forbidden"}
                    for name in request.query_params
                    if name not in known
                ]
                if errors:
                    raise parameter_problem(errors)
            return await handle(request)

        return strict


def _query_names(route: APIRoute) -> frozenset[str]:
    """The names a query may hold: plain parameters, and the fields of query models."""
    names: set[str] = set()
    pending = [route.dependant]
    while pending:
        dependant = pending.pop()
        pending += dependant.dependencies
        for parameter in dependant.query_params:
            names.add(parameter.alias)
            fields = getattr(parameter.field_info.annotation, "model_fields", {})
            names |= {field.alias or name for name, field in fields.items()}
    return frozenset(names)


def new_router(**options: Any) -> APIRouter:
    """A router whose routes refuse unknown query parameters."""
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
