"""Telling every 10 seconds what this worker can do right now."""

import asyncio
from datetime import timedelta
from typing import Final

from atelier_core.contracts.events import ProviderHealth, WorkerStatus
from atelier_worker.bench import Bench
from atelier_worker.lanes import Gate

EVERY: Final = 10.0
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
    """How this worker finds `provider`."""
    state = bench.tokens[provider].state
    wait = state.seconds
    return ProviderHealth(
        state=state.health,
        until=None if wait is None else bench.clock() + timedelta(seconds=wait),
        limit=state.calls,
        error=state.fault,
    )


async def keep_announcing(bench: Bench, slots: Gate) -> None:
    """Do so for ever."""
    while True:
        announce_status(bench, slots)
        await asyncio.sleep(EVERY)
