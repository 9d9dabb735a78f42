"""How both clients are connected: address, key, timeouts, and a call as an HTTP request."""

import ipaddress
import re
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import httpx

from atelier_client.effects import Call, Open
from atelier_client.errors import Unreachable

DEFAULT_URL = "http://127.0.0.1:8080"
_HOST = re.compile(rb"[0-9A-Za-z._:-]+")


def options(base_url: str, api_key: str | None, timeout: float) -> dict[str, Any]:
    """Arguments for an httpx client; raises ValueError saying what is wrong with them."""
    url = address(base_url)
    headers = {"User-Agent": f"atelier-client/{_version()}", "Accept": "application/json"}
    if api_key:
        if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise ValueError("The API key has characters that no key has.")
        headers["Authorization"] = f"Bearer {api_key}"
    return {
        "base_url": url,
        "headers": headers,
        "timeout": httpx.Timeout(timeout),
        "trust_env": not _loopback(url.host),  # a proxy cannot know this machine's own address
    }


def address(base_url: str) -> httpx.URL:
    """`base_url` as an address, http:// where it names no scheme; raises ValueError."""
    text = base_url.strip()
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
    except httpx.InvalidURL as exc:
        raise ValueError(f"{base_url!r} is not an address: {exc}") from exc
    if url.scheme not in ("http", "https") or not _HOST.fullmatch(url.raw_host):
        raise ValueError(f"{base_url!r} is not an http:// or https:// address.")
    return url


def request_of(http: httpx.Client | httpx.AsyncClient, call: Call) -> httpx.Request:
    """`call` as a request to the client's server."""
    timeout = http.timeout
    read = call.idle if isinstance(call, Open) else (timeout.read or 0.0) + call.patience
    return http.build_request(
        call.method,
        call.path,
        params=list(call.query) or None,
        headers=dict(call.headers),
        content=call.body,
        timeout=httpx.Timeout(
            connect=timeout.connect, read=read, write=timeout.write, pool=timeout.pool
        ),
    )


def unreachable(http: httpx.Client | httpx.AsyncClient, cause: httpx.RequestError) -> Unreachable:
    """`cause` in a sentence that names the server, without a user and password in its address."""
    reason = str(cause).strip() or type(cause).__name__
    before = isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    origin = str(http.base_url.copy_with(userinfo=b"")).rstrip("/")
    return Unreachable(f"{origin} cannot be reached: {reason}", sent=not before)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _version() -> str:
    try:
        return version("atelier-images")
    except PackageNotFoundError:
        return "0"
