"""A world that answers flows from a script, and a server on a socket that misbehaves on cue."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from atelier_client.effects import Call, Emit, Flow, Machine, Open, Pause, Read, Reply, Work
from atelier_client.errors import Unreachable


def reply(status: int, body: Any = None, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, named, json.dumps(body).encode() if body is not None else b"")


def problem(status: int, code: str, *, retryable: bool = False, **more: Any) -> Reply:
    headers = {"retry_after": str(more.pop("after"))} if "after" in more else {}
    body = {"code": code, "detail": code, "status": status, "retryable": retryable, **more}
    return reply(status, body, **headers)


def event(name: str, data: Any, cursor: str = "") -> SimpleNamespace:
    return SimpleNamespace(event=name, data=json.dumps(data), id=cursor)


@dataclass
class World:
    """Performs effects from `answers`: replies, pieces, or errors to raise, in order."""

    answers: list[Any]
    asked: list[Call] = field(default_factory=list)
    paused: list[float] = field(default_factory=list)
    emitted: list[Any] = field(default_factory=list)
    now: float = 0.0

    def run(self, flow: Flow[Any]) -> Any:
        machine = Machine(flow)
        while (effect := machine.step()) is not None:
            match effect:
                case Emit(value):
                    self.emitted.append(value)
                case Pause(seconds):
                    self.paused.append(seconds)
                    self.now += seconds
                case Work(function):
                    try:
                        machine.answer = function()
                    except OSError as exc:
                        machine.error = exc
                case Call() | Open() | Read():
                    if isinstance(effect, Call):
                        self.asked.append(effect)
                    self._answer(machine)
        assert not self.answers, "the flow asked for less than expected"
        return machine.result

    def _answer(self, machine: Machine) -> None:
        assert self.answers, "the flow asked for more than expected"
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            machine.error = answer
        else:
            machine.answer = answer


@pytest.fixture
def world() -> Callable[..., World]:
    return lambda *answers: World(list(answers))


@pytest.fixture
def say() -> SimpleNamespace:
    """The words of a script."""
    return SimpleNamespace(
        reply=reply,
        problem=problem,
        event=event,
        cut=lambda sent=True: Unreachable("cut", sent=sent),
        stream=reply(200, None, content_type="text/event-stream"),
        end=None,
    )


@pytest.fixture
def job() -> Callable[..., dict[str, Any]]:
    def make(version: int = 1, status: str = "queued", **more: Any) -> dict[str, Any]:
        done = status not in ("queued", "running", "retrying")
        return {
            "id": "j1",
            "object": "job",
            "status": status,
            "done": done,
            "version": version,
            "request": {"prompt": "a red fox", "n": 2},
            "created_at": "2026-01-05T10:00:00.000Z",
            **more,
        }

    return make


Turn = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Server:
    """What it was asked, and the turns it takes, one a request; the last one for ever."""

    origin: str
    seen: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)

    def script(self, *turns: Turn) -> None:
        self.turns[:] = turns


def answer(
    status: int, body: Any = None, headers: Sequence[tuple[str, str]] = (), raw: bytes = b""
) -> Turn:
    def turn(handler: BaseHTTPRequestHandler) -> None:
        content = raw or (json.dumps(body).encode() if body is not None else b"")
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return turn


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Takes the request, answers nothing."""
    handler.close_connection = True


def break_off(status: int, content: bytes, headers: Sequence[tuple[str, str]] = ()) -> Turn:
    """Promises more than it sends."""

    def turn(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content) + 1000))
        handler.end_headers()
        handler.wfile.write(content)
        handler.close_connection = True

    return turn


@pytest.fixture
def turn() -> SimpleNamespace:
    return SimpleNamespace(answer=answer, hang_up=hang_up, break_off=break_off)


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def take(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            mine.seen.append((self.command, self.path, dict(self.headers)))
            turn = mine.turns.pop(0) if len(mine.turns) > 1 else mine.turns[0]
            turn(self)

        do_GET = do_POST = do_DELETE = take

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        mine = Server(f"http://127.0.0.1:{http.server_address[1]}")
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield mine
        http.shutdown()
        thread.join()
