"""nginx's map and the embedded front door send every request where the one table says."""

import os
import re
import shutil
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest

from atelier_core.contracts.routes import ROUTES, Service, service_for
from platforms import free_port, front_door

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Named(socketserver.ThreadingTCPServer):
    """An upstream that answers its own name and the path it was asked for."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, name: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.send_response(200)
                self.send_header("X-Service", name)
                self.send_header("X-Path", self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not (shutil.which("nginx") or Path("/usr/sbin/nginx").exists()):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("nginx is not installed")
    port = free_port()
    with Named("api") as api, Named("gallery") as gallery:
        process = front_door(tmp_path_factory.mktemp("nginx"), port, [api.port], [gallery.port])
        process.start()
        try:
            process.wait_ready()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.stop()
            api.shutdown()
            gallery.shutdown()


PATHS = sorted({re.sub(r"\{\w+(:path)?\}", "0198c7a2", route.path) for route in ROUTES})
OTHERS = ["/nothing", "/v1/jobs/", "/v1/jobs/a/b/retry", "/v1/models/x", "/v1/auth", "/v1"]


@pytest.mark.parametrize("path", PATHS + OTHERS)
def test_nginx_routes_as_the_table_says(nginx: str, path: str) -> None:
    with httpx.Client(base_url=nginx) as client:
        got = {m: client.request(m, path).headers["x-service"] for m in METHODS}
    assert got == {m: service_for(m, path) for m in METHODS}


@pytest.mark.parametrize(
    "path",
    ["/internal/identify", "/internal", "/v1/../internal/identify", "/%69nternal/jobs/1",
     "/v1/%2e%2e/internal/jobs/1"],
)  # fmt: skip
def test_internal_addresses_are_never_routed(nginx: str, path: str) -> None:
    request = httpx.Request("GET", nginx)
    request.url = request.url.copy_with(raw_path=path.encode())
    with httpx.Client() as client:
        seen = client.send(request).headers
    assert (seen["x-service"], seen["x-path"]) == ("gallery", "/nothing-here")


def test_every_route_is_named_once() -> None:
    assert len({(r.method, r.path) for r in ROUTES}) == len(ROUTES)
    assert {r.service for r in ROUTES} == set(Service)
