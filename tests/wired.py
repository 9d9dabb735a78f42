"""The distributed platform with a broker of its own, and a wire from each service to each server."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from minio import MinioAdmin
from minio.credentials import StaticProvider

from checker import all_ended, check, submit
from platforms import ROOT, Platform, Process, Servers, distributed
from ports import free_port
from private_broker import Node, nodes
from servers import S3
from toxiproxy import Toxiproxy, Wire

LINKS = {
    "amqp": ("api", "worker", "gallery"),
    "mongo": ("api", "gallery"),
    "s3": ("worker", "gallery"),
}
VARIABLE = {
    "amqp": "ATELIER_AMQP_URL",
    "mongo": "ATELIER_MONGO_URL",
    "s3": "ATELIER_S3_ENDPOINT",
}
BODY = {"prompt": "a fox", "model": "fake/paid", "size": "64x64"}
RECOVERED = 25.0  # seconds after the last fault within which every job has ended

Harm = Callable[[Wire], None]


@dataclass(frozen=True)
class StoreUser:
    """Somebody known to the object store, whose secret an operator changes."""

    admin: MinioAdmin
    name: str
    secret: str

    def know(self, secret: str | None = None) -> None:
        """From now on by `secret`, or by the platform's own."""
        self.admin.user_add(self.name, secret or self.secret)


@dataclass
class Wired:
    """A platform to harm. `wires` by server and service; `brokers` are nobody else's, and the
    wires lead to the first.
    """

    platform: Platform
    wires: Mapping[tuple[str, str], Wire]
    brokers: Sequence[Node]
    vendor: str
    store: "StoreUser"

    @property
    def broker(self) -> Node:
        return self.brokers[0]

    def of(self, server: str) -> list[Wire]:
        return [self.wires[server, service] for service in LINKS[server]]

    def http(self, *, timeout: float = 15.0) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.platform.origin, headers=self.platform.headers, timeout=timeout
        )

    def service(self, name: str) -> httpx.AsyncClient:
        """One service itself, without the front door: "api-0", "gallery-0"."""
        url = self.platform.processes[name].ready_url or ""
        return httpx.AsyncClient(base_url=url.removesuffix("/readyz"), timeout=10)

    async def paid(self) -> list[str]:
        """The job of every call that was ever paid."""
        async with httpx.AsyncClient(timeout=10) as http:
            ledger = (await http.get(f"{self.vendor}/ledger")).json()
        return [call["job_id"] for call in ledger if call["paid"]]

    async def ready(self, *, within: float = RECOVERED) -> None:
        """Until every service says so."""
        async with asyncio.timeout(within), AsyncExitStack() as stack:
            for name, process in self.platform.processes.items():
                if process.ready_url is None or name == "nginx":
                    continue
                http = await stack.enter_async_context(self.service(name))
                while (await http.get("/readyz")).status_code != 200:
                    await asyncio.sleep(0.1)

    def heal(self) -> None:
        for wire in self.wires.values():
            wire.heal()

    @asynccontextmanager
    async def load(self, *, every: float = 0.25, **body: Any) -> AsyncIterator[list[str]]:
        """Jobs, steadily; on leaving, once all are accepted, everyone's promise is checked.

        The jobs that a test adds to the list are checked with them.
        """
        before = len(await self.paid())
        accepted: list[str] = []
        going = True
        async with self.http() as http:
            async with asyncio.TaskGroup() as group:
                jobs: list[asyncio.Task[dict[str, Any]]] = []

                async def keep_submitting() -> None:
                    while going:
                        jobs.append(group.create_task(submit(http, {**BODY, **body})))
                        await asyncio.sleep(every)

                group.create_task(keep_submitting())
                try:
                    yield accepted
                finally:
                    going = False
            accepted += [job.result()["id"] for job in jobs]
            assert len(set(accepted)) == len(accepted) > 3
            await all_ended(http, accepted, within=RECOVERED)
            calls = (await self.paid())[before:]
            await check(http, accepted, ledger=lambda: calls, in_flight=0)


async def harmed_in_turn(wires: Sequence[Wire], harm: Harm, *, seconds: float) -> None:
    """Each wire for so long, one after the other."""
    for wire in wires:
        harm(wire)
        try:
            await asyncio.sleep(seconds)
        finally:
            wire.heal()


async def eventually(probe: Callable[[], Awaitable[object]], *, within: float = RECOVERED) -> None:
    """Until `probe` says yes."""
    async with asyncio.timeout(within):
        while not await probe():
            await asyncio.sleep(0.1)


@contextmanager
def wired(
    folder: Path, toxiproxy: Toxiproxy, mongo_url: str, s3: S3, *, brokers: int = 1
) -> Iterator[Wired]:
    """Two workers, an API, a gallery, a paid provider that counts, and everything in between.

    Several `brokers` are one cluster.
    """
    name = f"atelier-{uuid4().hex[:8]}"
    vendor_port = free_port()
    script = str(ROOT / "tests" / "fakes" / "provider_server.py")
    options = ("--port", str(vendor_port), "--delay", "0.1", "--size", "16384")
    url = f"http://127.0.0.1:{vendor_port}"
    vendor = Process(
        "vendor", [sys.executable, script, *options], {}, folder / "vendor.log", f"{url}/ledger"
    )
    with ExitStack() as stack:
        cluster = stack.enter_context(nodes(folder, brokers))
        vendor.start()
        stack.callback(vendor.kill)
        host = urlsplit(s3.endpoint).netloc
        credentials = StaticProvider(s3.access_key, s3.secret_key)
        secure = s3.endpoint.startswith("https")
        admin = MinioAdmin(endpoint=host, credentials=credentials, secure=secure)
        store = StoreUser(admin, name, uuid4().hex)
        store.know()
        stack.callback(admin.user_remove, name)
        admin.policy_set("readwrite", user=name)
        servers = Servers(
            amqp=cluster[0].url,
            mongo=urlsplit(mongo_url)._replace(path=f"/{name.replace('-', '_')}").geturl(),
            s3={
                "ATELIER_S3_ENDPOINT": s3.endpoint,
                "ATELIER_S3_ACCESS_KEY": store.name,
                "ATELIER_S3_SECRET_KEY": store.secret,
                "ATELIER_S3_BUCKET": name,
            },
        )
        wires: dict[tuple[str, str], Wire] = {}
        own: dict[str, dict[str, str]] = {"api": {}, "worker": {}, "gallery": {}}
        for server, services in LINKS.items():
            variable = VARIABLE[server]
            there = servers.env[variable]
            for service in services:
                wire = wires[server, service] = stack.enter_context(toxiproxy.wire(there))
                own[service][variable] = wire.url(there)
        env = {"ATELIER_PROVIDERS": "fake", "ATELIER_FAKE_URL": url}
        platform = stack.enter_context(
            distributed(folder, servers, workers=2, galleries=1, env=env, own=own)
        )
        vendor.wait_ready()
        yield Wired(platform, wires, cluster, url, store)
