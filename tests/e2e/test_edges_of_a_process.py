"""What one embedded process says when it is misused, told to leave, or out of room."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from platforms import embedded


def until(seen: Callable[[], bool], within: float = 30.0) -> None:
    end = time.monotonic() + within
    while not seen():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)


def submit(client: httpx.Client, **job: object) -> httpx.Response:
    return client.post("/v1/jobs", json={"prompt": "a fox", "size": "256x256", **job})


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=48m", "none", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root to mount a small disk")
    if subprocess.run(command, check=False, capture_output=True, timeout=10).returncode:
        pytest.skip("no small disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, timeout=10)


def fill(path: Path) -> None:
    with path.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return


def test_on_a_full_disk_things_can_be_stopped_and_deleted(disk: Path) -> None:
    with (
        embedded(disk, env={"ATELIER_PROVIDERS": "demo", "TMPDIR": "/tmp"}) as platform,
        httpx.Client(base_url=platform.origin, timeout=30) as client,
    ):
        job = submit(client).json()
        until(lambda: client.get(f"/v1/jobs/{job['id']}").json()["done"])
        image = client.get("/v1/images").json()["items"][0]["id"]
        assert (disk / "data" / "reserve").exists()

        waiting = submit(client, n=10, size="1024x1024").json()
        fill(disk / "somebody-elses")
        until(lambda: not (disk / "data" / "reserve").exists())
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["detail"]) == (503, "Not ready: disk.")
        assert submit(client).json()["code"] == "storage_full"
        cancelled = client.post(f"/v1/jobs/{waiting['id']}/cancel")
        assert cancelled.status_code in (200, 202), cancelled.text
        until(lambda: client.get(f"/v1/jobs/{waiting['id']}").json()["done"])
        gone = client.delete(f"/v1/images/{image}", params={"permanent": "true"})
        assert gone.status_code in (200, 202, 204), gone.text
        assert client.get(f"/v1/images/{image}").status_code in (404, 410)

        (disk / "somebody-elses").unlink()
        until(lambda: client.get("/readyz").status_code == 200)
        until((disk / "data" / "reserve").exists)


def test_what_is_no_request_is_a_problem_and_leaving_is_quiet(tmp_path: Path) -> None:
    with (
        embedded(tmp_path, env={"ATELIER_PROVIDERS": "demo"}) as platform,
        httpx.Client(base_url=platform.origin, timeout=30) as client,
    ):
        for request in (b"nothing at all\r\n\r\n", b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n"):
            host, port = platform.origin.removeprefix("http://").split(":")
            with socket.create_connection((host, int(port)), timeout=5) as sock:
                sock.sendall(request)
                answer = b""
                while piece := sock.recv(65536):
                    answer += piece
            head, _, body = answer.partition(b"\r\n\r\n")
            problem = httpx.Response(400, content=body).json()
            assert head.startswith(b"HTTP/1.1 400 ")
            assert b"content-type: application/problem+json" in head
            assert f"x-request-id: {problem['request_id']}".encode() in head
            assert (problem["code"], problem["status"]) == ("malformed_body", 400)

        job = submit(client).json()
        until(lambda: client.get(f"/v1/jobs/{job['id']}").json()["done"])
        process = platform.processes["embedded"]
        assert process.child is not None
        os.killpg(process.pid, signal.SIGTERM)
        assert process.child.wait(timeout=30) == 0
        log = process.log.read_text()
        assert "leaked" not in log, log
        assert "Traceback" not in log, log
