"""Gemini's generateContent as its documentation has it: one header, camel case, words beside."""

import base64
import hashlib
import json
from typing import Any

from aiohttp import web

from atelier_worker.providers.pictures import picture
from fakes.kit import FakeVendor, RefusalError, Trouble

KEY = "AIzaRight"
MODELS = {"gemini-3.1-flash-image", "gemini-3-pro-image"}
SIZES = {
    "1:1": (1024, 1024),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
}
SCALES = {"1K": 1, "2K": 2, "4K": 4}
RPC = "type.googleapis.com/google.rpc"


def error(status: int, name: str, message: str = "", **details: Any) -> RefusalError:
    said = {"code": status, "message": message, "status": name}
    listed = [{"@type": f"{RPC}.{kind}"} | value for kind, value in details.items()]
    return RefusalError(status, {"error": said | ({"details": listed} if listed else {})})


def trouble(status: int, name: str, message: str = "", **details: Any) -> Trouble:
    """An error of Google's as scripted trouble."""
    return Trouble(status=status, body=error(status, name, message, **details).body)


class FakeGemini(FakeVendor):
    """Steps: `generate`, `models`. `answer` replaces fields of what it answers, `offered` is what
    its project may use.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {}
        self.offered = {*MODELS, "gemini-embedding-001"}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1beta/models/{call}", self._generate, name="generate"),
            web.get("/v1beta/models", self._models, name="models"),
        ]

    async def _models(self, request: web.Request) -> web.Response:
        _authorize(request, known={"pageSize", "pageToken"})
        size = int(request.query.get("pageSize", 50))
        if not 1 <= size <= 1000:
            raise error(400, "INVALID_ARGUMENT", "pageSize")
        found = [{"name": f"models/{n}", "displayName": n} for n in sorted(self.offered)]
        return web.json_response({"models": found[:size]})

    async def _generate(self, request: web.Request) -> web.Response:
        _authorize(request, known=set())
        model, _, method = request.match_info["call"].partition(":")
        if model not in MODELS or method != "generateContent":
            raise error(404, "NOT_FOUND", f"models/{model} is not found")
        if request.content_type != "application/json":
            raise error(400, "INVALID_ARGUMENT", "not JSON")
        body = json.loads(await request.text())
        text, size = _check(body)
        self.bodies.append(body)
        self.paid.append(model)
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
        data = picture(width=size[0], height=size[1], seed=seed, size=30_000)
        return web.json_response(answered(data, words=len(text)) | self.answer)


def _authorize(request: web.Request, *, known: set[str]) -> None:
    if set(request.query) - known or request.headers.get("x-goog-api-key") != KEY:
        info = {"reason": "API_KEY_INVALID", "domain": "googleapis.com"}
        raise error(400, "INVALID_ARGUMENT", f"Not valid: {KEY}", ErrorInfo=info)


def answered(data: bytes, *, words: int) -> dict[str, Any]:
    draft = {"inlineData": {"mimeType": "image/png", "data": "ZHJhZnQ="}, "thought": True}
    final = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(data).decode()}}
    return {
        "candidates": [
            {
                "content": {"role": "model", "parts": [draft, {"text": "Here it is"}, final]},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": words,
            "candidatesTokenCount": 1130,
            "thoughtsTokenCount": 100,
            "totalTokenCount": words + 1230,
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}],
        },
        "modelVersion": "x",
        "responseId": "resp-1",
    }


def _check(body: dict[str, Any]) -> tuple[str, tuple[int, int]]:
    if set(body) != {"contents", "generationConfig"}:
        raise error(400, "INVALID_ARGUMENT", "unknown name")
    config = body["generationConfig"]
    if set(config) - {"responseModalities", "imageConfig"}:
        raise error(400, "INVALID_ARGUMENT", "unknown name in generationConfig")
    if config["responseModalities"] != ["TEXT", "IMAGE"]:
        raise error(400, "INVALID_ARGUMENT", "responseModalities")
    image = config["imageConfig"]
    if set(image) - {"aspectRatio", "imageSize"} or image["aspectRatio"] not in SIZES:
        raise error(400, "INVALID_ARGUMENT", "imageConfig")
    scale = SCALES.get(image.get("imageSize", "1K"))
    [content] = body["contents"]
    if scale is None or content["role"] != "user":
        raise error(400, "INVALID_ARGUMENT", "contents")
    width, height = SIZES[image["aspectRatio"]]
    return content["parts"][0]["text"], (width * scale, height * scale)
