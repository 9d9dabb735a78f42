"""What ComfyUI is sent and what it sends."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx
from pydantic import Field, RootModel, ValidationError

from atelier_core.domain.values import Money
from atelier_worker.ports import Fault, Order, ProviderError
from atelier_worker.providers.http import status_error
from atelier_worker.providers.talk import Wire

STEPS: Final = 20
GUIDANCE: Final = 7.0

_LAST: Final = frozenset({"execution_success", "execution_error", "execution_interrupted"})
_MEMORY: Final = re.compile(r"OutOfMemory|out of memory", re.IGNORECASE)


class Names(RootModel[tuple[str, ...]]):
    """The files in one of the server's folders of models."""


class Submitted(Wire):
    prompt_id: str


class Canceled(Wire):
    cancelled: bool = False


class Queue(Wire):
    """What runs and what waits: lists of which the second item is the call's id."""

    queue_running: tuple[tuple[Any, ...], ...] = ()
    queue_pending: tuple[tuple[Any, ...], ...] = ()

    @property
    def running(self) -> frozenset[str]:
        return _ids(self.queue_running)

    @property
    def pending(self) -> frozenset[str]:
        return _ids(self.queue_pending)


class File(Wire):
    """A picture on the server's disk."""

    filename: str
    subfolder: str = ""
    type: str = "output"

    @property
    def where(self) -> Mapping[str, str]:
        """How the server is asked for it."""
        return {"filename": self.filename, "subfolder": self.subfolder, "type": self.type}

    @property
    def odd(self) -> bool:
        """Whether it is a place that no picture of ours can be at."""
        parts = re.split(r"[/\\]", f"{self.subfolder}/{self.filename}")
        rooted = self.subfolder.startswith("/") or "/" in self.filename or ":" in self.filename
        return rooted or ".." in parts or not self.filename


class _Output(Wire):
    images: tuple[File, ...] = ()


class _Status(Wire):
    status_str: str = ""
    messages: tuple[tuple[Any, ...], ...] = ()


class Entry(Wire):
    """A call that is over."""

    outputs: dict[str, _Output] = Field(default_factory=dict)
    status: _Status | None = None

    def files(self, order: Order) -> dict[int, File]:
        """The pictures by index."""
        found = {}
        for index in order.indexes:
            images = self.outputs.get(_node("save", index), _Output()).images
            if images and not images[0].odd:
                found[index] = images[0]
        return found


class Finished(RootModel[dict[str, Entry]]):
    """The calls that are over, by id."""


class _FrameData(Wire):
    prompt_id: str | None = None
    node: str | None = None
    value: float = 0.0
    max: float = 0.0


class Frame(Wire):
    """One message of the socket."""

    type: str
    data: _FrameData = _FrameData()

    @classmethod
    def read(cls, text: str) -> "Frame | None":
        """The message; None for one that is of no interest here."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None

    @property
    def progress(self) -> tuple[int, float] | None:
        """How far which picture is."""
        kind, _, index = (self.data.node or "").partition("-")
        if self.type != "progress" or kind != "sample" or not index.isdecimal():
            return None
        return int(index), self.data.value / self.data.max if self.data.max > 0 else 0.0

    @property
    def over(self) -> bool:
        """Whether the call is over."""
        return self.type in _LAST or (self.type == "executing" and self.data.node is None)


def graph(order: Order, checkpoint: str) -> dict[str, Any]:
    """The graph that draws `order`: from one text and one empty picture a branch for each seed."""
    nodes = {
        "model": _make("CheckpointLoaderSimple", ckpt_name=checkpoint),
        "wanted": _make("CLIPTextEncode", text=order.prompt, clip=["model", 1]),
        "unwanted": _make("CLIPTextEncode", text=order.negative_prompt or "", clip=["model", 1]),
        "empty": _make("EmptyLatentImage", width=order.width, height=order.height, batch_size=1),
    }
    for index, seed in zip(order.indexes, order.seeds, strict=True):
        nodes |= dict(_branch(order, index, seed))
    return nodes


def _branch(order: Order, index: int, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    sample, decode = _node("sample", index), _node("decode", index)
    yield (
        sample,
        _make(
            "KSampler",
            seed=seed,
            steps=order.steps or STEPS,
            cfg=GUIDANCE if order.guidance is None else order.guidance,
            sampler_name="euler",
            scheduler="normal",
            denoise=1.0,
            model=["model", 0],
            positive=["wanted", 0],
            negative=["unwanted", 0],
            latent_image=["empty", 0],
        ),
    )
    yield decode, _make("VAEDecode", samples=[sample, 0], vae=["model", 2])
    prefix = "atelier/picture"
    yield _node("save", index), _make("SaveImage", images=[decode, 0], filename_prefix=prefix)


def ended_badly(entry: Entry, call: str) -> ProviderError | None:
    """The error of a call that is over, if it is one."""
    status = entry.status or _Status()
    kinds = {str(m[0]): m[1] for m in status.messages if len(m) > 1 and isinstance(m[1], dict)}
    if "execution_interrupted" in kinds:
        fault, detail = Fault.CANCELED, "The call was interrupted at the server."
    elif status.status_str == "error" or "execution_error" in kinds:
        said = kinds.get("execution_error", {})
        kind = str(said.get("exception_type", ""))
        fault, detail = Fault.BAD_RESPONSE, f"ComfyUI failed at {_word(said.get('node_type'))}."
        if _MEMORY.search(kind):
            detail = "ComfyUI ran out of memory."
    elif not any(output.images for output in entry.outputs.values()):
        fault, detail = Fault.BAD_RESPONSE, "The call is over without a picture."
    else:
        return None
    return ProviderError(
        fault, detail, http_status=200, provider_request_id=call, cost=Money.exactly("0")
    )


def refused(response: httpx.Response, raw: bytes) -> ProviderError:
    """The error of an answer."""
    status = response.status_code
    error = status_error(response, f"ComfyUI answered {status}.", request_id=None)
    if status == httpx.codes.INTERNAL_SERVER_ERROR and response.request.method == "POST":
        error.fault = Fault.BAD_RESPONSE  # the same again would end the same way
    if status == httpx.codes.BAD_REQUEST:
        try:
            said = _Refusal.model_validate_json(raw)
        except ValidationError:
            return error
        if "missing_node_type" in said.kinds:
            error.detail = "ComfyUI lacks a node that the graph needs."
        elif "value_not_in_list" in said.kinds:
            error.fault, error.detail = Fault.MODEL_UNAVAILABLE, "ComfyUI has no such checkpoint."
        else:
            error.detail = f"ComfyUI refused the graph ({_word(said.error.type)})."
    return error


class _Reason(Wire):
    type: str = ""


class _NodeErrors(Wire):
    errors: tuple[_Reason, ...] = ()


class _Refusal(Wire):
    error: _Reason = _Reason()
    node_errors: dict[str, _NodeErrors] = Field(default_factory=dict)

    @property
    def kinds(self) -> set[str]:
        return {self.error.type} | {e.type for n in self.node_errors.values() for e in n.errors}


def _ids(rows: tuple[tuple[Any, ...], ...]) -> frozenset[str]:
    return frozenset(row[1] for row in rows if len(row) > 1 and isinstance(row[1], str))


def _node(kind: str, index: int) -> str:
    return f"{kind}-{index}"


def _make(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def _word(value: Any) -> str:
    """What may be quoted of what a server says: one word."""
    return re.sub(r"\W", "", str(value or "something"))[:40]
