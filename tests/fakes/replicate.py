"""Replicate as its documentation has it: strict, scriptable, and counting what it charges."""

from typing import Any

from aiohttp import web

from fakes.kit import FakeVendor, RefusalError, body_of

TOKEN = "r8_right"
SHA = "9" * 64
FORMATS = ["webp", "jpg", "png"]


def _schema(properties: dict[str, Any], **choices: list[str]) -> dict[str, Any]:
    for name in choices:
        properties[name] = {"allOf": [{"$ref": f"#/components/schemas/{name}"}]}
    named = {name: {"type": "string", "enum": values} for name, values in choices.items()}
    return {"components": {"schemas": {"Input": {"properties": properties}} | named}}


FLUX = _schema(
    {
        "prompt": {"type": "string"},
        "seed": {"type": "integer"},
        "num_outputs": {"type": "integer", "minimum": 1, "maximum": 4},
        "num_inference_steps": {"type": "integer", "minimum": 1, "maximum": 50},
        "guidance": {"type": "number", "minimum": 0, "maximum": 10},
        "go_fast": {"type": "boolean"},
    },
    aspect_ratio=["1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "9:16"],
    output_format=FORMATS,
    megapixels=["1", "0.25"],
)
PRO = _schema(
    {
        "prompt": {"type": "string"},
        "seed": {"type": "integer", "maximum": 2147483647},
        "width": {"type": "integer", "minimum": 256, "maximum": 1440},
        "height": {"type": "integer", "minimum": 256, "maximum": 1440},
    },
    aspect_ratio=["custom", "1:1", "16:9"],
    output_format=FORMATS,
)
SDXL = _schema(
    {
        "prompt": {"type": "string"},
        "negative_prompt": {"type": "string"},
        "seed": {"type": "integer"},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "num_outputs": {"type": "integer", "minimum": 1, "maximum": 4},
        "guidance_scale": {"type": "number", "minimum": 1, "maximum": 50},
        "num_inference_steps": {"type": "integer", "minimum": 1, "maximum": 500},
    }
)
MODELS = {
    "black-forest-labs/flux-schnell": (True, FLUX),
    "black-forest-labs/flux-dev": (True, FLUX),
    "black-forest-labs/flux-1.1-pro": (True, PRO),
    "stability-ai/sdxl": (False, SDXL),
}


class FakeReplicate(FakeVendor):
    """Steps: `model`, `create`, `get`, `cancel`, `account`, `file`.

    A call is over after `turns` looks at it. `ends` is what the next one ends with instead of its
    pictures: fields of a prediction. `holding` keeps calls from ending.
    """

    def __init__(self) -> None:
        super().__init__()
        self.turns = 2
        self.ends: dict[str, Any] | None = None
        self.holding = False
        self.inputs: list[dict[str, Any]] = []
        self.predictions: dict[str, dict[str, Any]] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/models/{owner}/{name}", self._model, name="model"),
            web.post("/v1/predictions", self._create, name="create"),
            web.get("/v1/predictions/{id}", self._get, name="get"),
            web.post("/v1/predictions/{id}/cancel", self._cancel, name="cancel"),
            web.get("/v1/account", self._account, name="account"),
        ]

    async def _account(self, request: web.Request) -> web.Response:
        self._authorize(request)
        return web.json_response(
            {"type": "user", "username": "acme", "name": "A", "github_url": ""}
        )

    async def _model(self, request: web.Request) -> web.Response:
        self._authorize(request)
        name = f"{request.match_info['owner']}/{request.match_info['name']}"
        if name not in MODELS:
            raise RefusalError(404, {"detail": "The requested resource could not be found."})
        official, schema = MODELS[name]
        return web.json_response(
            {
                "owner": request.match_info["owner"],
                "is_official": official,
                "latest_version": {"id": SHA, "openapi_schema": schema},
            }
        )

    async def _create(self, request: web.Request) -> web.Response:
        self._authorize(request)
        body = await body_of(request, known={"version", "input", "webhook", "stream"})
        name = next(
            (
                n
                for n, (official, _) in MODELS.items()
                if body["version"] == (n if official else SHA)
            ),
            None,
        )
        if name is None:
            raise RefusalError(
                422, {"title": "Invalid version", "status": 422, "detail": "version"}
            )
        _check(body["input"], MODELS[name][1]["components"]["schemas"])
        self.inputs.append(body["input"])
        number = len(self.predictions)
        prediction = {
            "id": f"p{number:025}",
            "model": name,
            "version": body["version"],
            "status": "starting",
            "input": body["input"],
            "output": None,
            "error": None,
            "logs": "",
            "metrics": {},
            "data_removed": False,
            "unheard-of": {"a": 1},
            "turns": self.turns,
            "ends": self.ends,
        }
        self.ends = None
        self.predictions[str(prediction["id"])] = prediction
        self.paid.append(name)
        return web.json_response(prediction, status=201)

    async def _get(self, request: web.Request) -> web.Response:
        prediction = self._find(request)
        if prediction["status"] in ("starting", "processing") and not self.holding:
            prediction["turns"] -= 1
            prediction["status"] = "processing"
            prediction["logs"] += f" {46 + len(self.seen) % 9}%|####  | 13/28\n"
            if prediction["turns"] <= 0:
                self._end(prediction)
        return web.json_response(prediction)

    async def _cancel(self, request: web.Request) -> web.Response:
        prediction = self._find(request)
        if prediction["status"] == "starting":
            prediction["status"] = "aborted"
            self.paid.remove(prediction["model"])
        elif prediction["status"] == "processing":
            prediction["status"] = "canceled"
        return web.json_response(prediction)

    def _end(self, prediction: dict[str, Any]) -> None:
        if prediction["ends"] is not None:
            prediction |= prediction["ends"]
            return
        sent = prediction["input"]
        width, height = _drawn(sent)
        addresses = [
            self.draw(
                f"{prediction['id']}-{i}.png",
                width=width,
                height=height,
                seed=sent.get("seed", 0) + i,
            )
            for i in range(sent.get("num_outputs", 1))
        ]
        prediction |= {
            "status": "succeeded",
            "output": addresses if "num_outputs" in sent else addresses[0],
        }

    def _find(self, request: web.Request) -> dict[str, Any]:
        self._authorize(request)
        found = self.predictions.get(request.match_info["id"])
        if found is None:
            raise RefusalError(404, {"detail": "The requested resource could not be found."})
        return found

    @staticmethod
    def _authorize(request: web.Request) -> None:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise RefusalError(401, {"title": "Unauthenticated", "status": 401, "detail": "token"})


def _check(sent: dict[str, Any], schemas: dict[str, Any]) -> None:
    properties = schemas["Input"]["properties"]
    for name, value in sent.items():
        rule = properties.get(name)
        wrong = rule is None
        if rule and "minimum" in rule:
            wrong |= not rule["minimum"] <= value
        if rule and "maximum" in rule:
            wrong |= not value <= rule["maximum"]
        if rule and "allOf" in rule:
            wrong |= value not in schemas[name]["enum"]
        kind = (rule or {}).get("type")
        wrong |= kind == "integer" and type(value) is not int
        wrong |= kind == "string" and type(value) is not str
        if wrong:
            raise RefusalError(422, {"title": "Input validation failed", "status": 422})


def _drawn(sent: dict[str, Any]) -> tuple[int, int]:
    if "width" in sent:
        return sent["width"], sent["height"]
    side = 512 if sent.get("megapixels") == "0.25" else 1024
    across, down = (int(part) for part in sent["aspect_ratio"].split(":"))
    scale = side / (across * down) ** 0.5
    return round(across * scale), round(down * scale)
