"""A gallery on a real socket, in memory: only the servers beneath it are left out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from atelier_core.adapters.memory_blobs import MemoryBlobStore
from atelier_core.adapters.memory_bus import MemoryBus
from atelier_core.contracts.problems import UnauthenticatedError
from atelier_core.domain.outcome import ProducedImage, image_key
from atelier_core.errors import TransientError
from atelier_core.http.origin import PublicAddress
from atelier_core.ports import Credentials
from atelier_core.runtime import listen, origin, serve
from atelier_gallery.reading import GalleryJobReader
from atelier_gallery.service import service
from atelier_gallery.stores.memory import MemoryImageStore, MemoryJobStore

KEYS = {"key-of-local": "local", "key-of-other": "other"}


class Keys:
    """An `Identity` that knows the owners of KEYS."""

    async def identify(self, credentials: Credentials) -> str:
        shown = credentials.bearer or credentials.session or credentials.ticket
        if shown == "unknowable":
            raise TransientError("the API is away")
        if shown not in KEYS:
            raise UnauthenticatedError
        return KEYS[shown]


@dataclass
class Deriver:
    """Thumbnails that say of what they are; `full` while there is no room."""

    derived: list[tuple[bytes, int]] = field(default_factory=list)
    full: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def thumbnail(self, data: bytes, width: int) -> bytes:
        if self.full:
            raise TransientError("busy", retry_after=3)
        self.derived.append((data, width))
        await self.gate.wait()
        return b"webp %d of " % width + data


@dataclass(kw_only=True)
class Running:
    origin: str
    http: httpx.AsyncClient
    bus: MemoryBus
    blobs: MemoryBlobStore
    jobs: MemoryJobStore
    images: MemoryImageStore
    deriver: Deriver
    reader: GalleryJobReader
    leaving: asyncio.Event

    async def store(self, image: ProducedImage, data: bytes) -> None:
        await self.blobs.put(image_key(image), data, content_type=image.content_type)

    async def job(self, job_id: str, **query: Any) -> dict[str, Any]:
        answer = await self.http.get(f"/v1/jobs/{job_id}", params=query)
        return answer.raise_for_status().json()  # type: ignore[no-any-return]

    async def done(self, job_id: str) -> dict[str, Any]:
        async with asyncio.timeout(10):
            job = await self.job(job_id)
            while not job["done"]:
                job = await self.job(job_id, wait=10, after_version=job["version"])
            return job


@asynccontextmanager
async def running(
    *, changed: Callable[[dict[str, Any]], dict[str, Any]] = lambda parts: parts
) -> AsyncIterator[Running]:
    """`changed` may replace what the service is given."""
    leaving = asyncio.Event()
    sock = listen("127.0.0.1", 0)
    address = origin(sock)
    async with MemoryBus.open(delays=(0.05,)) as bus:
        parts: dict[str, Any] = changed(
            {
                "source": bus,
                "publisher": bus,
                "blobs": MemoryBlobStore(),
                "jobs": MemoryJobStore(),
                "images": MemoryImageStore(),
                "deriver": Deriver(),
                "identity": Keys(),
                "address": PublicAddress(),
                "api_key": "secret",
            }
        )
        async with service(**parts, leaving=leaving) as gallery, asyncio.TaskGroup() as group:
            listening = asyncio.Event()
            group.create_task(
                serve(
                    gallery.app,
                    leaving=leaving,
                    sock=sock,
                    on_listening=lambda _: listening.set(),
                )
            )
            await listening.wait()
            headers = {"Authorization": "Bearer key-of-local"}
            async with httpx.AsyncClient(base_url=address, headers=headers, timeout=10) as http:
                yield Running(
                    origin=address,
                    http=http,
                    bus=bus,
                    blobs=parts["blobs"],
                    jobs=parts["jobs"],
                    images=parts["images"],
                    deriver=parts["deriver"],
                    reader=gallery.reader,
                    leaving=leaving,
                )
            leaving.set()
