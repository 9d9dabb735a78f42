"""`/healthz`: the process runs. `/readyz`: what it depends on answers, too."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from atelier_core.contracts.problems import Code, Problem
from atelier_core.errors import AtelierError, RefusedError

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
        found = await asyncio.gather(*(_trouble(probe) for probe in probes.values()))
        troubles = {
            name: said for name, said in zip(probes, found, strict=True) if said is not None
        }
        if troubles:
            detail = " ".join(
                (f"Not ready: {', '.join(troubles)}.", *filter(None, troubles.values()))
            )
            raise Problem(Code.SERVICE_UNAVAILABLE, detail)
        return JSONResponse({"status": "ready", "checks": dict.fromkeys(probes, "ok")})

    return router


async def _trouble(probe: Probe) -> str | None:
    """None if all is well, else what strangers may know of it: who asks here is not known."""
    try:
        async with asyncio.timeout(PATIENCE):
            await probe()
    except RefusedError as exc:
        return str(exc)
    except (AtelierError, TimeoutError):
        return ""
    return None
