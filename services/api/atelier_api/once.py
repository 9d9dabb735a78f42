"""Accept a request once, however often it is sent (`Idempotency-Key`)."""

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel

from atelier_api.grouped import Grouped
from atelier_api.ports import Claim, IdempotencyStore, Row, Scope, State
from atelier_core.contracts.problems import Code, FieldError, Problem
from atelier_core.domain.request import Lane
from atelier_core.domain.values import new_id, now
from atelier_core.errors import StorageFullError, TransientError
from atelier_core.failpoints import failpoint

STALE = 10.0  # seconds after which a row in hand has lost its process
PATIENCE = 5.0  # seconds a twin is waited for
STEP = 0.1  # seconds between two looks at a twin
ANSWER_WITHIN = 2.5  # seconds store and broker may take together: a client is told within 3

log = logging.getLogger(__name__)

Send = Callable[[str, datetime, Lane], Awaitable[None]]
"""Make the request safe under this id and creation time; TransientError if that is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to happen once. `admit` says where it waits, or refuses by raising; it is asked right
    before sending, so not for what was accepted before.

    Without `scope` every request is a new one. `kind` is how problems call its id.
    """

    scope: Scope | None
    fingerprint: str
    kind: Literal["job_id", "batch_id"]
    admit: Callable[[], Lane]
    send: Send


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """The id and the time under which it is accepted; `replayed` if it was before."""

    id: str
    created_at: datetime
    replayed: bool


def fingerprint(jobs: Iterable[BaseModel], key: str | None) -> str:
    """The same for `jobs` that mean the same: order, white space and defaults do not count.

    Nobody compares it without a `key`, so then it is not computed.
    """
    if key is None:
        return ""
    content = [job.model_dump(mode="json", exclude_defaults=True) for job in jobs]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


class Once:
    """`open` it: rows are claimed and accepted together with those of other requests."""

    def __init__(self, store: IdempotencyStore) -> None:
        self._store = store
        self._claim = Grouped(store.claim)
        self._accept = Grouped(self._mark_accepted)

    @classmethod
    @asynccontextmanager
    async def open(cls, store: IdempotencyStore) -> AsyncIterator[Self]:
        once = cls(store)
        async with asyncio.TaskGroup() as tasks:
            writers = [tasks.create_task(g.run()) for g in (once._claim, once._accept)]
            try:
                yield once
            finally:
                for writer in writers:
                    writer.cancel()

    async def __call__(self, request: Request) -> Acceptance:
        """Accept `request`, or find that it was accepted before.

        Raises:
            Problem: what `admit` raised, service_unavailable with the id, storage_full,
                idempotency_mismatch or idempotency_in_progress.
        """
        claim_id, created_at = new_id(), now()
        if request.scope is None:
            lane = request.admit()
            await self._send(request, claim_id, created_at, lane, by=_soon())
            return Acceptance(id=claim_id, created_at=created_at, replayed=False)
        claim = Claim(
            scope=request.scope,
            fingerprint=request.fingerprint,
            id=claim_id,
            created_at=created_at,
        )
        by = _soon()
        with unavailable(request.kind, claim_id):
            async with asyncio.timeout_at(by):
                row = await self._claim(claim)
        return await self._follow(request, request.scope, row, by=by)

    async def _follow(self, request: Request, scope: Scope, row: Row, *, by: float) -> Acceptance:
        if row.fingerprint != request.fingerprint:
            raise Problem(
                Code.IDEMPOTENCY_MISMATCH,
                "This idempotency key was used with another body.",
                errors=(FieldError("Idempotency-Key", "Use a new key for a new request."),),
            )
        if not row.mine:
            row, by = await self._settled(request, scope, row), _soon()
            if row.state is State.ACCEPTED:
                return Acceptance(id=row.id, created_at=row.created_at, replayed=True)
        try:
            lane = request.admit()
        except Problem:
            if row.mine:  # else it was sent before and may be safe: it keeps its id
                with _harmless("forget"):
                    await self._store.forget(scope)
            raise
        try:
            await self._send(request, row.id, row.created_at, lane, by=by)
        except Problem:
            with _harmless("release"):
                async with asyncio.timeout(0.3):
                    await self._store.mark([scope], State.RELEASED)
            raise
        with _harmless("accept"):
            async with asyncio.timeout(ANSWER_WITHIN):
                await self._accept(scope)
        await failpoint("api.before_answer")
        return Acceptance(id=row.id, created_at=row.created_at, replayed=not row.mine)

    async def _settled(self, request: Request, scope: Scope, row: Row) -> Row:
        """Wait for a twin: until it is accepted, or may be sent again under the same id."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while row.state is State.PENDING and row.age < STALE:
            if loop.time() >= until:
                raise Problem(
                    Code.IDEMPOTENCY_IN_PROGRESS,
                    "The same request is still being answered.",
                    retry_after=1,
                )
            await asyncio.sleep(STEP)
            with unavailable(request.kind, row.id):
                async with asyncio.timeout(ANSWER_WITHIN):
                    found = await self._store.find(scope)
            if found is None:  # the twin was refused, so this one would be
                raise Problem(
                    Code.IDEMPOTENCY_IN_PROGRESS, "The same request was refused.", retry_after=1
                )
            row = found
        return row

    async def _send(
        self, request: Request, request_id: str, created_at: datetime, lane: Lane, *, by: float
    ) -> None:
        with unavailable(request.kind, request_id):
            async with asyncio.timeout_at(by):
                await failpoint("api.after_row")
                await request.send(request_id, created_at, lane)
                await failpoint("api.after_publish")

    async def _mark_accepted(self, scopes: Sequence[Scope]) -> Sequence[None]:
        await self._store.mark(scopes, State.ACCEPTED)
        return [None] * len(scopes)


def _soon() -> float:
    return asyncio.get_running_loop().time() + ANSWER_WITHIN


@contextmanager
def unavailable(kind: Literal["job_id", "batch_id"], request_id: str) -> Iterator[None]:
    """Turn silence into the problem that says: unknown, and under which id to look.

    A full disk is no silence: nothing was written.
    """
    try:
        yield
    except StorageFullError as exc:
        raise Problem(
            Code.STORAGE_FULL, "There is no room left to store this; nothing was accepted."
        ) from exc
    except (TransientError, TimeoutError) as exc:
        log.warning("unavailable", extra={"error": _reason(exc), kind: request_id})
        after = exc.retry_after if isinstance(exc, TransientError) else None
        raise Problem(
            Code.SERVICE_UNAVAILABLE,
            "Whether this was accepted is not known. Send it again with the same"
            " Idempotency-Key, or look for the id given here.",
            job_id=request_id if kind == "job_id" else None,
            batch_id=request_id if kind == "batch_id" else None,
            retry_after=max(1, round(after or 2)),
        ) from exc


@contextmanager
def _harmless(what: str) -> Iterator[None]:
    """A row left in hand is sent again under its own id when it is stale: nothing is lost."""
    try:
        yield
    except (TransientError, TimeoutError) as exc:
        told = {"step": what, "error": _reason(exc)}
        log.warning("an idempotency row could not be updated", extra=told)


def _reason(exc: TransientError | TimeoutError) -> str:
    return str(exc) or "no answer in time"
