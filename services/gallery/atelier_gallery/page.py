"""The web page: files of this package, read once, answered from memory."""

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Self

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from atelier_core.contracts.problems import not_found
from atelier_gallery.media import unchanged

PLACEHOLDER = b"__VERSION__"
IMMUTABLE = "public, max-age=31536000, immutable"
TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webp": "image/webp",
    "ico": "image/x-icon",
    "woff2": "font/woff2",
    "webmanifest": "application/manifest+json",
}


def policy(media_origin: str | None = None) -> str:
    """The page's Content-Security-Policy; in redirect mode pictures come from `media_origin`."""
    pictures = f"'self' blob: {media_origin}" if media_origin else "'self' blob:"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self';"
        f" img-src {pictures}; connect-src 'self'; font-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"
        " trusted-types 'none'"
    )


@dataclass(frozen=True)
class Web:
    """The files by path. Only what was read at the start is ever answered."""

    version: str
    assets: dict[str, bytes]

    @classmethod
    def load(cls, folder: Traversable | None = None) -> Self:
        assets = dict(_files(folder or files("atelier_gallery").joinpath("web"), ""))
        digest = hashlib.sha256()
        for path, content in sorted(assets.items()):
            digest.update(f"{path} {len(content)} ".encode() + content)
        return cls(f"{version('atelier-images')}-{digest.hexdigest()[:10]}", assets)

    @property
    def index(self) -> bytes:
        return self.assets["index.html"].replace(PLACEHOLDER, self.version.encode())


def _files(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _files(entry, f"{prefix}{entry.name}/")
        elif entry.name.rpartition(".")[2] in TYPES:
            found.append((prefix + entry.name, entry.read_bytes()))
    return found


def page_routes(web: Web, *, media_origin: str | None = None) -> APIRouter:
    router = APIRouter(include_in_schema=False)  # not strict: the page keeps its state in the query
    index = web.index
    index_etag = f'"{hashlib.sha256(index).hexdigest()[:32]}"'
    index_headers = {
        "Content-Security-Policy": policy(media_origin),
        "Cache-Control": "no-cache",
        "ETag": index_etag,
    }

    @router.get("/")
    async def page(request: Request) -> Response:
        if unchanged(request.headers.get("if-none-match"), index_etag):
            return Response(status_code=304, headers=index_headers)
        return Response(index, headers=index_headers, media_type=TYPES["html"])

    @router.get("/assets/{asked}/{path:path}")
    async def asset(asked: str, path: str) -> Response:
        content = web.assets.get(path)
        if content is None or path == "index.html":
            raise not_found()
        # Another version's page, in the minutes of an update, gets the nearest there is.
        cache = IMMUTABLE if asked == web.version else "no-cache"
        headers = {"Cache-Control": cache}
        return Response(content, headers=headers, media_type=TYPES[path.rpartition(".")[2]])

    return router
