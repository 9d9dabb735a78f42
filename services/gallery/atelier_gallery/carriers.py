"""What carries a conversation to a watcher: a WebSocket, or a stream of server-sent events."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from atelier_core.contracts.problems import Code, Problem
from atelier_core.errors import AtelierError
from atelier_core.http.auth import owner_of
from atelier_gallery.outbox import (
    BAD_FRAME,
    RESTART,
    TOO_MANY,
    TOO_SLOW,
    UNAUTHENTICATED,
    UNKNOWN_TOPIC,
    Closed,
    Message,
)
from atelier_gallery.topics import Topic, decode_cursor, parse_topics
from atelier_gallery.watching import Watching

SEND_WITHIN = 20.0  # seconds until a client that takes nothing is too slow
PARAMETERS = frozenset({"topic", "after", "ticket"})
CLOSE_CODES = {
    Code.UNAUTHENTICATED: UNAUTHENTICATED,
    Code.NOT_FOUND: UNKNOWN_TOPIC,
    Code.INVALID_REQUEST: BAD_FRAME,
    Code.INVALID_CURSOR: BAD_FRAME,
    Code.RATE_LIMITED: TOO_MANY,
}


@dataclass(frozen=True, slots=True)
class Request:
    """Who wants to watch what, and from where on."""

    owner: str
    topics: tuple[Topic, ...]
    after: int | None

    @classmethod
    def parse(cls, owner: str, topics: Sequence[str], after: str | None, *, now: datetime) -> Self:
        """Raises Problem: invalid_request, not_found, invalid_cursor."""
        place = None if after is None else decode_cursor(after, now=now)
        return cls(owner, parse_topics(topics), place)


async def over_socket(socket: WebSocket, watching: Watching) -> None:
    """Accept, converse, and close with a code that says why: a browser sees nothing else."""
    await socket.accept()

    async def talk() -> None:
        owner = await owner_of(socket)
        query = socket.query_params
        single = [name for name, _ in query.multi_items() if name != "topic"]
        if not PARAMETERS.issuperset(query) or len(single) != len(set(single)):
            raise Closed(BAD_FRAME)
        request = Request.parse(
            owner, query.getlist("topic"), query.get("after"), now=watching.clock()
        )
        await _converse(watching, request, lambda message: socket.send_text(message.frame))

    async def listen() -> None:
        message = await socket.receive()
        if message["type"] == "websocket.receive":
            raise Closed(BAD_FRAME)

    try:
        await _either(talk(), listen())
    except Closed as closed:
        await socket.close(closed.code)
    except Problem as problem:
        await socket.close(CLOSE_CODES.get(problem.code, RESTART))
    except WebSocketDisconnect:
        pass
    except AtelierError:
        await socket.close(RESTART)


class EventStream(Response):
    """Server-sent events. Nothing is sent before there is a first message: what goes wrong until
    then is still a problem.
    """

    def __init__(self, watching: Watching, request: Request) -> None:
        self._watching = watching
        self._request = request
        super().__init__(
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        del self.headers["content-length"]

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_message(message: Message) -> None:
            nonlocal started
            if not started:
                started = True
                start = {"status": self.status_code, "headers": self.raw_headers}
                await send({"type": "http.response.start", **start})
            await send({"type": "http.response.body", "body": message.chunk, "more_body": True})

        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        try:
            await _either(_converse(self._watching, self._request, send_message), gone())
        except AtelierError as exc:
            if not started:
                raise _as_problem(exc) from exc
        if started:  # the client comes back by itself, with the last cursor it saw
            await send({"type": "http.response.body", "body": b""})


async def _converse(
    watching: Watching, request: Request, send: Callable[[Message], Awaitable[None]]
) -> None:
    owner, topics = request.owner, request.topics
    pending = await watching.check(topics, owner=owner)
    async with (
        watching.live.watch(owner, topics) as outbox,
        aclosing(
            watching.messages(outbox, topics, owner=owner, pending=pending, after=request.after)
        ) as messages,
    ):
        async for message in messages:
            try:
                async with asyncio.timeout(SEND_WITHIN):
                    await send(message)
            except TimeoutError:
                raise Closed(TOO_SLOW) from None


def _as_problem(error: AtelierError) -> AtelierError:
    if isinstance(error, Closed):
        if error.code == TOO_MANY:
            return Problem(Code.RATE_LIMITED, "Too many are watching here.")
        return Problem(Code.SERVICE_UNAVAILABLE, "This process is leaving; ask again.")
    return error


async def _either(talk: Coroutine[Any, Any, None], listen: Coroutine[Any, Any, None]) -> None:
    """Until one of them ends, in the way that it ended."""
    tasks = [asyncio.ensure_future(talk), asyncio.ensure_future(listen)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
