"""Who may call a provider now, and what its answers change about that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from atelier_core.contracts.catalogue import Rate
from atelier_core.contracts.events import Health
from atelier_core.domain.request import Lane
from atelier_worker.circuit import Breaker
from atelier_worker.circuits import MODELS
from atelier_worker.lanes import NoPlaceError
from atelier_worker.ports import Fault, ProviderError
from atelier_worker.tokens import State, Tokens

pytestmark = pytest.mark.anyio

BREAKER = Breaker(failures=3, first=0.02, longest=0.1, first_refusal=30.0)
MODEL = "fake/paid"


def new(limit: int = 10, **more: Any) -> Tokens:
    return Tokens(limit, breaker=BREAKER, **more)


def error(fault: Fault, **more: float) -> ProviderError:
    return ProviderError(fault, "so it was", **more)  # type: ignore[arg-type]


def answer(tokens: Tokens, *faults: Fault | None, model: str = MODEL) -> None:
    """Calls one after the other that end like that."""
    for fault in faults:
        assert tokens.shut(model) is None
        with tokens.trial(model) as heard:
            heard(error(fault) if fault else None)


async def opened(tokens: Tokens) -> None:
    """Wait until the circuit is half open."""
    async with asyncio.timeout(5):
        while tokens.shut(MODEL):
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(("limit", "bulk"), [(1, 1), (2, 1), (5, 4), (10, 8), (100, 80)])
async def test_a_fifth_of_the_tokens_is_kept_for_interactive(limit: int, bulk: int) -> None:
    tokens = new(limit)
    async with asyncio.timeout(5), AsyncExitStack() as stack:
        for _ in range(bulk):
            await stack.enter_async_context(tokens.place(Lane.BULK, patience=1))
        with pytest.raises(NoPlaceError):
            await tokens.place(Lane.BULK, patience=0).__aenter__()


@asynccontextmanager
async def waiting(
    tokens: Tokens, lane: Lane, *, patience: float = 5
) -> AsyncIterator[asyncio.Task]:
    """A call of that lane that has begun to wait for a place, which it gives back at once."""

    async def call() -> None:
        async with tokens.place(lane, patience=patience):
            pass

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(call())
        await asyncio.sleep(0)
        yield task
        task.cancel()


async def test_an_only_token_is_kept_for_an_interactive_job_that_waited_in_vain() -> None:
    tokens = new(1)
    async with tokens.place(Lane.BULK, patience=1):
        with pytest.raises(NoPlaceError):
            await tokens.place(Lane.INTERACTIVE, patience=0).__aenter__()
    async with waiting(tokens, Lane.BULK) as bulk:
        assert not bulk.done(), "the token is free, and kept"
        async with tokens.place(Lane.INTERACTIVE, patience=0):
            assert not bulk.done()
        await bulk


async def test_it_is_not_kept_for_ever() -> None:
    tokens = new(1, kept_for=0.05)
    async with tokens.place(Lane.BULK, patience=1):
        with pytest.raises(NoPlaceError):
            await tokens.place(Lane.INTERACTIVE, patience=0).__aenter__()
    async with waiting(tokens, Lane.BULK) as bulk:
        assert not bulk.done()
        await bulk


async def test_of_several_tokens_none_is_kept_beyond_the_share() -> None:
    tokens = new(2)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(tokens.place(Lane.INTERACTIVE, patience=1))
        with pytest.raises(NoPlaceError):
            await tokens.place(Lane.INTERACTIVE, patience=0).__aenter__()
    async with tokens.place(Lane.BULK, patience=0):
        pass


async def test_a_smaller_share_takes_nothing_away_and_a_larger_one_serves() -> None:
    tokens = new(2)
    async with asyncio.timeout(5), AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(tokens.place(Lane.INTERACTIVE, patience=1))
        tokens.share(1, workers=2)
        assert tokens.busy == 2
        waiting = asyncio.create_task(
            stack.enter_async_context(tokens.place(Lane.INTERACTIVE, patience=5))
        )
        await asyncio.sleep(0)
        assert not waiting.done()
        tokens.share(3, workers=1)
        await waiting
        assert tokens.busy == 3


async def test_a_provider_that_asks_for_quiet_gets_the_longest_it_asked_for() -> None:
    tokens = new()
    for seconds in (30.0, 1.0):
        with tokens.trial(MODEL) as heard:
            heard(error(Fault.RATE_LIMITED, retry_after=seconds))
    shut = tokens.shut(MODEL)
    assert shut
    assert shut.fault is Fault.RATE_LIMITED
    assert 29 < shut.seconds <= 30
    state = tokens.state
    assert (state.health, state.fault) == (Health.LIMITED, Fault.RATE_LIMITED)
    assert state.seconds == pytest.approx(shut.seconds, abs=1)


async def test_refusals_halve_the_places_and_answers_bring_them_back() -> None:
    tokens = new(8)
    async with asyncio.timeout(5), AsyncExitStack() as stack:
        for _ in range(8):
            await stack.enter_async_context(tokens.place(Lane.INTERACTIVE, patience=1))
        first, second = tokens.trial(MODEL), tokens.trial(MODEL)
        for trial in (first, second):
            with trial as heard:
                heard(error(Fault.RATE_LIMITED))
            await asyncio.sleep(0.001)
    assert tokens.limit == 2, "8 became 4, and then 2: the second was sent after the first failed"
    assert tokens.state == State(Health.LIMITED, 2, None, Fault.RATE_LIMITED)
    assert tokens.strained
    answer(tokens, *[None] * 60)
    assert (tokens.limit, tokens.strained) == (8, False)
    assert tokens.state.health is Health.HEALTHY


async def test_an_outage_opens_the_circuit_and_one_probe_closes_it() -> None:
    tokens = new()
    answer(tokens, *[Fault.TRANSPORT] * 3)
    assert tokens.shut(MODEL)
    assert (tokens.state.health, tokens.state.fault) == (Health.UNHEALTHY, Fault.TRANSPORT)
    await opened(tokens)
    with tokens.trial(MODEL) as heard:
        shut = tokens.shut(MODEL)
        assert shut
        assert shut.seconds > 0, "others look again later"
        heard(None)
    assert tokens.shut(MODEL) is None
    assert tokens.state.health is Health.HEALTHY


async def test_a_probe_that_heard_nothing_is_no_verdict() -> None:
    tokens = new()
    answer(tokens, *[Fault.TIMEOUT] * 3)
    await opened(tokens)
    with pytest.raises(RuntimeError), tokens.trial(MODEL):
        raise RuntimeError("the worker has its own trouble")
    assert tokens.shut(MODEL) is None
    assert tokens.state.health is Health.UNHEALTHY


@pytest.mark.parametrize("fault", [Fault.AUTH, Fault.BILLING])
async def test_what_a_person_must_mend_shuts_at_once(fault: Fault) -> None:
    tokens = new()
    answer(tokens, fault)
    shut = tokens.shut(MODEL)
    assert shut
    assert shut.fault is fault
    assert shut.seconds > 29


async def test_what_is_said_of_a_model_shuts_that_model_only() -> None:
    tokens = new()
    answer(tokens, *[Fault.MODEL_UNAVAILABLE] * 3)
    with tokens.trial("fake/gated") as heard:
        heard(ProviderError(Fault.AUTH, "not for you", http_status=403))
    assert tokens.shut(MODEL)
    assert tokens.shut("fake/gated")
    assert tokens.shut("fake/free") is None
    assert tokens.state.health is Health.HEALTHY
    await opened(tokens)
    answer(tokens, None)
    assert tokens.shut(MODEL) is None


async def test_what_a_resumed_call_tells_counts() -> None:
    tokens = new()
    for _ in range(3):
        with tokens.trial(MODEL, resumed=True) as heard:
            heard(error(Fault.TRANSPORT))
    assert tokens.shut(MODEL)
    with tokens.trial(MODEL, resumed=True) as heard:
        heard(None)
    assert tokens.shut(MODEL), "it was let in before: it says nothing about new calls"
    await opened(tokens)
    with tokens.trial(MODEL, resumed=True):
        assert tokens.shut(MODEL) is None, "it is not the probe"
    answer(tokens, None)
    answer(tokens, Fault.TRANSPORT, Fault.TRANSPORT)
    with tokens.trial(MODEL, resumed=True) as heard:
        heard(None)
    answer(tokens, Fault.TRANSPORT, Fault.TRANSPORT)
    assert tokens.shut(MODEL) is None, "an answer in between"


async def test_a_resumed_call_that_is_gone_is_no_missing_model() -> None:
    tokens = new()
    for _ in range(5):
        with tokens.trial(MODEL, resumed=True) as heard:
            heard(error(Fault.MODEL_UNAVAILABLE))
    assert tokens.shut(MODEL) is None


async def test_models_in_trouble_are_named_while_they_are() -> None:
    tokens = new()
    answer(tokens, *[Fault.MODEL_UNAVAILABLE] * 2)
    assert not tokens.state.models
    answer(tokens, Fault.MODEL_UNAVAILABLE)
    [(model, shut)] = tokens.state.models.items()
    assert (model, shut.fault) == (MODEL, Fault.MODEL_UNAVAILABLE)
    assert 0 < shut.seconds <= BREAKER.first
    await opened(tokens)
    assert tokens.state.models[MODEL].seconds == 0, "it may be tried: nobody has"
    answer(tokens, None)
    assert not tokens.state.models


async def test_whoever_wants_to_know_is_told_of_changes_only() -> None:
    told: list[Health] = []
    tokens = new(changed=lambda: told.append(tokens.state.health))
    answer(tokens, None, Fault.TRANSPORT, None)
    assert not told
    answer(tokens, *[Fault.TRANSPORT] * 3)
    await opened(tokens)
    answer(tokens, None, None, Fault.MODEL_UNAVAILABLE, Fault.MODEL_UNAVAILABLE)
    assert told == [Health.UNHEALTHY, Health.HEALTHY]
    answer(tokens, Fault.MODEL_UNAVAILABLE)
    assert told[2:] == [Health.HEALTHY], "a model of it"
    await opened(tokens)
    answer(tokens, Fault.MODEL_UNAVAILABLE)
    assert len(told) == 3


async def test_a_rate_that_is_too_high_for_the_account_is_lowered() -> None:
    tokens = new(rate=Rate(calls=100, seconds=1.0))
    for _ in range(2):
        await tokens.turn(patience=1)
    with tokens.trial(MODEL) as heard:
        heard(error(Fault.RATE_LIMITED, retry_after=0.001))
    assert tokens.strained
    tokens.share(10, workers=1)
    assert tokens.strained, "what is documented does not change that"
    with tokens.trial(MODEL) as heard:
        heard(error(Fault.OVERLOADED, retry_after=0.001))
    assert tokens.state.fault is Fault.OVERLOADED


async def test_a_refusal_of_the_prompt_shows_that_the_provider_is_there() -> None:
    tokens = new()
    for fault in (Fault.MODERATED, Fault.INVALID_REQUEST, Fault.BAD_RESPONSE, None):
        answer(tokens, Fault.OVERLOADED, Fault.OVERLOADED, fault)
    assert tokens.shut(MODEL) is None


async def test_made_up_models_do_not_fill_the_memory() -> None:
    tokens = new()
    for number in range(MODELS + 50):
        answer(tokens, Fault.MODEL_UNAVAILABLE, model=f"compatible/{number}")
    assert len(tokens._circuits._models) == MODELS


async def test_a_documented_rate_is_kept_and_long_waits_are_for_later() -> None:
    tokens = new(rate=Rate(calls=5, seconds=100.0))
    tokens.share(10, workers=1)
    async with asyncio.timeout(5):
        await tokens.turn(patience=1)
        await tokens.turn(patience=1)
        with pytest.raises(NoPlaceError):
            await tokens.turn(patience=1)
