"""nginx's map and the embedded front door send every request where the one table says."""

import os
import re
import shutil
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest

from atelier_core.contracts.problems import RETRYABLE, Code, title
from atelier_core.contracts.routes import ROUTES, Service, service_for
from platforms import front_door
from ports import free_port

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


def require_nginx() -> None:
    if not (shutil.which("nginx") or Path("/usr/sbin/nginx").exists()):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("nginx is not installed")


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    require_nginx()
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


def raw(origin: str, request: bytes) -> httpx.Response:
    """The answer to bytes that no HTTP client would send."""
    host, port = origin.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as sock:
        sock.sendall(request)
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = [tuple(line.split(": ", 1)) for line in lines]
    return httpx.Response(int(first.split(" ")[1]), headers=headers, content=body)


def check_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    rid = answer.headers["x-request-id"]
    body = answer.json()
    assert body == {
        "type": f"/docs/problems#{code}",
        "title": title(Code(code)),
        "status": status,
        "detail": body["detail"],
        "instance": f"urn:atelier:request:{rid}",
        "code": code,
        "request_id": rid,
        "retryable": Code(code) in RETRYABLE,
        "errors": [],
    }
    assert ("retry-after" in answer.headers) == (Code(code) in RETRYABLE)


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "malformed_body"),
        (b"\x16\x03\x01 nothing\r\n\r\n", 400, "malformed_body"),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "malformed_body"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", 400, "malformed_body"),
        (b"TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405, "method_not_allowed"),
        (b"GET /.problem/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404, "not_found"),
    ],
    ids=["address", "garbage", "no-host", "header", "trace", "own-page"],
)  # fmt: skip
def test_what_nginx_refuses_itself_is_a_problem(
    nginx: str, request_: bytes, status: int, code: str
) -> None:
    answer = raw(nginx, request_)
    check_problem(answer, status, code)
    assert ("allow" in answer.headers) == (status == 405)


def test_too_large_a_body_is_a_problem(nginx: str) -> None:
    body = b"x" * (9 * 1024 * 1024)
    answer = httpx.post(f"{nginx}/v1/jobs", content=body, headers={"X-Request-Id": "mine-1"})
    check_problem(answer, 413, "body_too_large")
    assert answer.headers["x-request-id"] == "mine-1"


def wait_answering(port: int) -> None:
    """nginx without its services is never ready, only listening."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError("nginx does not listen")


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/events", "/internal/x"])
def test_a_service_that_is_away_is_a_problem(tmp_path: Path, path: str) -> None:
    require_nginx()
    port = free_port()
    process = front_door(tmp_path, port, [free_port()], [free_port()])
    process.start()
    try:
        wait_answering(port)
        check_problem(httpx.get(f"http://127.0.0.1:{port}{path}"), 503, "service_unavailable")
    finally:
        process.stop()


def test_every_route_is_named_once() -> None:
    assert len({(r.method, r.path) for r in ROUTES}) == len(ROUTES)
    assert {r.service for r in ROUTES} == set(Service)
