"""Toxiproxy between our processes and their servers: cut, silent, slow, at a word."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from ports import free_port


@dataclass(frozen=True)
class Wire:
    """One proxy; every toxic is for both directions."""

    api: httpx.Client
    name: str
    port: int

    def url(self, url: str) -> str:
        """`url`, by this wire."""
        parts = urlsplit(url)
        credentials, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{credentials}{at}127.0.0.1:{self.port}").geturl()

    def cut(self) -> None:
        """Reset what is open, and whatever is opened until `heal`."""
        self._add("reset_peer", timeout=0)

    def refuse(self) -> None:
        """Close what is open and refuse connections until `heal`."""
        self._set(enabled=False)

    def silence(self) -> None:
        """Pass nothing on and close nothing until `heal`, which closes what was silent."""
        self._add("timeout", timeout=0)

    def slow(self) -> None:
        """300 ms of latency, 50 KB/s, and everything in small pieces."""
        self._add("latency", latency=300, jitter=50)
        self._add("bandwidth", rate=50)
        self._add("slicer", average_size=512, size_variation=256, delay=100)

    def late(self, milliseconds: int) -> None:
        """Everything arrives so much later."""
        self._add("latency", latency=milliseconds)

    def towards(self, url: str) -> None:
        """Lead to the server at `url` from now on, as a balancer does; what is open is closed."""
        parts = urlsplit(url)
        self._set(upstream=f"{parts.hostname}:{parts.port}")

    def heal(self) -> None:
        self._set(enabled=True)
        for toxic in self._call("GET", "/toxics"):
            self._call("DELETE", f"/toxics/{toxic['name']}")

    def _add(self, kind: str, **attributes: int) -> None:
        for stream in ("upstream", "downstream"):
            self._call(
                "POST", "/toxics", {"type": kind, "stream": stream, "attributes": attributes}
            )

    def _set(self, **changed: bool | str) -> None:
        self._call("POST", "", changed)

    def _call(self, method: str, path: str, body: object = None) -> Any:
        answer = self.api.request(method, f"/proxies/{self.name}{path}", json=body)
        return answer.raise_for_status().json() if answer.content else None


@dataclass(frozen=True)
class Toxiproxy:
    """A running server."""

    api: httpx.Client

    @contextmanager
    def wire(self, url: str) -> Iterator[Wire]:
        """A proxy in front of the server at `url`, gone afterwards."""
        parts = urlsplit(url)
        wire = Wire(self.api, f"t{uuid4().hex[:10]}", free_port())
        self.api.post(
            "/proxies",
            json={
                "name": wire.name,
                "listen": f"127.0.0.1:{wire.port}",
                "upstream": f"{parts.hostname}:{parts.port}",
            },
        ).raise_for_status()
        try:
            yield wire
        finally:
            wire.heal()  # a proxy is not removed while a toxic holds its data back
            self.api.delete(f"/proxies/{wire.name}")


@pytest.fixture(scope="session")
def toxiproxy() -> Iterator[Toxiproxy]:
    """From its variable, else of the program on the PATH, else skipped; in CI a failure.

    Not in a container: it has to reach servers that listen on this machine's loopback only.
    """
    url = os.environ.get("ATELIER_TEST_TOXIPROXY_URL")
    program = shutil.which("toxiproxy-server")
    if url:
        with httpx.Client(base_url=url, timeout=10) as api:
            yield Toxiproxy(api)
    elif program:
        port = free_port()
        child = subprocess.Popen([program, "-host", "127.0.0.1", "-port", str(port)])
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as api:
                _wait(api)
                yield Toxiproxy(api)
        finally:
            child.terminate()
            child.wait(timeout=10)
    else:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("no toxiproxy: set ATELIER_TEST_TOXIPROXY_URL or install toxiproxy-server")


def _wait(api: httpx.Client) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            api.get("/version").raise_for_status()
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
