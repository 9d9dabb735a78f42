"""The fake provider as a vendor behind HTTP: `tests/fakes/provider_server.py` is the other side.

It shows how a vendor's module looks: one class, orders out, answers and errors in. A prompt that
holds `[[queue]]` goes the queue's way: submit, poll, fetch.
"""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from atelier_core.domain.values import Money
from atelier_worker.ports import Answer, Caller, Fault, Missing, Order, Picture, ProviderError
from atelier_worker.providers.http import (
    IN_THREAD,
    open_client,
    read_body,
    request_id,
    status_error,
    transport_errors,
)
from atelier_worker.providers.talk import Talk

POLL: Final = 0.25  # seconds
QUEUE: Final = "[[queue]]"


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Image(_Wire):
    index: int
    seed: int | None = None
    b64: str | None = None
    blocked: bool = False


class _Result(_Wire):
    id: str
    cost: str
    images: list[_Image]


class _State(_Wire):
    id: str
    status: str
    progress: float = 0.0


class _Account(_Wire):
    account: str


class FakeHttpProvider:
    """An `ImageProvider`. `open` it."""

    name = "fake"
    local = False

    def __init__(self, client: httpx.AsyncClient, *, concurrency: int) -> None:
        self._client = client
        self.concurrency = concurrency

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, concurrency: int = 2_000) -> AsyncIterator[Self]:
        """A client of the vendor at `url`."""
        async with open_client(url, connections=concurrency) as client:
            yield cls(client, concurrency=concurrency)

    async def generate(self, order: Order, caller: Caller) -> Answer:
        if QUEUE not in order.prompt:
            return await self._fetch("POST", "/generate", caller, body=_body(order))
        with transport_errors():
            response = await self._client.post("/queue", json=_body(order))
        state = _parse(_State, response)
        await caller.submitted(state.id)
        return await self.resume(order, state.id, caller)

    async def resume(self, order: Order, provider_job_id: str, caller: Caller) -> Answer:
        while True:
            with transport_errors():
                response = await self._client.get(f"/queue/{provider_job_id}")
            state = _parse(_State, response)
            if state.status == "done":
                return await self._fetch("GET", f"/queue/{provider_job_id}/result", caller)
            if state.status == "canceled":
                raise ProviderError(Fault.CANCELED, "The call was canceled at the provider.")
            for index in order.indexes:
                caller.progress(index, state.progress)
            await asyncio.sleep(POLL)

    async def cancel(self, provider_job_id: str) -> Money:
        with transport_errors():
            response = await self._client.delete(f"/queue/{provider_job_id}")
        _check(response)
        return Money.exactly(str(response.json()["cost"]))

    async def check(self) -> str:
        await Talk(self._client, _refused).ask(_Account, "GET", "/account")
        return "The fake answers."

    async def _fetch(self, method: str, path: str, caller: Caller, *, body: Any = None) -> Answer:
        with transport_errors():
            async with self._client.stream(method, path, json=body) as response:
                if not response.is_success:
                    await response.aread()
                _check(response)
                raw = await read_body(response, caller)
        try:
            if len(raw) > IN_THREAD:
                return await asyncio.to_thread(_answer, raw, response.status_code)
            return _answer(raw, response.status_code)
        except (ValidationError, binascii.Error) as exc:
            raise ProviderError(
                Fault.BAD_RESPONSE,
                "The provider's answer cannot be read.",
                http_status=response.status_code,
            ) from exc


def _body(order: Order) -> dict[str, Any]:
    return {
        "call_id": order.call_id,
        "job_id": order.job_id,
        "prompt": order.prompt,
        "width": order.width,
        "height": order.height,
        "indexes": order.indexes,
        "seeds": order.seeds,
        "free": order.free,
    }


def _answer(raw: bytes, status: int) -> Answer:
    result = _Result.model_validate_json(raw)
    return Answer(
        pictures=tuple(
            Picture(index=i.index, data=base64.b64decode(i.b64, validate=True), seed=i.seed)
            for i in result.images
            if i.b64 is not None
        ),
        missing=tuple(
            Missing(index=i.index, fault=Fault.MODERATED, detail="The provider blocked it.")
            for i in result.images
            if i.blocked
        ),
        cost=Money.exactly(result.cost),
        provider_request_id=result.id,
        http_status=status,
    )


def _check(response: httpx.Response) -> None:
    if response.is_success:
        return
    if response.headers.get("x-fake-error") == "moderated":
        raise ProviderError(
            Fault.MODERATED,
            "The provider blocked the prompt.",
            http_status=response.status_code,
            provider_request_id=request_id(response),
            cost=Money.exactly("0"),
        )
    raise _refused(response)


def _refused(response: httpx.Response, _: bytes = b"") -> ProviderError:
    detail = f"The provider answered {response.status_code}."
    return status_error(response, detail, request_id=request_id(response))


def _parse(kind: type[_State], response: httpx.Response) -> _State:
    _check(response)
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as exc:
        raise ProviderError(Fault.BAD_RESPONSE, "The provider's answer cannot be read.") from exc
