"""Performs the effects of a flow without blocking, on asyncio or trio."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, closing
from typing import Any, TypeVar

import anyio
import anyio.to_thread
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

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def run(self, flow: Flow[T]) -> T:
        """What the flow returns."""
        machine = Machine(flow)
        async with aclosing(self._drive(machine)) as steps:
            async for _ in steps:
                pass
        result: T = machine.result
        return result

    async def iterate(self, flow: Flow[Any], dress: Callable[[Any], V]) -> AsyncIterator[V]:
        """What the flow emits, each through `dress`."""
        async with aclosing(self._drive(Machine(flow))) as emitted:
            async for value in emitted:
                yield dress(value)

    async def _drive(self, machine: Machine) -> AsyncGenerator[Any, None]:
        async with aclosing(_Hands(self._http)) as hands:
            with closing(machine):
                while (effect := machine.step()) is not None:
                    if isinstance(effect, Emit):
                        yield effect.value
                        continue
                    try:
                        machine.answer = await hands.perform(effect)
                    except httpx.RequestError as exc:
                        machine.error = unreachable(self._http, exc)
                    except OSError as exc:
                        machine.error = exc


class _Hands:
    """Performs one effect after another; holds the stream that is open between them."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._response: httpx.Response | None = None
        self._pieces: AsyncGenerator[Any, None] | None = None

    async def perform(self, effect: Any) -> Any:
        match effect:
            case Open():
                return await self._open(effect)
            case Call():
                response = await self._http.send(request_of(self._http, effect))
                return Reply(response.status_code, response.headers, response.content)
            case Pause(seconds):
                return await anyio.sleep(seconds)
            case Work(function):
                return await anyio.to_thread.run_sync(function)
        return await anext(self._pieces, None) if self._pieces is not None else None

    async def aclose(self) -> None:
        if self._pieces is not None:
            await self._pieces.aclose()
        if self._response is not None:
            await self._response.aclose()

    async def _open(self, call: Open) -> Reply:
        await self.aclose()
        request = request_of(self._http, call)
        self._response = response = await self._http.send(
            request, stream=True, follow_redirects=not call.events
        )
        if not response.is_success:
            return Reply(response.status_code, response.headers, await response.aread())
        self._pieces = _events(response) if call.events else _bytes(response)
        return Reply(response.status_code, response.headers)


async def _events(response: httpx.Response) -> AsyncGenerator[Any, None]:
    async with aclosing(EventSource(response).aiter_sse()) as events:
        async for event in events:
            yield event


async def _bytes(response: httpx.Response) -> AsyncGenerator[Any, None]:
    async for piece in response.aiter_bytes(CHUNK):
        yield piece
