"""Reading and changing run records: one winner in every race, and no doubt after a lost answer."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from atelier_core.domain.outcome import Outcome
from atelier_core.domain.run import Call, RunRecord, merge_calls, run_key
from atelier_core.errors import ConflictError, NotFoundError, TransientError
from atelier_core.ports import BlobStore

log = logging.getLogger(__name__)

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]
Change = Callable[[RunRecord | None], RunRecord]
"""A pure step from the record that stands (None: none) to the one that should."""

TRIES = 4  # of one read or write before its trouble becomes the caller's
STEP = 0.2  # seconds before the second try, then twice as long each time


@dataclass(frozen=True)
class Held:
    """A record as it stands in the store."""

    record: RunRecord
    etag: str


class Records:
    """The run records of all jobs."""

    def __init__(self, blobs: BlobStore, *, sleep: Sleep) -> None:
        self._blobs = blobs
        self._sleep = sleep

    async def read(self, job_id: str) -> Held | None:
        """The record, or None if there is none.

        Raises:
            TransientError: the store did not answer, several times.
            ContractError: what is there is not a run record.
        """
        return await self._patiently(lambda: self._read(job_id))

    async def write(self, job_id: str, record: RunRecord, *, over: Held | None) -> Held:
        """Put `record` in place of `over` (None: of nothing) and return what stands then.

        After an unknown answer the record is read: the same holder and calls mean that this write
        won. What is returned may therefore know more than `record`: look at its outcome.

        Raises:
            ConflictError: somebody else was faster; read again, decide again.
            TransientError: it may be written or not, and the store does not tell.
        """
        return await self._patiently(lambda: self._write(job_id, record, over))

    async def change(self, job_id: str, change: Change, *, over: Held | None) -> Held:
        """Apply `change` to what stands, starting from `over`, again after each lost race.

        Raises:
            TransientError: as `write`.
        """
        while True:
            wanted = change(over.record if over else None)
            if over is not None and wanted == over.record:
                return over
            try:
                return await self.write(job_id, wanted, over=over)
            except ConflictError:
                over = await self.read(job_id)

    async def _read(self, job_id: str) -> Held | None:
        try:
            blob = await self._blobs.get(run_key(job_id))
        except NotFoundError:
            return None
        return Held(RunRecord.read(blob.data), blob.info.etag)

    async def _write(self, job_id: str, record: RunRecord, over: Held | None) -> Held:
        try:
            etag = await self._blobs.put(
                run_key(job_id),
                record.model_dump_json().encode(),
                content_type="application/json",
                if_absent=over is None,
                if_match=over.etag if over else None,
            )
        except (ConflictError, TransientError):
            found = await self._read(job_id)
            if found is not None and is_ours(found.record, record):
                return found
            raise
        return Held(record, etag)

    async def _patiently(self, act: Callable[[], Awaitable[T]]) -> T:
        for attempt in range(TRIES - 1):
            try:
                return await act()
            except TransientError as exc:
                log.warning("run record: trying again", extra={"error": str(exc)})
                await self._sleep(STEP * 2**attempt)
        return await act()


def ended(outcome: Outcome, calls: Iterable[Call], *, holder: str) -> Change:
    """The change that ends a job, unless it has ended: then only the calls are added."""
    news = tuple(calls)

    def change(found: RunRecord | None) -> RunRecord:
        record = (found or RunRecord(holder=holder)).merged(news)
        return record if record.outcome else record.model_copy(update={"outcome": outcome})

    return change


def handed_back(calls: Iterable[Call], *, holder: str) -> Change:
    """The change by which `holder` lets go of a job; it leaves alone what is not its own."""
    news = tuple(calls)

    def change(found: RunRecord | None) -> RunRecord:
        record = (found or RunRecord(holder=holder)).merged(news)
        if record.outcome or record.holder != holder:
            return record
        return record.model_copy(update={"holder": None, "step": record.step + 1})

    return change


def known(calls: Iterable[Call], *, holder: str) -> Change:
    """The change that only adds what is known of `calls`; where nothing stands, `holder` begins."""
    news = tuple(calls)
    return lambda found: (found or RunRecord(holder=holder, step=1)).merged(news)


def is_ours(found: RunRecord, written: RunRecord) -> bool:
    """Whether `found` is what `written` became: its holder, its calls, its outcome if any."""
    return (
        found.holder == written.holder
        and found.takeovers == written.takeovers
        and found.step >= written.step
        and merge_calls(found.calls, written.calls) == found.calls
        and (written.outcome is None or found.outcome == written.outcome)
    )
