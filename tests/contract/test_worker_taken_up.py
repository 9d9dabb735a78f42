"""What comes while a worker takes up a call that the vendor has under an id."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from atelier_core.contracts.events import JobCancel, JobDeferred
from atelier_core.domain.outcome import JobStatus, Outcome
from atelier_core.domain.request import AcceptedJob
from atelier_core.domain.run import Call, CallOutcome, RunRecord, images_prefix, run_key
from atelier_core.domain.values import new_id, now
from atelier_worker.providers.fake import FakeProvider, Step
from atelier_worker.time_left import IN_HAND
from worker_harness import Stage, at, in_memory, job

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here() -> AsyncIterator[Stage]:
    async with in_memory() as it:
        yield it


async def left_behind(here: Stage, fox: AcceptedJob) -> None:
    """A record that was handed back with a call under the vendor's id v-1, and a picture of it that
    will have to be looked at.
    """
    call = Call(
        id=new_id(),
        provider="fake",
        model="fake/paid",
        indexes=(0,),
        prompt_as_sent="a red fox",
        sent_at=now(),
        provider_job_id="v-1",
    )
    await here.write(fox, RunRecord(holder=None, step=2, calls=(call,)))
    await here.blobs.put(f"{images_prefix(fox.id)}0-x", b"not whole", content_type="image/png")


@pytest.mark.parametrize(("op", "key"), [("put", "/run"), ("head", "/images/")])
async def test_a_cancel_reaches_the_vendor_whenever_it_comes(
    here: Stage, op: str, key: str
) -> None:
    heard, fox = asyncio.Event(), job()
    fake = FakeProvider(script=[Step(queued="v-1", until=asyncio.Event())])
    await left_behind(here, fox)

    async def cancel() -> None:
        record = await here.record(fox)
        assert record
        assert record.holder, "it was claimed before"
        outcome = Outcome(status=JobStatus.CANCELED, at=now())
        await here.write(fox, record.model_copy(update={"outcome": outcome}))
        heard.clear()
        here.bus.announce(JobCancel(owner=fox.owner, job_id=fox.id))
        await heard.wait()

    canceled = at(op, key, cancel)

    async def after(done: str, of: str) -> None:
        if (done, of) == ("get", run_key(fox.id)):
            heard.set()
        await canceled(done, of)

    await here.worker(fake, after=after)
    await here.request(fox)
    async with asyncio.timeout(5):
        end = await here.end(fox)
    assert end.outcome.status is JobStatus.CANCELED
    assert fake.canceled == ["v-1"]
    assert [(c.outcome, c.cost.amount) for c in end.calls] == [(CallOutcome.CANCELED, "0.01")]


async def test_it_is_waited_for_as_long_as_its_message_may_still_be_in_hand(here: Stage) -> None:
    """To look at the pictures took nearly all the time there was."""
    took, fox = timedelta(), job()
    fake = FakeProvider(script=[Step(queued="v-1", until=asyncio.Event())])
    await left_behind(here, fox)

    async def slowly() -> None:
        nonlocal took
        took = timedelta(seconds=IN_HAND - 0.1)

    await here.worker(fake, after=at("head", "/images/", slowly), clock=lambda: now() + took)
    await here.request(fox)
    async with asyncio.timeout(5):
        await here.until(lambda told: any(isinstance(e, JobDeferred) for e in told))
    assert fake.resumed[0] == "v-1"
    record = await here.record(fox)
    assert record
    assert record.calls[0].outcome is CallOutcome.OPEN
    assert not fake.canceled
