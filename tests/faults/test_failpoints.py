"""The crash-point matrix: a process dies at every step there is, and every job ends, once.

Both platforms die at all the points one after the other, which is shorter than a platform for each;
then every point has its own test.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from atelier_core.adapters.filesystem import FileBlobStore
from atelier_core.failpoints import NAMES
from fakes.provider_server import vendor as open_vendor
from faults.chaos import SLOTS, s3_store
from faults.failpoint_stories import CALL, POINTS, Point, Wreck, Wrecker
from platforms import Servers, corner, distributed, embedded
from ports import free_port

pytestmark = pytest.mark.timeout(900)  # the first test of a platform waits for the whole matrix

ELSEWHERE = frozenset(  # reached only after minutes: test_failpoints_inside.py
    {"worker.give_up_midway", "gallery.after_sweep_claim"}
)


def test_no_failpoint_is_forgotten() -> None:
    assert NAMES - {point.name for point in POINTS} == ELSEWHERE


@pytest.fixture(
    scope="module", params=[pytest.param("embedded", marks=pytest.mark.long), "distributed"]
)
def wreck(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Wreck]:
    folder = tmp_path_factory.mktemp(request.param)
    servers: Servers | None = None
    with ExitStack() as stack:
        if request.param == "distributed":
            names = ("amqp_url", "mongo_url", "s3")
            servers = stack.enter_context(corner(*map(request.getfixturevalue, names)))

        async def story() -> Wreck:
            async with open_vendor(delay=CALL, size=16 * 1024) as (vendor, url):
                env = {
                    "ATELIER_PROVIDERS": "fake",
                    "ATELIER_FAKE_URL": url,
                    "ATELIER_WORKER_CONCURRENCY": str(SLOTS),
                }
                with ExitStack() as running:
                    if servers is None:
                        blobs = partial(FileBlobStore.open, folder / "data" / "blobs")
                        platform = running.enter_context(
                            embedded(folder, port=free_port(), env=env)
                        )
                    else:
                        blobs = partial(s3_store, servers)
                        platform = running.enter_context(
                            distributed(folder, servers, workers=1, galleries=1, env=env)
                        )
                    return await Wrecker(platform, vendor, blobs).run(POINTS)

        yield asyncio.run(story())


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.id)
def test_dying_there(wreck: Wreck, point: Point) -> None:
    assert wreck.died[point.name], "nothing came past it"
    assert wreck.facts is not None
    done = {job["id"] for job in wreck.facts.jobs if job["done"]}
    for asked in wreck.asked[point.name]:
        assert asked.job_ids is not None
        assert set(asked.job_ids) <= done
    assert [found for found in wreck.verdict if f"{point.name}/" in found] == []


def test_nothing_is_lost_nothing_comes_twice_nothing_is_paid_twice(wreck: Wreck) -> None:
    assert not wreck.verdict, "\n".join(wreck.verdict)
