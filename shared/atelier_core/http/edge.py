"""The outermost layer of every service: request ids, origin checks, headers, the last net."""

import logging
import re
from collections.abc import Iterable

from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from atelier_core.contracts.problems import Code, Problem, not_found
from atelier_core.domain.values import new_id
from atelier_core.http.origin import SAFE, PublicAddress
from atelier_core.http.problems import outline, problem_of, problem_response
from atelier_core.telemetry import request_id

POLICY = "default-src 'none'; frame-ancestors 'none'"  # what a page sets itself, it keeps
PROBES = ("/healthz", "/readyz", "/internal/")  # asked by addresses that are not public

_SANE = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
_DEFAULTS = (
    (b"content-security-policy", POLICY.encode()),
    (b"cache-control", b"no-store"),
)

log = logging.getLogger(__name__)


class _HeadAnsweredError(Exception):
    """The headers of a HEAD request are out: no need to make the body."""


class Edge:
    """ASGI middleware; see the module."""

    def __init__(self, app: ASGIApp, *, address: PublicAddress) -> None:
        self._app = app
        self._address = address
        hsts = ((b"strict-transport-security", b"max-age=31536000"),) if address.https else ()
        self._headers = (*_HEADERS, *hsts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        shown = headers.get(b"x-request-id", b"")
        rid = shown.decode() if _SANE.fullmatch(shown) else new_id()
        token = request_id.set(rid)
        answer = _Answer(scope, send, (*self._headers, (b"x-request-id", rid.encode())))
        head = scope.get("method") == "HEAD"
        inner = {**scope, "method": "GET"} if head else scope
        try:
            self._check(scope, headers)
            await self._app(inner, receive, answer)
        except (_HeadAnsweredError, ClientDisconnect):
            pass
        except Exception as exc:  # noqa: BLE001 - the last net: whatever it is becomes a problem
            if answer.gone:  # the server knows its own word, and nobody else hears ours
                raise answer.gone from None
            await answer.rescue(exc, inner, receive)
        finally:
            request_id.reset(token)

    def _check(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        if scope["path"].startswith(PROBES):
            return
        server = scope.get("server")
        if not self._address.serves(headers.get(b"host", b"").decode("latin-1"), server):
            raise Problem(
                Code.FORBIDDEN,
                "This host name is not served here; ATELIER_PUBLIC_URL says which one is.",
            )
        origin = headers.get(b"origin")
        unsafe = scope["type"] == "websocket" or scope["method"] not in SAFE
        if unsafe and origin and not self._address.trusts(origin.decode("latin-1"), server):
            raise Problem(Code.FORBIDDEN, "Pages of other origins may not do this.")


class _Answer:
    """`send` that adds our headers once, and keeps the body of a HEAD request to itself.

    `gone` is what the server raised because nobody hears it any more.
    """

    def __init__(self, scope: Scope, send: Send, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._added = headers
        self._head = scope.get("method") == "HEAD"
        self._started = False
        self.gone: OSError | None = None

    async def __call__(self, message: Message) -> None:
        match message["type"]:
            case "http.response.start" | "websocket.http.response.start" | "websocket.accept":
                self._started = True
                raw = list(message.get("headers", ()))
                if message["type"] != "websocket.accept":
                    present = {name for name, _ in raw}
                    raw += [item for item in _DEFAULTS if item[0] not in present]
                    raw += [item for item in self._added if item[0] not in present]
                message["headers"] = raw
            case "websocket.close" if not self._started:
                raise not_found()  # ours are accepted first: the framework has none here
            case "http.response.body" if self._head:
                await self._send({"type": "http.response.body", "body": b""})
                if message.get("more_body"):
                    raise _HeadAnsweredError
                return
        try:
            await self._send(message)
        except OSError as exc:
            self.gone = exc
            raise

    async def rescue(self, exc: Exception, scope: Scope, receive: Receive) -> None:
        """Answer with the problem that `exc` is, or cut an answer that has begun."""
        socket = scope["type"] == "websocket"
        if self._started:
            log.error("an answer was cut short", extra={"where": outline(exc)})
            if not socket:
                raise ConnectionAbortedError("the answer was cut short") from None
            await self._send({"type": "websocket.close", "code": 1011})
            return
        response = problem_response(problem_of(exc, HTTPConnection(scope)))
        if not socket:
            await response(scope, receive, self)
        elif "websocket.http.response" in scope.get("extensions", {}):
            start = {"status": response.status_code, "headers": response.raw_headers}
            await self({"type": "websocket.http.response.start", **start})
            await self({"type": "websocket.http.response.body", "body": response.body})
        else:
            await self._send({"type": "websocket.close", "code": 1008})
