"""How a run leaves its job: ended and told, or waiting and nobody's."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from atelier_core.domain.outcome import JobStatus, Outcome, ProducedImage
from atelier_core.domain.request import AcceptedJob
from atelier_core.domain.run import RunRecord
from atelier_core.errors import Defer
from atelier_core.failpoints import failpoint
from atelier_worker.bench import Bench
from atelier_worker.closing import tell_end
from atelier_worker.decide import LOOK_AGAIN
from atelier_worker.grip import Grip, OvertakenError
from atelier_worker.record import Held, ended, handed_back


@dataclass
class LettingGo:
    """`mine` are the pictures that this run stored; `free` if no model of its chain costs anything.

    Of a free job the record may not be what people are shown (ADR 9): what is not shown of its
    pictures is dropped by the projection, never here.
    """

    bench: Bench
    job: AcceptedJob
    grip: Grip
    free: bool
    mine: list[ProducedImage] = field(default_factory=list)

    def stored(self, images: Iterable[ProducedImage]) -> None:
        self.mine += images

    async def conclude(self, outcome: Outcome) -> None:
        """Write the end and tell it; or tell the end that somebody wrote before.

        The pictures of a free run without a record are told at once: nothing was bought that a
        record would have to keep, and nothing can be if the message comes again.
        """
        await failpoint("worker.before_outcome")
        if self.free and self.grip.unrecorded and outcome.status is JobStatus.SUCCEEDED:
            told = RunRecord(holder=self.bench.me, calls=self.grip.calls, outcome=outcome)
            await self.bench.announce_end(self.job, told)
            return
        held = await self.grip.tell(ended(outcome, self.grip.calls, holder=self.bench.me))
        await failpoint("worker.after_outcome")
        await self._tell_end(held, held.record.outcome or outcome)

    async def tell_what_stands(self) -> None:
        """Tell the end that somebody else wrote.

        Raises:
            OvertakenError: nobody did; it is not this run's any more.
        """
        held = await self.grip.tell()
        if held.record.outcome is None:
            raise OvertakenError("the record was changed by somebody else")
        await self._tell_end(held, held.record.outcome)

    async def defer(self, until: datetime, reason: str) -> None:
        """Let go of it until then; or tell the end that somebody wrote before.

        Raises:
            Defer: the job's message should come again then.
        """
        held = await self.grip.tell(handed_back(self.grip.calls, holder=self.bench.me))
        await failpoint("worker.after_hand_back")
        if held.record.outcome is not None:
            await self._tell_end(held, held.record.outcome)
        elif held.record.holder is not None:
            raise Defer(self.bench.clock() + LOOK_AGAIN)
        else:
            await self.grip.deferred(until=until, reason=reason)
            raise Defer(until, reason)

    async def _tell_end(self, held: Held, outcome: Outcome) -> None:
        if not self.free:
            await self.bench.storing.discard(tuple(self.mine), outcome.images)
        await tell_end(self.bench, self.job, held)
