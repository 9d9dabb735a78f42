"""What blob stores do when what is beneath them fails: each kind of store by itself."""

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import aiohttp
import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from minio import Minio
from minio.credentials.credentials import Credentials

from atelier_core.adapters.filesystem import FileBlobStore
from atelier_core.adapters.s3 import S3BlobStore
from atelier_core.adapters.s3_errors import translate
from atelier_core.adapters.s3_http import S3Http
from atelier_core.errors import (
    AtelierError,
    ConflictError,
    NotFoundError,
    PermanentError,
    RefusedError,
    SettingsError,
    StorageFullError,
    TransientError,
)

pytestmark = pytest.mark.anyio

PNG = "image/png"


# --- folders


async def names(root: Path) -> list[str]:
    def walk() -> list[str]:
        return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())

    return await anyio.to_thread.run_sync(walk)


async def test_what_a_crash_left_half_written_is_removed(tmp_path: Path) -> None:
    async with FileBlobStore.open(tmp_path) as blobs:
        await blobs.put("a/b", b"1", content_type=PNG)
    (tmp_path / "tmp" / "0123").write_bytes(b"half")
    async with FileBlobStore.open(tmp_path) as blobs:
        assert await names(tmp_path) == ["blobs/a/b"]
        assert (await blobs.get("a/b")).data == b"1"


async def test_blobs_survive_and_are_readable_files(tmp_path: Path) -> None:
    async with FileBlobStore.open(tmp_path) as blobs:
        etag = await blobs.put("a/b.txt", b"hello", content_type="text/plain", meta={"x": "1"})
    assert (tmp_path / "blobs/a/b.txt").read_bytes().startswith(b"hello")
    async with FileBlobStore.open(tmp_path) as blobs:
        info = await blobs.head("a/b.txt")
        assert (info.etag, info.content_type, dict(info.meta)) == (etag, "text/plain", {"x": "1"})
        await blobs.put("a/b.txt", b"2", content_type=PNG, if_match=etag)


async def test_files_of_somebody_else_are_no_blobs(tmp_path: Path) -> None:
    async with FileBlobStore.open(tmp_path) as blobs:
        (tmp_path / "blobs" / "note.txt").write_bytes(b"not a blob")
        (tmp_path / "blobs" / "empty").write_bytes(b"")
        assert [info async for info in blobs.list("")] == []
        with pytest.raises(NotFoundError):
            await blobs.get("note.txt")


async def test_links_do_not_lead_out(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    async with FileBlobStore.open(tmp_path / "in") as blobs:
        (tmp_path / "in/blobs/link").symlink_to(outside)
        for call in (blobs.put("link/x", b"1", content_type=PNG), blobs.get("link/x")):
            with pytest.raises(PermanentError, match="leads out"):
                await call
        assert [info async for info in blobs.list("")] == []
    assert list(outside.iterdir()) == []


async def test_empty_folders_are_cleared_away(tmp_path: Path) -> None:
    async with FileBlobStore.open(tmp_path) as blobs:
        for key in ("a/b/c", "a/d"):
            await blobs.put(key, b"1", content_type=PNG)
        await blobs.delete("a/b/c")
        assert not (tmp_path / "blobs/a/b").exists()
        await blobs.delete("a/d")
        assert list((tmp_path / "blobs").iterdir()) == []


async def test_writers_and_removers_of_one_folder_do_not_trip_each_other(tmp_path: Path) -> None:
    async def churn(blobs: FileBlobStore, number: int) -> None:
        for _ in range(20):
            await blobs.put(f"a/b/{number}", b"1", content_type=PNG)
            await blobs.delete(f"a/b/{number}")

    async with FileBlobStore.open(tmp_path) as blobs, anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(churn, blobs, number)


async def test_a_key_and_the_beginning_of_another_cannot_both_be(tmp_path: Path) -> None:
    async with FileBlobStore.open(tmp_path) as blobs:
        await blobs.put("a/b", b"1", content_type=PNG)
        for key in ("a", "a/b/c"):
            with pytest.raises(PermanentError, match="beginning"):
                await blobs.put(key, b"1", content_type=PNG)
        assert await names(tmp_path) == ["blobs/a/b"]


async def test_a_folder_that_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SettingsError, match="cannot hold blobs"):
        async with FileBlobStore.open(tmp_path / "file"):
            pass


FULL = """
    import asyncio, os, resource, signal, sys
    from pathlib import Path
    from atelier_core.adapters.filesystem import FileBlobStore
    from atelier_core.errors import NotFoundError, StorageFullError

    async def main(root):
        async with FileBlobStore.open(root) as blobs:
            await blobs.put("small", b"1" * 1000, content_type="image/png")
            if "limit" in sys.argv:
                resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
            kept = []
            try:
                for number in range(20):
                    await blobs.put(f"big/{number}", os.urandom(3 << 20), content_type="image/png")
                    kept.append(number)
            except StorageFullError as exc:
                assert "No space" in str(exc) or "too large" in str(exc), exc
            else:
                raise SystemExit("never full")
            try:
                await blobs.get(f"big/{len(kept)}")
                raise SystemExit("something half is there")
            except NotFoundError:
                pass
            assert not list((root / "tmp").iterdir()), "a draft stays"
            assert (await blobs.get("small")).data == b"1" * 1000
            for number in kept:
                await blobs.delete(f"big/{number}")
            await blobs.put("after", b"2", content_type="image/png")
        print("ok", len(kept))

    asyncio.run(main(Path(sys.argv[1])))
"""


def full(tmp_path: Path, *, tmpfs: bool) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "full.py"
    script.write_text(textwrap.dedent(FULL))
    root = tmp_path / "disk"
    root.mkdir()
    command = [sys.executable, str(script), str(root), *([] if tmpfs else ["limit"])]
    if tmpfs:
        mount = 'mount -t tmpfs -o size=8m none "$1" && shift && exec "$@"'
        command = ["unshare", "-m", "sh", "-c", mount, "-", str(root), *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


async def test_a_file_too_large_is_stored_not_at_all(tmp_path: Path) -> None:
    done = await anyio.to_thread.run_sync(lambda: full(tmp_path, tmpfs=False))
    assert done.stdout == "ok 0\n", done.stderr


async def test_a_full_disk_stores_nothing_half(tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare to mount a small disk")
    done = await anyio.to_thread.run_sync(lambda: full(tmp_path, tmpfs=True))
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip(f"no small disk can be mounted here: {done.stderr[:200]}")
    assert done.stdout == "ok 2\n", done.stderr


# --- S3

Change = Callable[[bytes], bytes | None]


@asynccontextmanager
async def wire(target: str, up: Change, down: Change) -> AsyncIterator[str]:
    """A TCP proxy to `target`; `up` and `down` change what passes, None cuts the connection."""
    host, port = urlsplit(target).hostname, urlsplit(target).port

    async def serve(client: SocketStream) -> None:
        async with (
            client,
            await anyio.connect_tcp(str(host), port or 80) as behind,
            anyio.create_task_group() as group,
        ):

            async def pump(source: SocketStream, sink: SocketStream, change: Change) -> None:
                with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                    async for data in source:
                        changed = change(data)
                        if changed is None:
                            break
                        await sink.send(changed)
                group.cancel_scope.cancel()

            group.start_soon(pump, client, behind, up)
            group.start_soon(pump, behind, client, down)

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, serve)
        yield f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        group.cancel_scope.cancel()


def same(data: bytes) -> bytes:
    return data


@pytest.fixture
async def store(s3: Any) -> AsyncIterator[dict[str, Any]]:
    """Arguments for a bucket of one's own."""
    name = f"test-{uuid4().hex[:20]}"
    yield {
        "endpoint": s3.endpoint,
        "access_key": s3.access_key,
        "secret_key": s3.secret_key,
        "bucket": name,
    }

    def remove() -> None:
        client = Minio(urlsplit(s3.endpoint).netloc, s3.access_key, s3.secret_key, secure=False)
        if client.bucket_exists(name):
            for item in client.list_objects(name, recursive=True):
                client.remove_object(name, str(item.object_name))
            client.remove_bucket(name)

    await anyio.to_thread.run_sync(remove)


@pytest.mark.external
async def test_opening_makes_the_bucket_once(store: dict[str, Any]) -> None:
    async def open_and_put(number: int) -> None:
        async with S3BlobStore.open(**store) as blobs:
            assert blobs.conditional
            await blobs.put(f"a/{number}", b"1", content_type=PNG)

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(open_and_put, number)
    async with S3BlobStore.open(**store) as blobs:
        assert [info.key async for info in blobs.list("")] == [f"a/{n}" for n in range(4)]


@pytest.mark.external
@pytest.mark.parametrize("wrong", [{"access_key": "nobody"}, {"secret_key": "canary-wrong"}])
async def test_wrong_keys_are_a_sentence_without_the_secret(
    store: dict[str, Any], wrong: dict[str, str]
) -> None:
    with pytest.raises(SettingsError, match="access key, secret key and region") as caught:
        async with S3BlobStore.open(**{**store, **wrong}):
            pass
    error: BaseException | None = caught.value
    while error is not None:
        assert "canary" not in repr(error)
        assert store["secret_key"] not in repr(error)
        error = error.__cause__


@pytest.mark.external
@pytest.mark.parametrize("name", ["X", "a", "has space", "..", "a/b"])
async def test_a_bucket_that_cannot_be_is_a_sentence(store: dict[str, Any], name: str) -> None:
    with pytest.raises(SettingsError), anyio.fail_after(10):
        async with S3BlobStore.open(**{**store, "bucket": name}):
            pass


@pytest.mark.parametrize(
    "endpoint", ["ftp://x", "http://", "http://user:pw@x", "http://x:notaport"]
)
async def test_an_address_that_cannot_be_is_a_sentence(endpoint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        async with S3BlobStore.open(
            endpoint=endpoint, access_key="a", secret_key="b", bucket="bucket"
        ):
            pass
    assert "pw" not in str(caught.value)


@pytest.mark.external
async def test_opening_waits_for_a_store_that_is_away(
    store: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with caplog.at_level(logging.WARNING), anyio.move_on_after(1.5) as scope:
            async with S3BlobStore.open(**{**store, "endpoint": away}):
                pytest.fail("nobody is there")
        assert scope.cancelled_caught
        assert "waiting for the object store" in caplog.text
        assert store["secret_key"] not in caplog.text

    ready = False

    def down(data: bytes) -> bytes | None:
        return data if ready else None

    async with wire(store["endpoint"], same, down) as endpoint:
        opened = asyncio.Event()

        async def open_it() -> None:
            async with S3BlobStore.open(**{**store, "endpoint": endpoint}) as blobs:
                await blobs.put("a", b"1", content_type=PNG)
                opened.set()

        async with anyio.create_task_group() as group:
            group.start_soon(open_it)
            with anyio.move_on_after(0.5):
                await opened.wait()
            assert not opened.is_set()
            ready = True
            with anyio.fail_after(15):
                await opened.wait()


@pytest.mark.external
async def test_a_store_that_goes_away_is_trouble_that_passes(store: dict[str, Any]) -> None:
    """Every call answers within a bounded time, and works again afterwards."""
    here = True

    def change(data: bytes) -> bytes | None:
        return data if here else None

    async with (
        wire(store["endpoint"], change, change) as endpoint,
        S3BlobStore.open(**{**store, "endpoint": endpoint}) as blobs,
    ):
        await blobs.put("a", b"1", content_type=PNG)
        here = False

        async def listed() -> None:
            async for _ in blobs.list(""):
                pass

        async def streamed() -> None:
            async with blobs.stream("a") as (_, pieces):
                async for _ in pieces:
                    pass

        for call in (
            blobs.put("a", b"2", content_type=PNG),
            blobs.put("b", b"2", content_type=PNG, if_absent=True),
            blobs.get("a"),
            blobs.head("a"),
            blobs.delete("a"),
            listed(),
            streamed(),
        ):
            with anyio.fail_after(5), pytest.raises(TransientError):
                await call
        here = True
        assert (await blobs.get("a")).data in {b"1", b"2"}
        await blobs.put("c", b"3", content_type=PNG, if_absent=True)


@pytest.mark.external
async def test_a_store_that_is_silent_is_given_up_in_time(store: dict[str, Any]) -> None:
    silent = False
    async with (
        wire(store["endpoint"], same, lambda data: b"" if silent else data) as endpoint,
        S3BlobStore.open(**{**store, "endpoint": endpoint}, within=1) as blobs,
    ):
        await blobs.put("a", b"1", content_type=PNG)
        silent = True

        async def streamed() -> None:
            async with blobs.stream("a"):
                pass

        for call in (
            blobs.put("a", b"2", content_type=PNG),
            blobs.put("b", b"2", content_type=PNG, if_absent=True),
            blobs.get("a"),
            streamed(),
        ):
            with anyio.fail_after(3), pytest.raises(TransientError):
                await call
        silent = False
        assert (await blobs.get("b")).data == b"2"  # stored all the same: unknown is not refused


async def test_a_large_blob_may_take_longer_than_an_answer() -> None:
    pieces = [b"x" * 65536] * 12

    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        length = sum(map(len, pieces))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
        for piece in pieces:
            await asyncio.sleep(0.05)  # 1.25 MiB a second
            writer.write(piece)
        writer.close()

    async with await asyncio.start_server(slowly, "127.0.0.1", 0) as server:
        opened = S3Http.open(
            origin=urlsplit(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"),
            bucket="bucket",
            credentials=Credentials("a", "b"),
            region="us-east-1",
            within=0.3,
            connections=1,
        )
        async with opened as http:
            _, body = await http.call("GET", "a")
    assert body == b"".join(pieces)


@pytest.mark.external
async def test_a_lost_answer_to_a_conditional_write_is_unknown_not_lost(
    store: dict[str, Any],
) -> None:
    """Sent again by itself, the write would meet its own result and seem to have lost the race."""
    requests: list[bytes] = []
    cut = False

    def up(data: bytes) -> bytes:
        if data.startswith(b"PUT"):
            requests.append(data)
        return data

    async with (
        wire(store["endpoint"], up, lambda data: None if cut else data) as endpoint,
        S3BlobStore.open(**{**store, "endpoint": endpoint}) as blobs,
    ):
        await blobs.put("warm", b"1", content_type=PNG)
        requests.clear()
        cut = True
        with pytest.raises(TransientError):
            await blobs.put("jobs/1/run", b"mine", content_type=PNG, if_absent=True)
        cut = False
        assert len(requests) == 1
        assert (await blobs.get("jobs/1/run")).data == b"mine"
        with pytest.raises(ConflictError):
            await blobs.put("jobs/1/run", b"late", content_type=PNG, if_absent=True)


@pytest.mark.external
async def test_a_store_without_conditional_writes_is_noticed(
    store: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The nearest to it here: a store that never refuses what the condition forbids."""

    def down(data: bytes) -> bytes:
        if not data.startswith(b"HTTP/1.1 412 "):
            return data
        return b'HTTP/1.1 200 OK\r\nETag: "0"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'

    async with wire(store["endpoint"], same, down) as endpoint:
        with caplog.at_level(logging.WARNING):
            async with S3BlobStore.open(**{**store, "endpoint": endpoint}) as blobs:
                assert not blobs.conditional
                assert "cannot compare and set" in caplog.text
                etag = await blobs.put("a", b"1", content_type=PNG, if_absent=True)
                with pytest.raises(ConflictError):  # by looking first
                    await blobs.put("a", b"2", content_type=PNG, if_absent=True)
                await blobs.put("a", b"3", content_type=PNG, if_match=etag)
                with pytest.raises(ConflictError):
                    await blobs.put("a", b"4", content_type=PNG, if_match=etag)


@pytest.mark.external
async def test_presigned_addresses(store: dict[str, Any]) -> None:
    async with S3BlobStore.open(**store, public_endpoint=store["endpoint"]) as blobs:
        await blobs.put("a/b.png", b"picture", content_type=PNG)
        plain = await blobs.presign("a/b.png", seconds=60)
        named = await blobs.presign("a/b.png", seconds=60, filename='füchse "1".png')
        gone = await blobs.presign("a/b.png", seconds=1)
        assert plain is not None
        assert named is not None
        assert gone is not None
        assert store["secret_key"] not in plain + named
        async with aiohttp.ClientSession() as session:

            async def fetch(url: str) -> tuple[int, bytes, str]:
                from yarl import URL

                async with session.get(URL(url, encoded=True)) as answer:
                    return (
                        answer.status,
                        await answer.read(),
                        answer.headers.get("Content-Disposition", ""),
                    )

            assert await fetch(plain) == (200, b"picture", "")
            assert await fetch(named) == (
                200,
                b"picture",
                "attachment; filename=\"f_chse__1_.png\"; filename*=UTF-8''f%C3%BCchse%20%221%22.png",
            )
            assert (await fetch(named.replace("attachment", "inline")))[0] == 403
            assert (await fetch(plain.replace("b.png", "c.png")))[0] == 403
            await anyio.sleep(2)  # the store's clock, not ours
            assert (await fetch(gone))[0] == 403
    async with S3BlobStore.open(**store, public_endpoint="https://media.example:443") as blobs:
        url = urlsplit(await blobs.presign("a/b.png", seconds=10**9) or "")
        assert url.netloc == "media.example"
        assert parse_qs(url.query)["X-Amz-Expires"] == ["604800"]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "", NotFoundError),
        (404, "NoSuchKey", NotFoundError),
        (404, "NoSuchBucket", TransientError),
        (412, "PreconditionFailed", ConflictError),
        (409, "ConditionalRequestConflict", TransientError),
        (403, "SignatureDoesNotMatch", RefusedError),
        (403, "", RefusedError),
        (400, "AuthorizationHeaderMalformed", RefusedError),
        (403, "RequestTimeTooSkewed", TransientError),
        (503, "SlowDown", TransientError),
        (500, "InternalError", TransientError),
        (429, "", TransientError),
        (501, "NotImplemented", PermanentError),
        (507, "", StorageFullError),
        (507, "XMinioStorageFull", StorageFullError),
        (400, "EntityTooLarge", PermanentError),
    ],
)
def test_answers_are_sorted_by_what_can_be_done(
    status: int, code: str, kind: type[AtelierError]
) -> None:
    assert type(translate(status, code, "k")) in {kind, *kind.__subclasses__()}
    assert isinstance(translate(status, code, "k"), kind)
