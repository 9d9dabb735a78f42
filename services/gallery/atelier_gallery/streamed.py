"""Bytes from the blob store to a client, in pieces."""

import asyncio
from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from atelier_core.ports import BlobStore
from atelier_gallery.media import Part

PATIENCE = 60.0  # seconds a client may take for one piece


class StreamedBlob(Response):
    """Nothing is sent before the store has opened the blob: what it raises is still a problem."""

    def __init__(
        self,
        blobs: BlobStore,
        key: str,
        *,
        size: int,
        part: Part | None,
        headers: Mapping[str, str],
    ) -> None:
        self._blobs = blobs
        self._key = key
        self._part = part or Part(0, size)
        added = {"Accept-Ranges": "bytes", "Content-Length": str(self._part.end - self._part.start)}
        if part is not None:
            added["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{size}"
        super().__init__(status_code=206 if part else 200, headers={**headers, **added})

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        opened = self._blobs.stream(self._key, start=self._part.start, end=self._part.end)
        async with opened as (_info, pieces):
            start = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **start})
            async for piece in pieces:
                async with asyncio.timeout(PATIENCE):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
