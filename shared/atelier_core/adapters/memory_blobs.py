"""Blobs in this process's memory: for tests, and for a platform that should leave nothing."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count

from atelier_core.adapters.blob_keys import check_key, check_meta, check_prefix
from atelier_core.errors import ConflictError, NotFoundError
from atelier_core.ports import Blob, BlobInfo

_PIECE = 256 * 1024


class MemoryBlobStore:
    """A `BlobStore` that forgets everything with the process."""

    conditional = True

    def __init__(self) -> None:
        self._blobs: dict[str, tuple[Blob, float]] = {}
        self._etags = count(1)

    async def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str,
        meta: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> str:
        check_key(key)
        there = self._blobs.get(key)
        if if_absent and there is not None:
            raise ConflictError(f"{key} exists")
        if if_match is not None and (there is None or there[0].info.etag != if_match):
            raise ConflictError(f"{key} is not what it was")
        info = BlobInfo(
            key=key,
            size=len(data),
            etag=f"{next(self._etags):032x}",
            content_type=content_type,
            age=0.0,
            meta=check_meta(dict(meta or {})),
        )
        self._blobs[key] = (Blob(info=info, data=bytes(data)), time.monotonic())
        return info.etag

    async def get(self, key: str) -> Blob:
        try:
            blob, at = self._blobs[check_key(key)]
        except KeyError as exc:
            raise NotFoundError(key) from exc
        return replace(blob, info=replace(blob.info, age=time.monotonic() - at))

    @asynccontextmanager
    async def stream(
        self, key: str, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[tuple[BlobInfo, AsyncIterator[bytes]]]:
        blob = await self.get(key)
        part = blob.data[start:end]

        async def pieces() -> AsyncIterator[bytes]:
            for offset in range(0, len(part), _PIECE):
                yield part[offset : offset + _PIECE]

        yield blob.info, pieces()

    async def head(self, key: str) -> BlobInfo:
        return (await self.get(key)).info

    async def delete(self, key: str) -> None:
        self._blobs.pop(check_key(key), None)

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        check_prefix(prefix)
        for key in sorted(key for key in self._blobs if key.startswith(prefix)):
            if key in self._blobs:
                yield await self.head(key)

    async def presign(
        self,
        key: str,
        *,
        seconds: int,  # noqa: ARG002 - the port's; here is no address to make
        filename: str | None = None,  # noqa: ARG002
    ) -> str | None:
        check_key(key)
        return None
