"""The queues that outlive their consumers; every service declares them all, whoever is first.

Queue arguments are immutable on RabbitMQ: changed arguments mean a new queue name.
"""

EXCHANGE = "atelier"

INTERACTIVE = "worker.interactive"
BULK = "worker.bulk"
EXPAND = "worker.expand"
DERIVE = "media.derive"
PROJECTION = "gallery.projection"

DURABLE: dict[str, frozenset[str]] = {
    INTERACTIVE: frozenset({"job.requested.interactive"}),
    BULK: frozenset({"job.requested.bulk"}),
    EXPAND: frozenset({"batch.requested"}),
    DERIVE: frozenset({"job.ended"}),
    PROJECTION: frozenset(
        {
            "job.requested.interactive",
            "job.requested.bulk",
            "batch.requested",
            "job.started",
            "job.deferred",
            "job.ended",
            "image.derived",
        }
    ),
}

DELAYS = (5.0, 30.0, 120.0, 600.0)  # seconds; a wait is rounded up to one of these

MAX_LANE_DEPTH = 100_000  # jobs waiting in a lane before submissions answer `queue_full`


def dead(queue: str) -> str:
    """The queue that keeps what `queue`'s handlers could not handle."""
    return f"{queue}.dead"
