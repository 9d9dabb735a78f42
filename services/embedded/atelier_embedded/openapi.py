"""The one OpenAPI document: what the API and the gallery answer, and the events.

`python -m atelier_embedded.openapi [--check] FILE…` writes it, or says whether a file is another.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI

from atelier_api.routes.auth import auth_routes
from atelier_api.routes.catalogue import catalogue_routes
from atelier_api.routes.jobs import job_routes
from atelier_core.contracts.catalogue import catalogue
from atelier_core.contracts.problems import Code
from atelier_core.domain.job import INTERNAL
from atelier_core.http.app import new_app
from atelier_core.http.describe import example
from atelier_core.http.origin import PublicAddress
from atelier_embedded.schemas import components, hoisted, invalid_request
from atelier_gallery.image_routes import image_routes
from atelier_gallery.job_routes import job_routes as gallery_job_routes
from atelier_gallery.live_routes import live_routes
from atelier_gallery.media_routes import media_routes

Document = dict[str, Any]

METHODS: Final = ("get", "put", "post", "delete", "patch")
OPEN: Final = frozenset({"signIn", "signOut"})  # operations that ask for no credentials
DESCRIPTION: Final = """\
Self-hosted, event-driven text-to-image generation.

A job is accepted with 202 once it is safe, and lives on its own: poll it, long-poll it, or watch
`/v1/events`. Clients test `done`, keep the highest `version` of everything, and ignore fields they
do not know. Unknown request fields and query parameters are refused. Every answer has an
`X-Request-Id`; every error is a `Problem` with a stable `code`.
"""
TAGS: Final = {
    "jobs": "One prompt each, one to ten images.",
    "batches": "Many prompts in one submission: all of them are accepted or none.",
    "images": "What was drawn: found, looked at, downloaded, put in the trash.",
    "live": "Every change as it happens, over a socket or server-sent events.",
    "catalogue": "Models, styles and providers.",
    "authentication": "The installation's key and the cookie it buys.",
}


def application() -> FastAPI:
    """Every route of both services, on collaborators that are never asked."""
    absent: Any = object()
    return new_app(
        job_routes(absent),
        gallery_job_routes(jobs=absent, reading=absent, reader=absent, ending=absent),
        image_routes(images=absent, library=absent),
        media_routes(images=absent, blobs=absent, thumbs=absent, mode="proxy"),
        live_routes(absent),
        catalogue_routes(catalogue(), (), absent),
        auth_routes(absent, secure=True),
        title="Atelier",
        identity=absent,
        address=PublicAddress(),
        api_key=None,
    )


def document() -> Document:
    """The document, the same every time."""
    described = application().openapi()
    schemas: Document = described.get("components", {}).get("schemas", {})
    paths: Document = described["paths"]
    for operations in paths.values():
        for method in METHODS:
            if method in operations:
                _finish(operations[method], schemas)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for name in INTERNAL:
        schemas["Job"]["properties"].pop(name)
    schemas |= components(schemas)
    return {
        "openapi": described["openapi"],
        "info": {
            "title": "Atelier",
            "version": version("atelier-images"),
            "description": DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "security": [{"key": []}, {"session": []}, {}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "examples": {code: {"value": example(code)} for code in sorted(Code)},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "ATELIER_API_KEY"},
                "session": {"type": "apiKey", "in": "cookie", "name": "atelier_session"},
            },
        },
    }


def _finish(operation: Document, schemas: Document) -> None:
    """Named schemas instead of nested ones, our problems instead of the framework's."""
    for media in operation.get("requestBody", {}).get("content", {}).values():
        media["schema"] = hoisted(media["schema"], schemas)
    unprocessable = operation["responses"].get("422", {})
    if "HTTPValidationError" in json.dumps(unprocessable):
        operation["responses"]["422"] = invalid_request()
    operation["responses"] = dict(sorted(operation["responses"].items()))
    operation["tags"] = operation["tags"][-1:]  # a router's, then its own
    if operation["operationId"] in OPEN:
        operation["security"] = []


def text() -> str:
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the files named, or with `--check` compare them; the exit status."""
    check = "--check" in arguments
    files = [Path(name) for name in arguments if not name.startswith("-")]
    current = text()
    if check:
        stale = [file for file in files if not file.exists() or file.read_text() != current]
        for file in stale:
            sys.stderr.write(f"{file} is not what the code says; run `make openapi`.\n")
        return 1 if stale else 0
    for file in files:
        file.write_text(current)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
