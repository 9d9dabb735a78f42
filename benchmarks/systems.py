"""What is measured side by side: Atelier and the incumbent, each as real processes."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import anyio

import incumbent_stack
from accounting import Roots, listening, with_backend
from atelier_core.adapters.rabbitmq import RabbitBus
from atelier_core.contracts.topology import DERIVE
from incumbent_stack import Database, Variant
from load import Watch, by_polling, over_websocket
from names import ATELIER, COMMON, DURABLE, TUNED
from places import Where, bucket, cleaned_corner
from platforms import Platform, distributed
from servers import S3

NEWEST = 10
INCUMBENTS = {
    COMMON: Variant(),
    TUNED: Variant(keep_connections=True),
    DURABLE: Variant(durable=True),
}


Say = Callable[[str], None]
"""Tells whoever waits how far things are."""


@dataclass(frozen=True, kw_only=True)
class System:
    """One that takes jobs. `settled` returns when nothing is left to derive (None: it never waits)."""

    name: str
    provider: str
    derivation: str
    origin: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    own: Roots
    servers: Roots
    watch: Watch
    settled: Callable[[int], Awaitable[None]] | None = None


@dataclass(frozen=True, kw_only=True)
class Running:
    """The distributed platform, the processes to account for, and the address of its broker."""

    platform: Platform
    own: Roots
    servers: Roots
    amqp: str


@contextmanager
def atelier(
    where: Where,
    folder: Path,
    *,
    env: Mapping[str, str],
    workers: int = 1,
    own: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[Running]:
    """Atelier's processes in a corner of the servers; `env` and `own` as for `distributed`."""
    with (
        cleaned_corner(where) as place,
        distributed(folder, place, workers=workers, galleries=1, env=env, own=own) as platform,
    ):
        yield Running(
            platform=platform,
            own={name.removesuffix("-0"): [p.pid] for name, p in platform.processes.items()},
            servers={
                "broker": listening(where.amqp),
                "documents": with_backend(where.mongo),
                "objects": listening(where.s3.endpoint),
            },
            amqp=place.amqp,
        )


@dataclass(frozen=True, kw_only=True)
class Settled:
    """Waits until each of a platform's pictures has its thumbnail."""

    platform: Platform
    amqp: str
    patience: float = 240.0

    async def __call__(self, jobs: int) -> None:
        with anyio.fail_after(self.patience):
            async with (
                RabbitBus.open(self.amqp, name="benchmark") as bus,
                aiohttp.ClientSession(self.platform.origin, headers=self.platform.headers) as http,
            ):
                while await bus.depth(DERIVE) or await self._underived(http, min(jobs, NEWEST)):
                    await anyio.sleep(0.5)

    async def _underived(self, http: aiohttp.ClientSession, newest: int) -> bool:
        """Whether one of the newest lacks it: the queue is worked off from its oldest."""
        async with http.get("/v1/images", params={"limit": str(newest)}) as answer:
            items = (await answer.json())["items"]
        return len(items) < newest or any(i["blurhash"] is None and not i["error"] for i in items)


@contextmanager
def ateliers(
    where: Where, folder: Path, *, size: int, body: Mapping[str, Any]
) -> Iterator[list[System]]:
    """Atelier with a free and with a paid provider. Both are of one platform."""
    env = {"ATELIER_PROVIDERS": "fake", "ATELIER_FAKE_BYTES": str(size)}
    with atelier(where, folder, env=env) as running:
        yield [
            System(
                name=ATELIER,
                provider=provider,
                derivation="deferred",
                origin=running.platform.origin,
                headers=running.platform.headers,
                body={**body, "model": f"fake/{provider}"},
                own=running.own,
                servers=running.servers,
                watch=over_websocket,
                settled=Settled(platform=running.platform, amqp=running.amqp),
            )
            for provider in ("free", "paid")
        ]


@contextmanager
def incumbents(
    s3: S3,
    folder: Path,
    *,
    database: Database,
    redis: Mapping[bool, tuple[str, int]],
    size: int,
    body: Mapping[str, Any],
) -> Iterator[list[System]]:
    """The incumbent as commonly deployed, tuned, and durable; `redis` by whether it is durable."""
    found: list[System] = []
    with ExitStack() as stack:
        for name, variant in INCUMBENTS.items():
            url, redis_pid = redis[variant.durable]
            site = stack.enter_context(
                incumbent_stack.site(
                    folder,
                    database=database,
                    redis_url=f"{url}/{len(found)}",
                    s3=s3,
                    bucket=stack.enter_context(bucket(s3)),
                    variant=variant,
                    size=size,
                )
            )
            found += [
                System(
                    name=name,
                    provider="either",
                    derivation=derivation,
                    origin=site.origin,
                    headers=site.headers,
                    body={**body, "thumbnail": derivation == "eager"},
                    own={key: [process.pid] for key, process in site.processes.items()},
                    servers={
                        "redis": [redis_pid],
                        "postgresql": [database.pid],
                        "objects": listening(s3.endpoint),
                    },
                    watch=by_polling,
                )
                for derivation in ("deferred", "eager")
            ]
        yield found
