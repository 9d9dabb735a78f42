"""A broker of three nodes, of which one dies: what was confirmed is on the other two."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence

import pytest

from private_broker import Node
from servers import S3
from toxiproxy import Toxiproxy
from wired import Wired, eventually, wired

pytestmark = [pytest.mark.anyio, pytest.mark.external, pytest.mark.timeout(180)]

SETTLED = 5.0  # seconds a quorum queue needs before a node may be killed (see docs)


@pytest.fixture(scope="module")
def standing(
    tmp_path_factory: pytest.TempPathFactory, toxiproxy: Toxiproxy, mongo_url: str, s3: S3
) -> Iterator[Wired]:
    with wired(tmp_path_factory.mktemp("cluster"), toxiproxy, mongo_url, s3, brokers=3) as platform:
        time.sleep(SETTLED)
        yield platform


async def test_a_node_dies_with_every_queues_leader_and_nothing_is_lost(whole: Wired) -> None:
    first, second, third = whole.brokers
    assert await queues(first, leader=first) == await queues(first, online=whole.brokers) > 0
    async with whole.load():
        await asyncio.to_thread(first.kill)
        for wire in whole.of("amqp"):
            wire.towards(second.url)

        async def led_by_others() -> bool:
            return await queues(second, online=(second, third)) > 0

        await eventually(led_by_others)
        await whole.ready()
        await asyncio.sleep(1)
    async with whole.load():  # one that comes back, and one that nobody is connected to
        first.start()

        async def together_again() -> bool:
            everything = await queues(second)
            return await queues(second, online=whole.brokers) == everything

        await eventually(together_again)
        await asyncio.to_thread(third.kill)
        await asyncio.sleep(1)


async def queues(
    asked: Node, *, leader: Node | None = None, online: Sequence[Node] | None = None
) -> int:
    """How many quorum queues there are, with that leader and exactly those members online."""
    columns = ("type", "leader", "online")
    found = await asyncio.to_thread(asked.ctl, "--formatter=json", "list_queues", *columns)
    return sum(
        queue["type"] == "quorum"
        and (leader is None or queue["leader"] == leader.name)
        and (online is None or set(queue["online"]) == {node.name for node in online})
        for queue in json.loads(found)
    )
