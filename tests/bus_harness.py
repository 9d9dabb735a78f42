"""The buses under test, and the back doors that the ports rightly do not offer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from atelier_core.contracts.events import Event, JobProgress, JobRequested, JobStarted
from atelier_core.domain.request import AcceptedJob, ImageRequest, Lane
from atelier_core.domain.values import new_id, now
from atelier_core.ports import EventPublisher, EventSource, Subscription

DELAYS = (0.2, 0.6)
WITHIN = 20.0

A, B = "a", "b"
DURABLE = {
    A: frozenset({"job.requested.interactive"}),
    B: frozenset({"job.requested.interactive", "job.started"}),
}


class AnyBus(EventPublisher, EventSource, Protocol):
    pass


@dataclass(frozen=True)
class Bus:
    """A bus with the durable queues A and B; `inject` puts raw bytes into a queue."""

    bus: AnyBus
    inject: Callable[[str, bytes, Mapping[str, str]], Awaitable[None]]


def subscription(queue: str, *, prefetch: int = 4) -> Subscription:
    return Subscription(queue=queue, topics=DURABLE[queue], prefetch=prefetch)


def lossy(*topics: str, prefetch: int = 4, deaf_to: str | None = None) -> Subscription:
    return Subscription(
        queue="live",
        topics=frozenset(topics),
        prefetch=prefetch,
        durable=False,
        deaf_to=deaf_to,
    )


def accepted(prompt: str = "a fox") -> AcceptedJob:
    return AcceptedJob(
        id=new_id(), owner="local", request=ImageRequest(prompt=prompt), created_at=now()
    )


def requested(lane: Lane = Lane.INTERACTIVE) -> JobRequested:
    return JobRequested(owner="local", job=accepted(), lane=lane)


def started() -> JobStarted:
    return JobStarted(owner="local", job=accepted(), step=1)


def progress(fraction: float = 0.5) -> JobProgress:
    return JobProgress(owner="local", job_id=new_id(), index=0, fraction=fraction)


class Recorder:
    """Handles events; raises the given errors first, one each time."""

    def __init__(self, *errors: Exception) -> None:
        self.seen: list[Event] = []
        self._errors = list(errors)
        self._grew = asyncio.Event()

    async def __call__(self, event: Event) -> None:
        self.seen.append(event)
        self._grew.set()
        if self._errors:
            raise self._errors.pop(0)

    async def until(self, count: int) -> Sequence[Event]:
        while len(self.seen) < count:
            self._grew.clear()
            await self._grew.wait()
        return self.seen

    @property
    def ids(self) -> list[str]:
        return [event.id for event in self.seen]


async def eventually(probe: Callable[[], Awaitable[object]]) -> None:
    """Until `probe` says yes: for what a server does on its own, with nothing to wait on."""
    async with asyncio.timeout(WITHIN):
        while not await probe():
            await asyncio.sleep(0.02)
