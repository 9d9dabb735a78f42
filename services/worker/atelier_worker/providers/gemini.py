"""Google Gemini: image models that answer with words and pictures, one picture a call.

https://ai.google.dev/gemini-api/docs/image-generation. Imagen is not here: Google shut it down on
2026-08-17, and its models answer 404.
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import httpx

from atelier_core.contracts.catalogue import Catalogue, Model
from atelier_core.domain.values import Money
from atelier_worker.ports import Answer, Caller, Fault, Order, Picture, ProviderError
from atelier_worker.providers.checks import checked_key
from atelier_worker.providers.costs import listed, metered
from atelier_worker.providers.fitting import (
    model_of,
    nearest_ratio,
    open_models,
    vendors_name,
)
from atelier_worker.providers.gemini_wire import BLOCKED, Listed, Result, Usage, refused, word
from atelier_worker.providers.http import (
    IN_THREAD,
    identifier,
    open_client,
    read_body,
    read_refusal,
    transport_errors,
)
from atelier_worker.providers.talk import Talk
from atelier_worker.providers.unqueued import Unqueued

URL: Final = "https://generativelanguage.googleapis.com"
SIZES: Final = {"1K": 1024**2, "2K": 2048**2, "4K": 4096**2}  # pixels of a square


class GeminiProvider(Unqueued):
    """An `ImageProvider`. `open` it. Only the first picture of an order is drawn."""

    name = "gemini"
    local = False
    concurrency = 20

    def __init__(self, client: httpx.AsyncClient, book: Catalogue) -> None:
        self._client = client
        self._book = book

    @classmethod
    @asynccontextmanager
    async def open(cls, key: str, *, book: Catalogue, url: str = URL) -> AsyncIterator[Self]:
        """With the key of a project.

        Raises:
            SettingsError: the key cannot be used.
        """
        headers = {"x-goog-api-key": checked_key(key, name="GEMINI_API_KEY")}
        async with open_client(url, connections=cls.concurrency, headers=headers) as client:
            yield cls(client, book)

    async def generate(self, order: Order, caller: Caller) -> Answer:
        model = model_of(self._book, order)
        path = f"/v1beta/models/{vendors_name(model)}:generateContent"
        body = body_of(order, model)
        with transport_errors():
            async with self._client.stream("POST", path, json=body) as response:
                if not response.is_success:
                    raise refused(response, await read_refusal(response))
                raw = await read_body(response, caller)
        if len(raw) > IN_THREAD:
            return await asyncio.to_thread(_answer, order, model, response, raw)
        return _answer(order, model, response, raw)

    async def check(self) -> str:
        # 1,000 is the most of a page, and more than there are.
        found = await Talk(self._client, refused).ask(Listed, "GET", "/v1beta/models?pageSize=1000")
        names = {model.name.removeprefix("models/") for model in found.models}
        return open_models(self._book, self.name, names)


def body_of(order: Order, model: Model) -> dict[str, Any]:
    """The request: the shape as a ratio, the size as the nearest class that the model draws."""
    can = model.capabilities
    image = {"aspectRatio": nearest_ratio(order, can.aspect_ratios)}
    pixels = order.width * order.height
    size = min(SIZES, key=lambda name: abs(SIZES[name] - pixels))
    if size != "1K":  # what every model draws unasked
        image["imageSize"] = size
    return {
        "contents": [{"role": "user", "parts": [{"text": order.prompt}]}],
        "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], "imageConfig": image},
    }


def cost_of(order: Order, model: Model, usage: Usage | None, pictures: int) -> Money | None:
    """By the tokens that were used; else the list price of what came, if something came."""
    by_tokens = None
    if usage and (usage.candidates_token_count or not pictures):  # a picture is never of none
        by_tokens = metered(
            model,
            text_in=usage.prompt_token_count,
            image_out=usage.of_pictures,
            text_out=usage.of_words,
        )
    if by_tokens or not pictures:
        return by_tokens
    return listed(model, pictures, size=(order.width, order.height))


def _answer(order: Order, model: Model, response: httpx.Response, raw: bytes) -> Answer:
    try:
        result = Result.model_validate_json(raw)
        parts = [p for c in result.candidates[:1] if c.content for p in c.content.parts]
        drawn = [p.inline_data.data for p in parts if p.inline_data and not p.thought]
        data = base64.b64decode(drawn[-1], validate=True) if drawn else b""
    except ValueError as exc:  # a ValidationError, or not base64
        raise ProviderError(
            Fault.BAD_RESPONSE,
            "The provider's answer cannot be read.",
            http_status=response.status_code,
        ) from exc
    if result.error is not None:
        raise refused(response, raw)
    cost = cost_of(order, model, result.usage_metadata, int(bool(data)))
    if cost is None or not data:
        raise _nothing(result, response, cost)
    return Answer(
        pictures=(Picture(index=order.indexes[0], data=data, seed=None),),
        cost=cost,
        provider_request_id=identifier(response, result.response_id),
        http_status=response.status_code,
    )


def _nothing(result: Result, response: httpx.Response, cost: Money | None) -> ProviderError:
    """Why a success has no picture: blocked before or after it was drawn, or words only."""
    before = result.prompt_feedback and result.prompt_feedback.block_reason
    after = next((c.finish_reason for c in result.candidates), None)
    if before:
        fault, detail = Fault.MODERATED, f"The provider blocked the prompt: {word(before)}."
    elif after in BLOCKED:
        fault, detail = Fault.MODERATED, f"The provider blocked the picture: {after}."
    else:
        fault, detail = Fault.BAD_RESPONSE, f"The model drew nothing: {word(after) or 'no reason'}."
    return ProviderError(
        fault,
        detail,
        http_status=response.status_code,
        provider_request_id=identifier(response, result.response_id),
        cost=cost,
    )
