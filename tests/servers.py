"""Real servers for tests: from a variable, else a container, else skipped; in CI a failure."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest


@dataclass(frozen=True)
class S3:
    endpoint: str
    access_key: str
    secret_key: str


def docker_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    try:
        return not subprocess.run(
            ["docker", "info"], check=False, capture_output=True, timeout=10
        ).returncode
    except subprocess.TimeoutExpired:
        return False


@contextmanager
def _container(what: str, make: Callable[[], Any]) -> Iterator[Any]:
    if not docker_answers():
        message = f"no {what}: set its ATELIER_TEST_… variable or run Docker"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)
    with make() as container:
        yield container


@pytest.fixture(scope="session")
def amqp_url() -> Iterator[str]:
    if url := os.environ.get("ATELIER_TEST_AMQP_URL"):
        yield url
        return

    def make() -> Any:
        from testcontainers.rabbitmq import RabbitMqContainer

        return RabbitMqContainer("rabbitmq:4-management")

    with _container("RabbitMQ", make) as rabbit:
        host, port = rabbit.get_container_host_ip(), rabbit.get_exposed_port(5672)
        yield f"amqp://guest:guest@{host}:{port}/"


@pytest.fixture(scope="session")
def mongo_url() -> Iterator[str]:
    if url := os.environ.get("ATELIER_TEST_MONGO_URL"):
        yield url
        return

    def make() -> Any:
        from testcontainers.mongodb import MongoDbContainer

        return MongoDbContainer("mongo:8")

    with _container("MongoDB", make) as mongo:
        yield mongo.get_connection_url()


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    if url := os.environ.get("ATELIER_TEST_S3_URL"):
        endpoint = url if urlsplit(url).scheme else f"http://{url}"
        yield S3(
            endpoint,
            os.environ["ATELIER_TEST_S3_ACCESS_KEY"],
            os.environ["ATELIER_TEST_S3_SECRET_KEY"],
        )
        return

    def make() -> Any:
        from testcontainers.minio import MinioContainer

        return MinioContainer("minio/minio:RELEASE.2025-09-07T16-13-09Z")

    with _container("MinIO", make) as minio:
        config = minio.get_config()
        yield S3(f"http://{config['endpoint']}", config["access_key"], config["secret_key"])
