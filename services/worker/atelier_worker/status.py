"""Telling every 10 seconds what this worker can do right now, and at once when that changes."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from atelier_core.contracts.events import ModelHealth, ProviderHealth, WorkerStatus
from atelier_worker.bench import Bench
from atelier_worker.lanes import Gate

EVERY: Final = 10.0
APART: Final = 0.5  # seconds between two announcements, however often a provider's state changes
SYSTEM: Final = "system"  # the owner of what is nobody's


def announce_status(bench: Bench, slots: Gate) -> None:
    """Tell whoever listens; and take this worker's share of each provider's limit."""
    for provider in bench.providers.values():
        among = 1 if provider.local else bench.liveness.living
        limit = max(1, provider.concurrency // among)
        bench.tokens[provider.name].share(limit, workers=among)
    bench.publisher.announce(
        WorkerStatus(
            owner=SYSTEM,
            incarnation=bench.me,
            providers=tuple(sorted(bench.providers)),
            slots=slots.limit,
            busy=slots.busy,
            health={name: health(bench, name) for name in sorted(bench.providers)},
        )
    )


def health(bench: Bench, provider: str) -> ProviderHealth:
    """How this worker finds `provider`. Of models only those of the catalogue are named: what
    callers make up is nobody else's business.
    """
    state = bench.tokens[provider].state

    def after(seconds: float) -> datetime:
        return bench.clock() + timedelta(seconds=seconds)

    return ProviderHealth(
        state=state.health,
        until=None if state.seconds is None else after(state.seconds),
        limit=state.calls,
        error=state.fault,
        models={
            model.id: ModelHealth(until=after(shut.seconds), error=shut.fault)
            for model in bench.book.models
            if (shut := state.models.get(model.id))
        },
    )


async def keep_announcing(bench: Bench, slots: Gate) -> None:
    """Do so for ever."""
    while True:
        bench.changed.clear()
        announce_status(bench, slots)
        await asyncio.sleep(APART)
        with suppress(TimeoutError):
            async with asyncio.timeout(EVERY - APART):
                await bench.changed.wait()
