"""Read, decide, save by compare-and-set, and again as long as somebody else was faster."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from atelier_core.errors import ContractError, NotFoundError, TransientError
from atelier_core.failpoints import failpoint
from atelier_gallery.ports import Change, D, Documents

T = TypeVar("T")

FIRST_PAUSE, LAST_PAUSE = 0.1, 5.0  # seconds between tries of a server that is away
RACES = 100  # lost races in a row before the store itself is suspected

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Decision(Generic[D]):
    """What is to follow the newest version (None: nothing is there); None for no change.

    It may be asked several times, and must not mind.
    """

    owner: str
    decide: Callable[[D | None], D | None]


@dataclass(frozen=True)
class Settled(Generic[D]):
    """The newest version, whether this call made it, and what reading or deciding raised."""

    document: D | None
    changed: bool = False
    error: Exception | None = None


async def change_many(
    store: Documents[D], decisions: Mapping[str, Decision[D]]
) -> dict[str, Settled[D]]:
    """Apply each decision to the document of its id: one read and one write for all of them.

    Raises:
        TransientError: the store does not answer; some may be saved.
    """
    settled: dict[str, Settled[D]] = {}
    pending = dict(decisions)
    for _ in range(RACES):
        if not pending:
            return settled
        found = await store.find_many(pending, owners={d.owner for d in pending.values()})
        known = {document.id: document for document in found}
        changes: list[Change[D]] = []
        for document_id, decision in pending.items():
            current = known.get(document_id)
            try:
                following = decision.decide(current)
            except Exception as exc:  # noqa: BLE001 - one bad decision must not stop the others
                settled[document_id] = Settled(current, error=exc)
                continue
            settled[document_id] = Settled(following or current, changed=following is not None)
            if following is not None:
                changes.append(Change(following, read=current.version if current else 0))
        await failpoint("gallery.before_save")
        lost = await store.save_many(changes) if changes else frozenset()
        saved = {change.document.id for change in changes} - lost
        for document_id in pending.keys() - known.keys() - saved:
            try:  # it seems not to be there, as what cannot be read does
                await store.get(document_id, owner=pending[document_id].owner)
            except ContractError as exc:
                settled[document_id] = Settled(None, error=exc)
                lost -= {document_id}
        pending = {document_id: pending[document_id] for document_id in lost}
    raise TransientError("documents change faster than they can be saved")


async def change(
    store: Documents[D], document_id: str, decide: Callable[[D], D | None], *, owner: str
) -> Settled[D]:
    """Apply one decision to a document that must be there.

    Raises:
        NotFoundError: `owner` has no such document.
        ContractError: this version cannot read it.
        TransientError: the store does not answer.
    """
    decision = Decision[D](owner, lambda current: decide(current) if current else None)
    settled = (await change_many(store, {document_id: decision}))[document_id]
    if settled.error:
        raise settled.error
    if settled.document is None:
        raise NotFoundError("There is no such document.")
    return settled


async def persistently(act: Callable[[], Awaitable[T]], *, what: str) -> T:
    """What `act` returns, however long its servers are away; only cancelling ends the waiting."""
    pause = FIRST_PAUSE
    while True:
        try:
            return await act()
        except TransientError as exc:
            log.warning("waiting for a server", extra={"what": what, "error": str(exc)})
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads load
            pause = min(pause * 2, LAST_PAUSE)
