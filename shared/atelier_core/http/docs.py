"""`/openapi.json` and `/docs`: the contract for programs and for people, all served from here."""

import hashlib
import html
from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from atelier_core.contracts.problems import RETRYABLE, STATUS, not_found, title

DOCUMENT = "openapi.json"  # in this package; written by `make openapi`

_POLICY = (  # Swagger UI draws its icons from data: addresses
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
{body}
</html>
"""
_START = (
    b'SwaggerUIBundle({url: "/openapi.json", dom_id: "#docs", deepLinking: true,'
    b" tryItOutEnabled: true, displayOperationId: true, validatorUrl: null});\n"
)
_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
_VENDORED = ("swagger-ui-bundle.js", "swagger-ui.css")


@cache
def document() -> bytes:
    """The merged OpenAPI document of all services."""
    return files("atelier_core.http").joinpath(DOCUMENT).read_bytes()


@cache
def _asset(name: str) -> bytes:
    if name in _VENDORED:
        return files("fastapi_offline").joinpath("static", name).read_bytes()
    if name == "start.js":
        return _START
    raise not_found()


def docs_router() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    async def openapi(request: Request) -> Response:
        return _cached(request, document(), "application/json")

    @router.get("/docs")
    async def docs() -> Response:
        body = '<body><div id="docs"></div>{}{}'.format(
            *(f'<script src="/docs/{n}"></script>' for n in ("swagger-ui-bundle.js", "start.js"))
        )
        return _page("Atelier: the HTTP interface", body)

    @router.get("/docs/{path:path}")
    async def part(request: Request, path: str) -> Response:
        if path == "problems":
            return _page("Atelier: problems", _problems())
        kind = _TYPES.get(path.rpartition(".")[2], "")
        return _cached(request, _asset(path), kind)

    return router


def _page(heading: str, body: str) -> Response:
    return HTMLResponse(
        _PAGE.format(title=heading, body=body),
        headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"},
    )


def _problems() -> str:
    """What the `type` of a problem points at."""
    rows = "".join(
        f'<tr id="{code}"><td><code>{code}</code><td>{status}<td>{html.escape(title(code))}'
        f"<td>{'later, the same request may succeed' if code in RETRYABLE else ''}"
        for code, status in STATUS.items()
    )
    return (
        '<body class="swagger-ui"><main class="wrapper"><h1>Problems</h1>'
        "<table><thead><tr><th>code<th>status<th>title<th>again?</thead>"
        f"<tbody>{rows}</tbody></table></main>"
    )


def _cached(request: Request, content: bytes, media_type: str) -> Response:
    etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=media_type)
