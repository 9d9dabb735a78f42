"""What the API keeps: idempotency rows for a day, tickets for half a minute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

KEPT = 24 * 3600.0  # seconds an idempotency row stays


@dataclass(frozen=True, slots=True)
class Scope:
    """What an idempotency key is unique in."""

    owner: str
    method: str
    path: str
    key: str


class State(StrEnum):
    """Of a row: in hand, safe with the broker, or given back after an unknown outcome."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A request that is about to be accepted under `id`; `fingerprint` is of its body."""

    scope: Scope
    fingerprint: str
    id: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The row that stands; `mine` if this very claim made it. `age` (seconds) is the database's."""

    fingerprint: str
    id: str
    created_at: datetime
    state: State
    age: float
    mine: bool


class IdempotencyStore(Protocol):
    """One row per scope, whoever asks from wherever. All may raise TransientError."""

    async def claim(self, claims: Sequence[Claim]) -> Sequence[Row]:
        """Insert each claim unless its scope has a row; the row that then stands, in order.

        Of any number of racing claims for a scope, also within `claims`, exactly one is `mine`.
        """

    async def find(self, scope: Scope) -> Row | None:
        """The row of `scope`; never `mine`."""

    async def mark(self, scopes: Sequence[Scope], state: State) -> None:
        """Set the state of these rows, but `released` never replaces `accepted`."""

    async def forget(self, scope: Scope) -> None:
        """Remove the row unless it is accepted: the request was refused."""


class TicketStore(Protocol):
    """Tickets by their digest. All may raise TransientError."""

    async def issue(self, digest: str, *, owner: str, seconds: float) -> datetime:
        """Keep it for `seconds` by the database's clock; when it expires."""

    async def redeem(self, digest: str) -> str | None:
        """Its owner, once: None if it is unknown, used or expired."""
