"""Beside a newer release: its messages are read by what they share, or end with a reason."""

import json
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aio_pika
import httpx
import pytest

from atelier_core.adapters.rabbitmq import RabbitBus
from atelier_core.adapters.rabbitmq_topology import Topology
from atelier_core.contracts import topology
from atelier_core.contracts.schemas import EVENTS
from atelier_core.domain.values import new_id
from checker import all_ended, check, submit
from platforms import ROOT, Platform, Process, Servers, corner, distributed
from ports import free_port
from servers import S3
from wired import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.external, pytest.mark.timeout(120)]

UNKNOWN = 25  # messages of each unknown type


@dataclass
class Beside:
    """The platform, a newer release's way to its broker, and the vendor's address."""

    platform: Platform
    servers: Servers
    vendor: str
    ledger: Path

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[RabbitBus]:
        async with RabbitBus.open(self.servers.amqp, name="test") as bus:
            yield bus

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.platform.origin, headers=self.platform.headers, timeout=15
        )

    async def paid(self) -> list[str]:
        async with httpx.AsyncClient(timeout=10) as http:
            calls = (await http.get(f"{self.vendor}/ledger")).json()
        return [call["job_id"] for call in calls if call["paid"]]

    def given_up(self) -> int:
        """How often any log says so."""
        logs = (process.log.read_text() for process in self.platform.processes.values())
        return sum(log.count('"message": "given up"') for log in logs)


@pytest.fixture(scope="module")
def beside(
    tmp_path_factory: pytest.TempPathFactory, amqp_url: str, mongo_url: str, s3: S3
) -> Iterator[Beside]:
    """Every service publishes as a newer release would, and is of this one all the same."""
    folder = tmp_path_factory.mktemp("beside")
    fakes = ROOT / "tests" / "fakes"
    vendor_port, wire_port = free_port(), free_port()
    url, ledger = f"http://127.0.0.1:{vendor_port}", folder / "types.txt"
    options = ("--port", str(vendor_port), "--delay", "0.1", "--size", "8192")
    vendor = Process(
        "vendor",
        [sys.executable, str(fakes / "provider_server.py"), *options],
        {},
        folder / "vendor.log",
        f"{url}/ledger",
    )
    with ExitStack() as stack:
        servers = stack.enter_context(corner(amqp_url, mongo_url, s3))
        parts = urlsplit(servers.amqp)
        upstream = f"{parts.hostname}:{parts.port or 5672}"
        options = ("--port", str(wire_port), "--upstream", upstream, "--ledger", str(ledger))
        newer = Process(
            "newer",
            [sys.executable, str(fakes / "newer_release.py"), *options],
            {},
            folder / "newer.log",
        )
        for process in (vendor, newer):
            process.start()
            stack.callback(process.kill)
        vendor.wait_ready()
        credentials, at, _ = parts.netloc.rpartition("@")
        wire = parts._replace(netloc=f"{credentials}{at}127.0.0.1:{wire_port}").geturl()
        env = {"ATELIER_PROVIDERS": "fake", "ATELIER_FAKE_URL": url, "ATELIER_AMQP_URL": wire}
        platform = stack.enter_context(distributed(folder, servers, galleries=1, env=env))
        yield Beside(platform, servers, url, ledger)


SHARED = {"model": "fake/paid", "size": "64x64"}


def wanted(prompt: str, **more: Any) -> dict[str, Any]:
    return {"prompt": prompt, **SHARED, **more}


async def test_what_a_newer_release_adds_disturbs_nobody(beside: Beside) -> None:
    """Jobs of every kind, so that each type of message is sent."""
    async with beside.http() as http, beside.bus() as bus:
        prompts = [
            "a fox",
            "soon [[delay=0.6]]",
            "queued [[queue]] [[delay=0.6]]",
            "again [[429:1]]",
        ]
        jobs = [(await submit(http, wanted(prompt)))["id"] for prompt in prompts]
        batch = await http.post("/v1/batches", json={**SHARED, "prompts": ["a", "b", "c"]})
        jobs += batch.raise_for_status().json()["job_ids"]
        stopped = (await submit(http, wanted("never [[hang]]", model="fake/free")))["id"]

        async def running() -> bool:
            return (await http.get(f"/v1/jobs/{stopped}")).json()["status"] == "running"

        await eventually(running)
        (await http.post(f"/v1/jobs/{stopped}/cancel")).raise_for_status()
        await all_ended(http, [*jobs, stopped], within=30)
        calls = await beside.paid()
        found = await check(http, jobs, ledger=lambda: calls, in_flight=0)
        assert (await http.get(f"/v1/jobs/{stopped}")).json()["status"] == "canceled"
        image = f"/v1/images/{found[jobs[0]]['images'][0]['id']}"

        async def derived() -> bool:
            return bool((await http.get(image)).json()["blurhash"])

        await eventually(derived)
        for more in ("", "?permanent=true"):
            (await http.delete(f"{image}{more}")).raise_for_status()
        types = {event.model_fields["type"].default for event in EVENTS}

        async def all_sent() -> bool:
            return set(beside.ledger.read_text().split()) == types

        await eventually(all_sent)
        for queue in topology.DURABLE:
            assert not await bus.dead_letters(queue)
    assert not beside.given_up()


async def test_types_nobody_knows_are_kept_with_a_reason_and_hold_up_nothing(
    beside: Beside,
) -> None:
    """Each is looked at once: none comes again, and jobs go on meanwhile."""
    before = beside.given_up()
    async with beside.http() as http, beside.bus() as bus:
        done = (await submit(http, wanted("done")))["id"]
        version = (await all_ended(http, [done], within=20))[done]["version"]
        paid = len(await beside.paid())
        ids = [new_id() for _ in range(UNKNOWN)]
        await publish(beside, "job.requested.interactive", "job.requested.v9", ids)
        await publish(beside, "job.ended", "job.ended.v9", [done] * UNKNOWN)
        await publish(beside, "job.updated", "job.updated.v9", [done] * UNKNOWN)
        jobs = [(await submit(http, wanted("a fox")))["id"] for _ in range(5)]
        kept = {
            topology.INTERACTIVE: UNKNOWN,
            topology.DERIVE: UNKNOWN,
            topology.PROJECTION: 2 * UNKNOWN,
        }

        async def all_kept() -> bool:
            letters = {queue: len(await bus.dead_letters(queue)) for queue in kept}
            return letters == kept

        await eventually(all_kept)
        await all_ended(http, jobs, within=20)
        calls = (await beside.paid())[paid:]
        await check(http, jobs, ledger=lambda: calls, in_flight=0)
        for job in (await all_ended(http, ids, within=20)).values():
            assert (job["status"], job["error"]["code"]) == ("failed", "unreadable_message")
        assert (await http.get(f"/v1/jobs/{done}")).json()["version"] == version
        assert await all_kept()
        for queue in kept:
            for letter in await bus.dead_letters(queue):
                assert letter.code == "unreadable_message"
                assert "this version can read" in letter.reason
                assert json.loads(letter.raw)["type"].endswith(".v9")
        assert not any([await bus.depth(queue) for queue in topology.DURABLE])
        assert not await delayed(beside), "none is to be tried again"
    listening = UNKNOWN  # the one gallery hears announcements
    assert beside.given_up() - before == sum(kept.values()) + listening


async def delayed(beside: Beside) -> int:
    """How many messages wait for another try."""
    tiers = Topology(durable=topology.DURABLE, delays=topology.DELAYS)
    async with await aio_pika.connect(beside.servers.amqp) as connection:
        channel = await connection.channel()
        queues = [
            await channel.declare_queue(tiers.tier(delay), passive=True) for delay in tiers.delays
        ]
        return sum(queue.declaration_result.message_count or 0 for queue in queues)


async def publish(beside: Beside, topic: str, type_: str, ids: list[str]) -> None:
    """Events of an unknown type about the jobs `ids`, by nobody's code."""
    async with await aio_pika.connect(beside.servers.amqp) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(topology.EXCHANGE)
        for job_id in ids:
            headers: Mapping[str, str] = {"owner": "local", "job_id": job_id}
            body = json.dumps({"type": type_, "job_id": job_id, "owner": "local"}).encode()
            await exchange.publish(aio_pika.Message(body, headers=dict(headers)), topic)
