"""Being alive, and knowing it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from atelier_core.adapters.memory_blobs import MemoryBlobStore
from atelier_core.domain.run import worker_key
from atelier_core.errors import TransientError
from atelier_core.ports import BlobInfo
from atelier_worker.alive import DEAD_AFTER, SURE, Liveness

pytestmark = pytest.mark.anyio


class Aging(MemoryBlobStore):
    """Blobs as old as the test says; a store that can be away."""

    ages: dict[str, float]
    away = False

    def __init__(self) -> None:
        super().__init__()
        self.ages = {}

    async def put(self, key: str, data: bytes, **options: object) -> str:
        if self.away:
            raise TransientError("away")
        return await super().put(key, data, **options)  # type: ignore[arg-type]

    async def head(self, key: str) -> BlobInfo:
        info = await super().head(key)
        return replace(info, age=self.ages.get(key, 0.0))

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        async for info in super().list(prefix):
            yield replace(info, age=self.ages.get(info.key, 0.0))


async def test_a_worker_is_alive_until_its_blob_is_old() -> None:
    blobs = Aging()
    one, two = Liveness(blobs, "one"), Liveness(blobs, "two")
    assert not await two.is_alive("one")
    await one.refresh()
    assert await two.is_alive("one")
    blobs.ages[worker_key("one")] = DEAD_AFTER + 1
    assert not await two.is_alive("one")
    assert await one.is_alive("one"), "of oneself there is no doubt"
    await two.refresh()
    assert two.living == 1


async def test_a_worker_that_cannot_refresh_is_not_sure_before_others_give_it_up() -> None:
    blobs, clock = Aging(), [100.0]
    mine = Liveness(blobs, "mine", clock=lambda: clock[0])
    assert not mine.sure
    await mine.refresh()
    assert mine.sure
    blobs.away = True
    clock[0] += SURE
    await mine.refresh()
    assert not mine.sure
    assert SURE < DEAD_AFTER - 5
    blobs.away = False
    await mine.refresh()
    assert mine.sure


async def test_the_living_are_counted_and_the_long_dead_buried() -> None:
    blobs = Aging()
    for name in ("one", "two", "old"):
        await Liveness(blobs, name).refresh()
    blobs.ages[worker_key("old")] = 100_000
    mine = Liveness(blobs, "one")
    await mine.refresh()
    assert mine.living == 2
    assert [i.key async for i in blobs.list("workers/")] == [worker_key("one"), worker_key("two")]


async def test_alone_everybody_else_is_dead_at_once() -> None:
    blobs = Aging()
    await Liveness(blobs, "before").refresh()
    mine = Liveness(blobs, "now", alone=True)
    assert not await mine.is_alive("before")


async def test_leaving_tells_at_once() -> None:
    blobs = Aging()
    mine = Liveness(blobs, "mine")
    await mine.refresh()
    await mine.leave()
    assert not await Liveness(blobs, "other").is_alive("mine")
