"""What every BlobStore promises: each sentence of the port, on each store."""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import pytest

from atelier_core.adapters.filesystem import FileBlobStore
from atelier_core.adapters.memory_blobs import MemoryBlobStore
from atelier_core.adapters.s3 import S3BlobStore
from atelier_core.errors import ConflictError, NotFoundError, PermanentError
from atelier_core.ports import BlobStore

pytestmark = pytest.mark.anyio

PNG = "image/png"


@asynccontextmanager
async def bucket(s3: Any, **changes: Any) -> AsyncIterator[S3BlobStore]:
    """A store in a bucket of its own, which is removed afterwards."""
    name = f"test-{uuid4().hex[:20]}"
    plain = {
        "endpoint": s3.endpoint,
        "access_key": s3.access_key,
        "secret_key": s3.secret_key,
        "bucket": name,
    }
    async with S3BlobStore.open(**(plain | changes)) as store:
        yield store
        async for info in store.list(""):
            await store.delete(info.key)
        await anyio.to_thread.run_sync(store._client.remove_bucket, name)


@pytest.fixture(params=["memory", "file", pytest.param("s3", marks=pytest.mark.external)])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BlobStore]:
    match request.param:
        case "memory":
            yield MemoryBlobStore()
        case "file":
            async with FileBlobStore.open(tmp_path / "media") as store:
                yield store
        case _:
            async with bucket(request.getfixturevalue("s3")) as store:
                yield store


async def keys(blobs: BlobStore, prefix: str) -> list[str]:
    return [info.key async for info in blobs.list(prefix)]


async def read(blobs: BlobStore, key: str, **part: Any) -> bytes:
    async with blobs.stream(key, **part) as (_, pieces):
        return b"".join([piece async for piece in pieces])


async def test_what_was_put_is_what_is_got(blobs: BlobStore) -> None:
    etag = await blobs.put("a/b-1_C.png", b"\x00\xff1", content_type=PNG, meta={"call-id": "c 1"})
    blob = await blobs.get("a/b-1_C.png")
    assert blob.data == b"\x00\xff1"
    assert blob.info == await blobs.head("a/b-1_C.png") or blob.info.age != 0
    assert (blob.info.key, blob.info.size, blob.info.etag) == ("a/b-1_C.png", 3, etag)
    assert (blob.info.content_type, dict(blob.info.meta)) == (PNG, {"call-id": "c 1"})


async def test_put_replaces_everything(blobs: BlobStore) -> None:
    first = await blobs.put("a", b"11", content_type=PNG, meta={"x": "1"})
    second = await blobs.put("a", b"2", content_type="text/plain")
    blob = await blobs.get("a")
    assert (blob.data, blob.info.size, blob.info.etag) == (b"2", 1, second)
    assert (blob.info.content_type, dict(blob.info.meta)) == ("text/plain", {})
    assert first != second


async def test_an_empty_blob(blobs: BlobStore) -> None:
    await blobs.put("empty", b"", content_type=PNG)
    assert (await blobs.get("empty")).data == b""
    assert (await blobs.head("empty")).size == 0
    assert await read(blobs, "empty") == b""


async def test_missing_keys(blobs: BlobStore) -> None:
    await blobs.put("a/b", b"1", content_type=PNG)
    for key in ("nope", "a", "a/b/c", "a/c"):
        with pytest.raises(NotFoundError):
            await blobs.get(key)
        with pytest.raises(NotFoundError):
            await blobs.head(key)
        with pytest.raises(NotFoundError):
            async with blobs.stream(key):
                pass
        with pytest.raises(NotFoundError):
            async with blobs.stream(key, start=1):
                pass


async def test_delete_is_final_and_repeatable(blobs: BlobStore) -> None:
    await blobs.put("a/b/c", b"1", content_type=PNG)
    await blobs.delete("a/b")  # the beginning of a key is no key
    assert (await blobs.get("a/b/c")).data == b"1"
    for _ in range(2):
        await blobs.delete("a/b/c")
    with pytest.raises(NotFoundError):
        await blobs.get("a/b/c")
    assert await keys(blobs, "") == []
    await blobs.put("a/b/c", b"2", content_type=PNG, if_absent=True)
    assert (await blobs.get("a/b/c")).data == b"2"


async def test_if_absent_keeps_what_is_there(blobs: BlobStore) -> None:
    await blobs.put("a", b"1", content_type=PNG, if_absent=True)
    with pytest.raises(ConflictError):
        await blobs.put("a", b"2", content_type=PNG, if_absent=True)
    assert (await blobs.get("a")).data == b"1"


async def test_if_match_compares_and_sets(blobs: BlobStore) -> None:
    first = await blobs.put("a", b"1", content_type=PNG)
    second = await blobs.put("a", b"2", content_type=PNG, if_match=first)
    for wrong in (first, "0" * 32):
        with pytest.raises(ConflictError):
            await blobs.put("a", b"3", content_type=PNG, if_match=wrong)
    blob = await blobs.get("a")
    assert (blob.data, blob.info.etag) == (b"2", second)


async def test_if_match_needs_something_there(blobs: BlobStore) -> None:
    etag = await blobs.put("a", b"1", content_type=PNG)
    await blobs.delete("a")
    with pytest.raises(ConflictError):
        await blobs.put("a", b"2", content_type=PNG, if_match=etag)
    with pytest.raises(NotFoundError):
        await blobs.get("a")


@pytest.mark.parametrize("with_etag", [False, True])
async def test_one_of_racing_writers_wins(blobs: BlobStore, with_etag: bool) -> None:
    for turn in range(5):
        key = f"race/{turn}/run"
        won: list[tuple[str, str]] = []
        how: dict[str, Any] = {"if_absent": True}
        if with_etag:
            how = {"if_match": await blobs.put(key, b"before", content_type=PNG)}

        async def write(name: str, key: str = key, won: Any = won, how: Any = how) -> None:
            with suppress(ConflictError):
                won.append((await blobs.put(key, name.encode(), content_type=PNG, **how), name))

        async with anyio.create_task_group() as group:
            for number in range(15):
                group.start_soon(write, f"writer {number}")
        assert len(won) == 1
        blob = await blobs.get(key)
        assert (blob.info.etag, blob.data.decode()) == won[0]


async def test_readers_see_whole_blobs_while_they_are_replaced(blobs: BlobStore) -> None:
    """Whole or not at all: never a mixture, never an absence."""
    versions = [bytes([number]) * 300_000 for number in range(8)]
    await blobs.put("a", versions[0], content_type=PNG)

    async def write() -> None:
        for version in versions[1:]:
            await blobs.put("a", version, content_type=PNG)

    seen = set()
    async with anyio.create_task_group() as group:
        group.start_soon(write)
        for _ in range(15):
            data = (await blobs.get("a")).data
            assert data in versions
            data = await read(blobs, "a", start=1000)
            assert (len(data), len(set(data))) == (299_000, 1)
            seen.add(data[0])
    assert (await blobs.get("a")).data == versions[-1]


async def test_ranges(blobs: BlobStore) -> None:
    await blobs.put("a", b"0123456789", content_type=PNG, meta={"x": "1"})
    for start, end in [(0, None), (3, None), (0, 4), (3, 7), (3, 99), (9, 10), (10, None), (5, 5)]:
        assert await read(blobs, "a", start=start, end=end) == b"0123456789"[start:end]
        async with blobs.stream("a", start=start, end=end) as (info, _):
            assert (info.size, info.content_type, dict(info.meta)) == (10, PNG, {"x": "1"})


async def test_a_big_blob_in_pieces(blobs: BlobStore) -> None:
    data = os.urandom(1 << 20) * 20
    await blobs.put("big", data, content_type=PNG)
    digest, step, largest = hashlib.sha256(), 7_000_001, 0
    for start in range(0, len(data), step):
        async with blobs.stream("big", start=start, end=start + step) as (info, pieces):
            assert info.size == len(data)
            async for piece in pieces:
                digest.update(piece)
                largest = max(largest, len(piece))
    assert digest.digest() == hashlib.sha256(data).digest()
    assert largest <= 1 << 20  # never all of it in memory


async def test_a_stream_may_be_left_early(blobs: BlobStore) -> None:
    await blobs.put("a", b"x" * 3_000_000, content_type=PNG)
    for _ in range(5):
        async with blobs.stream("a") as (_, pieces):
            assert await anext(pieces)
    assert len(await read(blobs, "a")) == 3_000_000


async def test_list_is_by_prefix_and_in_order(blobs: BlobStore) -> None:
    names = ["jobs/1/run", "jobs/1-x", "jobs/1.y", "jobs/1/images/0.png", "jobs/10/run", "jobs/a"]
    for number, name in enumerate(names):
        await blobs.put(name, b"x" * number, content_type=PNG)
    await blobs.put("workers/w", b"", content_type=PNG)
    assert await keys(blobs, "jobs/") == sorted(names)
    assert await keys(blobs, "") == [*sorted(names), "workers/w"]
    assert await keys(blobs, "jobs/1/") == ["jobs/1/images/0.png", "jobs/1/run"]
    assert await keys(blobs, "jobs/1/i") == ["jobs/1/images/0.png"]
    assert await keys(blobs, "jobs/1") == sorted(name for name in names if name[5] == "1")
    assert await keys(blobs, "jobs/nope/") == await keys(blobs, "jobs/a/") == []
    async for info in blobs.list("jobs/"):
        there = await blobs.head(info.key)
        assert (info.size, info.etag) == (there.size, there.etag)
        assert 0 <= info.age < 60


async def test_list_of_more_than_a_page(blobs: BlobStore) -> None:
    expected = [f"many/{number:04}" for number in range(1100)]
    limit = anyio.CapacityLimiter(20)

    async def put(key: str) -> None:
        async with limit:
            await blobs.put(key, b"1", content_type=PNG)

    async with anyio.create_task_group() as group:
        for key in expected:
            group.start_soon(put, key)
    assert await keys(blobs, "many/") == expected


async def test_list_goes_on_past_what_is_deleted_meanwhile(blobs: BlobStore) -> None:
    keys = [f"a/{number:03}" for number in range(450)]
    for key in keys:
        await blobs.put(key, b"1", content_type=PNG)
    listed = []
    async for info in blobs.list("a/"):
        if not listed:
            for key in keys[200:440]:
                await blobs.delete(key)
        listed.append(info.key)
    assert set(keys[:200] + keys[440:]) <= set(listed)


async def test_age_is_by_the_stores_clock_and_restarts_with_a_write(blobs: BlobStore) -> None:
    await blobs.put("a", b"1", content_type=PNG)
    with anyio.fail_after(10):
        while (age := (await blobs.head("a")).age) < 1:
            await anyio.sleep(0.1)
    assert age < 5
    await blobs.put("a", b"2", content_type=PNG)
    assert (await blobs.head("a")).age < age


@pytest.mark.parametrize(
    "key",
    [
        "", "/", "/etc/passwd", "a/", "a//b", ".", "..", "../x", "a/../../x", "a/./b", "a/..",
        "a b", "a\\b", "a\x00b", "a\nb", "a%2e%2e", "ä", "a?b", "a#b", "x" * 201, "a/" * 460 + "b",
        "a\n", "..\\x", "~", "$HOME", "C:",
    ],
)  # fmt: skip
async def test_hostile_keys_are_refused(blobs: BlobStore, key: str, tmp_path: Path) -> None:
    async def stream() -> None:
        async with blobs.stream(key):
            pass

    calls = {
        "put": lambda: blobs.put(key, b"1", content_type=PNG),
        "get": lambda: blobs.get(key),
        "head": lambda: blobs.head(key),
        "delete": lambda: blobs.delete(key),
        "stream": stream,
    }
    for call in calls.values():
        with pytest.raises(PermanentError) as caught:
            await call()
        assert type(caught.value) is PermanentError
    assert set(os.listdir(tmp_path)) <= {"media"}  # noqa: PTH208 - a test may wait


@pytest.mark.parametrize("prefix", ["..", "../", "/", "a//", "a/../", "ä", "a b"])
async def test_hostile_prefixes_are_refused(blobs: BlobStore, prefix: str) -> None:
    with pytest.raises(PermanentError):
        await keys(blobs, prefix)


@pytest.mark.parametrize("key", ["...", ".tmp/x", "a/...b", "-", "x" * 200, "tmp/x", "blobs/x"])
async def test_odd_keys_are_keys(blobs: BlobStore, key: str) -> None:
    await blobs.put(key, b"1", content_type=PNG)
    assert (await blobs.get(key)).data == b"1"
    assert await keys(blobs, "") == [key]


@pytest.mark.parametrize(
    "meta",
    [{"Upper": "1"}, {"a_b": "1"}, {"": "1"}, {"a": "ä"}, {"a": "1\r\nx-evil: 1"}, {"a": " 1"},
     {"a": "x" * 3000}],
)  # fmt: skip
async def test_metadata_that_some_store_would_change_is_refused(
    blobs: BlobStore, meta: dict[str, str]
) -> None:
    with pytest.raises(PermanentError):
        await blobs.put("a", b"1", content_type=PNG, meta=meta)
    with pytest.raises(NotFoundError):
        await blobs.get("a")


async def test_a_store_that_has_no_address_presigns_nothing(blobs: BlobStore) -> None:
    await blobs.put("a", b"1", content_type=PNG)
    assert await blobs.presign("a", seconds=60) is None


async def test_a_cancelled_put_leaves_the_old_or_the_new(blobs: BlobStore) -> None:
    await blobs.put("a", b"old", content_type=PNG)
    new = b"n" * 2_000_000
    for delay in (0, 0.001, 0.005, 0.02):
        with anyio.move_on_after(delay):
            await blobs.put("a", new, content_type=PNG)
        assert (await blobs.get("a")).data in {b"old", new}
