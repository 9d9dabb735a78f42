"""How a worker closes a job that ends early: what was bought is kept, what is open is settled."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from atelier_core.contracts import topology
from atelier_core.contracts.catalogue import Catalogue, catalogue
from atelier_core.contracts.events import JobDeferred, JobEnded
from atelier_core.domain.outcome import JobStatus, Outcome, image_key
from atelier_core.domain.request import AcceptedJob
from atelier_core.domain.run import MAX_TAKEOVERS, Call, CallOutcome, RunRecord
from atelier_core.domain.values import Money, child_id, new_id, now
from atelier_core.stored import Bill, particulars
from atelier_worker.ports import Fault, ProviderError
from atelier_worker.providers.fake import FakeProvider, Step
from gallery_stories import call, picture
from worker_harness import Stage, at, in_memory, job

pytestmark = pytest.mark.anyio

PAID = catalogue().find("fake/paid")[0]
SINGLE = PAID.model_copy(update={"capabilities": PAID.capabilities.model_copy(update={"max_n": 1})})
ONE_BY_ONE = Catalogue(dated="2026-01-01", models=(SINGLE,), styles=())


@pytest.fixture
async def here() -> AsyncIterator[Stage]:
    async with in_memory() as it:
        yield it


async def cancel(here: Stage, wanted: AcceptedJob) -> None:
    """What the gallery does, unheard."""
    record = await here.record(wanted)
    assert record
    canceled = Outcome(status=JobStatus.CANCELED, at=now())
    await here.write(wanted, record.model_copy(update={"outcome": canceled}))


async def two_bought(here: Stage, **options: Any) -> AcceptedJob:
    """A job of three pictures: two were bought, and the third waits for a provider."""
    steps = Step(), Step(), Step(error=ProviderError(Fault.OVERLOADED, "busy"))
    wanted = job(n=3, **options)
    hand = await here.worker(FakeProvider(script=steps), book=ONE_BY_ONE)
    await here.request(wanted)
    await here.until(lambda told: any(isinstance(e, JobDeferred) for e in told))
    await hand.leave()
    assert len(await here.keys(f"jobs/{wanted.id}/images/")) == 2
    return wanted


async def test_a_deadline_keeps_the_pictures_that_were_bought(here: Stage) -> None:
    born = now()
    wanted = await two_bought(here, created_at=born, deadline=60)
    fake = FakeProvider()
    await here.worker(fake, book=ONE_BY_ONE, clock=lambda: born + timedelta(seconds=61))
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.EXPIRED
    assert not fake.ledger
    images = end.outcome.images
    assert sorted(map(image_key, images)) == await here.keys(f"jobs/{wanted.id}/images/")
    assert [image.index for image in images] == sorted(image.index for image in images)


async def test_so_does_the_death_of_too_many_workers(here: Stage) -> None:
    wanted = await two_bought(here)
    record = await here.record(wanted)
    assert record
    poison = {"holder": "somebody-dead", "takeovers": MAX_TAKEOVERS}
    await here.write(wanted, record.model_copy(update=poison))
    await here.worker(FakeProvider(), book=ONE_BY_ONE)
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.PARTIALLY_SUCCEEDED
    assert end.outcome.error
    assert end.outcome.error.code == "worker_lost"
    assert len(end.outcome.images) == 2


async def bug() -> None:
    raise ValueError("nobody expected this")


def bought(calls: tuple[Call, ...]) -> list[str | None]:
    return [call.cost.amount for call in calls if call.outcome is CallOutcome.SUCCEEDED]


async def one_left(here: Stage, **more: Any) -> AcceptedJob:
    """A job whose worker died between its only picture and the outcome."""
    wanted, holder = job(), "somebody-dead"
    meta = particulars(picture(wanted), Bill("a", Money.exactly("0.04"), None, 200))
    key = image_key(picture(wanted))
    await here.blobs.put(key, b"picture...", content_type="image/png", meta=meta)
    asked = (call("a", CallOutcome.OPEN),)
    await here.write(wanted, RunRecord(holder=holder, step=1, calls=asked, **more))
    return wanted


@pytest.mark.parametrize("why", ["deadline", "poison", "bug"])
async def test_a_job_whose_pictures_are_all_there_has_succeeded(here: Stage, why: str) -> None:
    """Else whoever asked for it would pay for them again."""
    wanted = await one_left(here, takeovers=MAX_TAKEOVERS if why == "poison" else 0)
    fake, late = FakeProvider(), timedelta(days=2 if why == "deadline" else 0)
    broken = at("put", "/run", bug, times=3 if why == "bug" else 0)
    await here.worker(fake, clock=lambda: now() + late, before=broken)
    await here.request(wanted)
    end = await here.end(wanted)
    assert (end.outcome.status, end.outcome.error) == (JobStatus.SUCCEEDED, None)
    assert end.outcome.images == (picture(wanted),)
    assert bought(end.calls) == ["0.04"]
    assert not fake.ledger


async def test_whether_they_are_all_is_not_known_of_a_message_that_cannot_be_read(
    here: Stage,
) -> None:
    wanted = await one_left(here)
    await here.worker(FakeProvider())
    ids = {"job_id": wanted.id, "owner": wanted.owner}
    here.bus.inject(topology.INTERACTIVE, b'{"type": "job.requested.v9"}', ids)
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.PARTIALLY_SUCCEEDED
    assert end.outcome.error
    assert len(end.outcome.images) == 1


async def open_call(here: Stage, wanted: AcceptedJob, **more: Any) -> Call:
    """A call that the vendor has under an id, of a job that nobody holds."""
    call = Call(
        id=child_id(wanted.id, 1),
        provider="fake",
        model=more.pop("model", "fake/paid"),
        indexes=(0,),
        prompt_as_sent="a red fox",
        sent_at=now(),
        provider_job_id="q-5",
    )
    await here.write(wanted, RunRecord(holder=None, step=2, calls=(call,), **more))
    return call


def settled(end: JobEnded) -> bool:
    return [(c.outcome, c.cost.amount) for c in end.calls] == [(CallOutcome.CANCELED, "0.01")]


async def test_a_cancel_found_when_letting_go_reaches_the_vendor(here: Stage) -> None:
    """Its announcement was lost; the call is of a model that this release does not know."""
    wanted = job()
    await open_call(here, wanted, model="fake/gone")

    async def unheard() -> None:
        await cancel(here, wanted)

    fake = FakeProvider()
    await here.worker(fake, after=at("put", "/run", unheard))  # after the claim
    await here.request(wanted)
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.CANCELED
    assert settled(end)
    assert fake.canceled == ["q-5"]


async def test_a_job_that_is_given_up_is_settled_and_keeps_its_pictures(here: Stage) -> None:
    wanted = await two_bought(here)
    record = await here.record(wanted)
    assert record
    asked = record.calls[-1].model_copy(
        update={"id": new_id(), "outcome": CallOutcome.OPEN, "provider_job_id": "q-6"}
    )
    await here.write(wanted, record.merged([asked]))

    fake = FakeProvider()
    await here.worker(fake, book=ONE_BY_ONE, before=at("put", "/run", bug, times=3))
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.PARTIALLY_SUCCEEDED
    assert end.outcome.error
    assert end.outcome.error.code == "internal_error"
    assert len(end.outcome.images) == 2
    assert fake.canceled == ["q-6"]
    assert end.calls[-1].outcome is CallOutcome.CANCELED


async def test_who_lacks_the_key_tells_the_end_and_leaves_the_vendor_to_who_has_it(
    here: Stage,
) -> None:
    wanted = job()
    asked = await open_call(here, wanted, outcome=Outcome(status=JobStatus.CANCELED, at=now()))
    lacks = await here.worker(FakeProvider(name="second"))
    await here.request(wanted)
    assert (await here.end(wanted)).calls == (asked,)
    await lacks.leave()
    fake = FakeProvider()
    await here.worker(fake)
    await here.until(lambda told: any(isinstance(e, JobEnded) and settled(e) for e in told))
    assert fake.canceled == ["q-5"]


async def test_a_call_whose_key_nobody_has_is_lost_after_an_hour(here: Stage) -> None:
    wanted, hour = job(), timedelta(hours=1)
    outcome = Outcome(status=JobStatus.CANCELED, at=now() - hour)
    await open_call(here, wanted, outcome=outcome)
    await here.worker(FakeProvider(name="second"))
    await here.request(wanted)
    (call,) = (await here.end(wanted)).calls
    assert (call.outcome, call.cost) == (CallOutcome.LOST, Money.unknown())


async def forget(here: Stage, wanted: AcceptedJob, outcome: CallOutcome) -> None:
    """What became of the calls that brought pictures is not in the record any more."""
    record = await here.record(wanted)
    assert record
    nothing = {"outcome": outcome, "cost": Money.unknown(), "answered_at": None}
    forgot = tuple(
        call.model_copy(update=nothing) if call.outcome is CallOutcome.SUCCEEDED else call
        for call in record.calls
    )
    await here.write(wanted, record.model_copy(update={"calls": forgot}))


@pytest.mark.parametrize("outcome", [CallOutcome.OPEN, CallOutcome.LOST])
async def test_a_call_that_left_a_picture_is_billed_by_it(
    here: Stage, outcome: CallOutcome
) -> None:
    wanted = await two_bought(here)
    await forget(here, wanted, outcome)
    await cancel(here, wanted)
    await here.worker(FakeProvider())
    assert bought((await here.end(wanted)).calls) == ["0.04", "0.04"]


@pytest.mark.parametrize("outcome", [CallOutcome.OPEN, CallOutcome.LOST])
async def test_an_early_end_is_written_with_the_bills_of_its_pictures(
    here: Stage, outcome: CallOutcome
) -> None:
    """Whoever reads it shows these pictures, with the model and the price of their calls."""
    born = now()
    wanted = await two_bought(here, created_at=born, deadline=60)
    await forget(here, wanted, outcome)
    written: list[RunRecord | None] = []

    async def look() -> None:
        written.append(await here.record(wanted))

    await here.worker(
        FakeProvider(), clock=lambda: born + timedelta(seconds=61), after=at("put", "/run", look)
    )
    await here.end(wanted)
    (record,) = written
    assert record
    assert record.outcome
    assert len(record.outcome.images) == 2
    assert bought(record.calls) == ["0.04", "0.04"]


async def test_a_wait_that_is_rounded_up_is_over_before_the_deadline(here: Stage) -> None:
    """Or nobody would ask again, though there is time."""
    busy = ProviderError(Fault.RATE_LIMITED, "busy", retry_after=40)
    await here.worker(FakeProvider(script=[Step(error=busy)]))
    born = now()
    await here.request(job(created_at=born, deadline=60))
    await here.until(lambda told: any(isinstance(e, JobDeferred) for e in told))
    first = here.of(JobDeferred)[0]
    assert timedelta(seconds=25) < first.until - born < timedelta(seconds=35)
