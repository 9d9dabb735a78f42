"""A vendor of pictures, for tests: charges for what it accepts, and writes down every charge.

    python tests/fakes/provider_server.py --port 9100 --ledger calls.jsonl [--delay 0.05] [--size 65536]

POST /generate          the call and its answer in one
POST /queue             202 with an id; GET /queue/{id}, GET /queue/{id}/result, DELETE /queue/{id}
GET  /account           costs nothing
GET  /ledger            every call, in order: {call_id, job_id, indexes, mode, paid, amount}
POST /faults            a list of faults, one for each of the next calls ("" for none)

A fault in the prompt, `[[429:2]]`, hits the first two calls of that job; without a number all of
them. Faults: 429 (Retry-After 1), 500, 503, 401, 402, moderated, truncated, html, empty,
disconnect (charged, no answer), reset (not charged), drip (slow bytes), hang; `delay=0.5` waits.
"""

import argparse
import asyncio
import base64
import json
import os
import re
import sys
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web

from atelier_worker.providers.pictures import picture

PRICE = Decimal("0.04")
CANCELED = Decimal("0.01")  # what a queued call costs that was canceled before it was done
TAG = re.compile(r"\[\[([a-z0-9]+)(?:=([0-9.]+))?(?::(\d+))?\]\]")
STATUSES = {"429", "500", "503", "401", "402"}


@dataclass
class Queued:
    body: dict[str, Any]
    call: dict[str, Any]
    done: asyncio.Event = field(default_factory=asyncio.Event)
    canceled: bool = False


class Vendor:
    """The state of the vendor: it outlives the worker processes that call it."""

    def __init__(self, *, delay: float = 0.0, size: int = 64 * 1024, ledger: Path | None = None):
        self.delay, self.size = delay, size
        self.calls: list[dict[str, Any]] = []
        self.faults: deque[str] = deque()
        self.open_door = asyncio.Event()  # while it is not set, no call is answered
        self.open_door.set()
        self.open_now = 0
        self.most_open = 0
        self._file = (
            os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) if ledger else None
        )
        self._seen: Counter[tuple[str, str]] = Counter()
        self._queued: dict[str, Queued] = {}
        self._working: set[asyncio.Task[None]] = set()

    @property
    def paid(self) -> list[dict[str, Any]]:
        return [call for call in self.calls if call["paid"]]

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1024 * 1024)
        app.add_routes(
            [
                web.post("/generate", self._generate),
                web.post("/queue", self._submit),
                web.get("/queue/{id}", self._state),
                web.get("/queue/{id}/result", self._result),
                web.delete("/queue/{id}", self._cancel),
                web.get("/account", self._account),
                web.get("/ledger", self._ledger),
                web.post("/faults", self._script),
            ]
        )
        return app

    # The routes.

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        fault, argument = self._fault(body)
        if refusal := self._refusal(fault, body):
            return refusal
        if fault == "reset":
            self._charge(body, "sync", paid=False)
            return self._cut(request)
        self._charge(body, "sync", paid=True)
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            await asyncio.sleep(float(argument) if fault == "delay" else self.delay)
            await self.open_door.wait()
            if fault == "hang":
                await asyncio.Event().wait()
            if fault == "disconnect":
                return self._cut(request)
            return await self._answer(request, body, fault)
        finally:
            self.open_now -= 1

    async def _submit(self, request: web.Request) -> web.Response:
        body = await request.json()
        fault, argument = self._fault(body)
        if refusal := self._refusal(fault, body):
            return refusal
        call = self._charge(body, "queue", paid=True)
        queued = self._queued[body["call_id"]] = Queued(body, call)

        async def work() -> None:
            await asyncio.sleep(float(argument) if fault == "delay" else self.delay)
            queued.done.set()

        if fault != "hang":
            task = asyncio.create_task(work())
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        return web.json_response({"id": body["call_id"], "status": "queued"}, status=202)

    async def _state(self, request: web.Request) -> web.Response:
        queued = self._queued.get(request.match_info["id"])
        if queued is None:
            return web.json_response({}, status=404)
        status = "canceled" if queued.canceled else "done" if queued.done.is_set() else "running"
        return web.json_response({"id": queued.body["call_id"], "status": status, "progress": 0.5})

    async def _result(self, request: web.Request) -> web.StreamResponse:
        queued = self._queued.get(request.match_info["id"])
        if queued is None or not queued.done.is_set():
            return web.json_response({}, status=404)
        return await self._answer(request, queued.body, "")

    async def _cancel(self, request: web.Request) -> web.Response:
        queued = self._queued.get(request.match_info["id"])
        if queued is None:
            return web.json_response({}, status=404)
        queued.canceled = queued.canceled or not queued.done.is_set()
        if queued.canceled:
            queued.call["amount"] = str(CANCELED if queued.call["paid"] else 0)
        return web.json_response({"cost": queued.call["amount"]})

    async def _account(self, _: web.Request) -> web.Response:
        return web.json_response({"account": "acme"})

    async def _ledger(self, _: web.Request) -> web.Response:
        return web.json_response(self.calls)

    async def _script(self, request: web.Request) -> web.Response:
        self.faults.extend(await request.json())
        return web.json_response({})

    # What they share.

    def _fault(self, body: dict[str, Any]) -> tuple[str, str]:
        if self.faults:
            fault, _, argument = self.faults.popleft().partition("=")
            return fault, argument
        for fault, argument, times in TAG.findall(body["prompt"]):
            if fault == "queue":
                continue
            self._seen[body["job_id"], fault] += 1
            if not times or self._seen[body["job_id"], fault] <= int(times):
                return fault, argument
        return "", ""

    def _refusal(self, fault: str, body: dict[str, Any]) -> web.Response | None:
        headers = {"x-request-id": f"r-{body['call_id']}"}
        if fault == "429":
            headers["retry-after"] = "1"
        if fault == "moderated":
            headers["x-fake-error"] = "moderated"
        if fault in STATUSES or fault == "moderated":
            self._charge(body, "refused", paid=False)
            status = 400 if fault == "moderated" else int(fault)
            return web.json_response({"error": fault}, status=status, headers=headers)
        return None

    def _charge(self, body: dict[str, Any], mode: str, *, paid: bool) -> dict[str, Any]:
        paid = paid and not body["free"]
        call = {
            "call_id": body["call_id"],
            "job_id": body["job_id"],
            "indexes": body["indexes"],
            "mode": mode,
            "paid": paid,
            "amount": str(PRICE * len(body["indexes"]) if paid else 0),
        }
        self.calls.append(call)
        if self._file is not None:
            os.write(self._file, (json.dumps(call) + "\n").encode())
        return call

    async def _answer(
        self, request: web.Request, body: dict[str, Any], fault: str
    ) -> web.StreamResponse:
        if fault == "html":
            return web.Response(text="<html>Bad gateway</html>", content_type="text/html")
        images = []
        for index, seed in zip(body["indexes"], body["seeds"], strict=True):
            data = picture(width=body["width"], height=body["height"], seed=seed, size=self.size)
            if fault == "truncated":
                data = data[: len(data) // 2]
            images.append({"index": index, "seed": seed, "b64": base64.b64encode(data).decode()})
        cost = Decimal() if body["free"] else PRICE * len(images)
        raw = json.dumps(
            {
                "id": f"r-{body['call_id']}",
                "cost": str(cost),
                "images": [] if fault == "empty" else images,
            }
        ).encode()
        if fault != "drip":
            return web.Response(body=raw, content_type="application/json")
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        for start in range(0, len(raw), len(raw) // 8 + 1):
            await response.write(raw[start : start + len(raw) // 8 + 1])
            await asyncio.sleep(0.02)
        await response.write_eof()
        return response

    def _cut(self, request: web.Request) -> web.Response:
        if request.transport:
            request.transport.abort()
        return web.Response()


@asynccontextmanager
async def vendor(
    *, host: str = "127.0.0.1", port: int = 0, **options: Any
) -> AsyncIterator[tuple[Vendor, str]]:
    """The vendor listening on `host`, and its address."""
    state = Vendor(**options)
    runner = web.AppRunner(state.app(), handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=4096)
        await site.start()
        name, bound = runner.addresses[0][:2]
        yield state, f"http://{name}:{bound}"
    finally:
        await runner.cleanup()


async def _serve(options: argparse.Namespace) -> None:
    async with vendor(**vars(options)) as (_, url):
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--size", type=int, default=64 * 1024)
    parser.add_argument("--ledger", type=Path)
    asyncio.run(_serve(parser.parse_args()))
