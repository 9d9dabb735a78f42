"""The stack of docker-compose.yml as its users start it, under a project name of its own."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.typing import Origin

from atelier_client import LiveState, reduce
from platforms import ROOT, clean_environment
from ports import free_port

WITHIN = 300.0  # seconds for one command; building without a cache is the longest
SECRETS = ROOT / "deploy" / "compose" / "secrets.sh"
OURS = ("api", "gallery", "worker")
FILES = ("docker-compose.yml", "tests/compose/override.yml")


@dataclass(frozen=True)
class Stack:
    """A compose project: `run` is `docker compose …`, everything else follows from it."""

    project: str
    folder: Path
    port: int = field(default_factory=free_port)

    @property
    def env(self) -> Mapping[str, str]:
        docker = {n: v for n, v in os.environ.items() if n.startswith(("DOCKER_", "BUILDX_"))}
        return {
            **clean_environment(),
            **docker,
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_FILE": os.pathsep.join(FILES),
            "ATELIER_SECRETS": str(self.folder),
            "ATELIER_PORT": str(self.port),
            "ATELIER_TAG": "test",
        }

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {(self.folder / 'api_key').read_text()}"}

    def run(self, *arguments: str) -> str:
        """`docker compose …` and what it printed."""
        return self._call("docker", "compose", *arguments)

    def up(self, *arguments: str) -> None:
        self.run("up", "--detach", "--wait", "--wait-timeout", "180", *arguments)

    def scale(self, service: str, replicas: int, *arguments: str) -> None:
        """To so many containers of `service`."""
        count = f"{service}={replicas}"
        keep = ("--no-deps", "--no-recreate")
        self.run("up", "--detach", *keep, *arguments, "--scale", count, service)

    def kill(self, *services: str) -> None:
        """kill -9 of their only containers, which are started again at once."""
        self.run("kill", *services)
        self.run("start", *services)

    def kill_one(self, service: str) -> None:
        """kill -9 of one container of `service`, which stays dead."""
        self._call("docker", "kill", self.run("ps", "--quiet", service).split()[0])

    def containers(self) -> list[dict[str, Any]]:
        """What Docker says of every container, also of stopped ones, by service."""
        ids = self.run("ps", "--all", "--quiet").split()
        found: list[dict[str, Any]] = json.loads(self._call("docker", "inspect", *ids))
        return found

    def ledger(self) -> list[str]:
        """The job of every call that the vendor was paid for."""
        address = self.run("port", "vendor", "9100").strip()
        calls = httpx.get(f"http://{address}/ledger", timeout=10).raise_for_status().json()
        return [call["job_id"] for call in calls if call["paid"]]

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.origin, headers=self.headers, timeout=15)

    def _call(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WITHIN,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr[-4000:]}"
        return done.stdout


@contextmanager
def stack(folder: Path) -> Iterator[Stack]:
    """The stack built and running; afterwards nothing of it is left but its images."""
    made = Stack(f"atelier-test-{uuid4().hex[:8]}", folder)
    subprocess.run([SECRETS], env=made.env, check=True, timeout=30)
    try:
        made.run("build", "--quiet", *OURS)
        made.up()
        yield made
    finally:
        made.run("down", "--volumes", "--timeout", "2")


class Watcher:
    """One client's live view: whatever happens to its websocket, it comes back and resumes."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.state = LiveState()
        self.connections = 0

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._follow()
            except InvalidStatus as exc:
                if exc.response.status_code < 500:
                    raise
            except (OSError, TimeoutError, WebSocketException):
                pass
            await asyncio.sleep(0.5)

    async def until_done(self, jobs: int, *, within: float) -> None:
        """Return once so many jobs have been seen to end."""
        async with asyncio.timeout(within):
            while sum(job["done"] for job in self.state.jobs.values()) < jobs:
                await asyncio.sleep(0.2)

    async def _follow(self) -> None:
        resume = f"&after={self.state.cursor}" if self.state.cursor else ""
        url = f"{self._stack.origin.replace('http', 'ws')}/v1/events?topic=me{resume}"
        origin = Origin(self._stack.origin)
        async with connect(url, additional_headers=self._stack.headers, origin=origin) as ws:
            self.connections += 1
            while True:
                message = json.loads(await asyncio.wait_for(ws.recv(), 60))
                self.state = reduce(self.state, [message])
