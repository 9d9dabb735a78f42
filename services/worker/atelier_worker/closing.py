"""How a job is closed: its end written, what is still open at vendors settled, everybody told."""

from datetime import timedelta
from typing import Final

from atelier_core.contracts.events import JobCancel
from atelier_core.domain.outcome import Outcome
from atelier_core.domain.request import AcceptedJob
from atelier_core.domain.run import Call
from atelier_core.errors import Defer
from atelier_core.failpoints import failpoint
from atelier_core.stored import Found
from atelier_worker import calling
from atelier_worker.bench import Bench
from atelier_worker.decide import open_calls
from atelier_worker.record import Held, ended, known

ELSEWHERE: Final = timedelta(minutes=2)  # until another worker may have the vendor's key
FORGOTTEN: Final = timedelta(hours=1)  # after the end: by then no worker has it


async def end_early(bench: Bench, job: AcceptedJob, held: Held | None, outcome: Outcome) -> Held:
    """Write that it ends without another call, with the pictures it has; an end that stands stays.

    Whoever runs it is told to stop.

    Raises:
        ContractError: its record is not readable.
    """
    held = held or await bench.trouble.persist(
        lambda: bench.records.read(job.id), what="run record"
    )
    if held and held.record.outcome is None:
        calls = held.record.calls
        outcome = await bench.trouble.persist(
            lambda: bench.storing.with_pictures(job.id, outcome, calls=calls),
            what="stored pictures",
        )
    held = await bench.change(job.id, ended(outcome, (), holder=bench.me), over=held)
    bench.publisher.announce(JobCancel(owner=job.owner, job_id=job.id))
    return held


async def tell_end(bench: Bench, job: AcceptedJob, held: Held) -> None:
    """Settle the calls that nobody waits for any more, and tell the end that `held` has.

    Raises:
        Defer: the end is told; a call is left to a worker that has its provider.
    """
    left, outcome = open_calls(held.record), held.record.outcome
    bills = {piece.bill.call_id: piece.bill for piece in await _found(bench, job)} if left else {}
    forgotten = outcome is not None and outcome.at + FORGOTTEN <= bench.clock()
    settled: list[Call] = []
    for call in left:
        provider = bench.providers.get(call.provider)
        if call.id in bills:
            settled.append(calling.billed(call, bills[call.id], at=bench.clock()))
        elif call.provider_job_id and provider:
            cost = await calling.cancel(provider, call)
            settled.append(calling.stopped(call, cost, at=bench.clock()))
        elif call.provider_job_id is None or forgotten:
            settled.append(calling.lost(call))
    if settled:
        await failpoint("worker.before_settle")
        held = await bench.change(job.id, known(settled, holder=bench.me), over=held)
    await bench.announce_end(job, held.record)
    if len(settled) < len(left):
        raise Defer(bench.clock() + ELSEWHERE, "no provider here has an open call")


async def _found(bench: Bench, job: AcceptedJob) -> tuple[Found, ...]:
    return await bench.trouble.persist(lambda: bench.storing.find(job.id), what="stored pictures")
