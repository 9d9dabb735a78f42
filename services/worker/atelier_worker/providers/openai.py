"""OpenAI Images: one call, up to ten pictures, their bytes in the answer.

https://developers.openai.com/api/reference/resources/images
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import httpx

from atelier_core.contracts.catalogue import Catalogue, Model
from atelier_core.contracts.fit import drawn_size
from atelier_core.domain.values import Money
from atelier_worker.ports import Answer, Caller, Order
from atelier_worker.providers.checks import checked_key, checked_url
from atelier_worker.providers.costs import estimated, listed, metered
from atelier_worker.providers.fitting import (
    format_of,
    model_of,
    nearest_size,
    open_models,
    quality_of,
    vendors_name,
)
from atelier_worker.providers.http import open_client, request_id
from atelier_worker.providers.images_api import Usage, ask, inline, model_names, read_answer
from atelier_worker.providers.unqueued import Unqueued

URL: Final = "https://api.openai.com/v1"


class OpenAIProvider(Unqueued):
    """An `ImageProvider`. `open` it."""

    name = "openai"
    local = False
    concurrency = 20

    def __init__(self, client: httpx.AsyncClient, book: Catalogue) -> None:
        self._client = client
        self._book = book

    @classmethod
    @asynccontextmanager
    async def open(
        cls, key: str, *, book: Catalogue, url: str | None = None
    ) -> AsyncIterator[Self]:
        """With the key of an account, at `url` if it is not OpenAI's own.

        Raises:
            SettingsError: the key or the address cannot be used.
        """
        headers = {"authorization": f"Bearer {checked_key(key, name='OPENAI_API_KEY')}"}
        base = checked_url(url or URL, name="OPENAI_BASE_URL")
        async with open_client(base, connections=cls.concurrency, headers=headers) as client:
            yield cls(client, book)

    async def generate(self, order: Order, caller: Caller) -> Answer:
        model = model_of(self._book, order)
        response, raw = await ask(
            self._client, body_of(order, model), caller, call_id=order.call_id
        )
        result, found = await read_answer(raw, response)
        pictures = inline(order, found)
        return Answer(
            pictures=pictures,
            cost=cost_of(order, model, result.usage, len(pictures)),
            provider_request_id=request_id(response),
            http_status=response.status_code,
            prompt_as_sent=result.revised_prompt,
        )

    async def check(self) -> str:
        return open_models(self._book, self.name, await model_names(self._client))


def body_of(order: Order, model: Model) -> dict[str, Any]:
    """The request: what the model does not know is left out."""
    body = {
        "model": vendors_name(model),
        "prompt": order.prompt,
        "n": len(order.indexes),
        "size": size_of(order, model),
        "quality": quality_of(order, model),
        "output_format": format_of(order, model),
    }
    return {name: value for name, value in body.items() if value is not None}


def size_of(order: Order, model: Model) -> str:
    """The ordered size, or the nearest that the model draws."""
    if model.capabilities.fixed_sizes:
        return nearest_size(order, model.capabilities.sizes)
    width, height = drawn_size(order.width, order.height, model)
    return f"{width}x{height}"


def cost_of(order: Order, model: Model, usage: Usage | None, pictures: int) -> Money:
    """By the tokens that were used; if the answer does not tell, the list price, or the most that
    the ordered quality may cost.
    """
    if usage is not None and usage.output_tokens:  # a picture of no tokens was not counted
        counted = metered(model, text_in=usage.input_tokens, image_out=usage.output_tokens)
        if counted:
            return counted
    quality = quality_of(order, model)
    if not model.quality_prices or quality is None:
        return listed(model, pictures)
    width, height = size_of(order, model).split("x")
    _, most = model.quality_range(quality, (int(width), int(height)))
    return estimated(most * pictures)
