"""Where a measurement keeps its things: a corner of each server, cleaned up afterwards."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import environ
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pymongo
from minio import Minio
from minio.deleteobjects import DeleteObject

from platforms import Servers, corner
from servers import S3


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
