"""ComfyUI as its server has it: a queue, a history, a socket. Strict and scriptable."""

import asyncio
import re
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

from aiohttp import web

from atelier_worker.providers.pictures import picture
from fakes.kit import FakeVendor, RefusalError, body_of

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NODES = {
    "CheckpointLoaderSimple": {"ckpt_name"},
    "CLIPTextEncode": {"text", "clip"},
    "EmptyLatentImage": {"width", "height", "batch_size"},
    "KSampler": {
        *("seed", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
        *("model", "positive", "negative", "latent_image"),
    },
    "VAEDecode": {"samples", "vae"},
    "SaveImage": {"images", "filename_prefix"},
}


class FakeComfyUI(FakeVendor):
    """Steps: `models`, `prompt`, `history`, `queue`, `delete`, `interrupt`, `cancel`, `view`, `ws`.

    `gate` is set when drawing may go on. `error` is what the next call fails with; `old` a server
    that cannot cancel by id, `mints` one that gives calls ids of its own; `cached` says nothing of
    what it had before.
    """

    def __init__(self) -> None:
        super().__init__()
        self.checkpoints = ["sd15.safetensors", "sdxl/base.safetensors"]
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: tuple[str, dict[str, Any]] | None = None
        self.old = self.mints = self.cached = False
        self.graphs: list[dict[str, Any]] = []
        self.history: dict[str, Any] = {}
        self.pending: dict[str, dict[str, Any]] = {}
        self.running = ""
        self.sockets: dict[str, web.WebSocketResponse] = {}
        self.met = asyncio.Event()
        self._asked = asyncio.Event()
        self._stop = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/models/checkpoints", self._models, name="models"),
            web.post("/prompt", self._prompt, name="prompt"),
            web.get("/history/{id}", self._history, name="history"),
            web.get("/queue", self._queue, name="queue"),
            web.post("/queue", self._delete, name="delete"),
            web.post("/interrupt", self._interrupt, name="interrupt"),
            web.post("/api/jobs/{id}/cancel", self._cancel, name="cancel"),
            web.get("/view", self._view, name="view"),
            web.get("/ws", self._ws, name="ws"),
        ]

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Draw what is in the queue, one after the other."""
        task = asyncio.create_task(self._work())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    def restart(self) -> None:
        """Forget everything."""
        self.history.clear()
        self.pending.clear()
        self.running = ""

    async def _work(self) -> None:
        while True:
            while not self.pending:
                self._asked.clear()
                await self._asked.wait()
            call, graph = next(iter(self.pending.items()))
            del self.pending[call]
            self.running = call
            self._stop.clear()
            await self._tell(call, "execution_start", {})
            await self._tell(call, "executing", {"node": "model"})
            while not (self.gate.is_set() or self._stop.is_set()):
                for node in graph:
                    if node.startswith("sample"):
                        await self._tell(call, "progress", {"node": node, "value": 5, "max": 20})
                await asyncio.sleep(0.01)
            if self.running == call:  # not restarted meanwhile
                await self._end(call, graph)

    async def _end(self, call: str, graph: dict[str, Any]) -> None:
        outcome, outputs = self.error, {}
        self.error = None
        if self._stop.is_set():
            outcome = ("execution_interrupted", {"node_id": "sample-0"})
        if outcome is None:
            outputs = {node: self._save(call, graph, node) for node in graph if node[:4] == "save"}
            if not self.cached:
                for node, output in outputs.items():
                    await self._tell(call, "executed", {"node": node, "output": output})
        kind, said = outcome or ("execution_success", {})
        self.history[call] = {
            "prompt": [0, call, graph, {}, list(outputs)],
            "outputs": outputs,
            "status": {
                "status_str": "error" if outcome else "success",
                "completed": not outcome,
                "messages": [["execution_start", {"prompt_id": call}], [kind, said]],
            },
        }
        self.running = ""
        await self._tell(call, kind, said)
        await self._tell(call, "executing", {"node": None})

    def _save(self, call: str, graph: dict[str, Any], node: str) -> dict[str, Any]:
        sampler = graph[f"sample-{node.partition('-')[2]}"]["inputs"]
        size = graph[sampler["latent_image"][0]]["inputs"]
        name = f"{call}_{node}_.png"
        self.files[name] = picture(
            width=size["width"], height=size["height"], seed=sampler["seed"], size=3_000
        )
        self.paid.append(name)
        return {"images": [{"filename": name, "subfolder": "atelier", "type": "output"}]}

    async def _tell(self, call: str, kind: str, data: dict[str, Any]) -> None:
        socket = self.sockets.get(call)
        if socket is None or socket.closed:
            return
        with suppress(ConnectionError):  # the client is gone
            await socket.send_bytes(struct.pack(">II", 1, 1) + b"\xff\xd8preview")
            await socket.send_str("not json")
            await socket.send_json({"type": "status", "data": {"status": {}}})
            await socket.send_json({"type": kind, "data": data | {"prompt_id": call}})

    # The routes.

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response(self.checkpoints)

    async def _prompt(self, request: web.Request) -> web.Response:
        body = await body_of(request, known={"prompt", "prompt_id", "client_id", "front", "number"})
        if not UUID.fullmatch(body["prompt_id"]):
            raise RefusalError(400, {"error": {"type": "invalid_prompt_id"}, "node_errors": {}})
        self._validate(body["prompt"])
        call = str(uuid4()) if self.mints else body["prompt_id"]
        assert call not in self.pending, "sent twice"
        self.graphs.append(body["prompt"])
        self.pending[call] = body["prompt"]
        self._asked.set()
        return web.json_response({"prompt_id": call, "number": 7, "node_errors": {}})

    def _validate(self, graph: dict[str, Any]) -> None:
        errors: dict[str, Any] = {}
        for name, node in graph.items():
            known = NODES.get(node["class_type"])
            if known is None:
                raise RefusalError(400, {"error": {"type": "missing_node_type"}, "node_errors": {}})
            inputs = node["inputs"]
            links = [v[0] for v in inputs.values() if isinstance(v, list)]
            wrong = set(inputs) != known or any(link not in graph for link in links)
            wrong |= not 16 <= inputs.get("width", 16) <= 16384
            wrong |= not 0 <= inputs.get("cfg", 0) <= 100
            if wrong:
                errors[name] = {"errors": [{"type": "value_bigger_than_max"}]}
            if inputs.get("ckpt_name", self.checkpoints[0]) not in self.checkpoints:
                errors[name] = {"errors": [{"type": "value_not_in_list", "details": "ckpt_name"}]}
        if errors:
            raise RefusalError(
                400,
                {"error": {"type": "prompt_outputs_failed_validation"}, "node_errors": errors},
            )

    async def _history(self, request: web.Request) -> web.Response:
        call = request.match_info["id"]
        return web.json_response({call: self.history[call]} if call in self.history else {})

    async def _queue(self, _: web.Request) -> web.Response:
        running = [[0, self.running, {}, {}, []]] if self.running else []
        pending = [[1, call, graph, {}, []] for call, graph in self.pending.items()]
        return web.json_response({"queue_running": running, "queue_pending": pending})

    async def _delete(self, request: web.Request) -> web.Response:
        for call in (await body_of(request, known={"delete", "clear"}))["delete"]:
            self.pending.pop(call, None)
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        body = await body_of(request, known={"prompt_id"})
        if self.old or body["prompt_id"] == self.running:
            self._stop.set()
        return web.Response()

    async def _cancel(self, request: web.Request) -> web.Response:
        if self.old:
            raise RefusalError(404, {"error": "not found"})
        call = request.match_info["id"]
        known = self.pending.pop(call, None) is not None or call == self.running
        if call == self.running:
            self._stop.set()
        return web.json_response({"cancelled": known})

    async def _view(self, request: web.Request) -> web.Response:
        asked = request.query
        assert asked["subfolder"] == "atelier"
        assert asked["type"] == "output"
        if asked["filename"] not in self.files:
            raise RefusalError(404, {})
        return web.Response(body=self.files[asked["filename"]], content_type="image/png")

    async def _ws(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets[request.query["clientId"]] = socket
        await socket.send_json({"type": "status", "data": {"sid": request.query["clientId"]}})
        self.met.set()
        async for _ in socket:
            pass
        return socket
