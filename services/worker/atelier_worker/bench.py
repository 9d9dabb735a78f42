"""What every run works with."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from atelier_core.contracts.catalogue import Catalogue
from atelier_core.contracts.events import JobEnded
from atelier_core.domain.request import AcceptedJob
from atelier_core.domain.run import RunRecord
from atelier_core.failpoints import failpoint
from atelier_core.ports import Clock, EventPublisher
from atelier_worker.alive import Liveness
from atelier_worker.lanes import Room
from atelier_worker.ports import ImageProvider
from atelier_worker.record import Change, Held, Records
from atelier_worker.storing import Storing
from atelier_worker.tokens import Tokens
from atelier_worker.trouble import Trouble


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The collaborators of a worker; one for all its runs. `changed` is set when a provider does
    better or worse than before.
    """

    records: Records
    storing: Storing
    publisher: EventPublisher
    providers: Mapping[str, ImageProvider]
    tokens: Mapping[str, Tokens]
    changed: asyncio.Event
    room: Room
    liveness: Liveness
    trouble: Trouble
    book: Catalogue
    clock: Clock

    @property
    def me(self) -> str:
        return self.liveness.incarnation

    async def change(self, job_id: str, change: Change, *, over: Held | None) -> Held:
        """`Records.change`, for as long as the store needs: for what must not be lost."""
        return await self.trouble.persist(
            lambda: self.records.change(job_id, change, over=over), what="run record"
        )

    async def announce_end(self, job: AcceptedJob, record: RunRecord) -> None:
        """Publish the end that `record` tells, for as long as the broker needs."""
        if record.outcome is None:
            raise ValueError("a job without an outcome has not ended")
        ended = JobEnded(
            owner=job.owner,
            job=job,
            outcome=record.outcome,
            calls=record.calls,
        )
        await self.trouble.persist(lambda: self.publisher.publish(ended), what="end")
        await failpoint("worker.after_announce")
