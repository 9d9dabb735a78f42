"""Performs the effects of a flow by blocking."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any, TypeVar

import httpx
from httpx_sse import EventSource

from atelier_client.effects import (
    Call,
    Emit,
    Flow,
    Machine,
    Open,
    Pause,
    Reply,
    T,
    Work,
)
from atelier_client.transport import request_of, unreachable

CHUNK = 65536
V = TypeVar("V")


class Runner:
    """Runs flows over one HTTP client."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def run(self, flow: Flow[T]) -> T:
        """What the flow returns."""
        machine = Machine(flow)
        for _ in self._drive(machine):
            pass
        result: T = machine.result
        return result

    def iterate(self, flow: Flow[Any], dress: Callable[[Any], V]) -> Iterator[V]:
        """What the flow emits, each through `dress`."""
        with closing(self._drive(Machine(flow))) as emitted:
            for value in emitted:
                yield dress(value)

    def _drive(self, machine: Machine) -> Generator[Any, None, None]:
        with closing(_Hands(self._http)) as hands, closing(machine):
            while (effect := machine.step()) is not None:
                if isinstance(effect, Emit):
                    yield effect.value
                    continue
                try:
                    machine.answer = hands.perform(effect)
                except httpx.RequestError as exc:
                    machine.error = unreachable(self._http, exc)
                except OSError as exc:
                    machine.error = exc


class _Hands:
    """Performs one effect after another; holds the stream that is open between them."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._response: httpx.Response | None = None
        self._pieces: Iterator[Any] = iter(())

    def perform(self, effect: Any) -> Any:
        match effect:
            case Open():
                return self._open(effect)
            case Call():
                response = self._http.send(request_of(self._http, effect))
                return Reply(response.status_code, response.headers, response.content)
            case Pause(seconds):
                return time.sleep(seconds)
            case Work(function):
                return function()
        return next(self._pieces, None)

    def close(self) -> None:
        if self._response is not None:
            self._response.close()

    def _open(self, call: Open) -> Reply:
        self.close()
        request = request_of(self._http, call)
        self._response = response = self._http.send(
            request, stream=True, follow_redirects=not call.events
        )
        if not response.is_success:
            return Reply(response.status_code, response.headers, response.read())
        events = EventSource(response)
        self._pieces = events.iter_sse() if call.events else response.iter_bytes(CHUNK)
        return Reply(response.status_code, response.headers)
