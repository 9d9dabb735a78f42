"""A run on its own: what it does where time, which a test here can move, makes the difference."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from atelier_core.adapters.memory_blobs import MemoryBlobStore
from atelier_core.contracts.catalogue import catalogue
from atelier_core.domain.outcome import JobStatus
from atelier_core.domain.request import Lane
from atelier_core.domain.run import CallOutcome, RunRecord
from atelier_core.domain.values import Money, now
from atelier_core.errors import Defer
from atelier_core.ports import BlobStore
from atelier_worker.alive import SURE, Liveness
from atelier_worker.bench import Bench
from atelier_worker.circuit import Breaker
from atelier_worker.lanes import Room
from atelier_worker.providers.fake import FakeProvider
from atelier_worker.record import Records
from atelier_worker.run import Run
from atelier_worker.storing import Storing
from atelier_worker.tokens import Tokens
from atelier_worker.trouble import Trouble
from worker_harness import job

pytestmark = pytest.mark.anyio


class Slow(MemoryBlobStore):
    """Answers the first write of a run record only after `stall` was called."""

    def __init__(self, stall: Callable[[], None]) -> None:
        super().__init__()
        self.stall = stall

    async def put(self, key: str, data: bytes, **options: Any) -> str:
        etag = await super().put(key, data, **options)
        if key.endswith("/run") and options["if_absent"]:
            self.stall()
        return etag


class Quiet:
    """Publishes to nobody."""

    async def publish(self, *events: Any) -> None:
        """As if it were published."""

    def announce(self, *events: Any) -> None:
        """As if it were announced."""


async def no_sleep(_: float) -> None:
    """No time passes."""


def bench(blobs: BlobStore, liveness: Liveness, fake: FakeProvider) -> Bench:
    trouble = Trouble(sleep=no_sleep)
    return Bench(
        records=Records(blobs, sleep=no_sleep),
        storing=Storing(blobs, book=catalogue(), trouble=trouble, clock=now),
        publisher=Quiet(),
        providers={fake.name: fake},
        tokens={fake.name: Tokens(fake.concurrency, breaker=Breaker())},
        changed=asyncio.Event(),
        room=Room(),
        liveness=liveness,
        trouble=trouble,
        book=catalogue(),
        clock=now,
    )


async def test_who_may_pay_looks_for_what_was_drawn_without_a_record() -> None:
    """The record there is tells of no call: who wrote it found no place for one."""
    blobs, fake, fox = MemoryBlobStore(), FakeProvider(), job(model="auto")
    here = bench(blobs, Liveness(blobs, "me", alone=True), fake)
    free, paid = (catalogue().find(name) for name in ("fake/free", "fake/paid"))
    await Run(here, fox, free, lane=Lane.INTERACTIVE, held=None, unrecorded=True)()
    held = await here.records.write(fox.id, RunRecord(holder="me", step=1), over=None)
    await Run(here, fox, paid, lane=Lane.INTERACTIVE, held=held)()
    assert len(fake.ledger) == 1
    held = await here.records.read(fox.id)
    assert held
    assert held.record.outcome
    assert held.record.outcome.status is JobStatus.SUCCEEDED


async def test_no_call_follows_a_record_that_took_too_long_to_write() -> None:
    time = 0.0

    def stall() -> None:
        nonlocal time
        time += SURE

    blobs, fake, fox = Slow(stall), FakeProvider(), job()
    liveness = Liveness(blobs, "me", clock=lambda: time)
    await liveness.refresh()
    here = bench(blobs, liveness, fake)
    run = Run(here, fox, catalogue().find("fake/paid"), lane=Lane.INTERACTIVE, held=None)
    with pytest.raises(Defer):
        await run()
    assert not fake.ledger, "somebody else may have taken it for dead, and call"
    held = await here.records.read(fox.id)
    assert held
    assert held.record.holder is None
    (call,) = held.record.calls
    assert (call.outcome, call.cost) == (CallOutcome.FAILED, Money.exactly("0"))
    assert call.error
    assert call.error.detail == "Not sent: others may have taken this worker for dead."
