"""Lanes, pace, who is on, how deep it is."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_api.traffic import Depths, Pace, Traffic, lane_for
from atelier_core.contracts.events import WorkerStatus
from atelier_core.contracts.problems import Code, Problem
from atelier_core.contracts.topology import BULK, INTERACTIVE, MAX_LANE_DEPTH
from atelier_core.domain.request import Lane, Priority
from atelier_core.errors import TransientError

pytestmark = pytest.mark.anyio

NORMAL, BACKGROUND = Priority.NORMAL, Priority.BACKGROUND


@pytest.mark.parametrize(
    ("priorities", "images", "pace", "lane"),
    [
        ([NORMAL], 10, 50, Lane.INTERACTIVE),
        ([NORMAL], 11, 11, Lane.BULK),
        ([NORMAL], 1, 51, Lane.BULK),
        ([BACKGROUND], 1, 1, Lane.BULK),
        ([BACKGROUND, NORMAL], 2, 2, Lane.INTERACTIVE),
    ],
)
def test_lanes(priorities: list[Priority], images: int, pace: int, lane: Lane) -> None:
    assert lane_for(priorities=priorities, images=images, pace=pace) is lane


@given(
    st.lists(st.tuples(st.floats(0, 30), st.sampled_from("ab"), st.integers(1, 10)), max_size=60)
)
def test_pace_is_the_sum_of_the_last_minute(asked: list[tuple[float, str, int]]) -> None:
    at, past = [0.0], []
    pace = Pace(lambda: at[0])
    for pause, owner, images in asked:
        at[0] += pause
        past.append((at[0], owner, images))
        expected = sum(n for when, who, n in past if who == owner and when > at[0] - 60)
        assert pace.count(owner, images) == expected
        assert pace.of(owner) == expected


def test_pace_forgets_owners_who_left() -> None:
    at = [0.0]
    pace = Pace(lambda: at[0])
    for i in range(1000):
        pace.count(f"owner {i}", 1)
    at[0] = 61
    pace.count("another", 1)
    assert len(pace._asked) == 1
    assert pace.of("owner 7") == 0


class Queues:
    """A source that knows depths only."""

    def __init__(self, **depths: int | Exception) -> None:
        self.depths = depths
        self.asked = asyncio.Event()

    async def depth(self, queue: str) -> int:
        self.asked.set()
        found = self.depths[queue]
        if isinstance(found, Exception):
            raise found
        return found

    def consume(self, *_: object, **__: object) -> None:
        raise AssertionError("not asked for here")


@pytest.mark.parametrize(
    ("interactive", "full"),
    [(MAX_LANE_DEPTH, False), (MAX_LANE_DEPTH + 1, True), (TransientError("away"), False)],
)
async def test_depths_are_looked_up_beside_requests(
    interactive: int | Exception, *, full: bool
) -> None:
    queues = Queues(**{INTERACTIVE: interactive, BULK: 0})
    depths = Depths(queues)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(depths.run())
        await asyncio.sleep(0)
        assert not queues.asked.is_set(), "nobody asks, nobody looks"
        assert depths.full(Lane.INTERACTIVE) is False
        await queues.asked.wait()
        await asyncio.sleep(0.01)
        assert depths.full(Lane.INTERACTIVE) is full
        assert depths.full(Lane.BULK) is False
        running.cancel()


async def test_a_full_lane_is_watched_until_there_is_room() -> None:
    queues = Queues(**{INTERACTIVE: MAX_LANE_DEPTH + 1, BULK: 0})
    depths = Depths(queues, every=0.01)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(depths.run())
        depths.full(Lane.INTERACTIVE)
        while not depths._full:
            await asyncio.sleep(0)
        queues.depths[INTERACTIVE] = 0
        while depths._full:  # and nobody asks
            await asyncio.sleep(0)
        assert depths.full(Lane.INTERACTIVE) is False, "the first to come again is let in"
        running.cancel()


async def test_a_full_lane_refuses() -> None:
    traffic = Traffic(Queues(), lambda: 0.0)
    traffic.depths._full = frozenset({Lane.BULK})
    traffic.admit(Lane.INTERACTIVE, served=True)
    with pytest.raises(Problem) as caught:
        traffic.admit(Lane.BULK, served=True)
    assert (caught.value.code, caught.value.retry_after) == (Code.QUEUE_FULL, 60)


async def test_what_nobody_serves_is_refused_once_that_is_certain() -> None:
    at = [0.0]
    traffic = Traffic(Queues(), lambda: at[0])
    status = WorkerStatus(owner="", incarnation="w", providers=("demo",), slots=1, busy=0)
    await traffic.workers.hear(status)
    traffic.admit(Lane.INTERACTIVE, served=False)
    at[0] = 31
    with pytest.raises(Problem) as caught:
        traffic.admit(Lane.INTERACTIVE, served=False)
    assert (caught.value.code, caught.value.retry_after) == (Code.NO_PROVIDER_AVAILABLE, 10)
    traffic.admit(Lane.INTERACTIVE, served=True)
