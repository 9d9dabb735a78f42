"""How long a call is waited for, and what becomes of it."""

import asyncio
from typing import Any

import pytest

from atelier_core.domain.run import Call, CallOutcome
from atelier_core.domain.values import CostStatus, Money, now
from atelier_worker import calling
from atelier_worker.calling import OpenCall, StillRunning, Stopped
from atelier_worker.lanes import Room
from atelier_worker.ports import Fault, ProviderError
from atelier_worker.providers.fake import FakeProvider

pytestmark = pytest.mark.anyio

AT = now()


def call(**changes: Any) -> Call:
    plain = {"provider": "fake", "model": "fake/paid", "indexes": (0,), "prompt_as_sent": "fox"}
    return Call(**({"id": "c", "sent_at": AT} | plain | changes))


def opened(fake: FakeProvider, *, free: bool = False, **changes: Any) -> OpenCall:
    async def save(_: Call) -> None:
        """As if it were written."""

    return OpenCall(
        call=call(**changes),
        provider=fake,
        free=free,
        room=Room(),
        tell=lambda _index, _fraction: None,
        save=save,
        in_hand=0.05,
    )


async def never() -> Any:
    await asyncio.Event().wait()


async def unnoticed() -> None:
    """Nobody is told."""


async def test_a_queued_call_that_takes_long_is_left_with_the_vendor() -> None:
    fake = FakeProvider()
    mine = opened(fake, provider_job_id="v-1")
    assert await mine.reply(never, seconds=60, noticed=unnoticed) == StillRunning()
    assert fake.canceled == []


async def test_another_call_that_takes_long_was_not_answered() -> None:
    reply = await opened(FakeProvider()).reply(never, seconds=60, noticed=unnoticed)
    assert isinstance(reply, ProviderError)
    assert reply.fault is Fault.TIMEOUT


async def test_at_the_deadline_the_vendor_is_asked_to_stop() -> None:
    fake = FakeProvider()
    mine = opened(fake, provider_job_id="v-1")
    assert await mine.reply(never, seconds=0.01, noticed=unnoticed) == Stopped(
        Money.exactly("0.01")
    )
    assert fake.canceled == ["v-1"]


async def test_a_paid_answer_is_waited_for_after_a_stop_and_a_free_one_is_not() -> None:
    async def soon() -> Any:
        await asyncio.sleep(0.01)
        raise ProviderError(Fault.MODERATED, "no")

    paid, free = opened(FakeProvider()), opened(FakeProvider(), free=True)
    for mine in (paid, free):
        mine.stop()
    assert isinstance(await paid.reply(soon, seconds=60, noticed=unnoticed), ProviderError)
    assert isinstance(await free.reply(never, seconds=60, noticed=unnoticed), Stopped)


async def test_a_call_stopped_before_its_vendors_id_is_known_is_canceled_once_it_is() -> None:
    fake = FakeProvider()
    mine = opened(fake)
    mine.in_hand = 60

    async def queued() -> Any:
        mine.stop()  # the vendor has taken it, and its answer is on the way
        await mine.submitted("v-1")
        await never()

    async with asyncio.timeout(5):
        stopped = await mine.reply(queued, seconds=60, noticed=unnoticed)
    assert stopped == Stopped(Money.exactly("0.01"))
    assert fake.canceled == ["v-1"]


async def test_only_a_slow_call_is_noticed() -> None:
    heard: list[str] = []

    async def noticed() -> None:
        heard.append("it runs")

    async def quick() -> Any:
        raise ProviderError(Fault.AUTH, "no")

    async def slow() -> Any:
        await asyncio.sleep(calling.NOTICED + 0.1)
        raise ProviderError(Fault.AUTH, "no")

    mine = opened(FakeProvider())
    mine.in_hand = 60
    await mine.reply(quick, seconds=60, noticed=noticed)
    assert heard == []
    await mine.reply(slow, seconds=60, noticed=noticed)
    assert heard == ["it runs"]


@pytest.mark.parametrize(
    ("fault", "free", "cost"),
    [
        (Fault.RATE_LIMITED, False, CostStatus.EXACT),
        (Fault.AUTH, False, CostStatus.EXACT),
        (Fault.MODERATED, False, CostStatus.UNKNOWN),
        (Fault.TIMEOUT, False, CostStatus.UNKNOWN),
        (Fault.TRANSPORT, False, CostStatus.UNKNOWN),
        (Fault.BAD_RESPONSE, False, CostStatus.UNKNOWN),
        (Fault.TIMEOUT, True, CostStatus.EXACT),
    ],
)
def test_what_a_failed_call_costs(fault: Fault, free: bool, cost: CostStatus) -> None:
    end = calling.failed(call(), ProviderError(fault, "no"), free=free, at=AT)
    assert (end.outcome, end.cost.status) == (CallOutcome.FAILED, cost)
    told = ProviderError(fault, "no", cost=Money.exactly("0.02"))
    assert calling.failed(call(), told, free=free, at=AT).cost.amount == "0.02"
