"""Web UIs that speak as AUTOMATIC1111's does: a server of one's own, one picture at a time.

https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/API
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import httpx
from pydantic import RootModel

from atelier_core.contracts.catalogue import Catalogue
from atelier_core.domain.values import Money
from atelier_worker.ports import Answer, Caller, Fault, Order, Picture, ProviderError
from atelier_worker.providers.a1111_wire import body_of, read_pictures, refused, task_of
from atelier_worker.providers.checks import checked_url
from atelier_worker.providers.fitting import model_of, models, sized
from atelier_worker.providers.http import (
    IN_THREAD,
    open_client,
    read_body,
    read_refusal,
    transport_errors,
)
from atelier_worker.providers.patience import USUAL, Pace, beside
from atelier_worker.providers.talk import Talk, Wire
from atelier_worker.providers.unqueued import Unqueued

log = logging.getLogger(__name__)

NAME: Final = "a1111"
LEAVING: Final = 5.0  # seconds for interrupting


class _Task(Wire):
    """Of one call. Not every server knows this."""

    active: bool = False
    progress: float | None = None


class _Checkpoint(Wire):
    title: str


class _Checkpoints(RootModel[tuple[_Checkpoint, ...]]):
    """The models it has."""


class _Server(Wire):
    """Of whatever the server draws now, for whomever."""

    progress: float = 0.0


class A1111Provider(Unqueued):
    """An `ImageProvider`. `open` it. The server draws one call after the other."""

    name = NAME
    local = False
    concurrency = 1

    def __init__(self, client: httpx.AsyncClient, book: Catalogue, *, pace: Pace) -> None:
        self._client, self._book, self._pace = client, book, pace
        self._talk = Talk(client, refused)
        self._calls = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, book: Catalogue, pace: Pace = USUAL) -> AsyncIterator[Self]:
        """A client of the server at `url`.

        Raises:
            SettingsError: that is no address, or holds a password.
        """
        url = checked_url(url, name="A1111_URL")
        async with open_client(url, connections=cls.concurrency + 2) as client:
            yield cls(client, book, pace=pace)

    async def generate(self, order: Order, caller: Caller) -> Answer:
        model = model_of(self._book, order)
        body = body_of(sized(order, model), model)
        self._calls += 1
        try:
            async with beside(self._tell(order, caller)):
                return await self._draw(order, body, caller)
        except asyncio.CancelledError:
            await self._interrupt(order)
            raise
        finally:
            self._calls -= 1

    async def check(self) -> str:
        found = len((await self._talk.ask(_Checkpoints, "GET", "/sdapi/v1/sd-models")).root)
        if not found:
            raise ProviderError(Fault.MODEL_UNAVAILABLE, "The web UI has no model.")
        return f"The web UI answers, and has {models(found)}."

    async def _draw(self, order: Order, body: dict[str, Any], caller: Caller) -> Answer:
        with transport_errors():
            async with self._client.stream("POST", "/sdapi/v1/txt2img", json=body) as response:
                if not response.is_success:
                    raise refused(response, await read_refusal(response))
                raw = await read_body(response, caller)
        try:
            big = len(raw) > IN_THREAD
            drawn = await asyncio.to_thread(read_pictures, raw) if big else read_pictures(raw)
        except ValueError as exc:
            detail, status = "The server's answer cannot be read.", response.status_code
            raise ProviderError(Fault.BAD_RESPONSE, detail, http_status=status) from exc
        return Answer(
            pictures=tuple(
                Picture(index=index, data=data, seed=seed)
                for index, (data, seed) in zip(order.indexes, drawn, strict=False)
            ),
            cost=Money.exactly("0"),
            http_status=response.status_code,
        )

    async def _tell(self, order: Order, caller: Caller) -> None:
        """Tell how far the call is, until cancelled."""
        pauses = self._pace.looks()
        while True:
            await asyncio.sleep(next(pauses))
            try:
                done = await self._progress(order)
            except ProviderError as exc:
                log.info("progress is not known", extra={"error": str(exc)})
                continue
            for position, index in enumerate(order.indexes if done else ()):
                caller.progress(index, min(1.0, max(0.0, done * len(order.indexes) - position)))

    async def _progress(self, order: Order) -> float:
        try:
            return (await self._ours(order)).progress or 0.0
        except ProviderError as exc:
            if exc.http_status != httpx.codes.NOT_FOUND or self._calls > 1:
                raise
        path = "/sdapi/v1/progress?skip_current_image=true"
        return (await self._talk.ask(_Server, "GET", path)).progress

    async def _ours(self, order: Order) -> _Task:
        body = {"id_task": task_of(order), "id_live_preview": -1, "live_preview": False}
        return await self._talk.ask(_Task, "POST", "/internal/progress", json=body)

    async def _interrupt(self, order: Order) -> None:
        """Stop the server if it is this call that it draws: interrupting is not by call."""
        try:
            async with asyncio.timeout(LEAVING):
                if (await self._ours(order)).active:
                    await self._talk.ask(Wire, "POST", "/sdapi/v1/interrupt")
        except (ProviderError, TimeoutError) as exc:
            log.warning("not interrupted", extra={"call": order.call_id, "error": str(exc)})
