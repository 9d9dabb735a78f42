"""docker-compose.yml for real: killed, scaled, taken down and up; nothing is lost or paid twice."""

import asyncio
import hashlib
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from checker import all_ended, check, pages, submit
from compose_stack import OURS, Stack, Watcher
from platforms import ROOT, clean_environment
from servers import need_docker

pytestmark = [pytest.mark.compose, pytest.mark.anyio, pytest.mark.timeout(600)]

BODY = {"model": "fake/paid", "size": "64x64"}
SLOTS = 3  # of a worker (override.yml): the most calls that are open when it is killed


async def paid(stack: Stack, calls: int) -> None:
    """Return once the vendor was asked so often."""
    async with asyncio.timeout(120):
        while len(await asyncio.to_thread(stack.ledger)) < calls:
            await asyncio.sleep(0.2)


async def test_100_jobs_outlive_scaling_and_every_kill(stack: Stack) -> None:
    watcher = Watcher(stack)
    async with stack.client() as http, asyncio.TaskGroup() as group:
        watching = group.create_task(watcher.watch())
        singles = [group.create_task(submit(http, {"prompt": "a fox", **BODY})) for _ in range(50)]
        batch = await http.post(
            "/v1/batches",
            json={"prompts": ["a bear"] * 50, **BODY},
            headers={"Idempotency-Key": uuid4().hex},
        )
        assert batch.status_code == 202, batch.text
        await paid(stack, 4)
        await asyncio.to_thread(stack.scale, "worker", 8)
        await paid(stack, 30)
        await asyncio.to_thread(stack.kill, "rabbitmq")
        await paid(stack, 40)
        await asyncio.to_thread(stack.kill, "minio")
        await paid(stack, 50)
        await asyncio.to_thread(stack.kill_one, "worker")
        await asyncio.to_thread(stack.kill, "mongo")
        await paid(stack, 65)
        await asyncio.to_thread(stack.scale, "worker", 2)
        accepted = [job.result()["id"] for job in singles] + batch.json()["job_ids"]
        assert len(set(accepted)) == 100
        jobs = await all_ended(http, accepted)
        ledger = await asyncio.to_thread(stack.ledger)
        await check(http, accepted, ledger=lambda: ledger, in_flight=SLOTS)
        await watcher.until_done(100, within=10)
        watching.cancel()
    seen = {key: (job["status"], job["version"]) for key, job in watcher.state.jobs.items()}
    assert seen == {key: (job["status"], job["version"]) for key, job in jobs.items()}


async def test_the_front_door_finds_replicas_that_came_and_forgets_those_that_went(
    stack: Stack,
) -> None:
    await asyncio.to_thread(stack.scale, "api", 2, "--wait")
    await asyncio.to_thread(stack.kill_one, "api")
    async with stack.client() as http:
        async with asyncio.timeout(10):
            while (await http.get("/v1/models")).status_code != 200:
                await asyncio.sleep(0.1)
        answers = [(await http.get("/v1/models")).status_code for _ in range(50)]
    assert answers == [200] * 50
    await asyncio.to_thread(stack.scale, "api", 1, "--wait")


async def test_down_and_up_keeps_everything(stack: Stack) -> None:
    async with stack.client() as http:
        job = await submit(http, {"prompt": "to be kept", **BODY})
        await all_ended(http, [job["id"]])
        before = await everything(http)
    assert len(before["images"]) >= 1
    await asyncio.to_thread(stack.run, "stop")
    left = {name(c): c["State"]["ExitCode"] for c in stack.containers()}
    assert {left[service] for service in OURS} == {0}, left
    await asyncio.to_thread(stack.run, "down")
    assert await asyncio.to_thread(stack.run, "ps", "--all", "--quiet") == ""
    await asyncio.to_thread(stack.up)
    async with stack.client() as http:
        assert await everything(http) == before
        again = await submit(http, {"prompt": "afterwards", **BODY})
        ended = await all_ended(http, [again["id"]])
        assert ended[again["id"]]["status"] == "succeeded"


async def test_one_port_no_root_no_writable_root_nothing_unlimited(stack: Stack) -> None:
    containers = {name(c): c for c in stack.containers()}
    published = {
        service: ports
        for service, c in containers.items()
        if (ports := [p for p in (c["NetworkSettings"]["Ports"] or {}).values() if p])
    }
    assert {p["HostIp"] for ports in published.values() for [p] in ports} == {"127.0.0.1"}
    assert set(published) - {"vendor"} == {"frontdoor"}
    for service in (*OURS, "frontdoor"):
        assert containers[service]["HostConfig"]["ReadonlyRootfs"], service
        assert containers[service]["HostConfig"]["CapDrop"] == ["ALL"], service
        assert containers[service]["Config"]["User"] not in ("", "0", "root"), service
    secrets = [(stack.folder / f"{n}_password").read_text() for n in ("rabbitmq", "mongo", "minio")]
    secrets.append((stack.folder / "api_key").read_text())
    for service, c in containers.items():
        if service == "vendor":
            continue
        assert c["HostConfig"]["Memory"] > 0, service
        assert c["HostConfig"]["LogConfig"]["Config"]["max-size"] == "10m", service
        assert c["State"]["Health"]["Status"] == "healthy", service
        if service in OURS:
            assert not [v for v in c["Config"]["Env"] for s in secrets if s in v], service


@pytest.mark.parametrize("service", OURS)
def test_an_image_has_its_service_and_nothing_to_build_with(stack: Stack, service: str) -> None:
    found = stack.run(
        "exec", "-T", service, "sh", "-c",
        "id -u; command -v gcc cc make git || true; ls /venv/bin; ls /run/secrets;"
        " touch /venv/x 2>&1 || true",
    )  # fmt: skip
    lines = found.split("\n")
    assert lines[0] == "10001"
    assert f"atelier-{service}" in lines
    assert not {"hatchling", "pip", "gcc", "/usr/bin/gcc", "/usr/bin/cc"} & set(lines)
    assert "Read-only file system" in found


def test_without_secrets_nothing_starts(tmp_path: Path) -> None:
    need_docker()
    env = {**clean_environment(), "ATELIER_SECRETS": str(tmp_path)}
    done = subprocess.run(
        ["docker", "compose", "config", "--quiet"],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert ".env" in done.stderr


def name(container: dict[str, Any]) -> str:
    """The service of a container."""
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


async def everything(http: httpx.AsyncClient) -> dict[str, Any]:
    """All jobs and images, and what the newest pictures' bytes hash to."""
    jobs = {job["id"]: job async for job in pages(http, "/v1/jobs")}
    images = {image["id"]: image async for image in pages(http, "/v1/images")}
    hashes = {}
    for image in list(images.values())[:10]:
        content = (await http.get(image["content_url"])).raise_for_status().content
        hashes[image["id"]] = hashlib.sha256(content).hexdigest()
        assert hashes[image["id"]] == image["sha256"]
    return {"jobs": jobs, "images": images, "hashes": hashes}
