"""What the servers that play vendors share: listening, scripted trouble, files, a ledger."""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web

from atelier_worker.providers.pictures import picture

HUGE = 200 * 2**20
METADATA = "http://169.254.169.254/latest/meta-data/"


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What happens instead of the right answer: another one, `huge`, dripped, or the line is cut
    before it or, `half`, in the middle of it.

    `late` does it after the right thing was done (and charged).
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    huge: bool = False
    drip: bool = False
    cut: bool = False
    half: bool = False
    late: bool = False


HTML = Trouble(body="<html>Bad gateway</html>", headers={"content-type": "text/html"})
CUT = Trouble(cut=True)
LOST = Trouble(cut=True, late=True)


class RefusalError(Exception):
    """The answer of a vendor that is strict about what it is sent."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status, body)
        self.status, self.body = status, body


class FakeVendor:
    """`troubles` are scripted by step of the vendor's protocol and used up in order.

    `paid` has an entry for every call that is charged, `seen` a line for every request.
    """

    def __init__(self) -> None:
        self.url = ""
        self.troubles: defaultdict[str, deque[Trouble]] = defaultdict(deque)
        self.paid: list[Any] = []
        self.seen: list[str] = []
        self.files: dict[str, bytes] = {}

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    def trouble(self, step: str, *troubles: Trouble) -> None:
        """Script what happens to the next requests of `step`."""
        self.troubles[step].extend(troubles)

    def draw(self, name: str, *, width: int, height: int, seed: int) -> str:
        """Make a picture downloadable and return its address."""
        self.files[name] = picture(width=width, height=height, seed=seed, size=3_000)
        return f"{self.url}/files/{name}"

    def app(self) -> web.Application:
        app = web.Application(client_max_size=2**20, middlewares=[self._strictly])
        app.add_routes([*self.routes(), web.get("/files/{name}", self._file, name="file")])
        return app

    async def _file(self, request: web.Request) -> web.Response:
        assert "authorization" not in request.headers, "a key went to where files are"
        data = self.files.get(request.match_info["name"])
        if data is None:
            raise RefusalError(404, {"detail": "gone"})
        return web.Response(body=data, content_type="image/png")

    @web.middleware
    async def _strictly(self, request: web.Request, handler: Any) -> web.StreamResponse:
        step = request.match_info.route.name or ""
        self.seen.append(step)
        trouble = self.troubles[step].popleft() if self.troubles[step] else None
        try:
            answer: web.StreamResponse | None = None
            if trouble is None or trouble.late:
                answer = await handler(request)
        except RefusalError as exc:
            return web.json_response(exc.body, status=exc.status)
        if trouble is None:
            assert answer is not None
            return answer
        return await _happens(trouble, request)


async def _happens(trouble: Trouble, request: web.Request) -> web.StreamResponse:
    if trouble.cut:
        assert request.transport
        request.transport.abort()
        return web.Response()
    if trouble.half:
        response = web.StreamResponse(headers={"content-length": "100000"})
        await response.prepare(request)
        await response.write(bytes(50_000))
        assert request.transport
        request.transport.close()
        return response
    if trouble.huge or trouble.drip:
        response = web.StreamResponse(
            status=trouble.status, headers={"content-type": "application/json"}
        )
        await response.prepare(request)
        sent = 0
        while sent < HUGE:
            await response.write(b" " if trouble.drip else bytes(2**20))
            sent += 1 if trouble.drip else 2**20
            await asyncio.sleep(0.02 if trouble.drip else 0)
        return response
    headers = dict(trouble.headers)
    if isinstance(trouble.body, bytes | str):
        raw = trouble.body
    else:
        raw = json.dumps(trouble.body)
        headers.setdefault("content-type", "application/json")
    body = raw.encode() if isinstance(raw, str) else raw
    return web.Response(body=body, status=trouble.status, headers=headers)


V = TypeVar("V", bound=FakeVendor)


@asynccontextmanager
async def listening(vendor: V) -> AsyncIterator[V]:
    """`vendor` on loopback, with its address in `url`."""
    runner = web.AppRunner(vendor.app(), handler_cancellation=True, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        vendor.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield vendor
    finally:
        await runner.cleanup()


async def body_of(request: web.Request, *, known: set[str]) -> dict[str, Any]:
    """The JSON object of a request, refused if it is of another type or has unknown fields."""
    if request.content_type != "application/json":
        raise RefusalError(415, {"detail": "Unsupported media type"})
    body = await request.json()
    if not isinstance(body, dict) or set(body) - known:
        raise RefusalError(422, {"detail": f"unknown: {sorted(set(body) - known)}"})
    return body
