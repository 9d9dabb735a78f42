"""Who a request speaks for, as long as there is one key and no accounts."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from atelier_api.ports import TicketStore
from atelier_core.contracts.problems import UnauthenticatedError
from atelier_core.domain.values import milliseconds
from atelier_core.ports import Credentials

LOCAL = "local"  # the owner of everything until there are accounts
SESSION = timedelta(days=30)
TICKET = 30.0  # seconds
MAX_TOKEN = 512  # characters worth hashing


class Sessions:
    """`ports.Identity`, and the makers of what it recognises.

    A session is `expiry.nonce.signature`: nothing is kept of it, so every replica knows it, and a
    new key ends them all. Without a key (loopback only) everybody is the local owner.
    """

    def __init__(
        self, *, api_key: str | None, tickets: TicketStore, clock: Callable[[], datetime]
    ) -> None:
        self._key = api_key
        self._tickets = tickets
        self._clock = clock
        self._secret = hmac.new((api_key or "").encode(), b"atelier session 1", "sha256").digest()

    @property
    def required(self) -> bool:
        """Whether a key must be shown at all."""
        return self._key is not None

    async def identify(self, credentials: Credentials) -> str:
        """See `ports.Identity`. What is shown first counts: bearer, then session, then ticket."""
        if self._key is None:
            return LOCAL
        if credentials.bearer is not None:
            if self.is_key(credentials.bearer):
                return LOCAL
        elif credentials.session is not None and self.expiry(credentials.session) is not None:
            return LOCAL
        elif credentials.ticket is not None and len(credentials.ticket) <= MAX_TOKEN:
            owner = await self._tickets.redeem(_digest(credentials.ticket))
            if owner is not None:
                return owner
        raise UnauthenticatedError

    def is_key(self, text: str) -> bool:
        """Whether `text` is the installation's key; takes as long whatever it is."""
        return self._key is not None and _same(text, self._key)

    def new_session(self) -> tuple[str, datetime]:
        """A session of the local owner, and when it ends."""
        expires = milliseconds(self._clock() + SESSION)
        body = f"{int(expires.timestamp())}.{secrets.token_urlsafe(9)}"
        return f"{body}.{self._sign(body)}", expires

    def expiry(self, session: str) -> datetime | None:
        """When `session` ends; None if it is none of ours or has ended."""
        body, _, signature = session[:MAX_TOKEN].rpartition(".")
        if not _same(signature, self._sign(body)):
            return None
        expires = datetime.fromtimestamp(int(body.partition(".")[0]), UTC)
        return expires if expires > self._clock() else None

    async def new_ticket(self, owner: str) -> tuple[str, datetime]:
        """A ticket good for one socket within 30 s, and when it ends."""
        ticket = secrets.token_urlsafe(24)
        return ticket, await self._tickets.issue(_digest(ticket), owner=owner, seconds=TICKET)

    def _sign(self, body: str) -> str:
        return hmac.new(self._secret, body.encode("utf-8", "replace"), "sha256").hexdigest()


def _same(shown: str, right: str) -> bool:
    """Compare in a time that tells nothing."""
    return hmac.compare_digest(shown.encode("utf-8", "replace"), right.encode())


def _digest(ticket: str) -> str:
    """What is kept of a ticket: who reads the store cannot use it."""
    return hashlib.sha256(ticket.encode("utf-8", "replace")).hexdigest()
