"""The table of the run record, row by row."""

from datetime import timedelta
from typing import Any

import pytest

from atelier_core.domain.outcome import JobStatus, Outcome
from atelier_core.domain.run import MAX_TAKEOVERS, Call, CallOutcome, RunRecord
from atelier_core.domain.values import now
from atelier_worker.decide import (
    Announce,
    Create,
    Decision,
    DeferTo,
    Delivery,
    Draw,
    End,
    Join,
    Take,
    TakeOver,
    decide,
)

AT = now()


def delivery(**changes: Any) -> Delivery:
    plain: dict[str, Any] = {
        "me": "me",
        "redelivered": False,
        "free": False,
        "running": False,
        "holder_alive": False,
        "now": AT,
        "deadline": AT.timestamp() + 60,
    }
    return Delivery(**(plain | changes))


def call(name: str, outcome: CallOutcome = CallOutcome.OPEN, vendor: str | None = None) -> Call:
    return Call(
        id=name,
        provider="fake",
        model="fake/paid",
        indexes=(0,),
        prompt_as_sent="a fox",
        sent_at=AT,
        provider_job_id=vendor,
        outcome=outcome,
    )


OPEN, QUEUED = call("open"), call("queued", vendor="v-1")
DONE = call("done", CallOutcome.SUCCEEDED)
CALLS = (OPEN, QUEUED, DONE)
CANCELED = Outcome(status=JobStatus.CANCELED, at=AT)


@pytest.mark.parametrize(
    ("record", "changes", "decision"),
    [
        (None, {}, Create()),
        (None, {"free": True}, Draw()),
        (None, {"free": True, "redelivered": True}, Create()),
        (None, {"redelivered": True}, Create()),
        (None, {"running": True}, Join()),
        (RunRecord(holder="me"), {"running": True}, Join()),
        (RunRecord(holder="other", outcome=CANCELED), {"holder_alive": True}, Announce()),
        (RunRecord(holder="other", calls=CALLS, outcome=CANCELED), {}, Announce()),
        (RunRecord(holder=None, outcome=CANCELED), {"deadline": 0.0}, Announce()),
        (RunRecord(holder=None, calls=CALLS), {}, Take((OPEN,))),
        (RunRecord(holder=None, takeovers=99), {}, Take()),
        (RunRecord(holder="other"), {"holder_alive": True}, DeferTo(AT + timedelta(seconds=5))),
        (RunRecord(holder="other", calls=CALLS), {}, TakeOver((OPEN,))),
        (RunRecord(holder="me", calls=CALLS), {"holder_alive": True}, TakeOver((OPEN,))),
        (RunRecord(holder="other", takeovers=MAX_TAKEOVERS - 1), {}, TakeOver()),
    ],
)
def test_each_row_of_the_table(
    record: RunRecord | None, changes: dict[str, Any], decision: Decision
) -> None:
    assert decide(record, delivery(**changes)) == decision


@pytest.mark.parametrize("holder", ["other", "me"])
def test_too_many_deaths_end_a_job(holder: str) -> None:
    record = RunRecord(holder=holder, takeovers=MAX_TAKEOVERS)
    decision = decide(record, delivery())
    assert isinstance(decision, End)
    assert decision.outcome.status is JobStatus.FAILED
    assert decision.outcome.error
    assert decision.outcome.error.code == "worker_lost"


@pytest.mark.parametrize(
    "record", [None, RunRecord(holder=None), RunRecord(holder="other"), RunRecord(holder="me")]
)
@pytest.mark.parametrize("alive", [True, False])
def test_a_deadline_ends_whatever_is_found(record: RunRecord | None, alive: bool) -> None:
    decision = decide(record, delivery(deadline=AT.timestamp(), holder_alive=alive, free=True))
    assert isinstance(decision, End)
    assert decision.outcome.status is JobStatus.EXPIRED
    assert decision.outcome.error
    assert decision.outcome.error.code == "deadline_passed"


LATE = {"start_deadline": AT.timestamp()}


@pytest.mark.parametrize("record", [None, RunRecord(holder=None), RunRecord(holder="other")])
def test_a_start_deadline_ends_what_nobody_was_asked_for(record: RunRecord | None) -> None:
    decision = decide(record, delivery(**LATE, free=True))
    assert isinstance(decision, End)
    assert decision.outcome.status is JobStatus.EXPIRED
    assert decision.outcome.error
    assert decision.outcome.error.code == "deadline_passed"
    assert "start" in decision.outcome.error.detail


def test_a_start_deadline_does_not_end_what_was_begun_or_is_early() -> None:
    assert decide(RunRecord(holder=None, calls=CALLS), delivery(**LATE)) == Take((OPEN,))
    early = {"start_deadline": AT.timestamp() + 1}
    assert decide(None, delivery(**early)) == Create()
