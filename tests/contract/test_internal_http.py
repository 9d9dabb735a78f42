"""The gallery's internal endpoint as the API reads it, over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from atelier_core.adapters.internal_http import HttpJobReader
from atelier_core.contracts.problems import UnauthenticatedError
from atelier_core.domain.job import Job, accept
from atelier_core.domain.request import AcceptedJob, ImageRequest
from atelier_core.domain.values import new_id, now
from atelier_core.errors import TransientError
from atelier_core.http.app import new_app
from atelier_core.http.auth import internal_token
from atelier_core.http.origin import PublicAddress
from atelier_core.ports import Credentials
from atelier_core.runtime import serve
from atelier_gallery.job_routes import job_routes

pytestmark = pytest.mark.anyio

JOB = accept(
    AcceptedJob(id=new_id(), owner="o", request=ImageRequest(prompt="a fox"), created_at=now())
).model_copy(update={"step": 7})


class Known:
    """What the gallery's own reader is asked, and one job it knows."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, bool]] = []
        self.trouble: Exception | None = None

    async def read(
        self, job_id: str, *, owner: str, wait: float = 0, until_done: bool = False
    ) -> Job | None:
        self.asked.append((wait, until_done))
        if self.trouble:
            raise self.trouble
        return JOB if (job_id, owner) == (JOB.id, "o") else None


class Nobody:
    async def identify(self, _: Credentials) -> str:
        raise UnauthenticatedError


@pytest.fixture
def known() -> Known:
    return Known()


@pytest.fixture
async def origin(known: Known) -> AsyncIterator[str]:
    absent: Any = object()
    leaving = asyncio.Event()
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    app = new_app(
        job_routes(jobs=absent, reading=absent, reader=known, ending=absent),
        title="gallery",
        identity=Nobody(),
        address=PublicAddress("https://elsewhere.example"),
        api_key="key",
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(asyncio.timeout(20))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        tasks.create_task(serve(app, leaving=leaving, on_listening=listening.set_result))
        stack.callback(leaving.set)
        yield await listening


async def test_a_job_is_read_whole(origin: str, known: Known) -> None:
    async with HttpJobReader.open(origin, token=internal_token("key")) as reader:
        assert await reader.read(JOB.id, owner="o") == JOB
        assert await reader.read(JOB.id, owner="somebody else") is None
        assert await reader.read(new_id(), owner="o") is None
        await reader.read(JOB.id, owner="o", wait=3, until_done=True)
        await reader.read(JOB.id, owner="o", wait=1000)
    assert known.asked[0] == (0, False)
    assert known.asked[-2:] == [(3, True), (60, False)]


async def test_trouble_is_trouble_that_passes(origin: str, known: Known) -> None:
    async with HttpJobReader.open(origin, token=internal_token("another key")) as stranger:
        with pytest.raises(TransientError, match="ATELIER_API_KEY"):
            await stranger.read(JOB.id, owner="o")
    async with HttpJobReader.open(origin, token=internal_token("key")) as reader:
        known.trouble = TransientError("the database is away")
        with pytest.raises(TransientError, match="503"):
            await reader.read(JOB.id, owner="o")
    async with HttpJobReader.open("http://127.0.0.1:1", token="x") as reader:
        with pytest.raises(TransientError):
            await reader.read(JOB.id, owner="o")
