"""The Images API as OpenAI speaks it: one request, one answer, whoever gives it."""

import asyncio
import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from atelier_core.errors import AtelierError
from atelier_worker.ports import Caller, NotCheckableError, Order, Picture
from atelier_worker.providers.http import (
    IN_THREAD,
    read_body,
    read_refusal,
    transport_errors,
)
from atelier_worker.providers.images_errors import Refusal, bad_answer, refused
from atelier_worker.providers.talk import Talk, otherwise

PATH: Final = "/images/generations"

Found = bytes | str | None  # of one picture: itself, its address, or nothing


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Entry(_Wire):
    """One picture: its bytes, or where they are; neither if it could not be made."""

    b64_json: str | None = None
    url: str | None = None
    revised_prompt: Annotated[str | None, otherwise(None)] = None


class Usage(_Wire):
    input_tokens: int = Field(0, ge=0)
    output_tokens: int = Field(0, ge=0)


class _Named(_Wire):
    id: str


class _Models(_Wire):
    data: tuple[_Named, ...]


class Result(_Wire):
    data: tuple[Entry, ...] | None = None
    usage: Annotated[Usage | None, otherwise(None)] = None
    error: Refusal | str | None = None

    @property
    def revised_prompt(self) -> str | None:
        """The first picture's prompt as the vendor made it, if it says so."""
        return next((e.revised_prompt for e in self.data or () if e.revised_prompt), None)


def unpacked(text: str) -> bytes:
    """The bytes of base64, with lines broken or not, bare or as a `data:` address.

    Raises:
        ValueError: it is neither.
    """
    if text.startswith("data:"):
        head, _, text = text.partition(",")
        if not head.endswith(";base64"):
            raise ValueError("a data address that is not base64")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as exc:
        raise ValueError(str(exc)) from exc


async def ask(
    client: httpx.AsyncClient,
    body: Mapping[str, Any],
    caller: Caller,
    *,
    call_id: str,
    short: int = 0,
) -> tuple[httpx.Response, bytes]:
    """Make the call, once: the answer of a success and its body.

    Raises:
        ProviderError: anything else.
    """
    headers = {"x-client-request-id": call_id}
    with transport_errors():
        async with client.stream("POST", PATH, json=body, headers=headers) as response:
            if not response.is_success:
                raise refused(response, await read_refusal(response))
            return response, await read_body(response, caller, short=short)


async def model_names(client: httpx.AsyncClient) -> frozenset[str]:
    """The names of the models that the server offers.

    Raises:
        ProviderError: it refuses, or is none of this kind.
        NotCheckableError: the key is good, but not for this.
    """
    models = await Talk(client, _unlisted).ask(_Models, "GET", "/models")
    return frozenset(model.id for model in models.data)


def _unlisted(response: httpx.Response, raw: bytes) -> AtelierError:
    # A key may be restricted to drawing; the status is 401 or 403.
    if b"api.model.read" in raw:
        detail = "The key is known, but may not list models: whether it may draw is not said."
        return NotCheckableError(detail)
    return refused(response, raw)


async def read_answer(raw: bytes, response: httpx.Response) -> tuple[Result, tuple[Found, ...]]:
    """The answer, and what it has for each picture: bytes, an address, or nothing.

    Raises:
        ProviderError: it is unreadable, or an error dressed as a success.
    """

    def read() -> tuple[Result, tuple[Found, ...]]:
        result = parsed(raw, response)
        try:
            return result, tuple(_found(entry) for entry in result.data or ())
        except ValueError as exc:
            raise bad_answer(response, "The provider's pictures are not base64.") from exc

    return await asyncio.to_thread(read) if len(raw) > IN_THREAD else read()


def _found(entry: Entry) -> Found:
    if entry.b64_json is not None:
        return unpacked(entry.b64_json)
    if entry.url is not None and entry.url.startswith("data:"):
        return unpacked(entry.url)
    return entry.url


def inline(order: Order, found: Sequence[Found]) -> tuple[Picture, ...]:
    """The pictures that are in the answer itself, in the order of the indexes."""
    return tuple(
        Picture(index=index, data=data, seed=None)
        for index, data in zip(order.indexes, found, strict=False)
        if isinstance(data, bytes)
    )


def parsed(raw: bytes, response: httpx.Response) -> Result:
    """The answer, if it is one with pictures in it.

    Raises:
        ProviderError: it is unreadable, or an error dressed as a success.
    """
    try:
        result = Result.model_validate_json(raw)
    except ValidationError as exc:
        raise bad_answer(response, "The provider's answer cannot be read.") from exc
    if result.error is not None:
        raise refused(response, raw)
    if not result.data:
        raise bad_answer(response, "The provider's answer has no picture in it.")
    return result
