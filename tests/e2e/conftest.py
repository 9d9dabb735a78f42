"""One suite, run against the embedded platform and against the distributed one."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from uuid import uuid4

import httpx
import pytest

from platforms import Platform, corner, distributed, embedded


@pytest.fixture(scope="session", params=["embedded", "distributed"])
def platform(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp(request.param)
    env = {"ATELIER_PROVIDERS": "demo,fake"}
    with ExitStack() as stack:
        if request.param == "embedded":
            running = stack.enter_context(embedded(folder, env=env))
        else:
            servers = stack.enter_context(
                corner(*(request.getfixturevalue(n) for n in ("amqp_url", "mongo_url", "s3")))
            )
            running = stack.enter_context(distributed(folder, servers, env=env))
        yield running


@pytest.fixture
def origin(platform: Platform) -> str:
    return platform.origin


@pytest.fixture
async def http(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=platform.origin, headers=platform.headers, timeout=30
    ) as client:
        yield client


@pytest.fixture
def key() -> dict[str, str]:
    """A fresh idempotency key, as a header."""
    return {"Idempotency-Key": uuid4().hex}
