"""What a web UI of AUTOMATIC1111's kind is sent and what it sends."""

import re
from typing import Any, Final

import httpx
from pydantic import ValidationError

from atelier_core.contracts.catalogue import DEFAULT, Model
from atelier_worker.ports import Fault, Order, ProviderError
from atelier_worker.providers.fitting import vendors_name
from atelier_worker.providers.http import status_error
from atelier_worker.providers.images_api import unpacked
from atelier_worker.providers.talk import Wire

STEPS: Final = 20  # what the web UI itself starts with

_CHECKPOINT: Final = re.compile(rb"checkpoint", re.IGNORECASE)
_MEMORY: Final = re.compile(rb"OutOfMemory", re.IGNORECASE)


class _Drawn(Wire):
    images: tuple[str, ...]
    info: str = "{}"


class _Info(Wire):
    all_seeds: tuple[int, ...] = ()
    index_of_first_image: int = 0


def task_of(order: Order) -> str:
    """By which name the server knows the call."""
    return f"task({order.call_id})"


def body_of(order: Order, model: Model) -> dict[str, Any]:
    """What to send for `order`."""
    name = vendors_name(model)
    return {
        "prompt": order.prompt,
        "negative_prompt": order.negative_prompt or "",
        "seed": order.seeds[0],
        "steps": order.steps or STEPS,
        "width": order.width,
        "height": order.height,
        "batch_size": 1,
        "n_iter": len(order.indexes),
        "send_images": True,
        "save_images": False,
        "force_task_id": task_of(order),
        **({"cfg_scale": order.guidance} if order.guidance is not None else {}),
        **({"override_settings": {"sd_model_checkpoint": name}} if name != DEFAULT else {}),
    }


def read_pictures(raw: bytes) -> list[tuple[bytes, int | None]]:
    """The pictures and their seeds; of several, the first may be a sheet of all: it is left out.

    Raises:
        ValueError: there is none, or not in base64.
    """
    answer = _Drawn.model_validate_json(raw)
    try:
        info = _Info.model_validate_json(answer.info)
    except ValidationError:  # what is beside the pictures is no reason to lose them
        info = _Info()
    pictures = [unpacked(text) for text in answer.images[max(0, info.index_of_first_image) :]]
    if not pictures:
        raise ValueError("no picture")
    return [
        (data, info.all_seeds[at] if at < len(info.all_seeds) else None)
        for at, data in enumerate(pictures)
    ]


def refused(response: httpx.Response, raw: bytes) -> ProviderError:
    """The error of an answer."""
    status = response.status_code
    error = status_error(response, f"The web UI answered {status}.", request_id=None)
    if status == httpx.codes.NOT_FOUND:
        error.detail = "The web UI has no such thing: was it started with --api?"
    if status == httpx.codes.INTERNAL_SERVER_ERROR and response.request.method == "POST":
        # The same again would end the same way.
        error.fault = Fault.BAD_RESPONSE
        if _MEMORY.search(raw):
            error.detail = "The web UI ran out of memory."
        elif _CHECKPOINT.search(raw):
            error.fault, error.detail = Fault.MODEL_UNAVAILABLE, "The web UI has no such model."
    return error
