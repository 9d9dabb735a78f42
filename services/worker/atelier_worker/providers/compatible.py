"""Any server that speaks the Images API: LocalAI, LiteLLM, vLLM, Together, ...

Every model of the server can be asked for as `compatible/<its name>`. Pictures come in the answer
or as addresses, whatever was asked for.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Self
from urllib.parse import urljoin, urlsplit

import httpx

from atelier_core.contracts.catalogue import DEFAULT, Catalogue
from atelier_worker.ports import Answer, Caller, Order
from atelier_worker.providers.checks import checked_key, checked_url
from atelier_worker.providers.costs import listed
from atelier_worker.providers.fetch import Fetcher
from atelier_worker.providers.fitting import model_of, models, vendors_name
from atelier_worker.providers.http import open_client, request_id
from atelier_worker.providers.images_api import ask, inline, model_names, read_answer
from atelier_worker.providers.images_errors import RefusedError
from atelier_worker.providers.unqueued import Unqueued

SHORT: Final = 64 * 1024  # bytes: an answer with addresses, not pictures
TOGETHER: Final = frozenset({"api.together.ai", "api.together.xyz"})  # has words of its own


class CompatibleProvider(Unqueued):
    """An `ImageProvider`. `open` it."""

    name = "compatible"
    local = False
    concurrency = 8

    def __init__(
        self,
        client: httpx.AsyncClient,
        fetcher: Fetcher,
        book: Catalogue,
        *,
        base: str,
        default: str | None,
    ) -> None:
        self._client = client
        self._fetcher = fetcher
        self._book = book
        self._base = base
        self._default = default
        self._picky: set[str | None] = set()  # models that refuse to be told how to answer

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, *, book: Catalogue, key: str | None = None, default: str | None = None
    ) -> AsyncIterator[Self]:
        """The server at `url` (`/v1` is added to a bare host). `default` is what it calls the
        model that is meant by `compatible/default`; without, the server chooses.

        Raises:
            SettingsError: the key or the address cannot be used.
        """
        base = checked_url(url, name="COMPATIBLE_URL")
        base = base if urlsplit(base).path else f"{base}/v1"
        headers = (
            {"authorization": f"Bearer {checked_key(key, name='COMPATIBLE_API_KEY')}"}
            if key
            else None
        )
        async with (
            open_client(base, connections=cls.concurrency, headers=headers) as client,
            Fetcher.open(trusted=[base]) as fetcher,
        ):
            yield cls(client, fetcher, book, base=base, default=default)

    async def generate(self, order: Order, caller: Caller) -> Answer:
        model = model_of(self._book, order)
        name = vendors_name(model)
        response, raw = await self._ask(order, self._default if name == DEFAULT else name, caller)
        result, found = await read_answer(raw, response)
        found = tuple(urljoin(f"{self._base}/", f) if isinstance(f, str) else f for f in found)
        urls = [f if isinstance(f, str) else None for f in found]
        fetched, missing = await self._fetcher.pictures(
            order, urls, caller, seeds=[None] * len(urls)
        )
        return Answer(
            pictures=(*inline(order, found), *fetched),
            missing=missing,
            cost=listed(model, sum(f is not None for f in found)),
            provider_request_id=request_id(response),
            http_status=response.status_code,
            prompt_as_sent=result.revised_prompt,
        )

    async def check(self) -> str:
        return f"The server answers, and lists {models(len(await model_names(self._client)))}."

    async def _ask(
        self, order: Order, model: str | None, caller: Caller
    ) -> tuple[httpx.Response, bytes]:
        """Asks for bytes; a model that refuses to be told how to answer is asked again without."""
        together = urlsplit(self._base).hostname in TOGETHER
        plain = body_of(order, model, together=together)
        if model not in self._picky:
            try:
                body = plain | {"response_format": "base64" if together else "b64_json"}
                return await ask(self._client, body, caller, call_id=order.call_id, short=SHORT)
            except RefusedError as exc:
                if exc.parameter != "response_format":
                    raise
            self._picky.add(model)
        return await ask(self._client, plain, caller, call_id=order.call_id, short=SHORT)


def body_of(order: Order, model: str | None, *, together: bool) -> dict[str, Any]:
    """The request, of what every such server knows, save that Together knows no `size`."""
    sides = {"width": order.width, "height": order.height}
    size = sides if together else {"size": f"{order.width}x{order.height}"}
    body = {"prompt": order.prompt, "n": len(order.indexes)} | size
    return body if model is None else {"model": model} | body
