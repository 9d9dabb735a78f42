"""Who won a write, when the store does not say."""

import asyncio
from typing import Any

import pytest

from atelier_core.adapters.memory_blobs import MemoryBlobStore
from atelier_core.domain.outcome import JobStatus, Outcome
from atelier_core.domain.run import Call, CallOutcome, RunRecord, run_key
from atelier_core.domain.values import now
from atelier_core.errors import ConflictError, ContractError, TransientError
from atelier_worker.record import Records, ended, handed_back, is_ours, known

pytestmark = pytest.mark.anyio

AT = now()
CANCELED = Outcome(status=JobStatus.CANCELED, at=AT)
FAILED = Outcome(status=JobStatus.FAILED, at=AT)


def call(name: str, **changes: Any) -> Call:
    plain = {"provider": "fake", "model": "fake/paid", "indexes": (0,), "prompt_as_sent": "fox"}
    return Call(**({"id": name, "sent_at": AT} | plain | changes))


class Unsure(MemoryBlobStore):
    """Answers the next `puts` writes with an error: before them or after, as `done` says."""

    def __init__(self, *, puts: int, done: bool) -> None:
        super().__init__()
        self.puts, self.done = puts, done

    async def put(self, key: str, data: bytes, **options: Any) -> str:
        if not self.puts:
            return await super().put(key, data, **options)
        self.puts -= 1
        if self.done:
            await super().put(key, data, **options)
        raise TransientError("no answer")


async def no_sleep(_: float) -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize("done", [True, False])
async def test_a_write_without_an_answer_is_found_out_about(done: bool) -> None:
    blobs = Unsure(puts=1, done=done)
    records = Records(blobs, sleep=no_sleep)
    mine = RunRecord(holder="me", calls=(call("c"),))
    held = await records.write("job", mine, over=None)
    assert held.record == mine
    assert (await records.write("job", mine.merged([call("d")]), over=held)).etag != held.etag


async def test_a_lost_race_is_a_conflict_even_without_an_answer() -> None:
    blobs = Unsure(puts=0, done=False)
    records = Records(blobs, sleep=no_sleep)
    await records.write("job", RunRecord(holder="other", calls=(call("c"),)), over=None)
    blobs.puts = 1
    with pytest.raises(ConflictError):
        await records.write("job", RunRecord(holder="me", calls=(call("d"),)), over=None)


async def test_a_store_that_never_answers_is_not_waited_for() -> None:
    records = Records(Unsure(puts=100, done=False), sleep=no_sleep)
    async with asyncio.timeout(5):
        with pytest.raises(TransientError):
            await records.write("job", RunRecord(holder="me"), over=None)


async def test_what_stands_is_never_taken_for_a_write_that_did_not_happen() -> None:
    standing = RunRecord(holder="me", step=1, calls=(call("c"),))
    assert is_ours(standing, standing)
    for wanted in (
        standing.merged([call("d")]),
        standing.merged([call("c", provider_job_id="v-1")]),
        standing.merged([call("c", outcome=CallOutcome.LOST)]),
        standing.model_copy(update={"outcome": FAILED}),
        standing.model_copy(update={"holder": None}),
        standing.model_copy(update={"step": 2}),
        standing.model_copy(update={"takeovers": 1}),
    ):
        assert not is_ours(standing, wanted)
    canceled = standing.model_copy(update={"outcome": CANCELED})
    assert is_ours(canceled, standing), "ours, and canceled since"
    assert not is_ours(canceled, standing.model_copy(update={"outcome": FAILED}))


async def test_something_else_under_the_key_is_a_contract_error() -> None:
    blobs = MemoryBlobStore()
    await blobs.put(run_key("job"), b"[]", content_type="application/json")
    with pytest.raises(ContractError):
        await Records(blobs, sleep=no_sleep).read("job")


async def test_a_change_is_applied_to_what_stands_then() -> None:
    records = Records(MemoryBlobStore(), sleep=no_sleep)
    stale = await records.write("job", RunRecord(holder="me", calls=(call("c"),)), over=None)
    await records.change("job", ended(CANCELED, (), holder="gallery"), over=stale)
    late = [call("c", outcome=CallOutcome.SUCCEEDED)]
    held = await records.change("job", ended(FAILED, late, holder="me"), over=stale)
    assert held.record.outcome == CANCELED
    assert held.record.calls[0].outcome is CallOutcome.SUCCEEDED
    again = await records.change("job", known(late, holder="me"), over=held)
    assert again == held, "nothing new, nothing written"


def test_handing_back_touches_only_what_is_held() -> None:
    back = handed_back([call("c")], holder="me")
    mine = back(RunRecord(holder="me", step=3))
    assert (mine.holder, mine.step, len(mine.calls)) == (None, 4, 1)
    theirs = back(RunRecord(holder="other", step=3))
    assert (theirs.holder, theirs.step, len(theirs.calls)) == ("other", 3, 1)
    over = back(RunRecord(holder="me", outcome=CANCELED))
    assert over.holder == "me"
    new = back(None)
    assert (new.holder, new.step) == (None, 1)
