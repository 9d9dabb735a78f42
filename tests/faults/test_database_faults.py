"""What the database and the way to it do to us: events wait, and the API goes on accepting."""

import asyncio
import time
from uuid import uuid4

import httpx
import pytest

from atelier_core.domain.job import accept
from atelier_gallery.ports import Change
from atelier_gallery.stores.mongo_open import open_stores
from checker import submit
from gallery_stories import OWNER, accepted
from private_database import DatabaseUser
from toxiproxy import Toxiproxy, Wire
from wired import BODY, Harm, Wired, eventually, harmed_in_turn

pytestmark = [pytest.mark.anyio, pytest.mark.external, pytest.mark.timeout(120)]


@pytest.mark.parametrize(
    ("harm", "seconds"),
    [(Wire.cut, 0.7), (Wire.silence, 3.5), (Wire.slow, 3.0)],
    ids=["cut", "silent", "slow"],
)
async def test_jobs_outlive_the_way_to_the_database(
    whole: Wired, harm: Harm, seconds: float
) -> None:
    async with whole.load():
        await harmed_in_turn(whole.of("mongo"), harm, seconds=seconds)


async def test_who_follows_sees_what_took_long_to_save(
    toxiproxy: Toxiproxy, mongo_url: str
) -> None:
    """It bears a time after that of what was saved, and perhaps passed on, meanwhile."""
    name = f"test_gallery_{uuid4().hex}"
    before, slow, meanwhile = (accept(accepted()) for _ in range(3))
    with toxiproxy.wire(mongo_url) as wire:
        async with (
            open_stores(mongo_url, database=name) as near,
            open_stores(wire.url(mongo_url), database=name) as far,
        ):
            try:
                await near.prepare()
                assert not await far.jobs.save_many([Change(before, read=0)])
                wire.late(1_200)
                async with asyncio.TaskGroup() as group:
                    group.create_task(far.jobs.save_many([Change(slow, read=0)]))
                    await asyncio.sleep(0.5)
                    assert not await near.jobs.save_many([Change(meanwhile, read=0)])
                stamps = await near.jobs.changed_since(0, owners=[OWNER], limit=9)
                assert [stamp.id for stamp in stamps] == [before.id, meanwhile.id, slow.id]
            finally:
                await near.database.client.drop_database(name)


@pytest.mark.long
async def test_a_frozen_database_is_waited_for(whole: Wired) -> None:
    """Connections stay, nobody answers, for longer than anything waits for it."""
    async with whole.load() as jobs, whole.http() as http:
        await asyncio.sleep(0.5)
        for wire in whole.of("mongo"):
            wire.silence()
        try:
            began = time.monotonic()
            answer = await http.get("/v1/jobs")
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1
            assert time.monotonic() - began < 12, "told too late"
            await asyncio.sleep(10)
        finally:
            whole.heal()
        jobs.append((await submit(http, BODY))["id"])


async def test_a_changed_password_is_said_and_survived(
    whole: Wired, database: DatabaseUser
) -> None:
    """Who is in stays in, so every connection is closed once, as at the database's next restart."""
    async with whole.load() as jobs, whole.http() as http:
        await asyncio.sleep(0.5)
        await asyncio.to_thread(database.know, "another-canary")
        try:
            for wire in whole.of("mongo"):
                wire.refuse()
                wire.heal()
            for name in ("api-0", "gallery-0"):
                async with whole.service(name) as service:

                    async def said(service: httpx.AsyncClient = service) -> bool:
                        ready = await service.get("/readyz")
                        return ready.status_code == 503 and "ATELIER_MONGO_URL" in ready.text

                    await eventually(said)
            refused = await http.get("/v1/jobs")
            assert (refused.status_code, refused.json()["code"]) == (503, "service_unavailable")
            assert "ATELIER" not in refused.text
            await asyncio.sleep(2)
        finally:
            await asyncio.to_thread(database.know)
        jobs.append((await submit(http, BODY))["id"])
    for process in whole.platform.processes.values():
        log = process.log.read_text()
        assert database.password not in log
        assert "another-canary" not in log
        if process.name.startswith(("api", "gallery")):
            assert "ATELIER_MONGO_URL" in log
