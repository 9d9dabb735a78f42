"""What the broker and the way to it do to us: nothing is lost, and clients are told in time."""

import asyncio
import os
import signal
import time
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest
from aio_pika import connect

from atelier_core.contracts.topology import EXCHANGE
from checker import all_ended, check, submit
from toxiproxy import Wire
from wired import BODY, RECOVERED, Harm, Wired, eventually, harmed_in_turn

pytestmark = [pytest.mark.anyio, pytest.mark.external, pytest.mark.timeout(120)]


@pytest.mark.parametrize(
    ("harm", "seconds"),
    [(Wire.cut, 0.7), (Wire.silence, 3.5), (Wire.slow, 2.0)],
    ids=["cut", "silent", "slow"],
)
async def test_jobs_outlive_the_way_to_the_broker(whole: Wired, harm: Harm, seconds: float) -> None:
    async with whole.load():
        await harmed_in_turn(whole.of("amqp"), harm, seconds=seconds)


async def test_a_silent_broker_is_answered_for_in_time_and_nothing_is_asked_for_twice(
    whole: Wired,
) -> None:
    wire = whole.wires["amqp", "api"]
    async with whole.load() as jobs, whole.http() as http, whole.service("api-0") as api:
        wire.silence()
        unknown = await told_within_3_seconds(http)
        assert (await http.get("/v1/jobs")).status_code == 200
        assert (await api.get("/readyz")).json()["detail"] == "Not ready: broker."
        wire.heal()
        jobs.append(await unknown.accepted())
    await whole.ready()


@dataclass(frozen=True)
class Unknown:
    """A submission of which the client was told that its outcome is unknown."""

    http: httpx.AsyncClient
    key: dict[str, str]
    job_id: str

    async def accepted(self) -> str:
        """Sent again with its key until it is accepted; the job is the one that was named."""
        job = await submit(self.http, BODY, key=self.key["Idempotency-Key"])
        assert job["id"] == self.job_id
        return self.job_id


async def told_within_3_seconds(http: httpx.AsyncClient) -> Unknown:
    """A submission is answered in time: unknown, under this id, ask again then."""
    key = {"Idempotency-Key": uuid4().hex}
    began = time.monotonic()
    answer = await http.post("/v1/jobs", json=BODY, headers=key)
    assert time.monotonic() - began < 3.2, "told too late"
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["retryable"]
    return Unknown(http, key, answer.json()["job_id"])


async def test_a_frozen_broker_is_waited_for(whole: Wired) -> None:
    """SIGSTOP: connections stay, nobody answers."""
    async with whole.load() as jobs, whole.http() as http:
        await asyncio.sleep(0.5)
        with whole.broker.frozen():
            unknown = await told_within_3_seconds(http)
            await asyncio.sleep(2)
        jobs.append(await unknown.accepted())


async def test_a_broker_restarted_in_order_is_waited_for(whole: Wired) -> None:
    async with whole.load():
        await asyncio.to_thread(whole.broker.ctl, "stop_app")
        await asyncio.to_thread(whole.broker.ctl, "start_app")


@pytest.mark.parametrize(
    ("raised", "cleared"),
    [
        (("set_disk_free_limit", "9000GB"), ("set_disk_free_limit", "50MB")),
        (("set_vm_memory_high_watermark", "0.00001"), ("set_vm_memory_high_watermark", "0.4")),
    ],
    ids=["disk", "memory"],
)
async def test_an_alarm_stops_publishers_only(
    whole: Wired, raised: tuple[str, ...], cleared: tuple[str, ...]
) -> None:
    """What has arrived is consumed and acked; who submits is told; it ends by itself."""
    broker, gallery = whole.broker, whole.platform.processes["gallery-0"]
    before = len(await whole.paid())
    async with whole.http() as http:
        os.kill(gallery.pid, signal.SIGSTOP)  # so that events are waiting when the alarm comes
        try:
            jobs = [await submit(http, BODY) for _ in range(5)]
            ids = [job["id"] for job in jobs]

            async def drawn() -> bool:
                return set(ids) <= set((await whole.paid())[before:])

            await eventually(drawn)
            await asyncio.sleep(0.5)  # until their ends are published
            await asyncio.to_thread(broker.ctl, *raised)
        finally:
            os.kill(gallery.pid, signal.SIGCONT)
        try:
            unknown = await told_within_3_seconds(http)
            await all_ended(http, ids, within=10)
        finally:
            await asyncio.to_thread(broker.ctl, *cleared)
        ids.append(await unknown.accepted())
        await all_ended(http, ids, within=RECOVERED)
        calls = (await whole.paid())[before:]
        await check(http, ids, ledger=lambda: calls, in_flight=0)


async def test_a_deleted_exchange_is_declared_again_at_once(whole: Wired) -> None:
    async with (
        whole.load() as jobs,
        whole.http() as http,
        await connect(whole.broker.url) as connection,
        connection.channel() as channel,
    ):
        await asyncio.sleep(0.5)
        await channel.exchange_delete(EXCHANGE)
        jobs.append((await submit(http, BODY, within=10))["id"])
        await asyncio.sleep(1)


async def test_a_changed_password_is_said_and_survived(whole: Wired) -> None:
    broker = whole.broker
    async with whole.http() as http, whole.service("api-0") as api, whole.service("gallery-0") as g:
        await asyncio.to_thread(broker.ctl, "change_password", "guest", "another-canary")
        try:
            await asyncio.to_thread(broker.ctl, "close_all_connections", "rotated")
            for service in (api, g):

                async def said(service: httpx.AsyncClient = service) -> bool:
                    ready = await service.get("/readyz")
                    return ready.status_code == 503 and "ATELIER_AMQP_URL" in ready.text

                await eventually(said)
            unknown = await told_within_3_seconds(http)
        finally:
            await asyncio.to_thread(broker.ctl, "change_password", "guest", "guest")
        async with whole.load() as jobs:
            jobs.append(await unknown.accepted())
            await asyncio.sleep(1)
    for process in whole.platform.processes.values():
        log = process.log.read_text()
        assert "guest:guest" not in log
        assert "another-canary" not in log
        if process.name.startswith(("api", "worker", "gallery")):
            assert "ACCESS_REFUSED" in log
