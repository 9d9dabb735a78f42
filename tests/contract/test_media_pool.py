"""The pool of decoding processes: pictures come out, and nothing a picture does gets out."""

import asyncio
import os
from collections.abc import AsyncIterator
from io import BytesIO

import anyio
import anyio.lowlevel
import psutil
import pytest
from PIL import Image

from atelier_core.adapters.media_pool import MediaPool
from atelier_core.domain.derive import derive, thumbnail
from atelier_core.domain.media import BadImageError
from atelier_core.errors import TransientError

pytestmark = pytest.mark.anyio


def png(size: tuple[int, int] = (200, 100), color: str = "red") -> bytes:
    out = BytesIO()
    Image.new("RGB", size, color).save(out, "PNG", compress_level=1)
    return out.getvalue()


def slow() -> bytes:
    """More than a second of work, and within all limits."""
    out = BytesIO()
    Image.new("RGBA", (7000, 7000), (255, 0, 0, 128)).save(out, "PNG", compress_level=1)
    return out.getvalue()


def children() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if any("media_child" in part for part in child.cmdline())
    ]


async def stopped(pool: MediaPool) -> psutil.Process:
    """The only process of the pool, which hangs from now on."""
    await pool.derive(png())
    (child,) = children()
    child.suspend()
    return child


@pytest.fixture(autouse=True)
async def no_process_stays() -> AsyncIterator[None]:
    before = {child.pid for child in children()}
    yield
    assert {child.pid for child in children()} == before


async def test_the_same_as_without_a_pool() -> None:
    data = png()
    async with MediaPool.open(processes=1) as pool:
        assert await pool.derive(data) == derive(data)
        assert await pool.thumbnail(data, 64) == thumbnail(data, 64)
        with pytest.raises(BadImageError, match="web page"):
            await pool.derive(b"<html>")
        with pytest.raises(BadImageError, match="empty"):
            await pool.derive(b"")
        assert await pool.thumbnail(data, 32)


async def test_opening_starts_nothing() -> None:
    async with MediaPool.open(processes=2):
        assert children() == []


async def test_many_at_once_share_the_processes() -> None:
    async with MediaPool.open(processes=2, queue=40) as pool:
        colors = ["red", "green", "blue"] * 10
        results = await asyncio.gather(*(pool.derive(png(color=color)) for color in colors))
        assert [result.blurhash for result in results] == [
            derive(png(color=color)).blurhash for color in colors
        ]
        assert len(children()) == 2


async def test_a_full_pool_says_when_to_come_back() -> None:
    async with MediaPool.open(processes=1, queue=2) as pool:
        tasks = [asyncio.create_task(pool.derive(png())) for _ in range(10)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        refused = [result for result in results if isinstance(result, TransientError)]
        assert len(refused) == 7
        assert {error.retry_after for error in refused} == {1}
        assert await pool.derive(png())


async def test_a_process_that_dies_takes_one_picture_with_it() -> None:
    """Killed by the limit of its processor time, as by a bug in a decoder."""
    async with MediaPool.open(processes=1, cpu_seconds=0.3) as pool:
        bad = asyncio.create_task(pool.derive(slow()))
        waiting = [asyncio.create_task(pool.derive(png())) for _ in range(3)]
        with pytest.raises(BadImageError, match="too much"):
            await bad
        assert await asyncio.gather(*waiting) == [derive(png())] * 3


async def test_a_process_that_died_idle_is_nobodys_fault() -> None:
    async with MediaPool.open(processes=1) as pool:
        await pool.derive(png())
        (child,) = children()
        child.kill()
        child.wait(5)
        assert await pool.derive(png()) == derive(png())


async def test_too_much_memory() -> None:
    async with MediaPool.open(processes=1, memory_limit_mb=400) as pool:
        with pytest.raises(BadImageError, match=r"memory|too much"):
            await pool.derive(png((7000, 7000)))
        assert await pool.derive(png())


async def test_the_largest_picture_fits_in_the_default_memory() -> None:
    out = BytesIO()
    Image.new("RGBA", (7071, 7071), (255, 0, 0, 128)).save(out, "PNG", compress_level=1)
    async with MediaPool.open(processes=1) as pool:
        assert (await pool.derive(out.getvalue())).blurhash


async def test_a_slow_machine_is_not_the_pictures_fault() -> None:
    async with MediaPool.open(processes=1, patience=0.05) as pool:
        with pytest.raises(TransientError):
            await pool.derive(png())


async def test_an_abandoned_picture_does_not_answer_the_next() -> None:
    async with MediaPool.open(processes=1) as pool:
        await stopped(pool)
        with anyio.move_on_after(0.1) as scope:
            await pool.derive(png())
        assert scope.cancelled_caught
        assert await pool.derive(png(color="blue")) == derive(png(color="blue"))


async def test_a_process_that_hangs_is_replaced() -> None:
    async with MediaPool.open(processes=1, patience=3) as pool:
        await stopped(pool)
        with pytest.raises(TransientError):
            await pool.derive(png())
        assert await pool.derive(png())


async def test_processes_are_replaced() -> None:
    async with MediaPool.open(processes=1, recycle_after=2) as pool:
        seen = []
        for _ in range(4):
            await pool.derive(png())
            seen += [child.pid for child in children()]
        assert len(set(seen)) >= 2


async def test_leaving_while_at_work() -> None:
    async with MediaPool.open(processes=1) as pool:
        await stopped(pool)
        task = asyncio.create_task(pool.derive(png()))
        await anyio.lowlevel.checkpoint()
    for work in (task, pool.derive(png())):
        with pytest.raises(TransientError):
            await work


async def test_processes_know_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATELIER_API_KEY", "canary")
    async with MediaPool.open(processes=1) as pool:
        await pool.derive(png())
        (child,) = children()
        assert "canary" not in str(child.environ())
        assert child.nice() > os.nice(0)
