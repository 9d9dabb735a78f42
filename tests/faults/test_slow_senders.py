"""Clients that never finish what they say (slowloris): they go, and nobody else waits for them."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress

import httpx
import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect

from atelier_core.http.body import read_body
from atelier_core.http.protocol import HttpProtocol
from atelier_core.runtime import listen

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]

WITHIN = 0.8
MANY = 200
HEAD = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


class Hasty(HttpProtocol):
    """The product's, with less patience."""

    request_within = WITHIN


async def echo(request: Request) -> Response:
    return Response(await read_body(request))


async def late(_: Request) -> Response:
    await asyncio.sleep(2 * WITHIN)
    return PlainTextResponse("late")


async def talk(client: WebSocket) -> None:
    await client.accept()
    await asyncio.sleep(2 * WITHIN)
    await client.send_text("still here")
    await client.close()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = Router(
        [
            Route("/body", echo, methods=["POST"]),
            Route("/late", late),
            WebSocketRoute("/talk", talk),
        ]
    )
    sock = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        app,
        http=Hasty,
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve([sock]))
        yield sock.getsockname()[1]
        server.should_exit = True


@asynccontextmanager
async def dripping(port: int, head: bytes) -> AsyncIterator[list[socket.socket]]:
    """MANY clients that have said `head` and go on with a byte now and then."""
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.socket()) for _ in range(MANY)]
        for client in clients:
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", port))
            await loop.sock_sendall(client, head)

        async def drip() -> None:
            while True:
                await asyncio.sleep(WITHIN / 8)
                for client in clients:
                    with suppress(OSError):
                        client.send(b"a")

        drops = asyncio.create_task(drip())
        try:
            yield clients
        finally:
            drops.cancel()


async def everything(client: socket.socket) -> bytes:
    """What is said to it until its connection ends."""
    received = b""
    with suppress(ConnectionResetError):  # it was still talking
        while data := await asyncio.get_running_loop().sock_recv(client, 65536):
            received += data
    return received


@pytest.mark.parametrize(
    "head",
    [b"GET /", HEAD + b"X-Slow: ", HEAD + b"Content-Length: 1000\r\n\r\n"],
    ids=["address", "header", "body"],
)
async def test_what_is_never_finished_is_not_waited_for(port: int, head: bytes) -> None:
    async with dripping(port, head) as clients:
        began = time.monotonic()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            answer = await http.post("/body", content=b"{}")
        assert (answer.status_code, answer.content) == (200, b"{}")
        assert time.monotonic() - began < 1
        async with asyncio.timeout(10 * WITHIN):
            assert set(await asyncio.gather(*map(everything, clients))) == {b""}


async def test_answers_and_conversations_may_take_their_time(port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        for _ in range(2):  # over one connection, which may also be idle between them
            assert (await http.get("/late")).text == "late"
            await asyncio.sleep(1.5 * WITHIN)
    async with connect(f"ws://127.0.0.1:{port}/talk") as client:
        assert await client.recv() == "still here"
