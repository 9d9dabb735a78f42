"""Places, tokens and room: who waits, who goes first, and that nothing is lost on the way."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from atelier_core.domain.request import Lane
from atelier_worker.lanes import Gate, NoPlaceError, Room, Tokens, bulk_share

pytestmark = pytest.mark.anyio


async def test_bulk_leaves_a_fifth_to_interactive() -> None:
    gate = Gate(10, bulk=bulk_share(10))
    async with asyncio.timeout(5), AsyncExitStack() as stack:
        for _ in range(8):
            await stack.enter_async_context(gate.place(Lane.BULK, patience=1))
        with pytest.raises(NoPlaceError):
            await gate.place(Lane.BULK, patience=0.01).__aenter__()
        for _ in range(2):
            await stack.enter_async_context(gate.place(Lane.INTERACTIVE, patience=1))
        assert gate.busy == 10
    assert gate.busy == 0


async def test_a_free_place_goes_to_interactive_first() -> None:
    gate = Gate(1, bulk=1)
    order: list[str] = []

    async def one(lane: Lane) -> None:
        async with gate.place(lane, patience=5):
            order.append(lane)

    async with (
        asyncio.timeout(5),
        asyncio.TaskGroup() as group,
        gate.place(Lane.BULK, patience=1),
    ):
        group.create_task(one(Lane.BULK))
        await asyncio.sleep(0)
        group.create_task(one(Lane.INTERACTIVE))
        await asyncio.sleep(0)
    assert order == ["interactive", "bulk"]


async def test_a_place_that_comes_as_the_wait_is_given_up_is_not_lost() -> None:
    gate = Gate(1, bulk=1)
    async with asyncio.timeout(5):
        for cancel_first in (True, False):
            held = gate.place(Lane.BULK, patience=1)
            await held.__aenter__()

            async def wait() -> None:
                async with gate.place(Lane.BULK, patience=5):
                    pass

            waiting = asyncio.create_task(wait())
            await asyncio.sleep(0)
            if cancel_first:
                waiting.cancel()
                await held.__aexit__(None, None, None)
            else:
                await held.__aexit__(None, None, None)
                waiting.cancel()
            await asyncio.wait({waiting})
            assert gate.busy == 0


@pytest.mark.parametrize(("limit", "bulk"), [(1, 1), (2, 1), (5, 4), (10, 8), (100, 80)])
async def test_a_fifth_of_the_tokens_is_kept_for_interactive(limit: int, bulk: int) -> None:
    tokens = Tokens(limit)
    async with asyncio.timeout(5), AsyncExitStack() as stack:
        for _ in range(bulk):
            await stack.enter_async_context(tokens.place(Lane.BULK, patience=1))
        with pytest.raises(NoPlaceError):
            await tokens.place(Lane.BULK, patience=0).__aenter__()


async def test_a_smaller_share_takes_nothing_away_and_a_larger_one_serves() -> None:
    tokens = Tokens(2)
    async with asyncio.timeout(5), AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(tokens.place(Lane.INTERACTIVE, patience=1))
        tokens.share(1)
        assert tokens.busy == 2
        waiting = asyncio.create_task(
            stack.enter_async_context(tokens.place(Lane.INTERACTIVE, patience=5))
        )
        await asyncio.sleep(0)
        assert not waiting.done()
        tokens.share(3)
        await waiting
        assert tokens.busy == 3


async def test_a_provider_that_asks_for_quiet_gets_the_longest_it_asked_for() -> None:
    tokens = Tokens(1)
    assert tokens.closed_for == 0
    tokens.close(30)
    tokens.close(1)
    assert 29 < tokens.closed_for <= 30


async def test_bytes_wait_for_room_and_a_giant_gets_it_alone() -> None:
    room = Room(100)
    async with asyncio.timeout(5):
        first = await room.reserve(60)
        giant = asyncio.create_task(room.reserve(1000))
        await asyncio.sleep(0)
        assert not giant.done()
        await room.release(first)
        assert await giant == 100
        small = asyncio.create_task(room.reserve(1))
        await asyncio.sleep(0)
        assert not small.done()
        await room.release(100)
        assert await small == 1
