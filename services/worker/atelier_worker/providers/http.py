"""What all vendors behind HTTP share: one client, bodies read within limits, errors translated.

The transport is aiohttp's: httpx's own does not carry thousands of open calls.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any, Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from atelier_worker.ports import Caller, Fault, ProviderError

MAX_BODY: Final = 160 * 2**20  # ten large pictures in base64
UNKNOWN_BODY: Final = 16 * 2**20  # reserved where the vendor does not say how much comes
MAX_REFUSAL: Final = 64 * 1024  # bytes of an error's body that are read
IN_THREAD: Final = 256 * 1024  # bytes from which decoding would hold everybody else up
LONGEST_ID: Final = 200  # characters of a vendor's id of a request
LONGEST_WAIT: Final = 3600.0  # seconds: one absurd header must not switch a vendor off
CONNECT: Final = 10.0  # seconds
ANSWER: Final = 440.0  # seconds between two bytes: just less than a call may take

_KEYS: Final = ("authorization", "x-goog-api-key")  # the headers that hold one
_TELLING: Final = 4  # characters of a key; fewer are in many a word, such as the parameter `n`
_NOT_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)

# Any other status from 500 up is TRANSPORT: whether the work was done and billed is open, and no
# vendor documents that it was not. OVERLOADED costs nothing and is repeated without limit.
BY_STATUS: Final[Mapping[int, Fault]] = {
    400: Fault.INVALID_REQUEST,
    401: Fault.AUTH,
    402: Fault.BILLING,
    403: Fault.AUTH,
    404: Fault.MODEL_UNAVAILABLE,
    408: Fault.TIMEOUT,
    410: Fault.MODEL_UNAVAILABLE,
    413: Fault.INVALID_REQUEST,
    422: Fault.INVALID_REQUEST,
    429: Fault.RATE_LIMITED,
    503: Fault.OVERLOADED,
    504: Fault.TIMEOUT,
    524: Fault.TIMEOUT,  # Cloudflare's: the origin has the call, and has not answered in time
    529: Fault.OVERLOADED,
}


@asynccontextmanager
async def open_client(
    base_url: str, *, connections: int, headers: Mapping[str, str] | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client for one vendor; redirects are not followed."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(
        base_url=base_url,
        headers=headers,
        transport=AiohttpTransport(limits=limits),
        timeout=httpx.Timeout(ANSWER, connect=CONNECT),
    ) as client:
        yield client


@contextmanager
def transport_errors() -> Iterator[None]:
    """What happens on the way becomes a ProviderError: the vendor may or may not have the call."""
    try:
        yield
    except (httpx.HTTPError, aiohttp.ClientError) as exc:
        # httpx's names mislead here: the transport calls a cut connection a ConnectTimeout.
        cause = exc if isinstance(exc, aiohttp.ClientError) else exc.__cause__
        if isinstance(cause, _NOT_SENT):
            error = ProviderError(Fault.OVERLOADED, "The provider cannot be reached.")
        elif isinstance(cause, TimeoutError):
            error = ProviderError(Fault.TIMEOUT, "The provider did not answer in time.")
        else:
            name = type(cause or exc).__name__
            error = ProviderError(Fault.TRANSPORT, f"The connection broke ({name}).")
        raise error from exc


async def read_body(response: httpx.Response, caller: Caller, *, short: int = 0) -> bytes:
    """The whole body, once there is room for it. One of at most `short` bytes takes no room: it
    holds addresses, and what they point at does.

    Raises:
        ProviderError: it is larger than any answer may be.
        httpx.HTTPError: the connection broke.
    """
    announced = response.headers.get("content-length", "")
    size = int(announced) if announced.isdigit() else UNKNOWN_BODY
    if size > MAX_BODY:
        raise ProviderError(Fault.BAD_RESPONSE, "The provider's answer is too large.")
    told = short == 0 or (announced.isdigit() and size > short)
    if told:
        await caller.receiving(size)
    parts: list[bytes] = []
    received = 0
    async for part in response.aiter_bytes():
        received += len(part)
        if received > MAX_BODY:
            raise ProviderError(Fault.BAD_RESPONSE, "The provider's answer is too large.")
        if not told and received > short:
            told = True
            await caller.receiving(UNKNOWN_BODY)
        parts.append(part)
    return b"".join(parts)


async def read_refusal(response: httpx.Response) -> bytes:
    """What is said beside an error status, as far as it matters: the rest is not read."""
    parts: list[bytes] = []
    received = 0
    async for part in response.aiter_bytes():
        parts.append(part)
        received += len(part)
        if received > MAX_REFUSAL:
            break
    return b"".join(parts)[:MAX_REFUSAL]


async def read_json(body: bytes) -> Any:
    """What the body says; in a thread if it is long.

    Raises:
        ValueError: it is not JSON.
    """
    return await asyncio.to_thread(json.loads, body) if len(body) > IN_THREAD else json.loads(body)


def status_error(response: httpx.Response, detail: str, *, request_id: str | None) -> ProviderError:
    """The error that an answer's status alone tells."""
    status = response.status_code
    other = Fault.TRANSPORT if status >= httpx.codes.INTERNAL_SERVER_ERROR else Fault.BAD_RESPONSE
    return ProviderError(
        BY_STATUS.get(status, other),
        detail,
        http_status=status,
        retry_after=retry_after(response.headers),
        provider_request_id=request_id,
    )


def presentable(response: httpx.Response, words: Iterable[str]) -> list[str]:
    """Those of a vendor's `words` that do not quote the key it was asked with, or a part of it."""
    sent = [response.request.headers.get(name, "") for name in _KEYS]
    keys = [value.split()[-1] for value in sent if value.split()]

    def quotes(word: str, key: str) -> bool:
        return key in word or (len(word) >= _TELLING and word in key)

    return [word for word in words if not any(quotes(word, key) for key in keys)]


def request_id(response: httpx.Response, header: str = "x-request-id") -> str | None:
    """The vendor's id of a request, to ask them about; None where there is none to show."""
    return identifier(response, response.headers.get(header))


def identifier(response: httpx.Response, found: str | None) -> str | None:
    """What a vendor calls something, if that is printable and does not quote the key; cut."""
    if not found or not found.isprintable() or not presentable(response, [found]):
        return None
    return found[:LONGEST_ID]


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds that a `Retry-After` header asks for, an hour at most; None if unreadable.

    It is a number or a date.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        return believable(float(value))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        return None
    return believable((at - (now or datetime.now(UTC))).total_seconds())


def believable(seconds: float) -> float | None:
    """A wait that a vendor asks for, within reason; None if it is no number."""
    return min(max(0.0, seconds), LONGEST_WAIT) if isfinite(seconds) else None
