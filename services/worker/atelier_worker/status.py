"""Telling every 10 seconds what this worker can do right now."""

import asyncio
from typing import Final

from atelier_core.contracts.events import WorkerStatus
from atelier_worker.bench import Bench
from atelier_worker.lanes import Gate

EVERY: Final = 10.0
SYSTEM: Final = "system"  # the owner of what is nobody's


def announce_status(bench: Bench, slots: Gate) -> None:
    """Tell whoever listens; and take this worker's share of each provider's limit."""
    for provider in bench.providers.values():
        among = 1 if provider.local else bench.liveness.living
        bench.tokens[provider.name].share(max(1, provider.concurrency // among))
    bench.publisher.announce(
        WorkerStatus(
            owner=SYSTEM,
            incarnation=bench.me,
            providers=tuple(sorted(bench.providers)),
            slots=slots.limit,
            busy=slots.busy,
        )
    )


async def keep_announcing(bench: Bench, slots: Gate) -> None:
    """Do so for ever."""
    while True:
        announce_status(bench, slots)
        await asyncio.sleep(EVERY)
