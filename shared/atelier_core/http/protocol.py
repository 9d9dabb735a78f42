"""The HTTP parser's last word: what cannot be read at all is answered like everything else."""

import json

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from atelier_core.contracts.problems import Code, Problem
from atelier_core.domain.values import new_id
from atelier_core.http.problems import MEDIA_TYPE, problem_body
from atelier_core.telemetry import request_id


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's, with a problem for bytes that are no request or whose address is too long."""

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
