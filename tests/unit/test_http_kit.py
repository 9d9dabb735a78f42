"""What every service shares over HTTP: problems, ids, origins, strictness, headers."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.websockets import WebSocket

from atelier_core.contracts.problems import Code, Problem, UnauthenticatedError
from atelier_core.errors import (
    ContractError,
    NotFoundError,
    RefusedError,
    StorageFullError,
    TransientError,
)
from atelier_core.http.app import new_app, new_router
from atelier_core.http.auth import Internal, Owner, internal_token
from atelier_core.http.body import MAX_BODY, read_json, read_nothing
from atelier_core.http.frontdoor import FrontDoor
from atelier_core.http.origin import PublicAddress
from atelier_core.ports import Credentials
from atelier_core.telemetry import request_id

pytestmark = pytest.mark.anyio

HERE = "http://127.0.0.1:8080"


class Somebody:
    """Knows one key; is away when asked with `away`."""

    async def identify(self, credentials: Credentials) -> str:
        if credentials.bearer == "away":
            raise TransientError("the database is away")
        if "key" in (credentials.bearer, credentials.session, credentials.ticket):
            return "local"
        raise UnauthenticatedError


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = ""
    number: float = 0
    nested: dict[str, Any] | None = None


class Filters(BaseModel):
    colour: str | None = None
    shade: tuple[str, ...] = ()


class LeakyError(RuntimeError):
    pass


FAILURES = {
    "transient": TransientError("x", retry_after=4),
    "full": StorageFullError("x"),
    "gone": NotFoundError("x"),
    "newer": ContractError("not a Job this version can read (metadata)"),
    "group": ExceptionGroup("x", [ExceptionGroup("y", [Problem(Code.JOB_TERMINAL, "Done.")])]),
    "bug": LeakyError("a prompt and a s3cret"),
}


def make_app(address: PublicAddress | None = None) -> FastAPI:
    router = new_router()

    @router.post("/v1/jobs")
    async def post(request: Request, owner: Owner, number: int = 0) -> Response:
        body = await read_json(request, Body)
        return Response(body.model_dump_json(), headers={"X-Owner": owner, "X-Number": str(number)})

    @router.get("/v1/jobs")
    async def filtered(filters: Annotated[Filters, Query()], tag: str = "") -> Response:
        return Response(f"{filters.colour}{''.join(filters.shade)}{tag}")

    @router.get("/v1/images/{name}")
    async def fail(name: str) -> Response:
        raise FAILURES[name]

    @router.post("/v1/images/{name}/restore")
    async def nothing(request: Request, name: str) -> Response:
        await read_nothing(request)
        return Response(request_id.get())

    @router.get("/v1/events/stream")
    async def endless() -> Response:
        async def forever() -> AsyncIterator[bytes]:
            while True:
                yield b"x"
                await asyncio.sleep(0)

        return StreamingResponse(forever(), headers={"Cache-Control": "no-cache"})

    @router.get("/internal/secret", dependencies=[Internal])
    async def secret() -> Response:
        return Response("ours")

    @router.websocket("/v1/events")
    async def socket(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(1000)

    return new_app(
        router,
        title="test",
        identity=Somebody(),
        address=address or PublicAddress(),
        api_key="installation key",
        probes={"well": _well, "ill": _ill, "strict": _strict},
    )


async def _well() -> None:
    pass


async def _ill() -> None:
    raise TransientError("away, at 10.0.0.7")


async def _strict() -> None:
    raise RefusedError("It refuses the password.")


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with asyncio.timeout(20), client(make_app()) as opened:
        yield opened


def client(app: Any, base: str = HERE, **headers: str) -> httpx.AsyncClient:
    headers = {"Authorization": "Bearer key", **headers}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base, headers=headers)


def code(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == answer.status_code
    assert body["request_id"] == answer.headers["x-request-id"]
    assert {"type", "title", "detail", "instance", "retryable", "errors"} <= set(body)
    return answer.status_code, body["code"]


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", (400, "malformed_body")),
        (b"{", (400, "malformed_body")),
        (b'{"text": "\xff"}', (400, "malformed_body")),
        (b'{"text": "\xed\xa0\x80"}', (400, "malformed_body")),
        (b'{"number": NaN}', (400, "malformed_body")),
        (b'{"number": -Infinity}', (400, "malformed_body")),
        (b'{"text": NaN, "x": "\\ud800"}', (400, "malformed_body")),
        (b"[" * 100_000, (400, "malformed_body")),
        (b'{"nested": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001, (400, "malformed_body")),
        (b'{"a":' * 500 + b'"\\ud800"' + b"}" * 500, (422, "invalid_request")),
        (b'{"text": "\\ud83e"}', (422, "invalid_request")),
        (b'{"\\ud800": 1}', (422, "invalid_request")),
        (b'{"text": 5}', (422, "invalid_request")),
        (b"[]", (422, "invalid_request")),
        (b'{"number": ' + b"9" * 5000 + b"}", (400, "malformed_body")),
        (b" " * (MAX_BODY + 1), (413, "body_too_large")),
    ],
)
async def test_bad_bodies(http: httpx.AsyncClient, raw: bytes, expected: tuple[int, str]) -> None:
    answer = await http.post("/v1/jobs", content=raw, headers=JSON)
    assert code(answer) == expected


async def test_good_bodies_come_through_whole(http: httpx.AsyncClient) -> None:
    text = 'NaN "quoted" \U0001f98a \u202e Infinity'
    answer = await http.post("/v1/jobs", json={"text": text})
    assert answer.json()["text"] == text
    escaped = await http.post("/v1/jobs", content=b'{"text": "\\ud83e\\udd8a"}', headers=JSON)
    assert escaped.json()["text"] == "\U0001f98a"
    padded = b'{"text": "x"}'.ljust(MAX_BODY)
    assert (await http.post("/v1/jobs", content=padded, headers=JSON)).status_code == 200


async def test_bodies_are_counted_while_they_come(http: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 65_536

    answer = await http.post("/v1/jobs", content=endless(), headers=JSON)
    assert code(answer) == (413, "body_too_large")
    assert sent == 5


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=UTF-8", 200),
        ('application/json; charset="utf-8"', 200),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json5", 415),
        ("", 415),
    ],
)
async def test_json_and_nothing_else(http: httpx.AsyncClient, kind: str, status: int) -> None:
    answer = await http.post("/v1/jobs", content=b"{}", headers={"Content-Type": kind})
    assert answer.status_code == status


async def test_pointers_name_the_place_and_echo_nothing(http: httpx.AsyncClient) -> None:
    body = {"text": 5, "a/b": 1, "<script>": 2, "known": 3, "nested": 4}
    answer = await http.post("/v1/jobs", json=body)
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert pointers == {"/text", "", "/known", "/nested"}
    assert "<script>" not in answer.text
    many = await http.post("/v1/jobs", json={f"x{i}": 1 for i in range(1000)})
    assert len(many.json()["errors"]) == 20


async def test_unknown_query_parameters_are_refused(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/jobs?colour=red&tag=x")).text == "redx"
    for query, pointer in [("x=1", "?x"), ("colour=1&Colour=2", "?Colour"), ("<b>=1", "?")]:
        answer = await http.get(f"/v1/jobs?{query}")
        assert code(answer) == (422, "invalid_request")
        assert answer.json()["errors"][0]["pointer"] == pointer
    wrong = await http.post("/v1/jobs?number=many", json={})
    assert wrong.json()["errors"][0]["pointer"] == "?number"
    assert "many" not in wrong.text


async def test_what_is_single_is_given_once(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/jobs?colour=red&shade=a&shade=b")).text == "redab"
    for query, pointer in [("tag=x&tag=x", "?tag"), ("colour=a&shade=b&colour=c", "?colour")]:
        answer = await http.get(f"/v1/jobs?{query}")
        assert code(answer) == (422, "invalid_request")
        [error] = answer.json()["errors"]
        assert error == {"pointer": pointer, "detail": "This is given more than once."}
    twice = [("Idempotency-Key", "a"), ("idempotency-key", "b"), ("Authorization", "Bearer key")]
    answer = await http.post("/v1/jobs", json={}, headers=twice)
    assert code(answer) == (422, "invalid_request")
    assert answer.json()["errors"][0]["pointer"] == "Idempotency-Key"


async def test_strangers_are_told_that_first(http: httpx.AsyncClient) -> None:
    for query, body in [("colour=1", b"{}"), ("number=many", b"{}"), ("number=1&number=2", b"{")]:
        answer = await http.post(
            f"/v1/jobs?{query}", content=body, headers={**JSON, "Authorization": ""}
        )
        assert code(answer) == (401, "unauthenticated")
    assert "key is needed" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "expected", "allow"),
    [
        ("GET", "/nothing", (404, "not_found"), None),
        ("GET", "/v1/jobs/", (404, "not_found"), None),
        ("PUT", "/v1/jobs", (405, "method_not_allowed"), "GET, HEAD, POST"),
        ("GET", "/v1/batches", (405, "method_not_allowed"), "POST"),
        ("OPTIONS", "/v1/auth/session", (405, "method_not_allowed"), "DELETE, GET, HEAD, POST"),
        ("GET", "/v1/images/transient", (503, "service_unavailable"), None),
        ("GET", "/v1/images/full", (507, "storage_full"), None),
        ("GET", "/v1/images/gone", (404, "not_found"), None),
        ("GET", "/v1/images/group", (409, "job_terminal"), None),
        ("GET", "/v1/images/bug", (500, "internal_error"), None),
    ],
)
async def test_every_failure_is_a_problem(
    http: httpx.AsyncClient, method: str, path: str, expected: tuple[int, str], allow: str | None
) -> None:
    answer = await http.request(method, path)
    assert code(answer) == expected
    assert answer.headers.get("allow") == allow
    assert answer.json()["retryable"] == ("retry-after" in answer.headers)


async def test_a_cause_that_knows_when_says_when(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/images/transient")).headers["retry-after"] == "4"


async def test_what_another_release_wrote_is_said_and_the_field_is_logged(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    shown = (await http.get("/v1/images/newer")).json()
    assert (shown["code"], "Another release" in shown["detail"]) == ("internal_error", True)
    [record] = caplog.records
    assert "(metadata)" in record.error


async def test_bugs_are_logged_by_place_and_never_by_content(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        await http.get("/v1/images/bug")
    [record] = caplog.records
    assert "LeakyError" in record.where
    assert "test_http_kit.py" in record.where
    assert "s3cret" not in caplog.text + str(vars(record))


async def test_owners(http: httpx.AsyncClient) -> None:
    assert (await http.post("/v1/jobs", json={})).headers["x-owner"] == "local"
    nobody = await http.post("/v1/jobs", json={}, headers={"Authorization": "Bearer nope"})
    assert code(nobody) == (401, "unauthenticated")
    assert nobody.headers["www-authenticate"] == "Bearer"
    closed = await http.post("/v1/jobs", json={}, headers={"Authorization": "Bearer away"})
    assert code(closed) == (503, "service_unavailable")
    cookie = {"Authorization": "", "Cookie": "other=1; atelier_session=key"}
    assert (await http.post("/v1/jobs", json={}, headers=cookie)).status_code == 200
    ticket = await http.post("/v1/jobs?ticket=key", json={}, headers={"Authorization": ""})
    assert ticket.status_code == 401, "tickets are for sockets"


async def test_request_ids(http: httpx.AsyncClient) -> None:
    given = await http.get("/healthz", headers={"X-Request-Id": "my-id.1"})
    assert given.headers["x-request-id"] == "my-id.1"
    for insane in ("a b", "x" * 129, "<x>"):
        answer = await http.get("/healthz", headers={"X-Request-Id": insane})
        assert answer.headers["x-request-id"] != insane
        assert len(answer.headers["x-request-id"]) == 36
    inside = await http.post("/v1/images/x/restore", headers={"X-Request-Id": "seen"})
    assert inside.text == "seen"
    assert request_id.get() is None


async def test_a_body_where_none_belongs(http: httpx.AsyncClient) -> None:
    for body in (b"", b"{}", b" {} "):
        assert (await http.post("/v1/images/x/restore", content=body)).status_code == 200
    assert code(await http.post("/v1/images/x/restore", content=b'{"a":1}')) == (
        422,
        "invalid_request",
    )


async def test_security_headers(http: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/nothing", "/docs"):
        headers = (await http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "strict-transport-security" not in headers
    assert (await http.get("/healthz")).headers["cache-control"] == "no-store"
    secure = make_app(PublicAddress("https://a.example"))
    async with client(secure, "https://a.example") as https:
        assert "strict-transport-security" in (await https.get("/healthz")).headers


async def test_head_answers_headers_only_and_ends(http: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/v1/events/stream", "/nothing", "/v1/images/bug", "/openapi.json"):
        head = await http.head(path)
        assert head.content == b""
        assert head.headers["x-request-id"]
    assert (await http.head("/openapi.json")).headers["content-length"] != "0"


async def test_health_and_readiness_differ(http: httpx.AsyncClient) -> None:
    assert (await http.get("/healthz")).status_code == 200
    ready = await http.get("/readyz")
    assert code(ready) == (503, "service_unavailable")
    # Strangers may ask: what must be mended is said, where it is is not.
    assert ready.json()["detail"] == "Not ready: ill, strict. It refuses the password."


async def test_documents_are_served_from_here(http: httpx.AsyncClient) -> None:
    document = await http.get("/openapi.json")
    assert json.loads(document.content)["openapi"].startswith("3.1")
    again = await http.get("/openapi.json", headers={"If-None-Match": document.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    page = (await http.get("/docs")).text
    for piece in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        assert f"/docs/{piece}" in page
        assert (await http.get(f"/docs/{piece}")).status_code == 200
    assert "http" not in page
    assert 'id="job_terminal"' in (await http.get("/docs/problems")).text
    for elsewhere in ("redoc.standalone.js", "../app.py", "%2e%2e/app.py", "x"):
        assert (await http.get(f"/docs/{elsewhere}")).status_code == 404


async def test_internal_routes_take_the_token_only(http: httpx.AsyncClient) -> None:
    right = {"X-Atelier-Internal": internal_token("installation key")}
    assert (await http.get("/internal/secret", headers=right)).text == "ours"
    for wrong in ({}, {"X-Atelier-Internal": internal_token(None)}, {"X-Atelier-Internal": "é"}):
        raw = [(k.encode(), v.encode()) for k, v in wrong.items()]
        assert code(await http.get("/internal/secret", headers=raw)) == (403, "forbidden")


@pytest.mark.parametrize(
    ("public", "host", "origin", "status"),
    [
        (None, "127.0.0.1:8080", None, 200),
        (None, "localhost:8080", "http://localhost:8080", 200),
        (None, "[::1]:8080", "http://127.0.0.1:8080", 200),
        (None, "LOCALHOST.:8080", None, 200),
        (None, "localhost:8081", None, 403),
        (None, "localhost", None, 403),
        (None, "evil.example:8080", None, 403),
        (None, "127.0.0.1.evil.example:8080", None, 403),
        (None, "127.0.0.1:8080@evil.example", None, 403),
        (None, "", None, 403),
        (None, "127.0.0.1:8080", "http://evil.example:8080", 403),
        (None, "127.0.0.1:8080", "http://127.0.0.1:9999", 403),
        (None, "127.0.0.1:8080", "null", 403),
        (None, "127.0.0.1:8080", "file://", 403),
        (None, "127.0.0.1:8080", "http://[", 403),
        (None, "127.0.0.1:8080", "http://[1.2.3.4]", 403),
        ("https://a.example", "a.example", "https://a.example", 200),
        ("https://a.example", "A.EXAMPLE:443", "https://a.example:443", 200),
        ("https://a.example", "a.example", "http://a.example", 403),
        ("https://a.example", "127.0.0.1:8080", None, 403),
        ("https://a.example", "a.example:8443", None, 403),
        ("http://localhost:8080", "127.0.0.1:8080", "http://127.0.0.1:8080", 200),
    ],
)
async def test_hosts_and_origins(
    public: str | None, host: str, origin: str | None, status: int
) -> None:
    headers = {"Host": host, **({"Origin": origin} if origin else {})}
    async with client(make_app(PublicAddress(public))) as http:
        answer = await http.post("/v1/jobs", json={}, headers=headers)
        assert answer.status_code == status
        assert (await http.get("/healthz", headers={"Host": "10.0.0.7:1"})).status_code == 200
        if origin and status == 403 and public is None:
            read = await http.get("/v1/jobs", headers=headers)
            assert read.status_code == 200, "reading is what the same-origin policy is for"


async def socket_answer(
    app: Any, path: str, *headers: tuple[bytes, bytes], gone_at: str | None = None
) -> list[Any]:
    """What a socket is told, until it is `gone_at` a message of that type."""
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    incoming.put_nowait({"type": "websocket.connect"})
    told: list[Any] = []

    async def send(message: Any) -> None:
        if gone_at == message["type"]:
            raise BrokenPipeError  # as ASGI has it
        told.append(message)

    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "scheme": "ws",
        "headers": [(b"host", b"127.0.0.1:8080"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    async with asyncio.timeout(5):
        await app(scope, incoming.get, send)
    return told


async def test_sockets_of_other_origins_are_refused() -> None:
    app = make_app()
    ours = await socket_answer(app, "/v1/events", (b"origin", b"http://localhost:8080"))
    assert [message["type"] for message in ours] == ["websocket.accept", "websocket.close"]
    [start, body] = await socket_answer(app, "/v1/events", (b"origin", b"http://evil.example"))
    assert start["status"] == 403
    assert json.loads(body["body"])["code"] == "forbidden"
    assert (b"x-frame-options", b"DENY") in start["headers"]


async def test_where_no_socket_is_there_is_nothing() -> None:
    [start, body] = await socket_answer(make_app(), "/v1/jobs")
    assert start["status"] == 404
    problem = json.loads(body["body"])
    assert problem["code"] == "not_found"
    assert (b"x-request-id", problem["request_id"].encode()) in start["headers"]


@pytest.mark.parametrize("gone_at", ["websocket.accept", "websocket.close"])
async def test_a_socket_that_is_gone_is_no_error(
    gone_at: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Ten thousand of them would be 30 MB of log whenever a gallery leaves."""
    with pytest.raises(BrokenPipeError):  # the server's own, which it takes back quietly
        await socket_answer(make_app(), "/v1/events", gone_at=gone_at)
    assert not caplog.records


async def test_the_front_door_routes_by_the_table() -> None:
    def named(name: str) -> FastAPI:
        router = new_router()
        for method, path in [("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("GET", "/v1/models")]:

            @router.api_route(path, methods=[method], name=f"{method}{path}")
            async def answer() -> Response:
                return Response(name)

        @router.get("/internal/x")
        async def inner() -> Response:
            return Response("never")

        @router.websocket("/v1/events")
        async def socket(socket: WebSocket) -> None:
            await socket.accept(headers=[(b"x-service", name.encode())])
            await socket.close(1000)

        return new_app(
            router,
            title=name,
            identity=Somebody(),
            address=PublicAddress(),
            api_key=None,
        )

    door = FrontDoor(api=named("api"), gallery=named("gallery"), address=PublicAddress())
    async with client(door) as http:
        assert (await http.get("/v1/jobs")).text == "gallery"
        assert (await http.post("/v1/jobs")).text == "api"
        assert (await http.get("/v1/models")).text == "api"
        assert (await http.head("/v1/models")).status_code == 200
        refused = await http.put("/v1/jobs")
        assert (code(refused), refused.headers["allow"]) == (
            (405, "method_not_allowed"),
            "GET, HEAD, POST",
        )
        assert code(await http.get("/internal/x")) == (404, "not_found")
        assert code(await http.get("/internal")) == (404, "not_found")
    [accepted, _] = await socket_answer(door, "/v1/events")
    assert (b"x-service", b"gallery") in accepted["headers"]
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    told: list[str] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        told.append(message["type"])

    await door({"type": "lifespan"}, receive, send)
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
