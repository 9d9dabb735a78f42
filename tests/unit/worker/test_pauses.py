"""Which model a run may ask, after what it was told of each, and after waiting in vain."""

import pytest

from atelier_core.adapters.memory_blobs import MemoryBlobStore
from atelier_core.contracts.catalogue import catalogue
from atelier_core.domain.request import Lane
from atelier_worker.alive import Liveness
from atelier_worker.circuit import Breaker
from atelier_worker.pauses import Pause, Pauses
from atelier_worker.ports import Fault, ProviderError
from atelier_worker.tokens import Tokens

pytestmark = pytest.mark.anyio

ONE = catalogue().find("fake/paid")[0]
OTHER = ONE.model_copy(update={"id": "second/paid", "provider": "second"})
CHAIN = (ONE, OTHER)


def pauses() -> Pauses:
    tokens = {name: Tokens(5, breaker=Breaker()) for name in ("fake", "second")}
    return Pauses(tokens, Liveness(MemoryBlobStore(), "me", alone=True))


async def test_what_told_to_wait_is_passed_by() -> None:
    mine = pauses()
    assert mine.askable(CHAIN) == ONE
    mine.note(ONE.id, Fault.RATE_LIMITED, 7)
    assert mine.askable(CHAIN) == OTHER
    assert not mine.admits(ONE)
    mine.note(OTHER.id, Fault.TIMEOUT, 3)
    assert mine.askable(CHAIN) is None
    assert mine.shortest == Pause(3, Fault.TIMEOUT)


async def test_what_is_only_busy_is_waited_for_and_still_takes_those_that_have_a_place() -> None:
    mine = pauses()
    mine.no_place(ONE.id, step=1)
    assert mine.askable(CHAIN) is None, "nobody else is paid instead"
    assert mine.admits(ONE)
    assert mine.shortest == Pause(5, Fault.OVERLOADED)
    mine.note(ONE.id, Fault.RATE_LIMITED, 2)
    assert mine.askable(CHAIN) == OTHER, "now it was the provider that said so"
    assert not mine.admits(ONE)


async def test_one_that_takes_fewer_calls_than_configured_is_passed_by_when_busy() -> None:
    mine = pauses()
    tokens = mine.tokens["fake"]
    async with tokens.place(Lane.INTERACTIVE, patience=1):
        with tokens.trial(ONE.id) as heard:
            heard(ProviderError(Fault.RATE_LIMITED, "too many"))
    assert mine.askable(CHAIN) == ONE
    mine.no_place(ONE.id, step=1)
    assert mine.askable(CHAIN) == OTHER
    assert mine.admits(ONE)


async def test_a_job_that_was_deferred_often_comes_back_less_often() -> None:
    mine = pauses()
    mine.no_place(ONE.id, step=11)
    assert mine.shortest.seconds == 30


async def test_one_that_only_other_workers_have_is_left_to_them() -> None:
    mine = pauses()
    elsewhere = ONE.model_copy(update={"id": "third/paid", "provider": "third"})
    assert mine.askable((elsewhere,)) is None
    assert mine.shortest == Pause(30, Fault.MODEL_UNAVAILABLE)
    assert mine.askable((elsewhere, ONE)) == ONE
