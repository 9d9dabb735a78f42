"""What is measured side by side: Atelier and the incumbent, each as real processes."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import anyio
import pymongo
from minio import Minio
from minio.deleteobjects import DeleteObject

import incumbent_stack
from accounting import Roots, listening, with_backend
from atelier_core.adapters.rabbitmq import RabbitBus
from atelier_core.contracts.topology import DERIVE
from incumbent_stack import Database, Variant
from load import Watch, by_polling, over_websocket
from platforms import Platform, Servers, corner, distributed
from servers import S3

NEWEST = 10
COMMON, KEPT, DURABLE = Variant(), Variant(keep_connections=True), Variant(durable=True)
VARIANTS = {
    "Django, Celery, Redis, PostgreSQL": COMMON,
    "the same, workers keep their connections": KEPT,
    "the same, as durable as Redis can be": DURABLE,
}


@dataclass(frozen=True, kw_only=True)
class Where:
    """The servers Atelier uses."""

    amqp: str
    mongo: str
    s3: S3


def servers_from_environment() -> Where | None:
    try:
        s3 = S3(*(environ[f"ATELIER_TEST_S3_{n}"] for n in ("URL", "ACCESS_KEY", "SECRET_KEY")))
        return Where(
            amqp=environ["ATELIER_TEST_AMQP_URL"], mongo=environ["ATELIER_TEST_MONGO_URL"], s3=s3
        )
    except KeyError:
        return None


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


@contextmanager
def cleaned_corner(where: Where) -> Iterator[Servers]:
    """A vhost, a database and a bucket nobody else uses, gone afterwards with what is in them."""
    with corner(where.amqp, where.mongo, where.s3) as servers, ExitStack() as stack:
        stack.callback(_drop, servers.mongo)
        stack.callback(_remove_bucket, where.s3, servers.s3["ATELIER_S3_BUCKET"])
        yield servers


def _drop(mongo_url: str) -> None:
    with pymongo.MongoClient[Any](mongo_url) as client:
        client.drop_database(urlsplit(mongo_url).path.strip("/"))


def _client(s3: S3) -> Minio:
    parts = urlsplit(s3.endpoint)
    return Minio(
        parts.netloc,
        access_key=s3.access_key,
        secret_key=s3.secret_key,
        secure=parts.scheme == "https",
        region="us-east-1",
    )


@contextmanager
def bucket(s3: S3) -> Iterator[str]:
    """A new bucket, gone afterwards."""
    name = f"bench-{uuid4().hex[:8]}"
    _client(s3).make_bucket(name)
    try:
        yield name
    finally:
        _remove_bucket(s3, name)


def _remove_bucket(s3: S3, name: str) -> None:
    client = _client(s3)
    if client.bucket_exists(name):
        found = client.list_objects(name, recursive=True)
        for error in client.remove_objects(name, (DeleteObject(o.object_name) for o in found)):
            raise RuntimeError(f"{error.name}: {error.message}")
        client.remove_bucket(name)


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
                name="Atelier",
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
        for name, variant in VARIANTS.items():
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
