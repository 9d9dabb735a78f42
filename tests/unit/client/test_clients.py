"""Both clients over real sockets, against a server that misbehaves; and that they are twins."""

import hashlib
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

import atelier_client
from atelier_client import ApiError, AsyncClient, Client, JobFailed, Retry, Unreachable
from ports import free_port

pytestmark = pytest.mark.anyio
SOON = Retry(attempts=2, base=0.001)
PICTURE = bytes(range(256)) * 1000


@pytest.mark.parametrize("name", ["Client", "Job", "Batch", "Image"])
def test_the_twins_have_one_surface(name: str) -> None:
    blocking = getattr(atelier_client, name)
    awaited = getattr(atelier_client, f"Async{name}")
    assert _surface(blocking) == _surface(awaited)
    for method in _surface(blocking):
        assert inspect.getdoc(getattr(blocking, method)), f"{method} promises nothing"


def test_the_client_knows_nothing_of_ours() -> None:
    source = Path(atelier_client.__file__).parent
    ours = ("atelier_core", "atelier_api", "atelier_worker", "atelier_gallery", "atelier_embedded")
    for module in source.glob("*.py"):
        assert not any(f"import {o}" in module.read_text() for o in ours), module


async def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    server: Any, turn: Any, job: Any
) -> None:
    away = {"code": "service_unavailable", "detail": "x", "retryable": True, "job_id": "j1"}
    retry_now = [("Retry-After", "0")]
    script = (turn.hang_up, turn.answer(503, away, retry_now), turn.answer(202, job()))
    server.script(*script)
    with Client(server.origin, "secret", retry=SOON) as client:
        assert client.generate("a red fox", n=2, seed=None).id == "j1"
    server.script(*script)
    async with AsyncClient(server.origin, "secret", retry=SOON) as awaited:
        assert (await awaited.generate("a red fox", n=2)).id == "j1"
    keys = [headers["Idempotency-Key"] for _, _, headers in server.seen]
    assert len(keys) == 6
    assert len(set(keys[:3])) == len(set(keys[3:])) == 1
    assert {headers["Authorization"] for _, _, headers in server.seen} == {"Bearer secret"}


async def test_providers_and_a_plan_are_values(server: Any, turn: Any) -> None:
    fal = {"id": "fal", "available": True, "state": "limited", "limit": 3, "models": ["fal/x"]}
    known = {"object": "list", "items": [fal], "next_cursor": None}
    cost = {"min": "0.02", "max": None, "currency": "USD", "status": "unknown"}
    link = {"provider": "fal", "model": "fal/x", "calls": 2, "ignored": ["seed"], "cost": cost}
    plan = {"object": "dry_run", "jobs": [{"index": 0, "chain": [link]}], "cost": cost}
    with Client(server.origin, retry=SOON) as client:
        server.script(turn.answer(200, known), turn.answer(200, plan))
        [provider] = client.providers()
        assert (provider.state, provider.limit, provider.models) == ("limited", 3, ("fal/x",))
        [job] = client.dry_run("x", providers={"order": ["fal"]}, steps=4).jobs
        assert (job.chain[0].ignored, job.chain[0].cost.max) == (("seed",), None)
    async with AsyncClient(server.origin, retry=SOON) as awaited:
        server.script(turn.answer(200, known), turn.answer(200, {"items": "none"}))
        assert [p.id for p in await awaited.providers()] == ["fal"]
        with pytest.raises(ApiError, match="not a list"):
            await awaited.providers()


async def test_nobody_there() -> None:
    address = f"127.0.0.1:{free_port()}"
    with Client(address, retry=SOON) as client, pytest.raises(Unreachable, match=address) as lost:
        client.get_job("j1")
    assert not lost.value.sent
    async with AsyncClient(address, retry=SOON) as awaited:
        with pytest.raises(Unreachable, match=address):
            await awaited.get_job("j1")


async def test_a_password_in_an_address_is_not_said() -> None:
    address = f"127.0.0.1:{free_port()}"
    client = Client(f"http://me:hush@{address}", retry=SOON)
    with client, pytest.raises(Unreachable, match=f"^http://{address} cannot") as lost:
        client.get_job("j1")
    assert "hush" not in str(lost.value)


async def test_a_server_that_says_nothing_is_not_waited_for_for_ever(
    server: Any, turn: Any
) -> None:
    import threading

    release = threading.Event()
    server.script(lambda _: release.wait(20))
    try:
        once = Retry(attempts=0)
        client = Client(server.origin, timeout=0.05, retry=once)
        with client, pytest.raises(Unreachable, match="timed out"):
            client.get_job("j1")
        async with AsyncClient(server.origin, timeout=0.05, retry=once) as awaited:
            with pytest.raises(Unreachable, match="cannot be reached"):
                await awaited.get_job("j1")
    finally:
        release.set()


async def test_watching_survives_a_cut(server: Any, turn: Any, job: Any) -> None:
    def events(*messages: tuple[str, Any]) -> bytes:
        lines = (
            f"id: c{i}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
            for i, (name, data) in enumerate(messages)
        )
        return "".join(lines).encode()

    kind = [("Content-Type", "text/event-stream")]
    script = (
        turn.answer(200, job()),
        turn.break_off(200, events(("job.updated", job(2, "running"))), kind),
        turn.break_off(200, events(("job.updated", job(3, "succeeded"))), kind),
    )
    server.script(*script)
    with Client(server.origin, retry=SOON) as client:
        assert [j.version for j in client.watch("j1")] == [1, 2, 3]
    assert [h.get("Last-Event-ID") for _, _, h in server.seen] == [None, None, "c0"]
    server.script(*script)
    async with AsyncClient(server.origin, retry=SOON) as awaited:
        assert [j.version async for j in awaited.watch("j1")] == [1, 2, 3]


async def test_a_broken_download_is_whole_in_the_end(
    server: Any, turn: Any, job: Any, tmp_path: Path
) -> None:
    image = {
        "id": "i1",
        "job_id": "j1",
        "index": 0,
        "width": 64,
        "height": 64,
        "content_type": "image/png",
        "bytes": len(PICTURE),
        "sha256": hashlib.sha256(PICTURE).hexdigest(),
        "content_url": "/v1/images/i1/content",
        "created_at": "2026-01-05T10:00:00.000Z",
    }
    name = [("Content-Disposition", 'attachment; filename="fox.png"')]
    script = (
        turn.answer(200, image),
        turn.break_off(200, PICTURE[:70_000], name),
        turn.answer(200, headers=name, raw=PICTURE),
    )
    server.script(*script)
    with Client(server.origin, retry=SOON) as client:
        path = client.get_image("i1").save(tmp_path)
    assert path == tmp_path / "fox.png"
    assert path.read_bytes() == PICTURE
    server.script(*script)
    async with AsyncClient(server.origin, retry=SOON) as awaited:
        path = await (await awaited.get_image("i1")).save(tmp_path)
    assert path == tmp_path / "fox-2.png"
    assert path.read_bytes() == PICTURE


def test_only_asking_raises_for_a_failed_job(server: Any, turn: Any, job: Any) -> None:
    error = {"code": "provider_moderated", "detail": "Not that", "retryable": False}
    server.script(turn.answer(200, job(4, "failed", error=error)))
    with Client(server.origin) as client:
        failed = client.get_job("j1").wait()
    with pytest.raises(JobFailed, match="Not that") as caught:
        failed.raise_for_status()
    assert (caught.value.code, caught.value.status) == ("provider_moderated", "failed")


def test_new_fields_and_statuses_are_no_surprise(server: Any, turn: Any, job: Any) -> None:
    server.script(turn.answer(200, job(1, "dreaming", mood="good")))
    with Client(server.origin) as client:
        snapshot = client.get_job("j1")
    assert snapshot.status == "dreaming"
    assert snapshot.raw["mood"] == "good"


@pytest.mark.parametrize("address", ["", "ftp://x", "http://", "http://[", "http://a b/"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(ValueError, match="not an"):
        Client(address)


@pytest.mark.parametrize("key", ["ключ", "a b", "a\nb"])
def test_a_key_that_is_none(key: str) -> None:
    with pytest.raises(ValueError, match="API key") as caught:
        Client(api_key=key)
    assert key not in str(caught.value)


def _surface(kind: type) -> dict[str, list[tuple[str, Any, Any]]]:
    own = [
        name
        for name, member in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_") and member.__module__.startswith("atelier_client")
    ]
    return {
        name: [
            (p.name, p.kind, p.default)
            for p in inspect.signature(getattr(kind, name)).parameters.values()
        ]
        for name in own
    }
