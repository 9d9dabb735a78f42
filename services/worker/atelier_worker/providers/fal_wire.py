"""What fal is sent and what it sends."""

import re
from typing import Annotated, Any, Final

import httpx
from pydantic import ValidationError

from atelier_core.contracts.catalogue import Model
from atelier_worker.ports import Fault, Order, ProviderError
from atelier_worker.providers.fitting import format_of
from atelier_worker.providers.http import presentable, request_id, status_error
from atelier_worker.providers.talk import Wire, otherwise

_BALANCE: Final = re.compile(r"balance|exhausted|billing|locked", re.IGNORECASE)
_FORBIDDEN: Final = "content_policy_violation"


class Submitted(Wire):
    request_id: str
    response_url: str


class _Log(Wire):
    message: str = ""


class Status(Wire):
    status: str
    logs: Annotated[tuple[_Log, ...] | None, otherwise(None)] = None
    error: Any = None


class _Image(Wire):
    url: str | None = None


class Result(Wire):
    images: tuple[_Image, ...] = ()
    seed: Annotated[int | None, otherwise(None)] = None
    has_nsfw_concepts: tuple[bool, ...] | None = None


class Canceled(Wire):
    status: str = ""


class _Problem(Wire):
    type: Annotated[str, otherwise("")] = ""
    loc: Annotated[tuple[str | int, ...], otherwise(())] = ()


class _Problems(Wire):
    detail: tuple[_Problem, ...] | str = ""


class Price(Wire):
    endpoint_id: str


class Prices(Wire):
    prices: tuple[Price, ...]


def input_of(order: Order, model: Model) -> dict[str, Any]:
    """What to send for `order`: what the model does not know is left out."""
    can = model.capabilities
    wanted: dict[str, Any] = {
        "prompt": order.prompt,
        "image_size": {"width": order.width, "height": order.height},
        "num_images": len(order.indexes),
        "seed": order.seeds[0],
    }
    if order.negative_prompt and can.negative_prompt:
        wanted["negative_prompt"] = order.negative_prompt
    if order.steps is not None and can.steps:
        wanted["num_inference_steps"] = order.steps
    if order.guidance is not None and can.guidance:
        wanted["guidance_scale"] = order.guidance
    if kind := format_of(order, model):
        wanted["output_format"] = kind
    return wanted


def refused(response: httpx.Response, raw: bytes) -> ProviderError:
    """The error of an answer. Of fal's sentences nothing is passed on: they quote the input."""
    named = request_id(response, "x-fal-request-id")
    error = status_error(response, f"fal answered {response.status_code}.", request_id=named)
    try:
        said = _Problems.model_validate_json(raw).detail
    except ValidationError:
        return error
    if isinstance(said, str):
        if error.fault is Fault.AUTH and _BALANCE.search(said):
            error.fault, error.detail = Fault.BILLING, "The balance at fal is used up."
    elif any(problem.type == _FORBIDDEN for problem in said):
        error.fault, error.detail = Fault.MODERATED, "The provider blocked the prompt."
    elif said and presentable(response, [str(word) for word in said[0].loc[-1:]]):
        field = re.sub(r"\W", "", str(said[0].loc[-1]))[:40]  # its name, never what was in it
        error.detail = f"fal does not take what is in {field!r}."
    return error
