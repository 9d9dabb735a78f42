"""The first and last word of HTTP: who does not finish a request goes, what cannot be read at all
is answered like everything else.
"""

import asyncio
import json
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from atelier_core.contracts.problems import Code, Problem
from atelier_core.domain.values import new_id
from atelier_core.http.problems import MEDIA_TYPE, problem_body
from atelier_core.telemetry import request_id


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's, with a problem for bytes that are no request or whose address is too long.

    A connection whose request is not there as a whole after `request_within` seconds is closed.
    """

    request_within: ClassVar[float] = 60.0  # as nginx has it between two bytes
    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect()

    def on_message_complete(self) -> None:
        self._expect_nothing()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._expect_nothing()
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        super().connection_lost(exc)

    def _expect(self) -> None:
        if self._overdue is None:
            self._overdue = self.loop.call_later(self.request_within, self.transport.close)

    def _expect_nothing(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the parser's words, not ours
        rid = new_id()
        token = request_id.set(rid)
        try:
            problem = Problem(
                Code.MALFORMED_BODY,
                "The request cannot be read, or its address or headers are too long.",
            )
            body = json.dumps(problem_body(problem)).encode()
        finally:
            request_id.reset(token)
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            f"content-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\n"
            f"x-request-id: {rid}\r\n"
            "x-content-type-options: nosniff\r\n"
            "cache-control: no-store\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's, with no error in the log for a socket that was answered by a problem."""

    async def send(self, message: Any) -> None:
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True
