"""Pictures that a vendor answers as addresses, fetched so that no answer reaches into the house.

Every connection goes to an address that was looked at: the name is resolved once, what it resolved
to is judged, and just that is connected to. Redirects are followed one judged step at a time.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Final, Self

import aiohttp
import httpx

from atelier_worker.ports import AGAIN, Caller, Fault, Missing, Order, Picture, ProviderError
from atelier_worker.providers.guard import (
    Guard,
    NotPublicError,
    Resolve,
    bad,
    is_public,
    system_resolve,
)
from atelier_worker.providers.http import CONNECT, retry_after, transport_errors

MAX_BYTES: Final = 64 * 2**20  # the largest file that is taken as a picture
HOPS: Final = 3  # redirects followed
SECONDS: Final = 120.0  # for one picture, all tries together
PAUSES: Final = (0.5, 2.0)  # seconds between the tries
BYTES_A_PIXEL: Final = 3  # what is reserved: more than any real picture takes

_MOVED: Final = frozenset({301, 302, 303, 307, 308})


class Fetcher:
    """Fetches what answers point at. `open` it; one serves many calls."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        guard: Guard,
        *,
        seconds: float,
        pauses: Sequence[float],
    ) -> None:
        self._session = session
        self._guard = guard
        self._seconds = seconds
        self._pauses = pauses

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        trusted: Collection[str] = (),
        connections: int = 100,
        seconds: float = SECONDS,
        pauses: Sequence[float] = PAUSES,
        schemes: Collection[str] = ("https",),
        public: Callable[[str], bool] | None = None,
        resolve: Resolve | None = None,
    ) -> AsyncIterator[Self]:
        """`trusted` are addresses of servers that the operator named: theirs may be private and
        without TLS. All others must be `public` and of one of `schemes`.
        """
        guard = Guard(
            trusted=trusted,
            schemes=schemes,
            public=public or is_public,
            resolve=resolve or system_resolve,
        )
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=connections,
                resolver=guard,
                use_dns_cache=False,
                ssl=httpx.create_ssl_context(),
            ),
            timeout=aiohttp.ClientTimeout(sock_connect=CONNECT, sock_read=seconds),
            headers={"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "atelier"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        ) as session:
            yield cls(session, guard, seconds=seconds, pauses=pauses)

    async def fetch(self, url: str) -> bytes:
        """The bytes at `url`, at most 64 MiB.

        Raises:
            ProviderError: `provider_bad_response` for an address that is refused, gone or too
                large; `provider_transport` or `provider_timeout` for one that did not answer.
                Never a fault that says that nothing was bought.
        """
        try:
            async with asyncio.timeout(self._seconds):
                for pause in self._pauses:
                    try:
                        return await self._follow(url)
                    except ProviderError as exc:
                        if exc.fault not in AGAIN:
                            raise
                        await asyncio.sleep(max(pause, exc.retry_after or 0.0))
                return await self._follow(url)
        except TimeoutError as exc:
            raise ProviderError(Fault.TIMEOUT, "The picture did not come in time.") from exc

    async def pictures(
        self,
        order: Order,
        urls: Sequence[str | None],
        caller: Caller,
        *,
        seeds: Sequence[int | None],
    ) -> tuple[tuple[Picture, ...], tuple[Missing, ...]]:
        """The pictures of `order` from `urls` in the order of its indexes, and what is missing.

        Room for all of them is waited for once. An index without address is in neither.
        """
        wanted = [
            (index, url, seed)
            for index, url, seed in zip(order.indexes, urls, seeds, strict=False)
            if url is not None
        ]
        if wanted:
            await caller.receiving(len(wanted) * order.width * order.height * BYTES_A_PIXEL)

        async def one(index: int, url: str, seed: int | None) -> Picture | Missing:
            try:
                data = await self.fetch(url)
            except ProviderError as exc:
                return Missing(index=index, fault=exc.fault, detail=exc.detail)
            caller.progress(index, 1.0)
            return Picture(index=index, data=data, seed=seed)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(*each)) for each in wanted]
        found = [task.result() for task in tasks]
        return (
            tuple(each for each in found if isinstance(each, Picture)),
            tuple(each for each in found if isinstance(each, Missing)),
        )

    async def _follow(self, url: str) -> bytes:
        target = self._guard.judged(url)
        for _ in range(HOPS + 1):
            with transport_errors():
                try:
                    async with self._session.get(target, allow_redirects=False) as response:
                        if response.status not in _MOVED:
                            return await _read(response)
                        moved = response.headers.get("location", "")
                except NotPublicError as exc:
                    raise bad(str(exc)) from exc
                except aiohttp.ClientConnectorError as exc:  # it is bought all the same
                    detail = "The picture's address cannot be reached."
                    raise ProviderError(Fault.TRANSPORT, detail) from exc
            target = self._guard.judged(moved, base=target)
        raise bad("The picture's address leads from one to another without end.")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    status = response.status
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise ProviderError(
            Fault.TRANSPORT,
            f"The picture's address answered {status}.",
            http_status=status,
            retry_after=retry_after(response.headers),
        )
    if status != httpx.codes.OK:
        raise bad(f"The picture's address answered {status}: it is gone, or never was.")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise bad("The picture came packed, which nobody asked for.")
    if (response.content_length or 0) > MAX_BYTES:
        raise bad("The picture is too large.")
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > MAX_BYTES:
            raise bad("The picture is too large.")
        parts.append(part)
    return b"".join(parts)
