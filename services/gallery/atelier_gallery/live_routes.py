"""The live view as a WebSocket and as server-sent events: the same messages."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, WebSocket
from starlette.responses import Response

from atelier_core.contracts.problems import Code, Problem
from atelier_core.http.app import new_router
from atelier_core.http.auth import Owner
from atelier_core.http.describe import problems
from atelier_gallery.carriers import EventStream, Request, over_socket
from atelier_gallery.watching import Watching

_TEXT = {"type": "string"}
PARAMETERS = [
    {"name": name, "in": "query", "required": required, "schema": schema, "description": text}
    for name, required, schema, text in (
        ("topic", True, {"type": "array", "items": _TEXT}, "`me`, `job:ID` or `batch:ID`, 1 to 20"),
        ("after", False, _TEXT, "The `id` of the last message received"),
        ("ticket", False, _TEXT, "From `POST /v1/events/tickets`, where there is no cookie"),
    )
]


def live_routes(watching: Watching) -> APIRouter:
    router = new_router(tags=["live"])
    sockets = APIRouter(tags=["live"])  # refuses parameters by a close code

    @sockets.websocket("/v1/events")
    async def watch(socket: WebSocket) -> None:
        await over_socket(socket, watching)

    @sockets.get(
        "/v1/events",
        operation_id="watchEvents",
        response_class=Response,
        responses={101: {"description": "A WebSocket."}, **problems(Code.UPGRADE_REQUIRED)},
        openapi_extra={"parameters": PARAMETERS},
    )
    async def no_socket() -> Response:
        """A WebSocket of the messages that `/v1/events/stream` sends."""
        raise Problem(
            Code.UPGRADE_REQUIRED,
            "This is a WebSocket; /v1/events/stream has the same as server-sent events.",
            headers={"Upgrade": "websocket", "Connection": "Upgrade"},
        )

    @router.get(
        "/v1/events/stream",
        operation_id="streamEvents",
        response_class=Response,
        responses={
            200: {"description": "Server-sent events.", "content": {"text/event-stream": {}}},
            **problems(Code.NOT_FOUND, Code.INVALID_REQUEST, Code.INVALID_CURSOR),
        },
    )
    async def stream(
        owner: Owner,
        topic: Annotated[tuple[str, ...], Query()] = (),
        after: Annotated[str | None, Query()] = None,
        last_event_id: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> Response:
        """What there is, then what changes, of 1 to 20 topics: `me`, `job:ID`, `batch:ID`."""
        request = Request.parse(owner, topic, last_event_id or after, now=watching.clock())
        return EventStream(watching, request)

    router.include_router(sockets)
    return router
