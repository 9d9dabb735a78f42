"""Stability AI, v2beta: one multipart call, one picture, its bytes as the answer.

https://platform.stability.ai/docs/api-reference
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final, Self

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from atelier_core.contracts.catalogue import Catalogue, Model
from atelier_core.domain.values import Money
from atelier_worker.ports import Answer, Caller, Fault, Order, Picture, ProviderError
from atelier_worker.providers.checks import checked_key
from atelier_worker.providers.costs import listed
from atelier_worker.providers.fitting import format_of, model_of, nearest_ratio, vendors_name
from atelier_worker.providers.http import (
    identifier,
    open_client,
    presentable,
    read_body,
    read_refusal,
    request_id,
    status_error,
    transport_errors,
)
from atelier_worker.providers.talk import Talk, otherwise
from atelier_worker.providers.unqueued import Unqueued

URL: Final = "https://api.stability.ai"
PATH: Final = "/v2beta/stable-image/generate"
SERVICES: Final = frozenset({"core", "ultra"})  # every other model is one of the service sd3
LAST_SEED: Final = 4_294_967_294
TIMEOUT: Final = 60.0  # seconds that who asked too often is shut out, as documented

_BY_NAME: Final = {
    "content_moderation": Fault.MODERATED,
    "public_figure": Fault.MODERATED,
    "payment_required": Fault.BILLING,
    "unauthorized": Fault.AUTH,
    "invalid_language": Fault.INVALID_REQUEST,
    "rate_limit_exceeded": Fault.RATE_LIMITED,
}
_FIELD: Final = re.compile(r"([a-z_-]{1,40}):")


class _Refusal(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Annotated[str | None, otherwise(None)] = None
    name: str = ""
    errors: Annotated[tuple[str, ...], otherwise(())] = ()


class _Balance(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    credits: float = Field(allow_inf_nan=False)


class StabilityProvider(Unqueued):
    """An `ImageProvider`. `open` it. Only the first picture of an order is drawn."""

    name = "stability"
    local = False
    concurrency = 10

    def __init__(self, client: httpx.AsyncClient, book: Catalogue) -> None:
        self._client = client
        self._book = book

    @classmethod
    @asynccontextmanager
    async def open(cls, key: str, *, book: Catalogue, url: str = URL) -> AsyncIterator[Self]:
        """With the key of an account.

        Raises:
            SettingsError: the key cannot be used.
        """
        headers = {"authorization": f"Bearer {checked_key(key, name='STABILITY_API_KEY')}"}
        async with open_client(url, connections=cls.concurrency, headers=headers) as client:
            yield cls(client, book)

    async def generate(self, order: Order, caller: Caller) -> Answer:
        model = model_of(self._book, order)
        fields = fields_of(order, model)
        service = vendors_name(model) if vendors_name(model) in SERVICES else "sd3"
        with transport_errors():
            async with self._client.stream(
                "POST",
                f"{PATH}/{service}",
                files={name: (None, value) for name, value in fields.items()},
                headers={"accept": "image/*"},
            ) as response:
                if not response.is_success:
                    raise _refused(response, await read_refusal(response))
                data = await read_body(response, caller)
        _check(response, data)
        seed = response.headers.get("seed", "")
        used = int(seed) if seed.isascii() and seed.isdigit() else int(fields["seed"])
        return Answer(
            pictures=(Picture(index=order.indexes[0], data=data, seed=used),),
            cost=listed(model, 1),
            provider_request_id=request_id(response),
            http_status=response.status_code,
        )

    async def check(self) -> str:
        found = await Talk(self._client, _refused).ask(_Balance, "GET", "/v1/user/balance")
        if found.credits <= 0:
            raise ProviderError(Fault.BILLING, "The key works, but its account has no credits.")
        return f"The key works, and its account has {found.credits:,.2f} credits."


def fields_of(order: Order, model: Model) -> dict[str, str]:
    """The form: what the model does not know is left out."""
    name, can = vendors_name(model), model.capabilities
    fields = {
        "prompt": order.prompt,
        "aspect_ratio": nearest_ratio(order, can.aspect_ratios),
        # 0 asks for any seed, and the last of ours is one beyond theirs.
        "seed": str(order.seeds[0] if 0 < order.seeds[0] <= LAST_SEED else LAST_SEED),
    }
    if kind := format_of(order, model):
        fields["output_format"] = kind
    if order.negative_prompt and can.negative_prompt:
        fields["negative_prompt"] = order.negative_prompt
    if order.guidance is not None and can.guidance is not None:
        least, most = can.guidance
        fields["cfg_scale"] = str(min(most, max(least, order.guidance)))
    if name not in SERVICES:
        fields |= {"model": name, "mode": "text-to-image"}
    return fields


def _check(response: httpx.Response, data: bytes) -> None:
    """A success may be a blurred picture, or an error."""
    reason = response.headers.get("finish-reason")
    if reason == "SUCCESS":
        return
    if reason == "CONTENT_FILTERED":
        raise ProviderError(
            Fault.MODERATED,
            "The provider blocked the picture.",
            http_status=response.status_code,
            provider_request_id=request_id(response),
        )
    raise _refused(response, data[:65_536])


def _refused(response: httpx.Response, raw: bytes) -> ProviderError:
    """What an error says by its name, else by its status. Its sentences quote what was sent."""
    try:
        refusal = _Refusal.model_validate_json(raw)
    except ValidationError:
        refusal = _Refusal()
    status = response.status_code
    named = request_id(response) or identifier(response, refusal.id)
    fault = _BY_NAME.get(refusal.name)
    if fault is Fault.MODERATED:
        return ProviderError(
            fault,
            "The provider blocked the prompt.",
            http_status=status,
            provider_request_id=named,
            cost=Money.exactly("0"),  # "you were not charged"
        )
    wrong = [found[1] for error in refusal.errors if (found := _FIELD.match(error))]
    wrong = presentable(response, wrong)
    about = f": {', '.join(wrong)}" if wrong else ""
    error = status_error(response, f"The provider answered {status}{about}.", request_id=named)
    error.fault = fault or error.fault
    if error.fault is Fault.RATE_LIMITED and error.retry_after is None:
        error.retry_after = TIMEOUT
    return error
