"""Hugging Face: one account and one router, behind it whichever partner draws the model now.

Which partners do, and what they call the model, is asked of the hub; each has its own way to be
asked. https://huggingface.co/docs/inference-providers
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import quote

import httpx
from pydantic import Field

from atelier_core.contracts.catalogue import Catalogue
from atelier_worker.ports import Answer, Caller, Fault, Order, Picture, ProviderError
from atelier_worker.providers.checks import checked_key, checked_url
from atelier_worker.providers.costs import listed
from atelier_worker.providers.fetch import PAUSES, Fetcher
from atelier_worker.providers.fitting import model_of, vendors_name
from atelier_worker.providers.http import (
    IN_THREAD,
    open_client,
    read_body,
    read_refusal,
    request_id,
    transport_errors,
)
from atelier_worker.providers.huggingface_partners import (
    PARTNERS,
    Partner,
    blocked,
    refused,
)
from atelier_worker.providers.talk import Talk, Wire
from atelier_worker.providers.unqueued import Unqueued

NAME: Final = "huggingface"
ROUTER: Final = "https://router.huggingface.co"
HUB: Final = "https://huggingface.co"
SHORT: Final = 16 * 1024  # bytes of an answer that is an address and no picture
CALLS: Final = "inference.serverless.write"  # the permission to call Inference Providers
FRESH: Final = 600.0  # seconds that who serves a model is taken as true


class _Scope(Wire):
    permissions: tuple[str, ...] = ()


class _Rights(Wire):
    """What a fine-grained token may do, at all and with single things."""

    everywhere: tuple[str, ...] = Field((), alias="global")
    scoped: tuple[_Scope, ...] = ()


class _Token(Wire):
    role: str
    rights: _Rights | None = Field(None, alias="fineGrained")

    @property
    def draws(self) -> bool:
        """Whether it may call partners; tokens that are not fine-grained may."""
        rights = self.rights
        if self.role != "fineGrained" or rights is None:
            return True
        return CALLS in {*rights.everywhere, *(p for s in rights.scoped for p in s.permissions)}


class _Auth(Wire):
    token: _Token | None = Field(None, alias="accessToken")


class _Account(Wire):
    auth: _Auth


class _Offer(Wire):
    """What one partner says of a model. `providerId` is its own name for it."""

    providerId: str  # noqa: N815 - the hub's name
    status: str = ""
    task: str = ""


class _Model(Wire):
    inferenceProviderMapping: dict[str, _Offer] = Field(default_factory=dict)  # noqa: N815 - as above


@dataclass(frozen=True)
class _Route:
    """Who draws a model, under which name, taken as true `until` then."""

    partner: Partner
    name: str
    until: float


class HuggingFaceProvider(Unqueued):
    """An `ImageProvider`. `open` it. It draws one picture a call."""

    name = NAME
    local = False
    concurrency = 10

    def __init__(
        self, client: httpx.AsyncClient, fetcher: Fetcher, book: Catalogue, *, hub: str
    ) -> None:
        self._client, self._fetcher, self._book, self._hub = client, fetcher, book, hub
        self._talk = Talk(client, refused)
        self._routes: dict[str, _Route] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        token: str,
        *,
        book: Catalogue,
        url: str = ROUTER,
        hub: str = HUB,
        pauses: Sequence[float] = PAUSES,
    ) -> AsyncIterator[Self]:
        """A client of the router at `url`, which asks `hub` who serves what.

        Raises:
            SettingsError: the token cannot be one.
        """
        headers = {"Authorization": f"Bearer {checked_key(token, name='HF_TOKEN')}"}
        url = checked_url(url, name="The address of the router")
        async with (
            open_client(url, connections=cls.concurrency, headers=headers) as client,
            Fetcher.open(trusted=[url], pauses=pauses) as fetcher,
        ):
            yield cls(client, fetcher, book, hub=checked_url(hub, name="The address of the hub"))

    async def generate(self, order: Order, caller: Caller) -> Answer:
        model = model_of(self._book, order)
        name = vendors_name(model)
        route = await self._route(name)
        body = route.partner.body(order, model, route.name)
        path = route.partner.path(quote(route.name))
        with transport_errors():
            async with self._client.stream(
                "POST", path, json=body, headers={"Accept": route.partner.accept}
            ) as response:
                if not response.is_success:
                    error = refused(response, await read_refusal(response))
                    if error.fault is Fault.MODEL_UNAVAILABLE:
                        self._routes.pop(name, None)
                    raise error
                raw = await read_body(response, caller, short=SHORT)
        found = await _read(route.partner, response, raw)
        one = order.indexes[:1]
        seeds = (order.seeds[0] if route.partner.seeded else None,)
        if isinstance(found, str):
            pictures, missing = await self._fetcher.pictures(order, [found], caller, seeds=seeds)
        else:
            pictures, missing = (Picture(index=one[0], data=found, seed=seeds[0]),), ()
        return Answer(
            pictures=pictures,
            missing=missing,
            cost=listed(model, 1),
            provider_request_id=request_id(response),
            http_status=response.status_code,
        )

    async def check(self) -> str:
        account = await self._talk.ask(_Account, "GET", f"{self._hub}/api/whoami-v2")
        if account.auth.token is not None and not account.auth.token.draws:
            detail = "The token is good, but lacks the permission to call Inference Providers."
            raise ProviderError(Fault.AUTH, detail)
        return "The token works. How much its account may spend is not said."

    async def _route(self, name: str) -> _Route:
        route = self._routes.get(name)
        if route is None or route.until < time.monotonic():
            path = f"{self._hub}/api/models/{name}?expand[]=inferenceProviderMapping"
            offers = (await self._talk.learn(_Model, path)).inferenceProviderMapping
            live = [
                (PARTNERS[who], offer.providerId)
                for who, offer in offers.items()
                if who in PARTNERS and offer.status == "live" and offer.task == "text-to-image"
            ]
            if not live:
                detail = "No partner of Hugging Face that is known here serves the model now."
                raise ProviderError(Fault.MODEL_UNAVAILABLE, detail)
            route = self._routes[name] = _Route(*live[0], time.monotonic() + FRESH)
        return route


async def _read(partner: Partner, response: httpx.Response, raw: bytes) -> bytes | str:
    """The picture in an answer, or its address.

    Raises:
        ProviderError: there is none.
    """
    try:
        big = len(raw) > IN_THREAD
        found = await asyncio.to_thread(partner.read, raw) if big else partner.read(raw)
    except ValueError as exc:
        raise ProviderError(
            Fault.BAD_RESPONSE,
            "The provider's answer cannot be read.",
            http_status=response.status_code,
            provider_request_id=request_id(response),
        ) from exc
    if found is None:
        raise blocked(response)
    return found
