"""Idempotency rows and tickets in a dictionary: for tests, and to say what the others must do."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from atelier_api.ports import KEPT, Claim, Row, Scope, State
from atelier_core.domain.values import now


@dataclass(frozen=True, slots=True)
class _Kept:
    claim: Claim
    state: State
    at: float

    def row(self, at: float, *, mine: bool) -> Row:
        claim = self.claim
        return Row(
            fingerprint=claim.fingerprint,
            id=claim.id,
            created_at=claim.created_at,
            state=self.state,
            age=at - self.at,
            mine=mine,
        )


class MemoryIdempotency:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rows: dict[Scope, _Kept] = {}

    async def claim(self, claims: Sequence[Claim]) -> Sequence[Row]:
        return [self._claim(claim) for claim in claims]

    def _claim(self, claim: Claim) -> Row:
        at = self._clock()
        found = self._rows.get(claim.scope)
        if found and at - found.at < KEPT:
            return found.row(at, mine=False)
        self._rows[claim.scope] = kept = _Kept(claim, State.PENDING, at)
        return kept.row(at, mine=True)

    async def find(self, scope: Scope) -> Row | None:
        at = self._clock()
        found = self._rows.get(scope)
        return found.row(at, mine=False) if found and at - found.at < KEPT else None

    async def mark(self, scopes: Sequence[Scope], state: State) -> None:
        for scope in scopes:
            found = self._rows.get(scope)
            if found and found.state is not State.ACCEPTED:
                self._rows[scope] = replace(found, state=state)

    async def forget(self, scope: Scope) -> None:
        found = self._rows.get(scope)
        if found and found.state is not State.ACCEPTED:
            del self._rows[scope]


class MemoryTickets:
    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        self._tickets: dict[str, tuple[str, datetime]] = {}

    async def issue(self, digest: str, *, owner: str, seconds: float) -> datetime:
        expires = self._clock() + timedelta(seconds=seconds)
        self._tickets[digest] = (owner, expires)
        return expires

    async def redeem(self, digest: str) -> str | None:
        owner, expires = self._tickets.pop(digest, (None, self._clock()))
        return owner if expires > self._clock() else None
