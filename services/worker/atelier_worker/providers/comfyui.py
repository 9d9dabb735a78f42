"""ComfyUI: a server of one's own with a queue, told what to do as a graph.

A call has the id that we give it, so that even one whose answer was lost is found again. What is
true stands in the server's history; its socket only tells of progress and that it is time to look.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Final, Self
from uuid import NAMESPACE_OID, uuid5

import httpx

from atelier_core.contracts.catalogue import DEFAULT, Catalogue
from atelier_core.domain.values import Money, is_id
from atelier_worker.ports import (
    UNANSWERED,
    Answer,
    Caller,
    Fault,
    Missing,
    Order,
    Picture,
    ProviderError,
)
from atelier_worker.providers.checks import checked_url
from atelier_worker.providers.comfyui_socket import ComfySocket
from atelier_worker.providers.comfyui_wire import (
    Canceled,
    Entry,
    Finished,
    Names,
    Queue,
    Submitted,
    ended_badly,
    graph,
    refused,
)
from atelier_worker.providers.fetch import BYTES_A_PIXEL, MAX_BYTES
from atelier_worker.providers.fitting import model_of, models, sized, vendors_name
from atelier_worker.providers.http import open_client
from atelier_worker.providers.patience import USUAL, Pace, beside
from atelier_worker.providers.talk import Talk

NAME: Final = "comfyui"
CHECKPOINTS: Final = "/models/checkpoints"
NOTHING: Final = Money.exactly("0")
LOOKS_IN_VAIN: Final = 3  # in a row, in queue and history: between the two it is in neither


class ComfyUIProvider:
    """An `ImageProvider`. `open` it."""

    name = NAME
    local = False
    concurrency = 2  # one is drawn, one waits for its turn

    def __init__(
        self,
        client: httpx.AsyncClient,
        socket: ComfySocket,
        book: Catalogue,
        *,
        pace: Pace,
    ) -> None:
        self._talk = Talk(client, refused)
        self._socket, self._book = socket, book
        self._pace = replace(pace, cost=NOTHING)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, book: Catalogue, pace: Pace = USUAL) -> AsyncIterator[Self]:
        """A client of the server at `url`.

        Raises:
            SettingsError: that is no address, or holds a password.
        """
        url = checked_url(url, name="COMFYUI_URL")
        async with (
            open_client(url, connections=4 * cls.concurrency) as client,
            ComfySocket.open(url, pauses=pace.pauses) as socket,
        ):
            yield cls(client, socket, book, pace=pace)

    async def generate(self, order: Order, caller: Caller) -> Answer:
        model = model_of(self._book, order)
        order, wanted = sized(order, model), vendors_name(model)
        names = (await self._talk.learn(Names, CHECKPOINTS)).root
        checkpoint = next((n for n in names if wanted in (DEFAULT, n)), None)
        if checkpoint is None:
            detail = "ComfyUI has no such checkpoint."
            raise ProviderError(Fault.MODEL_UNAVAILABLE, detail, cost=NOTHING)
        call = _call_of(order)
        await caller.submitted(call)  # before it is sent: under this id it is found whatever comes
        body = {"prompt": graph(order, checkpoint), "prompt_id": call, "client_id": call}
        hurry = asyncio.Event()
        async with beside(self._socket.listen(call, caller, hurry)):
            try:
                submitted = await self._talk.ask(Submitted, "POST", "/prompt", json=body)
            except ProviderError as exc:
                if exc.fault not in UNANSWERED or not await self._known(call):
                    raise
            else:
                if submitted.prompt_id != call:
                    await self.cancel(submitted.prompt_id)
                    detail = "This ComfyUI is too old: it gives calls ids of its own."
                    raise ProviderError(Fault.BAD_RESPONSE, detail, cost=NOTHING)
            return await self._wait(order, call, caller, hurry)

    async def resume(self, order: Order, provider_job_id: str, caller: Caller, /) -> Answer:
        call, hurry = _checked(provider_job_id), asyncio.Event()
        async with beside(self._socket.listen(call, caller, hurry)):
            return await self._wait(order, call, caller, hurry)

    async def cancel(self, provider_job_id: str, /) -> Money:
        call = _checked(provider_job_id)
        try:
            await self._talk.ask(Canceled, "POST", f"/api/jobs/{call}/cancel")
        except ProviderError as exc:
            if exc.http_status not in (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED):
                raise
            await self._cancel_as_before(call)
        return NOTHING

    async def check(self) -> str:
        found = len((await self._talk.ask(Names, "GET", CHECKPOINTS)).root)
        if not found:
            raise ProviderError(Fault.MODEL_UNAVAILABLE, "ComfyUI has no checkpoint.")
        return f"ComfyUI answers, and has {models(found)}."

    async def _cancel_as_before(self, call: str) -> None:
        """For servers that cannot cancel by id: interrupting stops whatever they draw just then."""
        await self._talk.hear("POST", "/queue", json={"delete": [call]})
        if call in (await self._talk.ask(Queue, "GET", "/queue")).running:
            await self._talk.hear("POST", "/interrupt", json={"prompt_id": call})

    async def _wait(self, order: Order, call: str, caller: Caller, hurry: asyncio.Event) -> Answer:
        pauses, in_vain = self._pace.looks(), 0
        while (entry := await self._history(call)) is None:
            queue = await self._pace.patiently(lambda: self._talk.ask(Queue, "GET", "/queue"))
            in_vain = 0 if call in queue.running | queue.pending else in_vain + 1
            if in_vain >= LOOKS_IN_VAIN:
                detail = "ComfyUI knows the call no more: it was restarted, or the call deleted."
                raise ProviderError(Fault.TRANSPORT, detail, cost=NOTHING)
            with suppress(TimeoutError):
                async with asyncio.timeout(next(pauses)):
                    await hurry.wait()
            hurry.clear()
        if error := ended_badly(entry, call):
            raise error
        return await self._collect(order, entry, call, caller)

    async def _known(self, call: str) -> bool:
        """Whether a call whose sending went wrong arrived all the same."""
        queue = await self._pace.patiently(lambda: self._talk.ask(Queue, "GET", "/queue"))
        return call in queue.running | queue.pending or await self._history(call) is not None

    async def _history(self, call: str) -> Entry | None:
        path = f"/history/{call}"
        found = await self._pace.patiently(lambda: self._talk.ask(Finished, "GET", path))
        return found.root.get(call)

    async def _collect(self, order: Order, entry: Entry, call: str, caller: Caller) -> Answer:
        files = entry.files(order)
        await caller.receiving(len(files) * order.width * order.height * BYTES_A_PIXEL)
        pictures, missing = [], []
        for index, file in files.items():
            ask = partial(self._talk.hear, "GET", "/view", params=file.where, limit=MAX_BYTES)
            try:
                _, data = await self._pace.patiently(ask)
            except ProviderError as exc:
                missing.append(Missing(index=index, fault=exc.fault, detail=exc.detail))
                continue
            seed = order.seeds[order.indexes.index(index)]
            pictures.append(Picture(index=index, data=data, seed=seed))
            caller.progress(index, 1.0)
        return Answer(
            pictures=tuple(pictures),
            missing=tuple(missing),
            cost=NOTHING,
            provider_request_id=call,
            http_status=200,
        )


def _call_of(order: Order) -> str:
    """The id of the call at the server, which takes UUIDs: our own if it is one."""
    return order.call_id if is_id(order.call_id) else str(uuid5(NAMESPACE_OID, order.call_id))


def _checked(call: str) -> str:
    if not is_id(call):
        raise ProviderError(Fault.BAD_RESPONSE, "That is no id of a call.", cost=NOTHING)
    return call
