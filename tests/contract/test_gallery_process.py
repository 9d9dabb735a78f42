"""`atelier-gallery` as a process: it starts before its servers, and says so."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest

from ports import free_port

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

COMMAND = (sys.executable, "-c", "from atelier_gallery.main import main; main()")


def nowhere() -> dict[str, str]:
    """Settings whose servers are all away."""
    port = free_port()
    return {
        "ATELIER_PORT": str(free_port()),
        "ATELIER_AMQP_URL": f"amqp://guest:guest@127.0.0.1:{port}/",
        "ATELIER_MONGO_URL": f"mongodb://127.0.0.1:{port}/",
        "ATELIER_S3_ENDPOINT": f"http://127.0.0.1:{port}",
        "ATELIER_S3_ACCESS_KEY": "x",
        "ATELIER_S3_SECRET_KEY": "secret-canary",
        "ATELIER_API_KEY": "key-canary",
    }


@asynccontextmanager
async def process(settings: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("ATELIER_")}
    child = await asyncio.create_subprocess_exec(
        *COMMAND, env={**env, **settings}, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def test_it_is_healthy_at_once_and_ready_when_its_servers_are() -> None:
    settings = nowhere()
    origin = f"http://127.0.0.1:{settings['ATELIER_PORT']}"
    async with process(settings) as child, httpx.AsyncClient(base_url=origin) as http:
        async with asyncio.timeout(30):
            while True:
                try:
                    healthy = await http.get("/healthz")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
        assert (healthy.status_code, healthy.json()) == (200, {"status": "ok"})
        for path in ("/readyz", "/v1/jobs", "/"):
            answer = await http.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
            assert int(answer.headers["retry-after"]) >= 1
        child.send_signal(signal.SIGTERM)
        _, log = await asyncio.wait_for(child.communicate(), 15)
        assert child.returncode == 0
        assert b"canary" not in log
        assert b"Traceback" not in log


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"ATELIER_MONGO_URL": "http://x"}, "ATELIER_MONGO_URL"),
        ({"ATELIER_MEDIA_MODE": "redirect"}, "ATELIER_S3_PUBLIC_ENDPOINT"),
        ({"ATELIER_PORT": "x"}, "ATELIER_PORT"),
    ],
)
async def test_a_wrong_setting_is_a_sentence(changes: Mapping[str, str], named: str) -> None:
    async with process({**nowhere(), **changes}) as child:
        _, log = await asyncio.wait_for(child.communicate(), 30)
        assert child.returncode == 2
        assert named in log.decode().splitlines()[-1]
        assert b"Traceback" not in log
