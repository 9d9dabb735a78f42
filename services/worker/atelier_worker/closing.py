"""How a job is closed: its end written, what is still open at vendors settled, everybody told."""

from datetime import timedelta
from typing import Final

from atelier_core.contracts.events import JobCancel
from atelier_core.domain.outcome import Outcome
from atelier_core.domain.request import AcceptedJob
from atelier_core.domain.run import Call
from atelier_core.errors import Defer
from atelier_core.failpoints import failpoint
from atelier_core.stored import UNTOLD, told_by
from atelier_worker import calling
from atelier_worker.bench import Bench
from atelier_worker.decide import open_calls
from atelier_worker.record import Held, ended, known

ELSEWHERE: Final = timedelta(minutes=2)  # until another worker may have the vendor's key
FORGOTTEN: Final = timedelta(hours=1)  # after the end: not passed on any more, whoever has the key


async def end_early(bench: Bench, job: AcceptedJob, held: Held | None, outcome: Outcome) -> Held:
    """Write that it ends without another call, with the pictures it has; an end that stands stays.

    Whoever runs it is told to stop.

    Raises:
        ContractError: its record is not readable.
    """
    held = held or await bench.trouble.persist(
        lambda: bench.records.read(job.id), what="run record"
    )
    settled: tuple[Call, ...] = ()
    if held and held.record.outcome is None:
        calls = held.record.calls
        n = job.request.n if job.request.prompt else None  # there is none of an unread message
        outcome, settled = await bench.trouble.persist(
            lambda: bench.storing.with_pictures(job.id, outcome, calls=calls, n=n),
            what="stored pictures",
        )
    held = await bench.change(job.id, ended(outcome, settled, holder=bench.me), over=held)
    bench.publisher.announce(JobCancel(owner=job.owner, job_id=job.id))
    return held


async def tell_end(bench: Bench, job: AcceptedJob, held: Held) -> None:
    """Settle the calls that nobody waits for any more, and tell the end that `held` has.

    Raises:
        Defer: the end is told; a call is left to a worker that has its provider.
    """
    outcome = held.record.outcome
    forgotten = outcome is not None and outcome.at + FORGOTTEN <= bench.clock()
    settled = await _told_by_pictures(bench, job, held.record.calls)
    later = False
    for call in open_calls(held.record.merged(settled)):
        provider = bench.providers.get(call.provider)
        if call.provider_job_id and provider:
            cost = await calling.cancel(provider, call)
            settled.append(calling.stopped(call, cost, at=bench.clock()))
        elif call.provider_job_id is None or forgotten:
            settled.append(calling.lost(call))
        else:
            later = True
    if settled:
        await failpoint("worker.before_settle")
        held = await bench.change(job.id, known(settled, holder=bench.me), over=held)
    await bench.announce_end(job, held.record)
    if later:
        raise Defer(bench.clock() + ELSEWHERE, "no provider here has an open call")


async def _told_by_pictures(bench: Bench, job: AcceptedJob, calls: tuple[Call, ...]) -> list[Call]:
    if all(call.outcome not in UNTOLD for call in calls):
        return []
    found = await bench.trouble.persist(lambda: bench.storing.find(job.id), what="stored pictures")
    return list(told_by(found, calls, at=bench.clock()))
