"""What is still to be drawn, when to stop trying, and how a job ends."""

from typing import Any

import pytest

from atelier_core.domain.outcome import JobError, JobStatus, ProducedImage
from atelier_core.domain.run import Call, CallOutcome
from atelier_core.domain.values import now
from atelier_worker.plan import outcome_of, pause, plan
from atelier_worker.ports import Fault

AT = now()


def call(outcome: CallOutcome, code: str | None = None, **changes: Any) -> Call:
    plain: dict[str, Any] = {
        "id": f"{outcome}-{code}",
        "provider": "fake",
        "model": "fake/paid",
        "indexes": (0,),
        "prompt_as_sent": "a fox",
        "sent_at": AT,
        "outcome": outcome,
        "error": JobError(code=code, detail="so it was") if code else None,
    }
    return Call(**(plain | changes))


def failed(code: str, **changes: Any) -> Call:
    return call(CallOutcome.FAILED, code, **changes)


LOST = call(CallOutcome.LOST)


def test_nothing_done_is_all_to_draw_in_groups() -> None:
    assert plan(5, [], (), free=False, max_n=2).draw == ((0, 1), (2, 3), (4,))


def test_what_is_stored_is_not_drawn_again() -> None:
    calls = [call(CallOutcome.LOST, indexes=(0, 1, 2))]
    assert plan(3, calls, {1}, free=False, max_n=10).draw == ((0, 2),)


def test_a_vendors_call_is_waited_for_not_repeated() -> None:
    queued = call(CallOutcome.OPEN, provider_job_id="v-1", indexes=(0, 1))
    found = plan(3, [queued], (), free=False, max_n=10)
    assert (found.resume, found.draw) == ((queued,), ((2,),))


@pytest.mark.parametrize(
    ("calls", "free", "code"),
    [
        ([failed(Fault.RATE_LIMITED)] * 100, False, None),
        ([failed(Fault.OVERLOADED)] * 100, True, None),
        ([failed(Fault.TIMEOUT)], False, None),
        ([failed(Fault.TIMEOUT)] * 2, False, Fault.TIMEOUT),
        ([failed(Fault.TIMEOUT), failed(Fault.TRANSPORT)], False, Fault.TRANSPORT),
        ([failed(Fault.TIMEOUT)] * 4, True, None),
        ([failed(Fault.TIMEOUT)] * 5, True, "attempts_exhausted"),
        ([LOST], False, None),
        ([LOST, LOST], False, "worker_lost"),
        ([LOST, failed(Fault.RATE_LIMITED)], False, None),
        ([failed(Fault.RATE_LIMITED), LOST, failed(Fault.TRANSPORT)], False, Fault.TRANSPORT),
        ([LOST] * 4, True, None),
        ([LOST] * 5, True, "worker_lost"),
        ([call(CallOutcome.SUCCEEDED)], False, None),  # answered, and its bytes went with a worker
        ([call(CallOutcome.SUCCEEDED), LOST], False, "worker_lost"),
        ([call(CallOutcome.SUCCEEDED, Fault.BAD_RESPONSE)], False, Fault.BAD_RESPONSE),
        ([failed(Fault.MODERATED)], False, Fault.MODERATED),
        ([failed(Fault.MODERATED)], True, Fault.MODERATED),
        ([failed(Fault.AUTH)], False, Fault.AUTH),
        ([failed("storage_failed")], False, "storage_failed"),
    ],
)
def test_when_a_picture_is_given_up(calls: list[Call], free: bool, code: str | None) -> None:
    found = plan(1, calls, (), free=free, max_n=10)
    assert (found.failed[0].code if found.failed else None) == code
    assert bool(found.draw) == (code is None)


@pytest.mark.parametrize(
    ("failures", "asked", "seconds"),
    [(0, None, 5), (1, None, 5), (3, None, 30), (100, None, 600), (1, 45.0, 45), (7, 1.0, 600)],
)
def test_pauses_grow_and_keep_what_was_asked(
    failures: int, asked: float | None, seconds: float
) -> None:
    calls = [call(CallOutcome.SUCCEEDED), *[failed(Fault.RATE_LIMITED)] * failures]
    assert pause(calls, retry_after=asked).total_seconds() == seconds


def image(index: int) -> ProducedImage:
    return ProducedImage(
        id=f"i{index}",
        job_id="j",
        index=index,
        seed=1,
        width=1,
        height=1,
        content_type="image/png",
        bytes=1,
        sha256="0" * 64,
        created_at=AT,
    )


BLOCKED = JobError(code=Fault.MODERATED, detail="no")
BROKEN = JobError(code=Fault.BAD_RESPONSE, detail="no")


@pytest.mark.parametrize(
    ("have", "errors", "status", "code"),
    [
        ((1, 0), {}, JobStatus.SUCCEEDED, None),
        ((1,), {0: BLOCKED}, JobStatus.PARTIALLY_SUCCEEDED, Fault.MODERATED),
        ((), {0: BLOCKED, 1: BLOCKED}, JobStatus.BLOCKED, Fault.MODERATED),
        ((), {0: BLOCKED, 1: BROKEN}, JobStatus.FAILED, Fault.MODERATED),
        ((), {1: BLOCKED, 0: BROKEN}, JobStatus.FAILED, Fault.BAD_RESPONSE),
    ],
)
def test_how_a_job_ends(
    have: tuple[int, ...], errors: dict[int, JobError], status: JobStatus, code: str | None
) -> None:
    outcome = outcome_of(2, [image(i) for i in have], errors, at=AT)
    assert outcome.status is status
    assert (outcome.error.code if outcome.error else None) == code
    assert [i.index for i in outcome.images] == sorted(have)
