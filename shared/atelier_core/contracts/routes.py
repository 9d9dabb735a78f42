"""Who answers what: one table for nginx, the embedded front door, `Allow` and the OpenAPI document.

A path is written as FastAPI writes it. `/internal/*` is not here: it is never routed.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class Service(StrEnum):
    API = "api"
    GALLERY = "gallery"


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    service: Service


def _routes(service: Service, *lines: str) -> tuple[Route, ...]:
    return tuple(
        Route(method, path, service)
        for line in lines
        for methods, path in [line.split()]
        for method in methods.split(",")
    )


ROUTES = (
    *_routes(
        Service.API,
        "POST /v1/jobs",
        "POST /v1/batches",
        "POST /v1/jobs/{job_id}/retry",
        "GET /v1/models",
        "GET /v1/styles",
        "GET /v1/providers",
        "GET,POST,DELETE /v1/auth/session",
        "POST /v1/events/tickets",
    ),
    *_routes(
        Service.GALLERY,
        "GET /v1/jobs",
        "GET /v1/jobs/{job_id}",
        "POST /v1/jobs/{job_id}/cancel",
        "GET /v1/batches/{batch_id}",
        "POST /v1/batches/{batch_id}/cancel",
        "GET /v1/images",
        "GET,DELETE /v1/images/{image_id}",
        "POST /v1/images/{image_id}/restore",
        "GET /v1/images/{image_id}/content",
        "GET /v1/images/{image_id}/thumbs/{width}",
        "GET /v1/events",
        "GET /v1/events/stream",
        "GET /",
        "GET /assets/{version}/{path:path}",
        "GET /openapi.json",
        "GET /docs",
        "GET /docs/{path:path}",
        "GET /healthz",
        "GET /readyz",
    ),
)


@cache
def _pattern(path: str) -> re.Pattern[str]:
    pieces = re.split(r"(\{\w+(?::path)?\})", path)
    return re.compile(
        "".join(
            re.escape(p) if not p.startswith("{") else (".+" if p.endswith(":path}") else "[^/]+")
            for p in pieces
        )
    )


def allowed(path: str) -> frozenset[str]:
    """The methods some service answers at `path`; empty if there is nothing there."""
    methods = {r.method for r in ROUTES if _pattern(r.path).fullmatch(path)}
    return frozenset(methods | ({"HEAD"} if "GET" in methods else set()))


def service_for(method: str, path: str) -> Service:
    """The service that answers `method` at `path`; the gallery answers all that nobody claims."""
    method = "GET" if method == "HEAD" else method
    return next(
        (r.service for r in ROUTES if r.method == method and _pattern(r.path).fullmatch(path)),
        Service.GALLERY,
    )
