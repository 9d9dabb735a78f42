"""Whether a request is for us, and whether a page of ours sent it."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
PORTS = {"http": 80, "https": 443}

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?")

Place = tuple[str, int | None]
"""A host name and a port; None where the scheme has not said it yet."""


def parse_host(text: str) -> Place | None:
    """The name and port of a `Host` header; None if it is not one."""
    match = _HOST.fullmatch(text.lower())
    if match is None:
        return None
    name = (match[1] or match[2]).rstrip(".")
    return name, int(match[3]) if match[3] else None


@dataclass(frozen=True)
class PublicAddress:
    """Where people reach us: `url`, or without one the very address that is served.

    All names of the loopback interface count as the same one.
    """

    url: str | None = None

    @property
    def https(self) -> bool:
        return self.url is not None and self.url.startswith("https:")

    def serves(self, host: str, server: tuple[str, int | None] | None) -> bool:
        """Whether a request with this `Host` header, accepted on `server`, is for us."""
        asked = parse_host(host)
        return asked is not None and self._is_ours(asked, self._scheme, server)

    def trusts(self, origin: str, server: tuple[str, int | None] | None) -> bool:
        """Whether a page of `origin` may write here: only our own pages may."""
        try:
            parts = urlsplit(origin)
        except ValueError:  # brackets without an address in them
            return False
        if parts.scheme not in PORTS or (self.url and parts.scheme != self._scheme):
            return False
        asked = parse_host(parts.netloc)
        return asked is not None and self._is_ours(asked, parts.scheme, server)

    @property
    def _scheme(self) -> str:
        return urlsplit(self.url).scheme if self.url else "http"

    def _is_ours(self, asked: Place, scheme: str, server: tuple[str, int | None] | None) -> bool:
        if self.url:
            parts = urlsplit(self.url)
            name, port = parts.hostname or "", parts.port
        elif server:
            name, port = server
        else:
            return False
        default = PORTS[scheme]
        if (asked[1] or default) != (port or default):
            return False
        if asked[0] in LOOPBACK and (name in LOOPBACK or not self.url):
            return True
        return asked[0] == name.lower()
