"""Places and room: who waits, who goes first, and that nothing is lost on the way."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from atelier_core.domain.request import Lane
from atelier_worker.lanes import Gate, NoPlaceError, Room, bulk_share

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
