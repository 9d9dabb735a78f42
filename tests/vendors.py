"""What the tests of vendors share."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from atelier_core.contracts.catalogue import catalogue
from atelier_worker.ports import Order, ProviderError
from atelier_worker.providers.a1111 import A1111Provider
from atelier_worker.providers.comfyui import ComfyUIProvider
from atelier_worker.providers.fal import FalProvider
from atelier_worker.providers.huggingface import HuggingFaceProvider
from atelier_worker.providers.patience import Pace
from atelier_worker.providers.replicate import ReplicateProvider
from fakes import fal as fal_fake
from fakes import huggingface as huggingface_fake
from fakes import replicate as replicate_fake
from fakes.a1111 import FakeA1111
from fakes.comfyui import FakeComfyUI
from fakes.fal import FakeFal
from fakes.huggingface import FakeHuggingFace
from fakes.kit import listening
from fakes.replicate import FakeReplicate

HuggingFace = tuple[HuggingFaceProvider, FakeHuggingFace]
A1111 = tuple[A1111Provider, FakeA1111]
ComfyUI = tuple[ComfyUIProvider, FakeComfyUI]
Replicate = tuple[ReplicateProvider, FakeReplicate]
Fal = tuple[FalProvider, FakeFal]

QUICK = Pace(first=0.005, pauses=(0.005,))


@dataclass
class Listening:
    """A `Caller` that writes down what it is told."""

    ids: list[str] = field(default_factory=list)
    told: list[tuple[int, float]] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    accepted: asyncio.Event = field(default_factory=asyncio.Event)

    async def submitted(self, provider_job_id: str) -> None:
        self.ids.append(provider_job_id)
        self.accepted.set()

    def progress(self, index: int, fraction: float) -> None:
        self.told.append((index, fraction))

    async def receiving(self, size: int) -> None:
        self.received.append(size)


def order(model: str, *, indexes: tuple[int, ...] = (0,), **changes: Any) -> Order:
    plain: dict[str, Any] = {
        "call_id": "call-1",
        "job_id": "job-1",
        "model": model,
        "prompt": "a red fox",
        "negative_prompt": None,
        "width": 1024,
        "height": 1024,
        "indexes": indexes,
        "seeds": tuple(7 + index for index in indexes),
        "style": None,
        "output_format": "png",
        "free": False,
    }
    return Order(**(plain | changes))


@asynccontextmanager
async def replicate(token: str = replicate_fake.TOKEN) -> AsyncIterator[Replicate]:
    async with (
        asyncio.timeout(30),
        listening(FakeReplicate()) as fake,
        ReplicateProvider.open(
            token, book=catalogue(), url=f"{fake.url}/v1", pace=QUICK
        ) as provider,
    ):
        yield provider, fake


@asynccontextmanager
async def fal(key: str = fal_fake.KEY) -> AsyncIterator[Fal]:
    async with (
        asyncio.timeout(30),
        listening(FakeFal()) as fake,
        FalProvider.open(
            key, book=catalogue(), url=fake.url, platform=fake.url, pace=QUICK
        ) as provider,
    ):
        yield provider, fake


@asynccontextmanager
async def huggingface(key: str = huggingface_fake.TOKEN) -> AsyncIterator[HuggingFace]:
    async with (
        asyncio.timeout(30),
        listening(FakeHuggingFace()) as fake,
        HuggingFaceProvider.open(
            key, book=catalogue(), url=fake.url, hub=fake.url, pauses=QUICK.pauses
        ) as provider,
    ):
        yield provider, fake


@asynccontextmanager
async def a1111() -> AsyncIterator[A1111]:
    async with (
        asyncio.timeout(30),
        listening(FakeA1111()) as fake,
        A1111Provider.open(fake.url, book=catalogue(), pace=QUICK) as provider,
    ):
        yield provider, fake


@asynccontextmanager
async def comfyui(*, pace: Pace = QUICK) -> AsyncIterator[ComfyUI]:
    fake = FakeComfyUI()
    async with (
        asyncio.timeout(30),
        listening(fake),
        fake.working(),
        ComfyUIProvider.open(fake.url, book=catalogue(), pace=pace) as provider,
    ):
        yield provider, fake


async def failing(call: Awaitable[Any]) -> ProviderError:
    """The error that `call` raises."""
    with pytest.raises(ProviderError) as caught:
        await call
    return caught.value
