"""Hugging Face's hub and router, and four partners behind it: strict, and counting what is drawn."""

import base64
from typing import Any

from aiohttp import web

from atelier_worker.providers.pictures import picture
from fakes.kit import FakeVendor, RefusalError, body_of

TOKEN = "hf_right"


class FakeHuggingFace(FakeVendor):
    """Steps: `lookup`, `whoami`, and the partners `hf-inference`, `fal-ai`, `together`, `nscale`; `file`.

    `mapping` is what the hub says of every model, `token` what it says of the token.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mapping: dict[str, Any] = {"hf-inference": offer("own/model")}
        self.bodies: list[dict[str, Any]] = []
        self.black = False
        self.token: dict[str, Any] = {"displayName": "x", "role": "read"}

    def serve(self, partner: str, name: str = "their/name") -> None:
        """From now on only `partner` serves the models."""
        self.mapping = {partner: offer(name)}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/models/{owner}/{name}", self._lookup, name="lookup"),
            web.get("/api/whoami-v2", self._whoami, name="whoami"),
            web.post("/hf-inference/models/{name:.+}", self._own, name="hf-inference"),
            web.post("/fal-ai/{name:.+}", self._fal, name="fal-ai"),
            web.post("/together/v1/images/generations", self._together, name="together"),
            web.post("/nscale/v1/images/generations", self._nscale, name="nscale"),
            web.post("/models/{name:.+}", self._legacy, name="legacy"),
        ]

    async def _lookup(self, request: web.Request) -> web.Response:
        if request.query.getall("expand[]", []) != ["inferenceProviderMapping"]:
            raise RefusalError(400, {"error": "expand"})
        return web.json_response({"id": "x", "inferenceProviderMapping": self.mapping})

    async def _whoami(self, request: web.Request) -> web.Response:
        self._authorize(request)
        auth = {"type": "access_token", "accessToken": self.token}
        return web.json_response({"type": "user", "name": "acme", "auth": auth})

    async def _legacy(self, _: web.Request) -> web.Response:
        raise RefusalError(410, {"error": "no longer supported"})

    async def _own(self, request: web.Request) -> web.Response:
        body = await self._accepted(request, {"inputs", "parameters"})
        asked = body.get("parameters", {})
        known = {"negative_prompt", "width", "height", "num_inference_steps"}
        if set(asked) - known - {"guidance_scale", "seed", "scheduler"}:
            raise RefusalError(422, {"error": ["unknown parameter"]})
        if request.headers.get("accept") != "image/png":
            raise RefusalError(406, {"error": "accept"})
        data = self._drawn(asked["width"], asked["height"], asked["seed"])
        return web.Response(body=data, content_type="image/jpeg", headers={"x-request-id": "r-1"})

    async def _fal(self, request: web.Request) -> web.Response:
        known = {"prompt", "image_size", "seed", "num_inference_steps", "guidance_scale"}
        body = await self._accepted(request, known | {"negative_prompt", "output_format"})
        self.paid.append("fal-ai")
        url = self.draw("x.png", **body["image_size"], seed=body["seed"])
        return web.json_response({"images": [{"url": url}], "has_nsfw_concepts": [self.black]})

    async def _together(self, request: web.Request) -> web.Response:
        known = {"prompt", "model", "response_format", "width", "height", "steps", "seed"}
        known |= {"negative_prompt", "guidance_scale", "output_format"}
        body = await self._accepted(request, known)
        if body["response_format"] != "base64":
            raise RefusalError(422, {"error": {"message": "response_format"}})
        return self._packed(body["width"], body["height"], body["seed"])

    async def _nscale(self, request: web.Request) -> web.Response:
        body = await self._accepted(request, {"prompt", "model", "size", "response_format"})
        if body["response_format"] != "b64_json":
            raise RefusalError(422, {"error": "response_format"})
        width, height = body["size"].split("x")
        return self._packed(int(width), int(height), 0)

    @staticmethod
    def _authorize(request: web.Request) -> None:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise RefusalError(401, {"error": "Invalid username or password."})

    async def _accepted(self, request: web.Request, known: set[str]) -> dict[str, Any]:
        self._authorize(request)
        name = request.match_info.get("name")
        body = await body_of(request, known=known)
        if (name or body["model"]) not in {o["providerId"] for o in self.mapping.values()}:
            raise RefusalError(400, {"error": "Model not supported by provider"})
        self.bodies.append(body)
        return body

    def _packed(self, width: int, height: int, seed: int) -> web.Response:
        text = base64.encodebytes(self._drawn(width, height, seed)).decode()  # with broken lines
        return web.json_response({"data": [{"b64_json": text, "index": 0}]})

    def _drawn(self, width: int, height: int, seed: int) -> bytes:
        self.paid.append("drawn")
        return picture(width=width, height=height, seed=seed, size=30_000)


def offer(name: str, *, status: str = "live", task: str = "text-to-image") -> dict[str, str]:
    return {"providerId": name, "status": status, "task": task}
