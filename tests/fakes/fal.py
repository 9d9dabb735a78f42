"""fal's queue as its documentation has it: strict, scriptable, and counting what it charges."""

from typing import Any

from aiohttp import web

from fakes.kit import FakeVendor, RefusalError, body_of

KEY = "id:secret"
FLUX = {
    "prompt",
    "image_size",
    "num_images",
    "seed",
    "output_format",
    "enable_safety_checker",
    "sync_mode",
}
MODELS = {
    "fal-ai/flux/schnell": FLUX | {"num_inference_steps", "guidance_scale"},
    "fal-ai/flux/dev": FLUX | {"num_inference_steps", "guidance_scale"},
    "fal-ai/flux-pro/v1.1": FLUX,
    "fal-ai/qwen-image": FLUX | {"num_inference_steps", "guidance_scale", "negative_prompt"},
}


class FakeFal(FakeVendor):
    """Steps: `submit`, `status`, `result`, `cancel`, `pricing`, `file`.

    A call is over after `turns` looks at it. `error` is what its last status says, `black` which
    pictures are blocked. `holding` keeps calls in the state they are in; `elsewhere` is the origin
    of the addresses it hands out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.turns = 2
        self.holding = False
        self.error: str | None = None
        self.black: tuple[bool, ...] = ()
        self.elsewhere = ""
        self.inputs: list[dict[str, Any]] = []
        self.calls: dict[str, dict[str, Any]] = {}

    def routes(self) -> list[web.RouteDef]:
        call = "/{owner}/{app}/requests/{id}"
        return [
            web.get(f"{call}/status", self._status, name="status"),
            web.put(f"{call}/cancel", self._cancel, name="cancel"),
            web.get(call, self._result, name="result"),
            web.get("/v1/models/pricing", self._pricing, name="pricing"),
            web.post("/{model:.+}", self._submit, name="submit"),
        ]

    async def _pricing(self, request: web.Request) -> web.Response:
        self._authorize(request)
        asked = request.query.getall("endpoint_id", [])
        if not asked or set(request.query) - {"endpoint_id"}:
            raise RefusalError(400, {"error": {"type": "validation_error", "message": "wrong"}})
        if not set(asked) <= set(MODELS):
            raise RefusalError(404, {"error": {"type": "not_found", "message": "no such endpoint"}})
        price = {"unit_price": 0.025, "unit": "megapixels", "currency": "USD"}
        prices = [{"endpoint_id": name} | price for name in asked]
        return web.json_response({"prices": prices, "next_cursor": None, "has_more": False})

    async def _submit(self, request: web.Request) -> web.Response:
        self._authorize(request)
        known = MODELS.get(request.match_info["model"])
        if known is None:
            raise RefusalError(404, {"detail": "Application not found"})
        body = await body_of(request, known=known)
        _check(body)
        self.inputs.append(body)
        self.paid.append(request.match_info["model"])
        request_id = f"0199-{len(self.calls)}"
        self.calls[request_id] = {"status": "IN_QUEUE", "turns": self.turns, "input": body}
        owner, app = request.match_info["model"].split("/")[:2]
        address = f"{self.elsewhere or self.url}/{owner}/{app}/requests/{request_id}"
        return web.json_response(
            {
                "request_id": request_id,
                "status": "IN_QUEUE",
                "queue_position": 0,
                "response_url": address,
                "status_url": f"{address}/status",
                "cancel_url": f"{address}/cancel",
            }
        )

    async def _status(self, request: web.Request) -> web.Response:
        call = self._find(request)
        if not self.holding and call["status"] != "COMPLETED":
            call["turns"] -= 1
            call["status"] = "IN_PROGRESS" if call["turns"] > 0 else "COMPLETED"
        answer: dict[str, Any] = {"status": call["status"], "request_id": "x"}
        if call["status"] == "IN_PROGRESS":
            answer["logs"] = [{"message": " 46%|####  | 13/28", "level": "INFO"}]
        if call["status"] == "COMPLETED":
            answer |= {"logs": [], "metrics": {"inference_time": 1.2}}
            answer |= {"error": self.error, "error_type": "x"} if self.error else {}
            return web.json_response(answer)
        return web.json_response(answer, status=202)

    async def _result(self, request: web.Request) -> web.Response:
        call = self._find(request)
        if call["status"] != "COMPLETED":
            raise RefusalError(400, {"detail": "Request is still in progress"})
        sent = call["input"]
        size = sent["image_size"]
        images = [
            {
                "url": self.draw(
                    f"{request.match_info['id']}-{i}.png", **size, seed=sent["seed"] + i
                ),
                "content_type": "image/png",
                **size,
            }
            for i in range(sent["num_images"])
        ]
        black = [*self.black, *[False] * len(images)][: len(images)]
        return web.json_response(
            {"images": images, "seed": sent["seed"], "has_nsfw_concepts": black, "timings": {}}
        )

    async def _cancel(self, request: web.Request) -> web.Response:
        call = self._find(request)
        if call["status"] == "COMPLETED":
            raise RefusalError(400, {"status": "ALREADY_COMPLETED"})
        before, call["status"] = call["status"], "COMPLETED"
        if before == "IN_QUEUE":
            self.paid.pop()
            return web.json_response({"status": "OK"})
        return web.json_response({"status": "CANCELLATION_REQUESTED"}, status=202)

    def _find(self, request: web.Request) -> dict[str, Any]:
        self._authorize(request)
        found = self.calls.get(request.match_info["id"])
        if found is None or request.match_info["app"] not in {m.split("/")[1] for m in MODELS}:
            raise RefusalError(404, {"detail": "Not found"})
        return found

    @staticmethod
    def _authorize(request: web.Request) -> None:
        if request.headers.get("authorization") != f"Key {KEY}":
            raise RefusalError(401, {"detail": "Cannot access application"})


def _check(body: dict[str, Any]) -> None:
    size = body.get("image_size", {})
    problems = [
        {
            "loc": ["body", name],
            "msg": f"wrong: {body.get(name)}",
            "type": "value_error",
            "input": 0,
        }
        for name, right in (
            ("prompt", isinstance(body.get("prompt"), str)),
            ("image_size", set(size) == {"width", "height"} and max(size.values()) <= 14142),
            ("num_images", 1 <= body.get("num_images", 1) <= 4),
            ("num_inference_steps", 1 <= body.get("num_inference_steps", 1) <= 50),
            ("guidance_scale", 0 <= body.get("guidance_scale", 1) <= 20),
            ("output_format", body.get("output_format", "png") in ("jpeg", "png")),
        )
        if not right
    ]
    if problems:
        raise RefusalError(422, {"detail": problems})
