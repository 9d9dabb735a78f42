"""A web UI as AUTOMATIC1111's: one picture at a time, strict, scriptable."""

import asyncio
import base64
import json
from typing import Any

from aiohttp import web

from atelier_worker.providers.pictures import picture
from fakes.kit import FakeVendor, RefusalError, body_of

CHECKPOINTS = {"sd_xl_base_1.0", "sub/dreamshaper"}


class FakeA1111(FakeVendor):
    """Steps: `draw`, `task`, `progress`, `interrupt`, `models`.

    `gate` is set when drawing may go on; `begun` when it has. `tasks` is whether it knows calls by
    their ids; `sheet` whether a sheet of all pictures comes first. `checkpoints` is what it has.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        self.tasks = True
        self.sheet = False
        self.checkpoints = set(CHECKPOINTS)
        self.bodies: list[dict[str, Any]] = []
        self.current = ""
        self.interrupted = asyncio.Event()
        self._lock = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/sdapi/v1/txt2img", self._draw, name="draw"),
            web.get("/sdapi/v1/progress", self._progress, name="progress"),
            web.post("/sdapi/v1/interrupt", self._interrupt, name="interrupt"),
            web.post("/internal/progress", self._task, name="task"),
            web.get("/sdapi/v1/sd-models", self._models, name="models"),
        ]

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response(
            [
                {"title": f"{n}.safetensors [31e35c80fc]", "model_name": n, "filename": f"/m/{n}"}
                for n in sorted(self.checkpoints)
            ]
        )

    async def _draw(self, request: web.Request) -> web.Response:
        known = {"prompt", "negative_prompt", "seed", "steps", "cfg_scale", "width", "height"}
        known |= {"batch_size", "n_iter", "send_images", "save_images", "force_task_id"}
        body = await body_of(request, known=known | {"override_settings", "sampler_name"})
        if not (1 <= body["steps"] <= 150 and 64 <= body["width"] <= 2048):
            raise RefusalError(422, {"detail": [{"loc": ["body", "steps"], "type": "value_error"}]})
        wanted = body.get("override_settings", {}).get("sd_model_checkpoint")
        if wanted is not None and wanted not in CHECKPOINTS:
            what = {
                "error": "RuntimeError",
                "detail": "",
                "errors": f"Unknown checkpoint: {wanted}",
            }
            raise RefusalError(500, what)
        async with self._lock:
            self.current = body["force_task_id"]
            self.bodies.append(body)
            self.begun.set()
            await self.gate.wait()
            self.current = ""
        seeds = [body["seed"] + i for i in range(body["n_iter"] * body["batch_size"])]
        files = [
            picture(width=body["width"], height=body["height"], seed=seed, size=30_000)
            for seed in seeds
        ]
        sheet = [picture(width=2 * body["width"], height=body["height"], seed=0)] * self.sheet
        info = {"all_seeds": seeds, "seed": seeds[0], "index_of_first_image": int(self.sheet)}
        return web.json_response(
            {
                "images": [base64.b64encode(data).decode() for data in sheet + files],
                "parameters": body,
                "info": json.dumps(info),
            }
        )

    async def _task(self, request: web.Request) -> web.Response:
        if not self.tasks:
            raise RefusalError(404, {"detail": "Not Found"})
        body = await body_of(request, known={"id_task", "id_live_preview", "live_preview"})
        active = body["id_task"] == self.current
        return web.json_response(
            {"active": active, "queued": False, "progress": 0.75 if active else None, "eta": 1.0}
        )

    async def _progress(self, request: web.Request) -> web.Response:
        if request.query.get("skip_current_image") != "true":
            raise RefusalError(422, {"detail": "a megabyte of preview for nothing"})
        return web.json_response(
            {"progress": 0.5, "eta_relative": 3.1, "state": {"job": "x"}, "current_image": None}
        )

    async def _interrupt(self, _: web.Request) -> web.Response:
        self.interrupted.set()
        self.gate.set()
        return web.json_response({})
