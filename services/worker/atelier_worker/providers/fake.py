"""A provider for tests and benchmarks: instant, or with scripted faults, and with a ledger."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from atelier_core.domain.values import Money
from atelier_worker.ports import (
    Answer,
    Caller,
    Fault,
    Missing,
    NotCheckableError,
    Order,
    Picture,
    ProviderError,
)
from atelier_worker.providers.pictures import picture

PRICE: Final = "0.04"


@dataclass(frozen=True, kw_only=True)
class Step:
    """What happens to one call: wait for `until`, then fail with `error` or send pictures.

    `queued` makes it queue-style with that id. `spoil` changes each picture's bytes, `drop` leaves
    out some indexes, `blocked` names indexes that are moderated.
    """

    until: asyncio.Event | None = None
    error: ProviderError | None = None
    queued: str | None = None
    spoil: Callable[[bytes], bytes] | None = None
    drop: frozenset[int] = frozenset()
    blocked: frozenset[int] = frozenset()


@dataclass
class FakeProvider:
    """The n-th call takes the n-th step of `script`, later ones the last; none: all is well.

    `ledger` has an entry for every call that was made, `asked` is set when one is open, `canceled`
    holds the vendor ids that were canceled.
    """

    script: Sequence[Step] = ()
    size: int = 2_000
    concurrency: int = 1_000
    ledger: list[Order] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    canceled: list[str] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    name: str = "fake"
    local: bool = False

    async def generate(self, order: Order, caller: Caller) -> Answer:
        step = self.script[min(len(self.ledger), len(self.script) - 1)] if self.script else Step()
        self.ledger.append(order)
        if step.queued:
            await caller.submitted(step.queued)
        return await self._answer(order, step, caller)

    async def resume(self, order: Order, provider_job_id: str, caller: Caller) -> Answer:
        self.resumed.append(provider_job_id)
        step = next((s for s in self.script if s.queued == provider_job_id), None)
        if step is None:
            raise ProviderError(Fault.BAD_RESPONSE, "There is no such call at the provider.")
        return await self._answer(order, step, caller)

    async def cancel(self, provider_job_id: str) -> Money:
        self.canceled.append(provider_job_id)
        return Money.exactly("0.01")

    async def check(self) -> str:
        raise NotCheckableError("The fake in this process has nobody behind it to ask.")

    async def _answer(self, order: Order, step: Step, caller: Caller) -> Answer:
        self.asked.set()
        for index in order.indexes:
            caller.progress(index, 0.0)
        if step.until:
            await step.until.wait()
        if step.error:
            raise step.error
        await caller.receiving(self.size * len(order.indexes))
        pictures = []
        for index, seed in zip(order.indexes, order.seeds, strict=True):
            if index in step.drop | step.blocked:
                continue
            data = picture(width=order.width, height=order.height, seed=seed, size=self.size)
            data = step.spoil(data) if step.spoil else data
            pictures.append(Picture(index=index, data=data, seed=seed))
            caller.progress(index, 1.0)
        return Answer(
            pictures=tuple(pictures),
            missing=tuple(
                Missing(index=index, fault=Fault.MODERATED, detail="Blocked by the script.")
                for index in order.indexes
                if index in step.blocked
            ),
            cost=price(order, len(pictures)),
            provider_request_id=None if order.free else f"fake-{order.call_id}",
            http_status=200,
        )


def price(order: Order, pictures: int) -> Money:
    """What a call costs that brought so many pictures."""
    each = Money.exactly("0" if order.free else PRICE)
    return Money.total([each] * pictures)
