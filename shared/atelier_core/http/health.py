"""`/healthz`: the process runs. `/readyz`: what it depends on answers, too."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from atelier_core.contracts.problems import Code, Problem
from atelier_core.errors import AtelierError

Probe = Callable[[], Awaitable[object]]
"""Returns when the thing answers, raises an `AtelierError` when it does not."""

Probes = Mapping[str, Probe]

PATIENCE = 2.0  # seconds a probe may take


def health_router(probes: Probes) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def health() -> Response:
        return JSONResponse({"status": "ok"})

    @router.get("/readyz")
    async def ready() -> Response:
        answers = await asyncio.gather(*(_answers(probe) for probe in probes.values()))
        silent = [name for name, well in zip(probes, answers, strict=True) if not well]
        if silent:
            raise Problem(Code.SERVICE_UNAVAILABLE, f"Not ready: {', '.join(silent)}.")
        return JSONResponse({"status": "ready", "checks": dict.fromkeys(probes, "ok")})

    return router


async def _answers(probe: Probe) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            await probe()
    except (AtelierError, TimeoutError):
        return False
    return True
