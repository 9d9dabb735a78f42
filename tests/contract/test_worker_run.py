"""What a worker does with a job, whatever dies, races or is refused on the way."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from atelier_core.adapters.filesystem import FileBlobStore
from atelier_core.adapters.memory_blobs import MemoryBlobStore
from atelier_core.adapters.memory_bus import MemoryBus
from atelier_core.adapters.s3 import S3BlobStore
from atelier_core.contracts.catalogue import Catalogue, catalogue
from atelier_core.contracts.events import JobCancel, JobDeferred, JobStarted
from atelier_core.domain.job import accept
from atelier_core.domain.job import end as ended
from atelier_core.domain.outcome import JobStatus, Outcome, image_key
from atelier_core.domain.request import AcceptedJob
from atelier_core.domain.run import MAX_TAKEOVERS, CallOutcome, RunRecord, run_key
from atelier_core.domain.values import CostStatus, Money, now
from atelier_core.errors import TransientError
from atelier_core.ports import BlobStore
from atelier_worker.ports import Fault, ProviderError
from atelier_worker.provenance import read
from atelier_worker.providers.fake import FakeProvider, Step
from fakes.newer_release import with_news
from worker_harness import Death, Hand, Stage, at, job, stage

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", "file", pytest.param("s3", marks=pytest.mark.external)])
async def here(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        blobs: BlobStore
        match request.param:
            case "memory":
                blobs = MemoryBlobStore()
            case "file":
                blobs = await stack.enter_async_context(FileBlobStore.open(tmp_path / "blobs"))
            case _:
                s3 = request.getfixturevalue("s3")
                blobs = await stack.enter_async_context(
                    S3BlobStore.open(
                        endpoint=s3.endpoint,
                        access_key=s3.access_key,
                        secret_key=s3.secret_key,
                        bucket=f"worker-{uuid4().hex[:16]}",
                    )
                )
        bus = await stack.enter_async_context(MemoryBus.open(delays=(0.02,)))
        yield await stack.enter_async_context(stage(bus, blobs))
        async for info in blobs.list(""):
            await blobs.delete(info.key)


def refused(fault: Fault, **more: Any) -> Step:
    return Step(error=ProviderError(fault, "as the script says", **more))


def one_by_one() -> Catalogue:
    """Of models that draw one picture a call."""
    models = [
        model.model_copy(
            update={"capabilities": model.capabilities.model_copy(update={"max_n": 1})}
        )
        for name in ("fake/paid", "fake/free")
        for model in catalogue().find(name)
    ]
    return catalogue().model_copy(update={"models": tuple(models)})


async def killed_at(here: Stage, fake: FakeProvider, wanted: AcceptedJob, **where: Any) -> Hand:
    """A worker that was killed exactly there while it ran `wanted`."""
    death = Death()
    hand = await here.worker(fake, **{moment: at(*point, death) for moment, point in where.items()})
    await here.request(wanted)
    await death.came.wait()
    await hand.kill()
    return hand


# One job, one worker.


@pytest.mark.parametrize("model", ["fake/paid", "fake/free"])
async def test_a_job_ends_with_its_pictures(here: Stage, model: str) -> None:
    fake = FakeProvider(size=300_000)
    await here.worker(fake)
    wanted = job(n=3, model=model)
    await here.request(wanted)
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.SUCCEEDED
    assert [i.index for i in end.outcome.images] == [0, 1, 2]
    assert [i.seed for i in end.outcome.images] == [wanted.seed, wanted.seed + 1, wanted.seed + 2]
    assert [c.outcome for c in end.calls] == [CallOutcome.SUCCEEDED]
    assert end.calls[0].cost == Money.exactly("0.12" if model == "fake/paid" else "0")
    for image in end.outcome.images:
        info = await here.blobs.head(image_key(image))
        assert (info.size, info.content_type) == (image.bytes, "image/png")
        assert info.meta["call-id"] == end.calls[0].id
        stored = (await here.blobs.get(image_key(image))).data
        assert hashlib.sha256(stored).hexdigest() == image.sha256
        provenance = read(stored)
        assert provenance
        assert (provenance.prompt, provenance.seed) == (wanted.request.prompt, image.seed)
    record = await here.record(wanted)
    if model == "fake/free":
        assert record is None, "nothing was bought that it would have to keep"
    else:
        assert record
        assert (record.outcome, record.calls) == (end.outcome, end.calls)
    assert not here.of(JobStarted), "nobody needs to hear of what is over at once"


@pytest.mark.parametrize(("model", "writes"), [("fake/paid", 3), ("fake/free", 1)])
async def test_what_a_job_of_one_picture_writes(here: Stage, model: str, writes: int) -> None:
    done: list[str] = []

    async def note(op: str, key: str) -> None:
        if key.startswith("jobs/") and "/thumbs/" not in key:
            done.append(op)

    await here.worker(FakeProvider(), before=note)
    wanted = job(model=model)
    await here.request(wanted)
    await here.end(wanted)
    assert done.count("put") == writes
    assert "list" not in done, "what is handed out for the first time has no pictures"


async def test_a_slow_call_is_told_of_and_recorded(here: Stage) -> None:
    go = asyncio.Event()
    await here.worker(FakeProvider(script=[Step(until=go)]))
    wanted = job(model="fake/free")
    await here.request(wanted)
    await here.until(lambda told: any(isinstance(e, JobStarted) for e in told))
    (started,) = here.of(JobStarted)
    record = await here.record(wanted)
    assert record
    assert record.holder
    assert record.calls[0].outcome is CallOutcome.OPEN
    assert (started.step, started.calls) == (1, record.calls)
    go.set()
    assert (await here.end(wanted)).outcome.status is JobStatus.SUCCEEDED


async def test_a_slow_call_after_quick_ones_is_told_of_as_a_start(here: Stage) -> None:
    go = asyncio.Event()
    await here.worker(
        FakeProvider(script=[Step(), Step(), Step(until=go)]), book=one_by_one(), concurrency=1
    )
    wanted = job(n=3, model="fake/free")
    await here.request(wanted)
    await here.until(lambda told: any(isinstance(e, JobStarted) for e in told))
    (started,) = here.of(JobStarted)
    assert (started.step, started.finished) == (1, 2), "nobody takes step 0 for a start"
    go.set()
    assert (await here.end(wanted)).outcome.status is JobStatus.SUCCEEDED


async def test_the_pictures_of_a_slow_call_are_told_as_they_finish(here: Stage) -> None:
    puts: list[str] = []

    async def note(op: str, key: str) -> None:
        if op == "put" and key.endswith("/run"):
            puts.append(key)

    go = [asyncio.Event() for _ in range(4)]

    class Slow(FakeProvider):
        async def generate(self, order: Any, caller: Any) -> Any:
            for index, event in enumerate(go):
                await event.wait()
                caller.progress(index, 1.0)
            return await super().generate(order, caller)

    await here.worker(Slow(), before=note)
    wanted = job(n=4)
    await here.request(wanted)
    for finished, event in enumerate(go):
        await here.until(
            lambda told, n=finished: any(
                isinstance(e, JobStarted) and e.finished == n for e in told
            )
        )
        event.set()
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.SUCCEEDED
    told = here.of(JobStarted)
    assert [event.finished for event in told] == [0, 1, 2, 3]
    assert {event.step for event in told} == {1}
    assert all(b.time - a.time >= timedelta(seconds=0.9) for a, b in pairwise(told))
    assert len(puts) == 2, "the record is not written for it"


async def test_missing_pictures_make_a_part(here: Stage) -> None:
    fake = FakeProvider(script=[Step(drop=frozenset({2}), blocked=frozenset({1}))])
    await here.worker(fake)
    wanted = job(n=3)
    await here.request(wanted)
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.PARTIALLY_SUCCEEDED
    assert end.outcome.error
    assert end.outcome.error.code == Fault.MODERATED
    assert len(fake.ledger) == 1


@pytest.mark.parametrize(
    ("step", "status", "code"),
    [
        (refused(Fault.MODERATED), JobStatus.BLOCKED, Fault.MODERATED),
        (Step(blocked=frozenset({0})), JobStatus.BLOCKED, Fault.MODERATED),
        (refused(Fault.AUTH, http_status=401), JobStatus.FAILED, Fault.AUTH),
        (refused(Fault.BILLING), JobStatus.FAILED, Fault.BILLING),
        (Step(spoil=lambda _: b"<html>"), JobStatus.FAILED, Fault.BAD_RESPONSE),
        (Step(spoil=lambda data: data[:100]), JobStatus.FAILED, Fault.BAD_RESPONSE),
        (Step(drop=frozenset({0})), JobStatus.FAILED, Fault.BAD_RESPONSE),
    ],
)
async def test_what_would_fail_again_is_not_tried_again(
    here: Stage, step: Step, status: JobStatus, code: str
) -> None:
    fake = FakeProvider(script=[step])
    await here.worker(fake)
    wanted = job()
    await here.request(wanted)
    end = await here.end(wanted)
    assert end.outcome.status is status
    assert end.outcome.error
    assert end.outcome.error.code == code
    assert len(fake.ledger) == 1


async def test_a_provider_that_breaks_its_promise_is_not_asked_again(here: Stage) -> None:
    class Broken(FakeProvider):
        async def generate(self, order: Any, caller: Any) -> Any:
            self.ledger.append(order)
            raise RuntimeError("a bug")

    fake = Broken()
    await here.worker(fake)
    wanted = job()
    await here.request(wanted)
    assert (await here.end(wanted)).outcome.status is JobStatus.FAILED
    assert len(fake.ledger) == 1


async def test_a_model_of_one_picture_is_called_for_each(here: Stage) -> None:
    fake = FakeProvider(
        script=[Step(), refused(Fault.MODERATED), refused(Fault.RATE_LIMITED), Step()]
    )
    await here.worker(fake, book=one_by_one())
    wanted = job(n=3)
    await here.request(wanted)
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.PARTIALLY_SUCCEEDED
    assert [image.index for image in end.outcome.images] == [0, 2]
    assert [order.indexes for order in fake.ledger] == [(0,), (1,), (2,), (2,)]
    assert end.outcome.error
    assert end.outcome.error.code == Fault.MODERATED


# Waiting and trying again.


async def test_refusals_for_lack_of_room_are_not_counted(here: Stage) -> None:
    fake = FakeProvider(script=[refused(Fault.RATE_LIMITED)] * 7 + [Step()])
    await here.worker(fake)
    wanted = job()
    await here.request(wanted)
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.SUCCEEDED
    assert len(end.calls) == 8
    assert [event.step for event in here.of(JobDeferred)] == sorted(
        {event.step for event in here.of(JobDeferred)}
    )
    assert all(e.reason == Fault.RATE_LIMITED for e in here.of(JobDeferred))


async def test_a_retry_after_is_kept_by_every_job(here: Stage) -> None:
    fake = FakeProvider(script=[refused(Fault.RATE_LIMITED, retry_after=0.5), Step()])
    await here.worker(fake)
    wanted = [job() for _ in range(4)]
    await here.request(wanted[0])
    await here.until(lambda told: any(isinstance(e, JobDeferred) for e in told))
    asked = asyncio.get_running_loop().time()
    for other in wanted[1:]:
        await here.request(other)
    await here.ends(*wanted)
    assert asyncio.get_running_loop().time() - asked > 0.4, "meanwhile nobody asks it"
    assert len(fake.ledger) == 5


@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.TRANSPORT])
async def test_an_unanswered_paid_call_is_repeated_once(here: Stage, fault: Fault) -> None:
    fake = FakeProvider(script=[refused(fault)])
    await here.worker(fake)
    wanted = job()
    await here.request(wanted)
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.FAILED
    assert end.outcome.error
    assert end.outcome.error.code == fault
    assert len(fake.ledger) == 2
    assert all(c.cost.status is CostStatus.UNKNOWN for c in end.calls)


async def test_an_unanswered_free_call_is_tried_five_times(here: Stage) -> None:
    fake = FakeProvider(script=[refused(Fault.TRANSPORT)])
    await here.worker(fake)
    wanted = job(model="fake/free")
    await here.request(wanted)
    end = await here.end(wanted)
    assert end.outcome.error
    assert end.outcome.error.code == "attempts_exhausted"
    assert len(fake.ledger) == 5


async def test_many_jobs_at_a_small_provider_burn_no_attempts(here: Stage) -> None:
    class Small(FakeProvider):
        open_now = 0
        most = 0

        async def generate(self, order: Any, caller: Any) -> Any:
            self.open_now += 1
            self.most = max(self.most, self.open_now)
            try:
                await asyncio.sleep(0)
                return await super().generate(order, caller)
            finally:
                self.open_now -= 1

    fake = Small(concurrency=5)
    await here.worker(fake, concurrency=50)
    wanted = [job() for _ in range(500)]
    for one in wanted:
        await here.request(one)
    ends = await here.ends(*wanted)
    assert {end.outcome.status for end in ends} == {JobStatus.SUCCEEDED}
    assert all(len(end.calls) == 1 for end in ends)
    assert fake.most <= 5
    assert len(fake.ledger) == 500


# Death.


@pytest.mark.parametrize(
    ("where", "calls", "unknown"),
    [
        ({"after": ("put", "/run")}, 1, True),  # created, not called
        ({"before": ("put", "/images/")}, 2, True),  # called, bytes gone
        ({"after": ("put", "/images/0-")}, 2, False),  # one of two pictures stored
        ({"after": ("put", "/images/1-")}, 1, False),  # all stored, no outcome
        ({"before": ("publish", "job.ended")}, 1, False),  # outcome written, not told
        ({"after": ("publish", "job.ended")}, 1, False),  # told, not acked
    ],
    ids=["created", "called", "stored-one", "stored-all", "ended", "announced"],
)
async def test_a_paid_job_survives_death_anywhere(
    here: Stage, where: dict[str, Any], calls: int, unknown: bool
) -> None:
    fake = FakeProvider()
    wanted = job(n=2)
    await killed_at(here, fake, wanted, **where)
    await here.worker(fake)
    end = (await here.ends(wanted, times=2 if where == {"after": ("publish", "job.ended")} else 1))[
        0
    ]
    assert end.outcome.status is JobStatus.SUCCEEDED
    assert [image.index for image in end.outcome.images] == [0, 1]
    assert len(fake.ledger) == calls
    assert len(await here.keys(f"jobs/{wanted.id}/images/")) == 2
    record = await here.record(wanted)
    assert record
    assert record.outcome == end.outcome
    assert any(c.cost.amount is None for c in record.calls) == unknown
    paid_for = sum(order.indexes.count(1) for order in fake.ledger)
    assert paid_for <= 2


async def test_a_free_job_survives_death_without_a_record(here: Stage) -> None:
    fake = FakeProvider()
    wanted = job(n=2, model="fake/free")
    await killed_at(here, fake, wanted, after=("put", "/images/0-"))
    assert await here.record(wanted) is None
    await here.worker(fake)
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.SUCCEEDED
    assert len(await here.keys(f"jobs/{wanted.id}/images/")) == 2
    assert end.calls[-1].cost == Money.exactly("0")


async def test_a_free_job_handed_out_twice_as_new_shows_its_call_once(here: Stage) -> None:
    """As when its batch was expanded twice."""
    fake = FakeProvider()
    await here.worker(fake)
    wanted = job(n=2, model="fake/free")
    shown = accept(wanted)
    for times in (1, 2):
        await here.request(wanted)
        told = await here.end(wanted, times=times)
        assert told.outcome.status is JobStatus.SUCCEEDED
        shown = ended(shown, told.outcome, calls=told.calls, at=now()) or shown
    assert [order.indexes for order in fake.ledger] == [(0, 1)] * 2, "it was drawn twice"
    assert (len(shown.images), len(shown.attempts)) == (2, 1)


async def test_a_paid_call_that_dies_twice_fails_as_worker_lost(here: Stage) -> None:
    fake = FakeProvider(script=[Step(until=asyncio.Event())])
    wanted = job()
    for _ in range(2):
        hand = await here.worker(fake)
        if not fake.ledger:
            await here.request(wanted)
        await fake.asked.wait()
        fake.asked.clear()
        await hand.kill()
    await here.worker(fake)
    end = await here.end(wanted)
    assert end.outcome.error
    assert end.outcome.error.code == "worker_lost"
    assert len(fake.ledger) == 2
    assert [c.outcome for c in end.calls] == [CallOutcome.LOST, CallOutcome.LOST]
    record = await here.record(wanted)
    assert record
    assert record.takeovers == 2


async def test_poison_ends_by_takeovers(here: Stage) -> None:
    wanted = job()
    await here.write(wanted, RunRecord(holder="somebody-dead", takeovers=MAX_TAKEOVERS))
    fake = FakeProvider()
    await here.worker(fake)
    await here.request(wanted)
    end = await here.end(wanted)
    assert end.outcome.error
    assert end.outcome.error.code == "worker_lost"
    assert not fake.ledger


async def killed_while_queued(here: Stage, wanted: AcceptedJob, go: asyncio.Event) -> FakeProvider:
    """A provider that has its call under the id q-1 until `go`; the worker that waited is dead."""
    fake = FakeProvider(script=[Step(queued="q-1", until=go)])
    hand = await here.worker(fake)
    await here.request(wanted)
    await fake.asked.wait()
    await hand.kill()
    return fake


async def test_a_queued_call_is_resumed_by_another_worker(here: Stage) -> None:
    go, wanted = asyncio.Event(), job()
    fake = await killed_while_queued(here, wanted, go)
    record = await here.record(wanted)
    assert record is not None
    assert record.calls[0].provider_job_id == "q-1", "written before waiting"
    go.set()
    await here.worker(fake)
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.SUCCEEDED
    assert (len(fake.ledger), fake.resumed) == (1, ["q-1"])
    assert end.calls[0].cost == Money.exactly("0.04")


async def test_a_record_of_a_later_release_is_carried_on(here: Stage) -> None:
    go, wanted = asyncio.Event(), job()
    fake = await killed_while_queued(here, wanted, go)
    key = run_key(wanted.id)
    newer = json.dumps(with_news(json.loads((await here.blobs.get(key)).data)))
    assert newer.count("x_news") > 2
    await here.blobs.put(key, newer.encode(), content_type="application/json")
    go.set()
    await here.worker(fake)
    assert (await here.end(wanted)).outcome.status is JobStatus.SUCCEEDED
    assert (len(fake.ledger), fake.resumed) == (1, ["q-1"])


async def test_a_living_holder_is_left_alone(here: Stage) -> None:
    go = asyncio.Event()
    fake = FakeProvider(script=[Step(until=go)])
    await here.worker(fake, concurrency=1)
    wanted = job()
    await here.request(wanted)
    await fake.asked.wait()
    looked = asyncio.Event()

    async def look(op: str, key: str) -> None:
        if op == "head" and key.startswith("workers/"):
            looked.set()

    await here.worker(fake, after=look)
    await here.request(wanted)
    await looked.wait()
    go.set()
    await here.ends(wanted, times=2)
    assert len(fake.ledger) == 1
    assert not here.of(JobDeferred), "nobody needs to know"


async def test_two_workers_racing_for_one_job_call_once(here: Stage) -> None:
    fake = FakeProvider()
    hands = [await here.worker(fake, concurrency=2, grace=10) for _ in range(3)]
    wanted = [job() for _ in range(10)]
    for one in wanted:
        for _ in range(3):
            await here.request(one)
    await here.ends(*wanted)
    for hand in hands:
        await hand.leave()
    assert sorted(order.job_id for order in fake.ledger) == sorted(one.id for one in wanted)


async def test_a_second_delivery_joins_the_run(here: Stage) -> None:
    go = asyncio.Event()
    fake = FakeProvider(script=[Step(until=go)])
    await here.worker(fake)
    wanted = job()
    await here.request(wanted)
    await fake.asked.wait()
    await here.request(wanted)
    go.set()
    await here.end(wanted)
    assert len(fake.ledger) == 1


async def test_a_worker_taken_for_dead_adds_what_it_bought(here: Stage) -> None:
    go = asyncio.Event()
    first, second = FakeProvider(script=[Step(until=go)]), FakeProvider(script=[Step(until=go)])
    slow = await here.worker(first, concurrency=1)
    wanted = job()
    await here.request(wanted)
    await first.asked.wait()
    here.graves.dead.add(slow.incarnation)
    await here.worker(second)
    await here.request(wanted)
    await second.asked.wait()
    go.set()
    await here.ends(wanted, times=2)
    record = await here.record(wanted)
    assert record
    assert record.outcome
    assert record.outcome.status is JobStatus.SUCCEEDED
    assert [c.outcome for c in record.calls] == [CallOutcome.SUCCEEDED, CallOutcome.SUCCEEDED]
    assert len(record.outcome.images) == 1


# Canceling, expiring, leaving.


async def cancel(here: Stage, wanted: AcceptedJob) -> Outcome:
    """What the gallery does."""
    outcome = Outcome(status=JobStatus.CANCELED, at=now())
    record = await here.record(wanted) or RunRecord(holder=None)
    await here.write(wanted, record.model_copy(update={"outcome": outcome}))
    return outcome


async def test_a_canceled_job_is_not_begun(here: Stage) -> None:
    wanted = job()
    outcome = await cancel(here, wanted)
    fake = FakeProvider()
    await here.worker(fake)
    await here.request(wanted)
    assert (await here.end(wanted)).outcome == outcome
    assert not fake.ledger


async def test_a_free_job_heard_to_be_canceled_is_not_drawn(here: Stage) -> None:
    wanted = job(model="fake/free")
    outcome = await cancel(here, wanted)
    fake = FakeProvider()
    await here.worker(fake)
    here.bus.announce(JobCancel(owner=wanted.owner, job_id=wanted.id))
    await here.request(wanted)
    end = await here.end(wanted)
    assert (end.outcome, end.calls) == (outcome, ())


async def test_a_free_job_that_fails_is_recorded(here: Stage) -> None:
    await here.worker(FakeProvider(script=[refused(Fault.MODERATED)]))
    wanted = job(model="fake/free")
    await here.request(wanted)
    end = await here.end(wanted)
    record = await here.record(wanted)
    assert record
    assert (record.outcome, record.calls) == (end.outcome, end.calls)


async def test_a_free_job_canceled_unheard_is_told_and_left_to_the_projection(here: Stage) -> None:
    wanted = job(model="fake/free")
    outcome = await cancel(here, wanted)
    await here.worker(FakeProvider())
    await here.request(wanted)
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.SUCCEEDED
    record = await here.record(wanted)
    assert record
    assert record.outcome == outcome, "nobody overwrites it"


async def test_a_cancel_too_late_takes_no_bytes_from_a_free_job_that_is_drawn_again(
    here: Stage,
) -> None:
    """The first end was told and its message came again; then the record is canceled in vain."""
    wanted, go = job(model="fake/free"), asyncio.Event()
    await killed_at(here, FakeProvider(), wanted, after=("publish", "job.ended"))
    told = await here.end(wanted)
    again = FakeProvider(script=[Step(until=go)])
    await here.worker(again)
    await again.asked.wait()
    await cancel(here, wanted)
    go.set()
    assert (await here.end(wanted, times=2)).outcome.status is JobStatus.CANCELED
    assert await here.keys(f"jobs/{wanted.id}/images/") == [image_key(told.outcome.images[0])]


async def test_a_queued_call_is_canceled_at_the_vendor_and_billed(here: Stage) -> None:
    fake = FakeProvider(script=[Step(queued="q-7", until=asyncio.Event())])
    await here.worker(fake)
    wanted = job()
    await here.request(wanted)
    await fake.asked.wait()
    outcome = await cancel(here, wanted)
    here.bus.announce(JobCancel(owner="local", job_id=wanted.id))
    end = await here.end(wanted)
    assert end.outcome == outcome
    assert fake.canceled == ["q-7"]
    assert [(c.outcome, c.cost.amount) for c in end.calls] == [(CallOutcome.CANCELED, "0.01")]


async def test_a_free_call_is_aborted_at_once(here: Stage) -> None:
    fake = FakeProvider(script=[Step(until=asyncio.Event())])
    await here.worker(fake)
    wanted = job(model="fake/free")
    await here.request(wanted)
    await here.until(lambda told: any(isinstance(e, JobStarted) for e in told))
    outcome = await cancel(here, wanted)
    here.bus.announce(JobCancel(owner="local", job_id=wanted.id))
    end = await here.end(wanted)
    assert end.outcome == outcome
    assert end.calls[0].cost == Money.exactly("0")


@pytest.mark.parametrize("told", [True, False])
async def test_a_result_after_a_cancel_stays_out_and_is_billed(here: Stage, told: bool) -> None:
    go = asyncio.Event()
    fake = FakeProvider(script=[Step(until=go)])
    heard = asyncio.Event()

    async def hear(op: str, key: str) -> None:
        if op == "get" and key.endswith("/run"):
            heard.set()

    await here.worker(fake, after=hear)
    wanted = job()
    await here.request(wanted)
    await fake.asked.wait()
    outcome = await cancel(here, wanted)
    heard.clear()
    if told:
        here.bus.announce(JobCancel(owner="local", job_id=wanted.id))
        await heard.wait()
    go.set()
    end = await here.end(wanted)
    assert end.outcome == outcome
    assert end.calls[0].cost == Money.exactly("0.04")
    assert end.calls[0].outcome is (CallOutcome.CANCELED if told else CallOutcome.SUCCEEDED)
    assert await here.keys(f"jobs/{wanted.id}/images/") == []


async def test_an_announcement_without_a_record_cancels_nothing(here: Stage) -> None:
    go = asyncio.Event()
    fake = FakeProvider(script=[Step(until=go)])
    heard = asyncio.Event()

    async def hear(op: str, key: str) -> None:
        if op == "get" and key.endswith("/run"):
            heard.set()

    await here.worker(fake, after=hear)
    wanted = job()
    await here.request(wanted)
    await fake.asked.wait()
    heard.clear()
    here.bus.announce(JobCancel(owner="local", job_id=wanted.id))
    await heard.wait()
    go.set()
    assert (await here.end(wanted)).outcome.status is JobStatus.SUCCEEDED


async def test_a_job_past_its_deadline_expires_unbegun(here: Stage) -> None:
    fake = FakeProvider()
    await here.worker(fake)
    wanted = job(deadline=5, created_at=now() - timedelta(seconds=6))
    await here.request(wanted)
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.EXPIRED
    assert end.outcome.error
    assert end.outcome.error.code == "deadline_passed"
    assert not fake.ledger


@pytest.mark.parametrize("queued", [None, "q-3"])
async def test_a_deadline_ends_a_running_call(here: Stage, queued: str | None) -> None:
    fake = FakeProvider(script=[Step(until=asyncio.Event(), queued=queued)])
    await here.worker(fake)
    wanted = job(deadline=1, created_at=now() - timedelta(seconds=0.2))
    await here.request(wanted)
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.EXPIRED
    assert end.calls[0].outcome is CallOutcome.CANCELED
    assert fake.canceled == ([queued] if queued else [])


async def test_leaving_finishes_what_can_be_finished(here: Stage) -> None:
    go = asyncio.Event()
    fake = FakeProvider(script=[Step(until=go)])
    hand = await here.worker(fake, grace=10)
    wanted = job()
    await here.request(wanted)
    await fake.asked.wait()
    async with asyncio.TaskGroup() as group:
        group.create_task(hand.leave())
        go.set()
    assert (await here.end(wanted)).outcome.status is JobStatus.SUCCEEDED
    assert await here.keys("workers/") == []


async def test_leaving_hands_back_what_cannot(here: Stage) -> None:
    go = asyncio.Event()
    fake = FakeProvider(script=[Step(until=go, queued="q-5")])
    hand = await here.worker(fake)
    wanted = job()
    await here.request(wanted)
    await fake.asked.wait()
    await hand.leave()
    record = await here.record(wanted)
    assert record
    assert record.holder is None
    assert record.calls[0].outcome is CallOutcome.OPEN
    assert [e.reason for e in here.of(JobDeferred)] == ["worker_leaving"]
    go.set()
    await here.worker(fake)
    assert (await here.end(wanted)).outcome.status is JobStatus.SUCCEEDED
    record = await here.record(wanted)
    assert record
    assert record.takeovers == 0
    assert (len(fake.ledger), fake.resumed) == (1, ["q-5"])


# The store and the broker fail.


def failing(op: str, part: str, times: int) -> Callable[[str, str], Any]:
    async def fail() -> None:
        raise TransientError("as the test says")

    return at(op, part, fail, times=times)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("part", ["/run", "/images/"])
async def test_failed_writes_are_repeated_and_paid_once(
    here: Stage, part: str, moment: str
) -> None:
    fake = FakeProvider()
    await here.worker(fake, **{moment: failing("put", part, 4)})
    wanted = job()
    await here.request(wanted)
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.SUCCEEDED
    assert len(fake.ledger) == 1


async def test_a_broker_that_does_not_take_the_end_gets_it_later(here: Stage) -> None:
    fake = FakeProvider()
    await here.worker(fake, before=failing("publish", "job.ended", 3))
    wanted = job()
    await here.request(wanted)
    assert (await here.end(wanted)).outcome.status is JobStatus.SUCCEEDED
    assert len(fake.ledger) == 1


async def test_nothing_begins_while_something_bought_cannot_be_stored(here: Stage) -> None:
    stuck, free = asyncio.Event(), asyncio.Event()

    async def fail(op: str, key: str) -> None:
        if op == "put" and "/images/" in key and not free.is_set():
            stuck.set()
            raise TransientError("no room")

    fake = FakeProvider()
    await here.worker(fake, before=fail)
    first, second = job(), job()
    await here.request(first)
    await stuck.wait()
    await here.request(second)
    await asyncio.sleep(0.1)  # that nothing happens cannot be awaited
    assert len(fake.ledger) == 1
    free.set()
    await here.ends(first, second)
    assert len(fake.ledger) == 2


async def test_a_worker_that_cannot_say_it_lives_starts_nothing(here: Stage) -> None:
    up = asyncio.Event()

    async def fail(op: str, key: str) -> None:
        if op == "put" and key.startswith("workers/") and not up.is_set():
            raise TransientError("away")

    fake = FakeProvider()
    await here.worker(fake, before=fail)
    wanted = job()
    await here.request(wanted)
    await asyncio.sleep(0.1)  # that nothing happens cannot be awaited
    assert not fake.ledger
    assert await here.record(wanted) is None
    up.set()
    await here.end(wanted)
