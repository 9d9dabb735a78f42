"""fal (fal.ai): requests wait in the vendor's queue, are looked at until done, canceled by id.

https://fal.ai/docs/api-reference/inference-api
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Self
from urllib.parse import quote, urlsplit

import httpx

from atelier_core.contracts.catalogue import Catalogue
from atelier_core.domain.values import Money
from atelier_worker.ports import (
    Answer,
    Caller,
    Fault,
    Missing,
    NotCheckableError,
    Order,
    ProviderError,
)
from atelier_worker.providers.checks import checked_key, checked_url
from atelier_worker.providers.costs import listed
from atelier_worker.providers.fal_wire import (
    Canceled,
    Prices,
    Result,
    Status,
    Submitted,
    input_of,
    refused,
)
from atelier_worker.providers.fetch import Fetcher
from atelier_worker.providers.fitting import model_of, vendors_name
from atelier_worker.providers.http import open_client
from atelier_worker.providers.patience import USUAL, Pace, fraction_in, last_word
from atelier_worker.providers.talk import Talk

NAME: Final = "fal"
URL: Final = "https://queue.fal.run"
PLATFORM: Final = "https://api.fal.ai"

_CALL: Final = re.compile(r"^/[\w.-]{1,100}/[\w.-]{1,100}/requests/[\w-]{1,100}$", re.ASCII)


class FalProvider:
    """An `ImageProvider`. `open` it. A call's id is its path at the queue."""

    name = NAME
    local = False
    concurrency = 10

    def __init__(
        self,
        client: httpx.AsyncClient,
        fetcher: Fetcher,
        book: Catalogue,
        *,
        platform: str,
        pace: Pace,
    ) -> None:
        self._platform = platform
        self._origin = urlsplit(str(client.base_url))
        self._talk = Talk(client, refused)
        self._fetcher, self._book, self._pace = fetcher, book, pace

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        key: str,
        *,
        book: Catalogue,
        url: str = URL,
        platform: str = PLATFORM,
        pace: Pace = USUAL,
    ) -> AsyncIterator[Self]:
        """A client of the queue at `url`, whose keys `platform` knows, too.

        Raises:
            SettingsError: the key cannot be one.
        """
        headers = {"Authorization": f"Key {checked_key(key, name='FAL_KEY')}"}
        url = checked_url(url, name="The address of fal")
        async with (
            open_client(url, connections=cls.concurrency, headers=headers) as client,
            Fetcher.open(trusted=[url], pauses=pace.pauses) as fetcher,
        ):
            yield cls(client, fetcher, book, platform=platform, pace=pace)

    async def generate(self, order: Order, caller: Caller) -> Answer:
        model = model_of(self._book, order)
        path = f"/{vendors_name(model)}"
        submitted = await self._talk.ask(Submitted, "POST", path, json=input_of(order, model))
        call = self._call(submitted)
        await caller.submitted(call)
        return await self.resume(order, call, caller)

    async def resume(self, order: Order, provider_job_id: str, caller: Caller, /) -> Answer:
        model, call = model_of(self._book, order), _checked(provider_job_id)
        failed = await self._follow(order, call, caller)
        result = await self._result(call, failed=failed)
        request_id = call.rpartition("/")[2]
        if not any(image.url for image in result.images):
            detail, cost = "The call succeeded without a picture.", Money.unknown()
            raise ProviderError(
                Fault.BAD_RESPONSE,
                detail,
                http_status=200,
                provider_request_id=request_id,
                cost=cost,
            )
        blocked = dict(zip(order.indexes, result.has_nsfw_concepts or (), strict=False))
        urls = [
            None if blocked.get(index) else image.url  # what is blocked is a black picture
            for index, image in zip(order.indexes, result.images, strict=False)
        ]
        # Of several pictures of one call only the first is known to have the seed.
        seeds = [result.seed, *[None] * len(urls)]
        pictures, missing = await self._fetcher.pictures(order, urls, caller, seeds=seeds)
        detail = "The provider blocked the picture."
        return Answer(
            pictures=pictures,
            missing=(
                *missing,
                *(
                    Missing(index=i, fault=Fault.MODERATED, detail=detail)
                    for i in blocked
                    if blocked[i]
                ),
            ),
            cost=listed(model, len(result.images), size=(order.width, order.height)),
            provider_request_id=request_id,
            http_status=200,
        )

    async def cancel(self, provider_job_id: str, /) -> Money:
        try:
            said = await self._talk.ask(Canceled, "PUT", f"{_checked(provider_job_id)}/cancel")
        except ProviderError as exc:
            if exc.http_status == httpx.codes.BAD_REQUEST:  # it is done already
                return Money.unknown()
            raise
        # One that was taken out of the queue was not begun; of others the bill is not said.
        return Money.exactly("0") if said.status == "OK" else Money.unknown()

    async def check(self) -> str:
        """By asking for a price, for which the key is wanted and nothing is charged."""
        endpoint = vendors_name(self._book.of([NAME])[0])
        path = f"{self._platform}/v1/models/pricing?endpoint_id={quote(endpoint, safe='')}"
        try:
            await self._talk.ask(Prices, "GET", path)
        except ProviderError as exc:
            if exc.fault is Fault.AUTH and exc.http_status == httpx.codes.FORBIDDEN:
                detail = "The key is known, but may not ask for prices: more is not said."
                raise NotCheckableError(detail) from exc
            raise
        return "The key works. How much its account may spend is not said."

    async def _follow(self, order: Order, call: str, caller: Caller) -> bool:
        """Wait until a call is over, and tell whether the vendor says that it failed."""
        pauses = self._pace.looks()
        while True:
            status = await self._pace.patiently(
                lambda: self._talk.ask(Status, "GET", f"{call}/status?logs=1")
            )
            if status.status == "COMPLETED":
                return status.error is not None
            fraction = fraction_in("\n".join(log.message for log in status.logs or ()))
            for index in order.indexes if fraction is not None else ():
                caller.progress(index, fraction or 0.0)
            await asyncio.sleep(next(pauses))

    async def _result(self, call: str, *, failed: bool) -> Result:
        """What a call that is over brought; for one that failed, the error is the model's own."""

        async def once() -> Result:
            try:
                return await self._talk.ask(Result, "GET", call)
            except ProviderError as exc:
                if failed and exc.http_status is not None:
                    raise last_word(exc, cost=Money.unknown()) from exc
                raise

        return await self._pace.patiently(once)

    def _call(self, submitted: Submitted) -> str:
        """The path of a call: the vendor's own, as it drops parts of the model's.

        Raises:
            ProviderError: it is at another place, where the key is not sent.
        """
        given = urlsplit(submitted.response_url)
        if given[:2] != self._origin[:2]:
            detail = "The provider's answer leads somewhere else."
            raise ProviderError(Fault.BAD_RESPONSE, detail, http_status=200)
        return _checked(given.path)


def _checked(call: str) -> str:
    if not _CALL.fullmatch(call):
        raise ProviderError(Fault.BAD_RESPONSE, "That is no id of a call.", http_status=None)
    return call
