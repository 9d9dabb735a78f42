"""From the one message of a batch to the requests of its jobs."""

from typing import Final

from atelier_core.contracts.events import BatchRequested, Event, JobRequested
from atelier_core.domain.request import AcceptedJob, Lane, Priority
from atelier_core.failpoints import failpoint
from atelier_core.ports import EventPublisher

CHUNK: Final = 100  # requests published at once


class Expand:
    """Handler of `worker.expand`. Again is harmless: the jobs and their ids are the same."""

    def __init__(self, publisher: EventPublisher) -> None:
        self._publisher = publisher

    async def __call__(self, event: Event) -> None:
        """Ask for every job of the batch.

        Raises:
            TransientError: not all may have been asked for.
        """
        if not isinstance(event, BatchRequested):
            return
        requests = [
            JobRequested(owner=job.owner, trace=event.trace, job=job, lane=_lane(job, event.lane))
            for job in event.jobs()
        ]
        for start in range(0, len(requests), CHUNK):
            await self._publisher.publish(*requests[start : start + CHUNK])
            await failpoint("worker.expand_midway")
        await failpoint("worker.expand_before_ack")


def _lane(job: AcceptedJob, others: Lane) -> Lane:
    """Where `job` waits: a batch may hold what is in no hurry beside what is."""
    return Lane.BULK if job.request.priority is Priority.BACKGROUND else others
