"""What a worker does when a provider fails: the next of the chain, or waiting, never a loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from atelier_core.contracts.catalogue import Catalogue, Rate, catalogue
from atelier_core.contracts.events import Event, Health, JobDeferred, JobEnded, WorkerStatus
from atelier_core.domain.outcome import JobStatus
from atelier_core.domain.request import AcceptedJob, Fallback, OnBlocked, ProviderChoice
from atelier_core.domain.run import CallOutcome
from atelier_core.domain.values import CostStatus, Money, now
from atelier_core.ports import Subscription
from atelier_worker.circuit import Breaker
from atelier_worker.ports import Answer, Caller, Fault, Order, ProviderError
from atelier_worker.providers.fake import FakeProvider, Step
from worker_harness import Death, Stage, at, in_memory, job

pytestmark = pytest.mark.anyio

PAID, FREE = (catalogue().find(name)[0] for name in ("fake/paid", "fake/free"))
BOOK = Catalogue(
    dated="2026-01-01",
    models=(
        PAID.model_copy(update={"aliases": ("fox",)}),
        FREE.model_copy(update={"aliases": ("free-fox",)}),
        *(
            PAID.model_copy(update={"id": f"{name}/{alias}", "provider": name, "aliases": (alias,)})
            for name, alias in (("second", "fox"), ("third", "fox"), ("second", "free-fox"))
        ),
    ),
    styles=(),
)
ONE_BY_ONE = BOOK.model_copy(
    update={
        "models": tuple(
            m.model_copy(update={"capabilities": m.capabilities.model_copy(update={"max_n": 1})})
            for m in BOOK.models
        )
    }
)
QUICK = Breaker(first=0.05, longest=0.1, first_refusal=0.2, longest_refusal=0.2)


@pytest.fixture
async def here() -> AsyncIterator[Stage]:
    async with in_memory() as it:
        yield it


def fails(fault: Fault, **more: Any) -> Step:
    return Step(error=ProviderError(fault, "as the script says", **more))


def second(*script: Step) -> FakeProvider:
    return FakeProvider(name="second", script=script)


def first(*script: Step) -> FakeProvider:
    return FakeProvider(script=script)


def wanted(
    n: int = 1, *, model: str = "fox", start_deadline: int | None = None, **choice: Any
) -> AcceptedJob:
    plain = job(n=n, model=model)
    providers = ProviderChoice(**choice) if choice else None
    changes = {"providers": providers, "start_deadline": start_deadline}
    return plain.model_copy(update={"request": plain.request.model_copy(update=changes)})


async def run(here: Stage, fox: AcceptedJob, *providers: FakeProvider, **options: Any) -> JobEnded:
    await here.worker(*providers, book=BOOK, breaker=QUICK, **options)
    await here.request(fox)
    return await here.end(fox)


def told(end: JobEnded) -> list[tuple[str, str]]:
    """Who was asked and what came of it."""
    return [(call.provider, call.error.code if call.error else call.outcome) for call in end.calls]


# Going along the chain.


@pytest.mark.parametrize(
    "fault", [f for f in Fault if f not in (Fault.MODERATED, Fault.TIMEOUT, Fault.TRANSPORT)]
)
async def test_what_one_provider_does_not_bring_the_next_one_does(
    here: Stage, fault: Fault
) -> None:
    one, other = first(fails(fault, http_status=418)), second()
    end = await run(here, wanted(), one, other)
    assert end.outcome.status is JobStatus.SUCCEEDED
    assert told(end) == [("fake", fault), ("second", "succeeded")]
    failed, good = end.calls
    assert failed.http_status == 418
    assert failed.answered_at
    assert failed.answered_at <= good.sent_at
    assert good.provider_request_id == f"fake-{good.id}"
    assert good.cost == Money.exactly("0.04")
    assert not here.of(JobDeferred), "nobody has to wait for that"


async def test_the_order_is_the_callers(here: Stage) -> None:
    one, other, third = first(), second(), FakeProvider(name="third", script=[fails(Fault.AUTH)])
    fox = wanted(order=("third", "second"), deny=("fake",))
    assert told(await run(here, fox, one, other, third)) == [
        ("third", Fault.AUTH),
        ("second", "succeeded"),
    ]
    assert not one.ledger


async def test_a_caller_may_want_nobody_else(here: Stage) -> None:
    one, other = first(fails(Fault.AUTH)), second()
    end = await run(here, wanted(fallback=Fallback.NONE), one, other)
    assert end.outcome.status is JobStatus.FAILED
    assert told(end) == [("fake", Fault.AUTH)]


@pytest.mark.parametrize(("seconds", "at_once"), [(140, True), (200, False)])
async def test_after_slow_failures_the_next_is_asked_in_another_run(
    here: Stage, seconds: int, at_once: bool
) -> None:
    """The broker must not find a message too long in one hand."""
    took = timedelta()

    class Slow(FakeProvider):
        async def generate(self, order: Order, caller: Caller) -> Answer:
            nonlocal took
            took += timedelta(seconds=seconds)
            raise ProviderError(Fault.TIMEOUT, "slow")

    end = await run(here, wanted(), Slow(), second(), clock=lambda: now() + took)
    assert told(end) == [("fake", Fault.TIMEOUT), ("second", "succeeded")]
    assert not here.of(JobDeferred) if at_once else len(here.of(JobDeferred)) == 1


async def test_a_blocked_prompt_is_shown_to_nobody_else(here: Stage) -> None:
    one, other = first(fails(Fault.MODERATED)), second()
    end = await run(here, wanted(), one, other)
    assert end.outcome.status is JobStatus.BLOCKED
    assert not other.ledger


async def test_unless_that_was_asked_for(here: Stage) -> None:
    one, other = first(Step(blocked=frozenset({0, 2}))), second()
    end = await run(here, wanted(3, on_blocked=OnBlocked.TRY_NEXT), one, other)
    assert end.outcome.status is JobStatus.SUCCEEDED
    assert [order.indexes for order in other.ledger] == [(0, 2)]


@pytest.mark.parametrize(("blocked", "dropped"), [(0, 1), (1, 0)])
async def test_what_is_missing_beside_a_blocked_picture_is_asked_of_nobody_new(
    here: Stage, blocked: int, dropped: int
) -> None:
    one, other = first(Step(blocked=frozenset({blocked}), drop=frozenset({dropped}))), second()
    end = await run(here, wanted(2), one, other)
    assert other.ledger == [], "the prompt is the same"
    (call,) = end.calls
    assert {gap.index: gap.error.code for gap in call.gaps} == {
        blocked: Fault.MODERATED,
        dropped: Fault.BAD_RESPONSE,
    }
    assert end.outcome.status is JobStatus.FAILED
    assert end.outcome.error == min(call.gaps, key=lambda gap: gap.index).error


async def test_beside_a_blocked_picture_the_rest_waits_for_a_worker_that_may_ask(
    here: Stage,
) -> None:
    """Another worker, with another provider, has the job in between."""
    fox, other = wanted(2), second()
    hand = await here.worker(
        first(fails(Fault.MODERATED), fails(Fault.RATE_LIMITED)), book=ONE_BY_ONE
    )
    await here.request(fox)
    await here.until(lambda told: any(isinstance(e, JobDeferred) for e in told))
    await hand.leave()
    hand = await here.worker(other, book=ONE_BY_ONE)
    await here.until(
        lambda told: any(
            isinstance(e, JobEnded)
            or (isinstance(e, JobDeferred) and e.reason == Fault.MODEL_UNAVAILABLE)
            for e in told
        )
    )
    wait = here.of(JobDeferred)[-1]
    assert wait.until - wait.time > timedelta(seconds=25), "nobody is asked in a loop"
    await hand.leave()
    await here.worker(first(), book=ONE_BY_ONE)
    end = await here.end(fox)
    assert end.outcome.status is JobStatus.PARTIALLY_SUCCEEDED
    assert [image.index for image in end.outcome.images] == [1]
    assert not other.ledger, "it has not seen the prompt"


async def test_only_what_is_missing_is_asked_of_the_next(here: Stage) -> None:
    one, other = first(Step(drop=frozenset({1}))), second()
    end = await run(here, wanted(3), one, other)
    assert end.outcome.status is JobStatus.SUCCEEDED
    assert [order.indexes for order in (*one.ledger, *other.ledger)] == [(0, 1, 2), (1,)]
    assert len(await here.keys(f"jobs/{end.job_id}/images/")) == 3


@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.TRANSPORT])
async def test_what_may_have_been_paid_for_is_paid_for_once_more_and_elsewhere(
    here: Stage, fault: Fault
) -> None:
    one, other, third = first(fails(fault)), second(fails(fault)), FakeProvider(name="third")
    end = await run(here, wanted(), one, other, third)
    assert end.outcome.status is JobStatus.FAILED
    assert end.outcome.error
    assert end.outcome.error.code == fault
    assert told(end) == [("fake", fault), ("second", fault)]
    assert all(call.cost.status is CostStatus.UNKNOWN for call in end.calls)


async def test_a_successor_goes_on_where_the_dead_worker_was(here: Stage) -> None:
    one, other = first(fails(Fault.AUTH)), second(Step(until=asyncio.Event()), Step())
    fox = wanted()
    hand = await here.worker(one, other, book=BOOK)
    await here.request(fox)
    await other.asked.wait()
    await hand.kill()
    await here.worker(one, other, book=BOOK)
    end = await here.end(fox)
    assert end.outcome.status is JobStatus.SUCCEEDED
    assert told(end) == [("fake", Fault.AUTH), ("second", "lost"), ("second", "succeeded")]
    assert (len(one.ledger), len(other.ledger)) == (1, 2)


async def test_after_a_free_one_nobody_is_paid_without_a_record(here: Stage) -> None:
    recorded: list[list[str]] = []

    class Paid(FakeProvider):
        async def generate(self, order: Order, caller: Caller) -> Answer:
            record = await here.record(fox)
            recorded.append([call.provider for call in record.calls] if record else [])
            return await super().generate(order, caller)

    fox = wanted(model="free-fox")
    end = await run(here, fox, first(fails(Fault.OVERLOADED)), Paid(name="second"))
    assert end.outcome.status is JobStatus.SUCCEEDED
    assert recorded == [["fake", "second"]]


async def test_nobody_is_paid_for_a_free_picture_whose_end_was_told(here: Stage) -> None:
    fox, death = wanted(model="free-fox"), Death()
    hand = await here.worker(first(), second(), book=BOOK, after=at("publish", "job.ended", death))
    await here.request(fox)
    await death.came.wait()
    await hand.kill()
    other = second()
    await here.worker(first(fails(Fault.OVERLOADED)), other, book=BOOK)
    again = await here.end(fox, times=2)
    assert again.outcome == (await here.end(fox)).outcome
    assert not other.ledger


async def test_a_picture_drawn_for_nothing_is_not_paid_for_by_a_worker_with_keys(
    here: Stage,
) -> None:
    """The first has no paid model, so it wrote no record; its message comes again elsewhere."""
    fox, other, death = wanted(model="free-fox"), second(), Death()
    hand = await here.worker(first(), book=BOOK, after=at("publish", "job.ended", death))
    await here.request(fox)
    await death.came.wait()
    assert await here.record(fox) is None
    await hand.kill()
    await here.worker(other, book=BOOK)
    again = await here.end(fox, times=2)
    assert again.outcome.images == (await here.end(fox)).outcome.images
    assert again.outcome.status is JobStatus.SUCCEEDED
    assert not other.ledger


async def test_of_a_job_drawn_for_nothing_in_part_only_the_rest_is_paid_for(here: Stage) -> None:
    fox, other, death = wanted(2, model="free-fox"), second(), Death()
    hand = await here.worker(first(), book=BOOK, after=at("put", "/images/0-", death))
    await here.request(fox)
    await death.came.wait()
    await hand.kill()
    await here.worker(other, book=BOOK)
    end = await here.end(fox)
    assert end.outcome.status is JobStatus.SUCCEEDED
    assert [order.indexes for order in other.ledger] == [(1,)]


async def test_a_second_copy_of_a_request_is_not_drawn_beside_a_paid_call(here: Stage) -> None:
    """The first copy found the free model away; the second, at another worker, does not."""
    fox, go = wanted(model="free-fox"), asyncio.Event()
    dear = second(Step(until=go))
    away = first(fails(Fault.OVERLOADED))
    await here.worker(away, dear, book=BOOK, breaker=QUICK, concurrency=1)
    await here.request(fox)
    await dear.asked.wait()
    looked = asyncio.Event()

    async def look(op: str, key: str) -> None:
        if op == "head" and key.startswith("workers/"):
            looked.set()

    back = first()
    await here.worker(back, second(), book=BOOK, after=look)
    await here.request(fox)
    await looked.wait()
    go.set()
    ends = [await here.end(fox), await here.end(fox, times=2)]
    assert [told(end) for end in ends] == [
        [("fake", Fault.OVERLOADED), ("second", "succeeded")]
    ] * 2
    assert not back.ledger


async def test_a_busy_provider_is_waited_for_while_it_is_well(here: Stage) -> None:
    go = asyncio.Event()
    one, other = first(Step(until=go)), second()
    one.concurrency = 1
    jobs = [wanted() for _ in range(3)]
    await here.worker(one, other, book=BOOK)
    for fox in jobs:
        await here.request(fox)
    await one.asked.wait()
    await asyncio.sleep(0.1)  # that nothing happens cannot be awaited
    go.set()
    await here.ends(*jobs)
    assert (len(one.ledger), len(other.ledger)) == (3, 0)


async def test_pictures_that_have_their_turn_are_drawn_though_another_waited_in_vain(
    here: Stage,
) -> None:
    one, other = first(), second()
    rates = {"fake": Rate(calls=1, seconds=2.6)}  # the third would wait for longer than a run does
    book = ONE_BY_ONE.model_copy(update={"rates": rates})
    await here.worker(one, other, book=book)
    await here.request(wanted(3))
    await here.until(lambda told: any(isinstance(e, JobDeferred) for e in told))
    assert [order.indexes for order in one.ledger] == [(0,), (1,)]
    assert not other.ledger, "nobody else is paid because the first is busy"


# Circuits.


@dataclass
class Moody(FakeProvider):
    """Answers with `fault` unless it is well."""

    fault: Fault | None = Fault.OVERLOADED
    asked_while_ill: int = 0

    async def generate(self, order: Order, caller: Caller) -> Answer:
        if self.fault:
            self.asked_while_ill += 1
            raise ProviderError(self.fault, "ill")
        return await super().generate(order, caller)


async def test_a_provider_that_is_away_is_not_asked_and_found_again(here: Stage) -> None:
    one, other = Moody(), second()
    await here.worker(one, other, book=BOOK, breaker=Breaker(failures=3, first=0.2))
    for _ in range(8):
        fox = wanted()
        await here.request(fox)
        assert told(await here.end(fox))[-1] == ("second", "succeeded")
    assert one.asked_while_ill == 3
    one.fault = None
    await asyncio.sleep(0.25)
    fox = wanted()
    await here.request(fox)
    assert told(await here.end(fox)) == [("fake", "succeeded")]


@pytest.mark.parametrize("fault", [Fault.AUTH, Fault.BILLING])
async def test_an_open_circuit_burns_no_attempts(here: Stage, fault: Fault) -> None:
    one = Moody(fault=fault)
    end = await run(here, wanted(), one)
    assert end.outcome.error
    assert end.outcome.error.code == fault
    fox = wanted()
    await here.request(fox)
    await here.until(lambda told: any(isinstance(e, JobDeferred) for e in told))
    one.fault = None
    end = await here.end(fox)
    assert told(end) == [("fake", "succeeded")]
    assert {event.reason for event in here.of(JobDeferred)} == {fault}
    assert one.asked_while_ill == 1


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.long)])
async def test_jobs_that_fail_at_once_are_no_storm_and_all_end(here: Stage, count: int) -> None:
    one = Moody(concurrency=20)
    jobs = [wanted(model="fake/paid") for _ in range(count)]
    await here.worker(one, book=BOOK, breaker=Breaker(first=0.3, longest=0.3), concurrency=50)
    for fox in jobs:
        await here.request(fox)
    await here.until(lambda told: sum(isinstance(e, JobDeferred) for e in told) > count)
    ill = one.asked_while_ill
    assert ill < 60, "twenty open calls, and then one at a time"
    one.fault = None
    ends = await here.ends(*jobs)
    assert {end.outcome.status for end in ends} == {JobStatus.SUCCEEDED}
    assert len(one.ledger) == count
    assert max(len(end.calls) for end in ends) < 10


async def test_what_a_resumed_call_hears_counts(here: Stage) -> None:
    one = first(Step(queued="q-1", until=asyncio.Event()))
    fox, other = wanted(), wanted()
    hand = await here.worker(one, second(), book=BOOK)
    await here.request(fox)
    await one.asked.wait()
    await hand.kill()
    one = first(replace(fails(Fault.BILLING), queued="q-1"))
    await here.worker(one, second(), book=BOOK)
    assert told(await here.end(fox)) == [("fake", Fault.BILLING), ("second", "succeeded")]
    await here.request(other)
    assert told(await here.end(other)) == [("second", "succeeded")], "nobody pays the first"
    assert (one.resumed, one.ledger) == (["q-1"], [])


@asynccontextmanager
async def statuses(here: Stage) -> AsyncIterator[asyncio.Queue[WorkerStatus]]:
    """What workers announce meanwhile."""
    heard: asyncio.Queue[WorkerStatus] = asyncio.Queue()

    async def hear(event: Event) -> None:
        if isinstance(event, WorkerStatus):
            heard.put_nowait(event)

    everything = Subscription(
        queue="test", topics=frozenset({"worker.status"}), prefetch=9, durable=False
    )
    async with here.bus.consume(everything, hear, grace=1):
        yield heard


async def test_what_a_worker_finds_of_its_providers_is_announced(here: Stage) -> None:
    async with statuses(here) as heard:
        await here.worker(FakeProvider(concurrency=7), second(), book=BOOK)
        health = (await heard.get()).health
    assert set(health) == {"fake", "second"}
    assert (health["fake"].state, health["fake"].limit) == (Health.HEALTHY, 7)
    assert (health["fake"].until, health["fake"].error) == (None, None)


async def test_what_changes_about_them_is_announced_at_once(here: Stage) -> None:
    forbidden = fails(Fault.AUTH, http_status=403)
    one, other = first(forbidden), second(forbidden, fails(Fault.BILLING))
    async with asyncio.timeout(8), statuses(here) as heard:  # every ten seconds would be too late
        await here.worker(one, other, book=BOOK)
        assert not any(health.models for health in (await heard.get()).health.values())
        for fox in (wanted(), wanted(model="second/free-fox")):
            await here.request(fox)
            await here.end(fox)
        while (health := (await heard.get()).health)["second"].state is Health.HEALTHY:
            pass
    assert health["second"].error == Fault.BILLING
    assert health["second"].until
    assert health["fake"].state is Health.HEALTHY, "but for a model of it"
    assert health["fake"].models["fake/paid"].error == Fault.AUTH
    assert list(health["second"].models) == ["second/fox"]


# Start deadlines.


async def test_what_was_not_begun_in_time_expires_on_delivery(here: Stage) -> None:
    one = first()
    fox = wanted(start_deadline=5).model_copy(update={"created_at": now() - timedelta(seconds=6)})
    end = await run(here, fox, one)
    assert end.outcome.status is JobStatus.EXPIRED
    assert end.outcome.error
    assert end.outcome.error.code == "deadline_passed"
    assert not one.ledger


async def test_what_waits_for_a_provider_expires_when_it_may_not_start_any_more(
    here: Stage,
) -> None:
    one = first(fails(Fault.BILLING))
    breaker = Breaker(first_refusal=60)
    await here.worker(one, book=BOOK, breaker=breaker)
    before = wanted()
    await here.request(before)
    await here.end(before)
    fox = wanted(start_deadline=1)
    await here.request(fox)
    end = await here.end(fox)
    assert end.outcome.status is JobStatus.EXPIRED
    assert (end.calls, len(one.ledger)) == ((), 1)
    assert all(
        event.until <= fox.created_at + timedelta(seconds=1.5) for event in here.of(JobDeferred)
    )


async def test_what_was_begun_in_time_may_take_longer(here: Stage) -> None:
    one = first(*[fails(Fault.RATE_LIMITED)] * 90, Step())
    fox = wanted(start_deadline=1)
    end = await run(here, fox, one)
    assert end.outcome.status is JobStatus.SUCCEEDED
    assert end.calls[-1].sent_at > fox.created_at + timedelta(seconds=1)
    assert end.calls[-1].outcome is CallOutcome.SUCCEEDED


async def test_a_death_before_the_first_call_leaves_it_to_the_successor(here: Stage) -> None:
    """The record stands, with a call in it: it counts as begun, for it may be paid."""
    fox, death = wanted(start_deadline=1), Death()
    hand = await here.worker(first(), book=BOOK, after=at("put", "/run", death))
    await here.request(fox)
    await death.came.wait()
    await hand.kill()
    await here.worker(first(), book=BOOK)
    assert (await here.end(fox)).outcome.status is JobStatus.SUCCEEDED
