"""Vendors with queues under a real worker: a killed one's successor resumes, and nothing is paid
twice; a canceled job is canceled at the vendor.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

import vendors
from atelier_core.contracts.events import JobCancel
from atelier_core.domain.outcome import JobStatus, Outcome
from atelier_core.domain.run import CallOutcome
from atelier_core.domain.values import now
from atelier_worker.ports import ImageProvider
from fakes.comfyui import FakeComfyUI
from fakes.fal import FakeFal
from fakes.replicate import FakeReplicate
from worker_harness import Stage, in_memory, job

pytestmark = pytest.mark.anyio


@dataclass
class Case:
    """A vendor that works on what it was given until `go`."""

    provider: ImageProvider
    fake: FakeReplicate | FakeFal | FakeComfyUI
    model: str
    cost: str

    @property
    def busy(self) -> bool:
        match self.fake:
            case FakeReplicate():
                return bool(self.fake.predictions)
            case FakeFal():
                return bool(self.fake.calls)
            case FakeComfyUI():
                return bool(self.fake.running)

    def hold(self) -> None:
        if isinstance(self.fake, FakeComfyUI):
            self.fake.gate.clear()
        else:
            self.fake.holding = True

    def go(self) -> None:
        if isinstance(self.fake, FakeComfyUI):
            self.fake.gate.set()
        else:
            self.fake.holding = False


CASES = {
    "replicate": ("replicate/black-forest-labs/flux-schnell", "0.003"),
    "fal": ("fal/fal-ai/flux/dev", "0.025"),
    "comfyui": ("comfyui/default", "0"),
}


@pytest.fixture(params=list(CASES))
async def case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    opened: Any = getattr(vendors, request.param)
    async with opened() as (provider, fake):
        found = Case(provider, fake, *CASES[request.param])
        found.hold()
        yield found


@pytest.fixture
async def here() -> AsyncIterator[Stage]:
    async with in_memory() as it:
        yield it


async def until(here: Stage, wanted: Any, case: Case) -> str:
    """The vendor's id of the one call, once it is in the record and the vendor works."""
    while True:
        record = await here.record(wanted)
        if record and record.calls and record.calls[0].provider_job_id and case.busy:
            return record.calls[0].provider_job_id
        await asyncio.sleep(0.005)


async def test_a_killed_workers_successor_resumes_and_nothing_is_paid_twice(
    here: Stage, case: Case
) -> None:
    wanted = job(model=case.model, size="1024x1024")
    hand = await here.worker(case.provider)
    await here.request(wanted)
    vendors_id = await until(here, wanted, case)
    await hand.kill()
    case.go()
    await here.worker(case.provider)
    end = await here.end(wanted)
    assert end.outcome.status is JobStatus.SUCCEEDED
    assert [(c.provider_job_id, c.outcome) for c in end.calls] == [
        (vendors_id, CallOutcome.SUCCEEDED)
    ]
    assert end.calls[0].cost.amount == case.cost
    assert len(case.fake.paid) == 1


async def test_a_canceled_job_is_canceled_at_the_vendor(here: Stage, case: Case) -> None:
    wanted = job(model=case.model, size="1024x1024")
    await here.worker(case.provider)
    await here.request(wanted)
    await until(here, wanted, case)
    record = await here.record(wanted)
    assert record
    outcome = Outcome(status=JobStatus.CANCELED, at=now())
    await here.write(wanted, record.model_copy(update={"outcome": outcome}))
    here.bus.announce(JobCancel(owner="local", job_id=wanted.id))
    end = await here.end(wanted)
    assert end.outcome == outcome
    assert [c.outcome for c in end.calls] == [CallOutcome.CANCELED]
    assert "cancel" in case.fake.seen
