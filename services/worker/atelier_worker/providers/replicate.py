"""Replicate (replicate.com): predictions are created, looked at until they end, canceled by id.

What a model takes is asked of the model itself, so a new one is only a line in the catalogue.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

import httpx
from pydantic import Field

from atelier_core.contracts.catalogue import Catalogue, Model
from atelier_core.domain.values import Money
from atelier_worker.ports import Answer, Caller, Fault, Order, ProviderError
from atelier_worker.providers.checks import checked_key, checked_url
from atelier_worker.providers.costs import listed
from atelier_worker.providers.fetch import Fetcher
from atelier_worker.providers.fitting import model_of, sized, vendors_name
from atelier_worker.providers.http import believable, open_client, status_error
from atelier_worker.providers.patience import USUAL, Pace, fraction_in
from atelier_worker.providers.replicate_input import Described
from atelier_worker.providers.talk import Talk, Wire, otherwise

NAME: Final = "replicate"
URL: Final = "https://api.replicate.com/v1"
FRESH: Final = 3600.0  # seconds a model's description is taken as true

_FORBIDDEN = re.compile(r"nsfw|sensitive|safety|moderat|flagged|E005", re.IGNORECASE)
_BUSY = re.compile(r"high demand|at capacity|interrupted|E003", re.IGNORECASE)
_RESETS = re.compile(rb"resets in ~?(\d{1,5})s")
_ID = re.compile(r"^[A-Za-z0-9_-]{1,100}$")


class _Sent(Wire):
    seed: int | None = None


class _Account(Wire):
    username: str


class _Prediction(Wire):
    id: str = Field(pattern=_ID.pattern)
    model: str | None = None
    status: str
    input: Annotated[_Sent, otherwise(_Sent())] = _Sent()
    output: Any = None
    error: Any = None
    logs: Annotated[str | None, otherwise(None)] = None


@dataclass(frozen=True)
class _Known:
    """A model's description, taken as true `until` then."""

    model: Described
    until: float


class ReplicateProvider:
    """An `ImageProvider`. `open` it."""

    name = NAME
    local = False
    concurrency = 50

    def __init__(
        self, client: httpx.AsyncClient, fetcher: Fetcher, book: Catalogue, *, pace: Pace
    ) -> None:
        self._talk = Talk(client, _refused)
        self._fetcher, self._book, self._pace = fetcher, book, pace
        self._known: dict[str, _Known] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls, token: str, *, book: Catalogue, url: str = URL, pace: Pace = USUAL
    ) -> AsyncIterator[Self]:
        """A client of the service at `url`.

        Raises:
            SettingsError: the token cannot be one.
        """
        token = checked_key(token, name="REPLICATE_API_TOKEN")
        url = checked_url(url, name="The address of Replicate")
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            open_client(url, connections=cls.concurrency, headers=headers) as client,
            Fetcher.open(trusted=[url], pauses=pace.pauses) as fetcher,
        ):
            yield cls(client, fetcher, book, pace=pace)

    async def generate(self, order: Order, caller: Caller) -> Answer:
        model = model_of(self._book, order)
        name = vendors_name(model)
        known = await self._describe(name)
        body = {"version": known.version(name), "input": known.input_of(sized(order, model))}
        prediction = await self._talk.ask(_Prediction, "POST", "/predictions", json=body)
        await caller.submitted(prediction.id)
        return await self._wait(order, model, prediction, caller)

    async def resume(self, order: Order, provider_job_id: str, caller: Caller, /) -> Answer:
        model = model_of(self._book, order)
        return await self._wait(order, model, await self._look(provider_job_id), caller)

    async def cancel(self, provider_job_id: str, /) -> Money:
        path = f"{_path(provider_job_id)}/cancel"
        prediction = await self._talk.ask(_Prediction, "POST", path)
        if prediction.status == "aborted":  # it never started
            return Money.exactly("0")
        found = self._book.find(f"{NAME}/{prediction.model}")
        urls = _urls(prediction.output)
        if prediction.status == "succeeded" and urls and found:
            return listed(found[0], len(urls))
        return Money.unknown()

    async def check(self) -> str:
        await self._talk.ask(_Account, "GET", "/account")
        return "The key works. How much its account may spend is not said."

    async def _wait(
        self, order: Order, model: Model, prediction: _Prediction, caller: Caller
    ) -> Answer:
        pauses = self._pace.looks()
        while prediction.status not in _ENDED:
            fraction = fraction_in(prediction.logs or "")
            for index in order.indexes if fraction is not None else ():
                caller.progress(index, fraction or 0.0)
            await asyncio.sleep(next(pauses))
            prediction = await self._look(prediction.id)
        urls = _urls(prediction.output)
        if prediction.status != "succeeded" or not any(urls):
            raise _failure(prediction)
        # Of several pictures of one call only the first is known to have the seed.
        seeds = [prediction.input.seed, *[None] * len(urls)]
        pictures, missing = await self._fetcher.pictures(order, urls, caller, seeds=seeds)
        return Answer(
            pictures=pictures,
            missing=missing,
            cost=listed(model, len(urls)),
            provider_request_id=prediction.id,
            http_status=200,
        )

    async def _look(self, prediction_id: str) -> _Prediction:
        path = _path(prediction_id)
        return await self._pace.patiently(lambda: self._talk.ask(_Prediction, "GET", path))

    async def _describe(self, name: str) -> Described:
        known = self._known.get(name)
        if known is None or known.until < time.monotonic():
            found = await self._talk.learn(Described, f"/models/{name}")
            known = self._known[name] = _Known(found, time.monotonic() + FRESH)
        return known.model


_ENDED: Final = frozenset({"succeeded", "failed", "canceled", "aborted"})


def _path(prediction_id: str) -> str:
    if not _ID.fullmatch(prediction_id):
        raise ProviderError(Fault.BAD_RESPONSE, "That is no id of a prediction.")
    return f"/predictions/{prediction_id}"


def _urls(output: Any) -> list[str | None]:
    """The addresses in an output, None where something else stands."""
    several = output if isinstance(output, list) else [output] if output else []
    return [each if isinstance(each, str) else None for each in several]


def _refused(response: httpx.Response, raw: bytes) -> ProviderError:
    detail = f"Replicate answered {response.status_code}."
    error = status_error(response, detail, request_id=None)
    if error.fault is Fault.RATE_LIMITED and error.retry_after is None:  # it is in the text
        found = _RESETS.search(raw[:4_000])
        error.retry_after = believable(float(found[1])) if found else None
    return error


def _failure(prediction: _Prediction) -> ProviderError:
    said = str(prediction.error or "")
    if prediction.status in ("canceled", "aborted"):
        fault, detail = Fault.CANCELED, "The call was canceled at the provider."
    elif _FORBIDDEN.search(said):
        fault, detail = Fault.MODERATED, "The provider blocked the prompt or the picture."
    elif _BUSY.search(said):
        fault, detail = Fault.OVERLOADED, "The provider was too busy to finish."
    elif prediction.status == "succeeded":
        fault, detail = Fault.BAD_RESPONSE, "The call succeeded without a picture."
    else:
        fault, detail = Fault.BAD_RESPONSE, "The model failed at the provider."
    cost = Money.exactly("0") if prediction.status == "aborted" else Money.unknown()
    return ProviderError(
        fault, detail, http_status=200, provider_request_id=prediction.id, cost=cost
    )
