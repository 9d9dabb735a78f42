"""How each partner behind Hugging Face's router is asked, and what its answers and errors mean."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
from pydantic import Field, ValidationError

from atelier_core.contracts.catalogue import Model
from atelier_worker.ports import Fault, Order, ProviderError
from atelier_worker.providers.fitting import format_of
from atelier_worker.providers.http import believable, request_id, status_error
from atelier_worker.providers.images_api import unpacked
from atelier_worker.providers.talk import Wire

Found = bytes | str | None  # a picture, its address, or none because it was blocked

_FORBIDDEN: Final = re.compile(rb"content_policy_violation|nsfw|safety|moderat", re.IGNORECASE)
_UNSUPPORTED: Final = re.compile(rb"not supported|not found|does not exist", re.IGNORECASE)
_RESETS: Final = re.compile(r"(?:^|;)\s*t=(\d{1,6})")


@dataclass(frozen=True)
class Partner:
    """`path` takes the partner's name of the model; `body` an order, the model and that name.

    `read` finds the picture in an answer, or raises ValueError.
    """

    path: Callable[[str], str]
    body: Callable[[Order, Model, str], Mapping[str, Any]]
    read: Callable[[bytes], Found]
    accept: str = "application/json"
    seeded: bool = True


class _Addressed(Wire):
    url: str


class _FalResult(Wire):
    images: tuple[_Addressed, ...] = Field(min_length=1)
    has_nsfw_concepts: tuple[bool, ...] | None = None


class _Packed(Wire):
    b64_json: str


class _DataResult(Wire):
    data: tuple[_Packed, ...] = Field(min_length=1)


class _Loading(Wire):
    estimated_time: float | None = None


def _common(order: Order, model: Model, *, steps: str) -> dict[str, Any]:
    can = model.capabilities
    wanted: dict[str, Any] = {"seed": order.seeds[0]}
    if order.negative_prompt and can.negative_prompt:
        wanted["negative_prompt"] = order.negative_prompt
    if order.steps is not None and can.steps:
        wanted[steps] = order.steps
    if order.guidance is not None and can.guidance:
        wanted["guidance_scale"] = order.guidance
    return wanted


def _format(order: Order, model: Model) -> dict[str, str]:
    """Unasked, most partners draw JPEG."""
    kind = format_of(order, model)
    return {} if kind is None else {"output_format": kind}


def _size(order: Order) -> dict[str, int]:
    return {"width": order.width, "height": order.height}


def _own_body(order: Order, model: Model, _: str) -> Mapping[str, Any]:
    common = _common(order, model, steps="num_inference_steps")
    return {"inputs": order.prompt, "parameters": common | _size(order)}


def _fal_body(order: Order, model: Model, _: str) -> Mapping[str, Any]:
    common = _common(order, model, steps="num_inference_steps")
    return {"prompt": order.prompt, "image_size": _size(order)} | common | _format(order, model)


def _together_body(order: Order, model: Model, name: str) -> Mapping[str, Any]:
    fixed = {"prompt": order.prompt, "model": name, "response_format": "base64"}
    return fixed | _size(order) | _common(order, model, steps="steps") | _format(order, model)


def _nscale_body(order: Order, _: Model, name: str) -> Mapping[str, Any]:
    size = f"{order.width}x{order.height}"
    return {"prompt": order.prompt, "model": name, "size": size, "response_format": "b64_json"}


def _itself(raw: bytes) -> Found:
    if raw[:1] in (b"{", b"["):
        raise ValueError("JSON where a picture was due")
    return raw


def _address(raw: bytes) -> Found:
    result = _FalResult.model_validate_json(raw)
    return (
        None if result.has_nsfw_concepts and result.has_nsfw_concepts[0] else result.images[0].url
    )


def _packed(raw: bytes) -> Found:
    return unpacked(_DataResult.model_validate_json(raw).data[0].b64_json)


PARTNERS: Final[Mapping[str, Partner]] = {
    "hf-inference": Partner(
        lambda name: f"/hf-inference/models/{name}", _own_body, _itself, accept="image/png"
    ),
    "fal-ai": Partner(lambda name: f"/fal-ai/{name}", _fal_body, _address),
    "together": Partner(lambda _: "/together/v1/images/generations", _together_body, _packed),
    "nscale": Partner(
        lambda _: "/nscale/v1/images/generations", _nscale_body, _packed, seeded=False
    ),
}


def blocked(response: httpx.Response) -> ProviderError:
    """The error of an answer without picture that says that there was one not to be shown."""
    return ProviderError(
        Fault.MODERATED,
        "The provider blocked the prompt or the picture.",
        http_status=response.status_code,
        provider_request_id=request_id(response),
    )


def refused(response: httpx.Response, raw: bytes) -> ProviderError:
    """The error of an answer. Its sentences are not passed on: they may quote the input."""
    status = response.status_code
    detail = f"Hugging Face answered {status}."
    error = status_error(response, detail, request_id=request_id(response))
    if error.fault is Fault.INVALID_REQUEST:
        if _FORBIDDEN.search(raw):
            return blocked(response)
        if _UNSUPPORTED.search(raw):
            error.fault = Fault.MODEL_UNAVAILABLE
    elif error.retry_after is None and error.fault is Fault.RATE_LIMITED:
        found = _RESETS.search(response.headers.get("ratelimit", ""))
        error.retry_after = believable(float(found[1])) if found else None
    elif error.retry_after is None and error.fault is Fault.OVERLOADED:
        try:
            seconds = _Loading.model_validate_json(raw).estimated_time
        except ValidationError:
            seconds = None
        error.retry_after = None if seconds is None else believable(seconds)
    return error
