"""Stability AI's v2beta as its documentation has it: multipart only, one picture, bytes back."""

import hashlib
from typing import Any

from aiohttp import web

from atelier_worker.providers.pictures import picture
from fakes.kit import FakeVendor, RefusalError, Trouble

KEY = "sk-right"
SIZES = {
    "1:1": (1024, 1024),
    "5:4": (1152, 896),
    "4:5": (896, 1152),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
    "16:9": (1344, 768),
    "9:16": (768, 1344),
    "21:9": (1536, 640),
    "9:21": (640, 1536),
}
COMMON = {"prompt", "negative_prompt", "aspect_ratio", "seed", "output_format", "style_preset"}
FIELDS = {
    "core": COMMON,
    "ultra": COMMON | {"image", "strength"},
    "sd3": COMMON | {"image", "strength", "mode", "model", "cfg_scale"},
}
FORMATS = {
    "core": {"png", "jpeg", "webp"},
    "ultra": {"png", "jpeg", "webp"},
    "sd3": {"png", "jpeg"},
}
SD3 = {"sd3.5-large", "sd3.5-large-turbo", "sd3.5-medium", "sd3.5-flash"}
FAST = {"sd3.5-large-turbo", "sd3.5-flash"}


def error(status: int, name: str, *errors: str) -> RefusalError:
    return RefusalError(status, {"id": "e1", "name": name, "errors": list(errors)})


def trouble(status: int, name: str, *errors: str, **headers: str) -> Trouble:
    """An error of Stability's as scripted trouble."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Trouble(status=status, body=error(status, name, *errors).body, headers=named)


def bad(field: str, why: str = "is wrong") -> RefusalError:
    return error(400, "bad_request", f"{field}: {why}")


class FakeStability(FakeVendor):
    """Steps: `generate`, `balance`. `finish` is the finish reason it answers, None for no such
    header; `credits` is what the account has left.
    """

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.finish: str | None = "SUCCESS"
        self.data: bytes | None = None
        self.credits = 1234.5

    def routes(self) -> list[web.RouteDef]:
        path = "/v2beta/stable-image/generate/{service}"
        return [
            web.post(path, self._generate, name="generate"),
            web.get("/v1/user/balance", self._balance, name="balance"),
        ]

    async def _balance(self, request: web.Request) -> web.Response:
        self._authorize(request)
        if request.headers.get("accept", "*/*") not in {"*/*", "application/json"}:
            raise bad("accept", "must be application/json")
        return web.json_response({"credits": self.credits})

    @staticmethod
    def _authorize(request: web.Request) -> None:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            raise error(401, "unauthorized", f"authorization: {KEY} is missing")

    async def _generate(self, request: web.Request) -> web.Response:
        service = request.match_info["service"]
        if service not in FIELDS:
            raise error(404, "not_found")
        self._authorize(request)
        if request.headers.get("accept") != "image/*":
            raise bad("accept", "must be one of image/*, application/json")
        if request.content_type != "multipart/form-data":
            raise bad("content-type", "must be multipart/form-data")
        form: dict[str, Any] = dict(await request.post())
        _check(service, form)
        self.forms.append((service, form))
        self.paid.append(service)
        width, height = SIZES[form.get("aspect_ratio", "1:1")]
        seed = int(form.get("seed", 0))
        drawn = hashlib.sha256(f"{form['prompt']}/{seed}".encode()).digest()
        data = picture(width=width, height=height, seed=int.from_bytes(drawn[:4]), size=30_000)
        headers = {"x-request-id": "r-1", "seed": str(seed), "content-type": "image/png"}
        if self.finish is not None:
            headers["finish-reason"] = self.finish
        return web.Response(body=data if self.data is None else self.data, headers=headers)


def _check(service: str, form: dict[str, Any]) -> None:
    if unknown := sorted(set(form) - FIELDS[service]):
        raise bad(unknown[0], "is not allowed")
    if any(not isinstance(value, str) for value in form.values()):
        raise bad("image", "is a file")
    for name in ("prompt", "negative_prompt"):
        if (name == "prompt" or name in form) and not 1 <= len(form.get(name, "")) <= 10_000:
            raise bad(name, "must have 1 to 10000 characters")
    if form.get("aspect_ratio", "1:1") not in SIZES:
        raise bad("aspect_ratio")
    if not form.get("seed", "0").isdigit() or int(form.get("seed", "0")) > 4_294_967_294:
        raise bad("seed")
    if form.get("output_format", "png") not in FORMATS[service]:
        raise bad("output_format")
    if service == "sd3":
        model = form.get("model", "sd3.5-large")
        if model not in SD3 or form.get("mode", "text-to-image") != "text-to-image":
            raise bad("model")
        if not 1 <= float(form.get("cfg_scale", 4)) <= 10:
            raise bad("cfg_scale")
        if model in FAST and "negative_prompt" in form:
            raise bad("negative_prompt", "is not allowed")
