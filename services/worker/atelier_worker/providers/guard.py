"""Which addresses an answer may make this machine ask: those written in it, those names lead to."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from atelier_worker.ports import Fault, ProviderError

MAX_URL: Final = 4096

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_GLOBAL_6: Final = ipaddress.ip_network("2000::/3")
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class NotPublicError(Exception):
    """A name leads to an address that is not public. No OSError: that would be tried again."""


class Guard(AbstractResolver):
    """Judges addresses: those written in a URL, and those that a name resolves to."""

    def __init__(
        self,
        *,
        trusted: Collection[str],
        schemes: Collection[str],
        public: Callable[[str], bool],
        resolve: Resolve,
    ) -> None:
        self._trusted = frozenset(URL(url).origin() for url in trusted)
        self._hosts = frozenset((url.host, url.port) for url in self._trusted)
        self._schemes = frozenset(schemes)
        self._public, self._resolve = public, resolve

    def judged(self, text: str, *, base: URL | None = None) -> URL:
        """`text` as an address that may be asked.

        Raises:
            ProviderError: it may not.
        """
        try:
            url = URL(text[: MAX_URL + 1])
            url = base.join(url) if base else url
            host, origin = url.host, url.origin()
        except ValueError as exc:
            raise bad("The picture's address cannot be read.") from exc
        odd = len(text) > MAX_URL or not text.isprintable() or " " in text
        if odd or not host or url.user is not None or url.password is not None:
            raise bad("The picture's address is not one that is fetched.")
        if origin in self._trusted:
            return url
        if url.scheme not in self._schemes:
            raise bad(f"The picture's address is not {' or '.join(sorted(self._schemes))}.")
        if _is_literal(host) and not self._public(host):
            raise bad("The picture's address is not public.")
        return url

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolve(host, port)
        if (host, port) not in self._hosts and not all(self._public(one) for one in found):
            raise NotPublicError("The picture's address is not public.")
        results = [_numeric(host, one, port) for one in found]
        return [r for r in results if family in (socket.AF_UNSPEC, r["family"])]

    async def close(self) -> None:
        """Nothing is held."""


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that the machine knows for a name.

    Raises:
        OSError: none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(info[4][0]) for info in found))


def is_public(address: str) -> bool:
    """Whether a numeric address is one of the open internet, through whatever form it is written:
    IPv4 inside IPv6 (mapped, 6to4, NAT64) is judged as the IPv4 address that it reaches.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is None and (ip not in _GLOBAL_6 or ip.scope_id):
            return False
        ip = inner or ip
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _numeric(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=0,
        flags=socket.AI_NUMERICHOST,
    )


def _is_literal(host: str) -> bool:
    # As aiohttp sees it, which asks no resolver about these: 2130706433 and 127.1 are some too.
    return ":" in host or host.replace(".", "").isdigit()


def bad(detail: str) -> ProviderError:
    """An answer that cannot be followed."""
    return ProviderError(Fault.BAD_RESPONSE, detail)
