"""What one service asks another over HTTP: who is calling, and how a job is doing."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx
from httpx_aiohttp import AiohttpTransport
from pydantic import ValidationError

from atelier_core.contracts.internal import HEADER, IDENTIFY, MAX_WAIT, READ_JOB, Identified, Shown
from atelier_core.contracts.problems import UnauthenticatedError
from atelier_core.domain.job import Job
from atelier_core.errors import TransientError
from atelier_core.ports import Credentials

ANSWER_WITHIN = 2.0  # seconds, beyond what the question itself allows
REMEMBERED_FOR = 10.0  # seconds a known caller is not asked about again
MOST_REMEMBERED = 10_000
CONNECTIONS = httpx.Limits(max_connections=500, max_keepalive_connections=100)


@asynccontextmanager
async def _client(base_url: str, token: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=base_url,
        headers={HEADER: token},
        transport=AiohttpTransport(limits=CONNECTIONS, trust_env=False),
        timeout=ANSWER_WITHIN,
        follow_redirects=False,
    ) as client:
        yield client


class HttpIdentity:
    """`ports.Identity` by asking the API; `open` it.

    Who is known stays known for 10 s; refusals and tickets are asked about every time.
    """

    def __init__(self, client: httpx.AsyncClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._known: OrderedDict[Credentials, tuple[str, float]] = OrderedDict()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, base_url: str, *, token: str, clock: Callable[[], float] = time.monotonic
    ) -> AsyncIterator[Self]:
        """Ask the API at `base_url`; `token` is `http.auth.internal_token`'s."""
        async with _client(base_url, token) as client:
            yield cls(client, clock)

    async def identify(self, credentials: Credentials) -> str:
        found = self._known.get(credentials)
        if found and self._clock() < found[1]:
            return found[0]
        owner = await self._ask(credentials)
        if credentials.ticket is None:
            self._known[credentials] = (owner, self._clock() + REMEMBERED_FOR)
            self._known.move_to_end(credentials)
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return owner

    async def _ask(self, credentials: Credentials) -> str:
        shown = Shown(
            bearer=credentials.bearer, session=credentials.session, ticket=credentials.ticket
        )
        answer = await _bounded(
            self._client.post(
                IDENTIFY,
                content=shown.model_dump_json(),
                headers={"Content-Type": "application/json"},
            ),
            ANSWER_WITHIN,
        )
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise UnauthenticatedError
        _expect_ok(answer)
        try:
            return Identified.model_validate_json(answer.content).owner
        except ValidationError as exc:
            raise TransientError("the API gave an answer nobody here can read") from exc


class HttpJobReader:
    """`ports.JobReader` by asking the gallery; `open` it."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    @classmethod
    @asynccontextmanager
    async def open(cls, base_url: str, *, token: str) -> AsyncIterator[Self]:
        """Ask the gallery at `base_url`; `token` is `http.auth.internal_token`'s."""
        async with _client(base_url, token) as client:
            yield cls(client)

    async def read(
        self, job_id: str, *, owner: str, wait: float = 0, until_done: bool = False
    ) -> Job | None:
        wait = min(wait, MAX_WAIT)
        answer = await _bounded(
            self._client.get(
                READ_JOB.format(job_id=job_id),
                params={"owner": owner, "wait": wait, "until_done": until_done},
                timeout=ANSWER_WITHIN + wait,
            ),
            ANSWER_WITHIN + wait,
        )
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        _expect_ok(answer)
        try:
            return Job.model_validate_json(answer.content)
        except ValidationError as exc:
            raise TransientError("the gallery gave an answer nobody here can read") from exc


async def _bounded(asking: Coroutine[Any, Any, httpx.Response], seconds: float) -> httpx.Response:
    try:
        async with asyncio.timeout(seconds):
            return await asking
    except (httpx.HTTPError, TimeoutError) as exc:
        raise TransientError(f"another service does not answer: {type(exc).__name__}") from exc


def _expect_ok(answer: httpx.Response) -> None:
    if answer.status_code == httpx.codes.FORBIDDEN:
        raise TransientError("another service refused us: is ATELIER_API_KEY the same everywhere?")
    if answer.status_code != httpx.codes.OK:
        raise TransientError(f"another service answered {answer.status_code}")
