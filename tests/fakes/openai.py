"""OpenAI Images as its documentation has it, and a server that speaks the same in its own way."""

import base64
import hashlib
import json
import math
from typing import Any

from aiohttp import web

from atelier_worker.providers.pictures import picture
from fakes.kit import FakeVendor, RefusalError, Trouble

KEY = "sk-right"
FAMILY = {
    "gpt-image-2": {"low", "medium", "high", "auto"},
    "gpt-image-2.5-flare": {"low", "medium", "high", "xhigh", "max", "auto"},
    "gpt-image-2.5-sunburst": {"low", "medium", "high", "xhigh", "max", "auto"},
    "gpt-image-1.5": {"low", "medium", "high", "auto"},
    "gpt-image-1-mini": {"low", "medium", "high", "auto"},
}
FIXED = {"1024x1024", "1536x1024", "1024x1536", "auto"}
KNOWN = {
    *("prompt", "model", "n", "size", "quality", "background", "output_format"),
    *("output_compression", "moderation", "stream", "partial_images", "user"),
}
TOKENS = 1056  # of one picture


def error(
    status: int, code: str | None, *, kind: str = "invalid_request_error", **more: Any
) -> RefusalError:
    said = {"message": f"Said of {KEY}: no.", "type": kind, "param": None, "code": code} | more
    return RefusalError(status, {"error": said})


def trouble(status: int, code: str | None, *, headers: Any = None, **more: Any) -> Trouble:
    """An error of OpenAI's as scripted trouble."""
    body = error(status, code, **more).body
    return Trouble(status=status, body=body, headers={"x-request-id": "req_9"} | (headers or {}))


def drawn(body: dict[str, Any], position: int) -> bytes:
    seed = int.from_bytes(hashlib.sha256(f"{body['prompt']}/{position}".encode()).digest()[:4])
    sides = body["size"].split("x") if "size" in body else (body["width"], body["height"])
    width, height = (int(side) for side in sides)
    return picture(width=width, height=height, seed=seed, size=30_000)


def models(names: set[str]) -> web.Response:
    found = [{"id": n, "object": "model", "created": 1, "owned_by": "x"} for n in sorted(names)]
    return web.json_response({"object": "list", "data": found})


class FakeOpenAI(FakeVendor):
    """Steps: `generate`, `models`. `entries` changes what is answered for each picture, `offered`
    is what its account may use; `restricted` is the status for a key that may not list models.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Any] = []
        self.entries: list[dict[str, Any]] | None = None
        self.usage = True
        self.tokens = TOKENS  # that a picture is said to have taken
        self.offered = {*FAMILY, "gpt-6", "tts-1"}
        self.restricted: int | None = None

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/images/generations", self._generate, name="generate"),
            web.get("/v1/models", self._models, name="models"),
        ]

    async def _models(self, request: web.Request) -> web.Response:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            raise error(401, "invalid_api_key")
        if request.query:
            raise error(400, "unknown_parameter")
        if self.restricted:
            raise error(self.restricted, None, message="Missing scopes: api.model.read. Check")
        return models(self.offered)

    async def _generate(self, request: web.Request) -> web.Response:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            raise error(401, "invalid_api_key")
        body = await read(request)
        if unknown := sorted(set(body) - KNOWN):
            raise error(400, "unknown_parameter", param=unknown[0])
        check(body)
        self.bodies.append(body)
        self.headers.append(request.headers)
        count = body.get("n", 1)
        self.paid.append(count)
        entries = self.entries
        if entries is None:
            entries = [
                {"b64_json": base64.b64encode(drawn(body, i)).decode()} for i in range(count)
            ]
        answer: dict[str, Any] = {
            "created": 1_763_660_000,
            "background": "opaque",
            "output_format": body.get("output_format", "png"),
            "size": body["size"],
            "quality": body.get("quality", "medium"),
            "data": entries,
            "unheard-of": [1],
        }
        if self.usage:
            text = len(body["prompt"])
            answer["usage"] = {
                "total_tokens": text + self.tokens * count,
                "input_tokens": text,
                "output_tokens": self.tokens * count,
                "input_tokens_details": {"text_tokens": text, "image_tokens": 0},
            }
        return web.json_response(answer, headers={"x-request-id": "req_1"})


async def read(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise error(415, "unsupported_content_type")
    try:
        body = json.loads(await request.text())
    except ValueError:
        raise error(400, None) from None
    if not isinstance(body, dict) or not isinstance(body.get("prompt"), str):
        raise error(400, "missing_required_parameter", param="prompt")
    return body


def check(body: dict[str, Any]) -> None:
    """Refuses what the documentation refuses."""
    model = body.get("model")
    if model not in FAMILY:
        raise error(404, "model_not_found")
    if not 1 <= len(body["prompt"]) <= 32_000:
        raise error(400, "invalid_value", param="prompt")
    if type(body.get("n", 1)) is not int or not 1 <= body.get("n", 1) <= 10:
        raise error(400, "invalid_value", param="n")
    if body.get("quality", "auto") not in FAMILY[model]:
        raise error(400, "invalid_value", param="quality")
    if body.get("output_format", "png") not in {"png", "jpeg", "webp"}:
        raise error(400, "invalid_value", param="output_format")
    size = body.get("size", "auto")
    if size not in FIXED and (model.startswith("gpt-image-1") or not any_size(size)):
        raise error(400, "invalid_value", param="size")


def any_size(size: str) -> bool:
    width, height = (int(side) for side in size.split("x"))
    return (
        width % 16 == height % 16 == 0
        and max(width, height) <= min(3840, 3 * min(width, height))
        and 655_360 <= math.prod((width, height)) <= 8_294_400
    )


class FakeCompatible(FakeVendor):
    """Steps: `generate`, `models`. `addresses` makes it answer with addresses, `picky` refuse
    `response_format`, `needs_key` ask for one, `together` know the words of Together only.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Any] = []
        self.addresses = False
        self.picky = False
        self.needs_key = False
        self.together = False
        self.entries: list[dict[str, Any]] | None = None

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/images/generations", self._generate, name="generate"),
            web.get("/v1/models", self._models, name="models"),
        ]

    async def _models(self, request: web.Request) -> web.Response:
        self._authorize(request)
        return models({"sdxl", "flux"})

    def _authorize(self, request: web.Request) -> None:
        if self.needs_key and request.headers.get("authorization") != f"Bearer {KEY}":
            raise RefusalError(401, {"error": {"message": "no key", "code": 401, "type": ""}})

    async def _generate(self, request: web.Request) -> web.Response:
        self._authorize(request)
        body = await read(request)
        if self.picky and "response_format" in body:
            message = "Unknown parameter: 'response_format'."
            raise RefusalError(400, {"error": {"message": message, "type": "", "code": "400"}})
        size = {"width", "height"} if self.together else {"size"}
        if set(body) - {"prompt", "model", "n", "response_format"} - size:
            raise error(400, "unknown_parameter")
        if self.together and body.get("response_format", "url") not in {"base64", "url"}:
            raise error(400, "invalid_value")
        self.bodies.append(body)
        self.headers.append(request.headers)
        self.paid.append(body["n"])
        entries = self.entries
        if entries is None:
            entries = [self._entry(body, i) for i in range(body["n"])]
        return web.json_response({"id": "x", "created": 1, "data": entries})

    def _entry(self, body: dict[str, Any], position: int) -> dict[str, Any]:
        data = drawn(body, position)
        if not self.addresses:
            return {"b64_json": base64.b64encode(data).decode()}
        name = f"{len(self.files)}.png"
        self.files[name] = data
        return {"url": f"{self.url}/files/{name}"}
