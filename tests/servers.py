"""Real servers for tests: from a variable, else a container, else skipped; in CI a failure."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from ports import free_port


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


def need_docker() -> None:
    """It answers, else skipped; in CI a failure."""
    if not docker_answers():
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("Docker does not answer")


@contextmanager
def _container(image: str, *, ports: Mapping[int, int | None], **options: Any) -> Iterator[Any]:
    """The official `image`, once it says so; `ports` maps the container's to the host's or any."""
    if not docker_answers():
        message = f"no {image}: set its ATELIER_TEST_… variable or run Docker"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    ready = LogMessageWaitStrategy(re.compile(options.pop("ready"), re.IGNORECASE))
    container = DockerContainer(image, **options).waiting_for(ready.with_startup_timeout(120))
    for inside, outside in ports.items():
        container.with_bind_ports(inside, outside)
    with container:
        yield container


def management_url(amqp_url: str) -> str:
    """The management API of the broker at `amqp_url`: where nothing else is said, 10,000 above."""
    parts = urlsplit(amqp_url)
    default = f"http://{parts.hostname}:{(parts.port or 5672) + 10_000}"
    newer = amqp_url == os.environ.get("ATELIER_TEST_AMQP4_URL")
    return os.environ.get(f"ATELIER_TEST_AMQP{'4' if newer else ''}_API") or default


def amqp4_url() -> str:
    """RabbitMQ 4 beside the broker of `amqp_url`, else skipped; in CI a failure.

    Where `amqp_url` is a container's, that one is RabbitMQ 4 already.
    """
    url = os.environ.get("ATELIER_TEST_AMQP4_URL")
    if not url:
        wanted = os.environ.get("CI") == "true" and "ATELIER_TEST_AMQP_URL" in os.environ
        (pytest.fail if wanted else pytest.skip)("ATELIER_TEST_AMQP4_URL is not set")
    return url


def _two_ports() -> tuple[int, int]:
    """Two free ones, 10,000 apart."""
    while True:
        port = free_port()
        with socket.socket() as other, suppress(OSError):
            other.bind(("127.0.0.1", port + 10_000))
            return port, port + 10_000


@pytest.fixture(scope="session")
def amqp_url() -> Iterator[str]:
    if url := os.environ.get("ATELIER_TEST_AMQP_URL"):
        yield url
        return
    port, management = _two_ports()
    with _container(
        "rabbitmq:4-management",
        ports={5672: port, 15672: management},
        ready="server startup complete",
    ) as rabbit:
        yield f"amqp://guest:guest@{rabbit.get_container_host_ip()}:{port}/"


@pytest.fixture(scope="session")
def amqp4() -> tuple[str, str]:
    """A RabbitMQ 4 that may be killed, and the shell command that kills and starts it."""
    variables = ("ATELIER_TEST_AMQP4_URL", "ATELIER_TEST_AMQP4_RESTART")
    url, restart = (os.environ.get(name, "") for name in variables)
    if not url or not restart:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"{' and '.join(variables)} are not set: a broker that may be killed, and how")
    return url, restart


@pytest.fixture(scope="session")
def mongo_url() -> Iterator[str]:
    if url := os.environ.get("ATELIER_TEST_MONGO_URL"):
        yield url
        return
    with _container("mongo:8", ports={27017: None}, ready="waiting for connections") as mongo:
        yield f"mongodb://{mongo.get_container_host_ip()}:{mongo.get_exposed_port(27017)}/"


@contextmanager
def mongo_with_passwords() -> Iterator[str]:
    """A server of the test's own that asks for passwords, by the user who may do everything."""
    env = {"MONGO_INITDB_ROOT_USERNAME": "root", "MONGO_INITDB_ROOT_PASSWORD": "root"}
    # Said first while nobody outside reaches it and that user is made; the driver waits on.
    ready = "waiting for connections"
    with _container("mongo:8", ports={27017: None}, ready=ready, env=env) as mongo:
        host, port = mongo.get_container_host_ip(), mongo.get_exposed_port(27017)
        yield f"mongodb://root:root@{host}:{port}/"


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
    with _container(
        "minio/minio:RELEASE.2025-09-07T16-13-09Z",
        ports={9000: None},
        command=["server", "/data"],
        ready=r"api: http",
    ) as minio:
        host, port = minio.get_container_host_ip(), minio.get_exposed_port(9000)
        yield S3(f"http://{host}:{port}", "minioadmin", "minioadmin")
