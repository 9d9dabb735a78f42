"""The one settlement: what is judged how, and in which order a message is kept, told and let go."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_core.adapters.local import LocalQueue
from atelier_core.contracts.events import JobStarted, encode
from atelier_core.delivery import (
    MAX_AGE,
    Delivery,
    GiveUp,
    Marks,
    Retry,
    Settler,
    describe,
    fitting,
    judge,
    tier,
)
from atelier_core.domain.request import MAX_DEADLINE, AcceptedJob, ImageRequest
from atelier_core.domain.values import new_id
from atelier_core.errors import (
    ConflictError,
    ContractError,
    Defer,
    PermanentError,
    StorageFullError,
    TransientError,
)
from atelier_core.ports import DeadLetter

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DELAYS = (5.0, 30.0, 120.0)


@pytest.mark.parametrize(
    ("error", "failures", "age", "verdict"),
    [
        (Defer(NOW + timedelta(seconds=6)), 0, 0, Retry(30.0, failed=False)),
        (Defer(NOW + timedelta(seconds=5)), 0, 0, Retry(5.0, failed=False)),
        (Defer(NOW - timedelta(hours=1)), 0, 0, Retry(5.0, failed=False)),
        (Defer(NOW + timedelta(days=1)), 0, MAX_AGE * 2, Retry(120.0, failed=False)),
        (TransientError("busy"), 2, 0, Retry(5.0, failed=False)),
        (TransientError("busy", retry_after=31), 0, 0, Retry(120.0, failed=False)),
        (StorageFullError("full"), 0, MAX_AGE - 1, Retry(5.0, failed=False)),
        (TransientError("busy"), 0, MAX_DEADLINE, Retry(5.0, failed=False)),
        (TransientError("busy"), 0, MAX_AGE, GiveUp("deadline_passed", "TransientError: busy")),
        (ContractError("?"), 0, 0, GiveUp("unreadable_message", "ContractError: ?")),
        (PermanentError("no"), 0, 0, GiveUp("internal_error", "PermanentError: no")),
        (ConflictError("no"), 0, 0, GiveUp("internal_error", "ConflictError: no")),
        (ValueError("bug"), 0, 0, Retry(5.0, failed=True)),
        (ValueError("bug"), 1, MAX_AGE * 2, Retry(5.0, failed=True)),
        (ValueError("bug"), 2, 0, GiveUp("internal_error", "ValueError: bug")),
    ],
)
def test_judge(error: Exception, failures: int, age: float, verdict: Retry | GiveUp) -> None:
    assert judge(error, failures=failures, age=age, now=NOW, delays=DELAYS) == verdict


@given(st.floats(min_value=-1e9, max_value=1e9))
def test_a_tier_is_long_enough_or_the_longest(seconds: float) -> None:
    delay = tier(seconds, DELAYS)
    assert delay >= min(seconds, DELAYS[-1])
    assert all(shorter < seconds for shorter in DELAYS if shorter < delay)


@pytest.mark.parametrize(
    ("seconds", "left", "wait"),
    [
        (40, 1000, 40),
        (40, 120, 40),
        (40, 60, 30),
        (10, 29, 5),
        (3, 4, 3),  # there is no delay as short as that
        (600, 60, 60),  # as long as was asked for is too long: it expires
        (900, 1000, 900),  # waited for in two delays
    ],
)
def test_rounding_a_wait_up_does_not_outlast_what_is_left(
    seconds: float, left: float, wait: float
) -> None:
    assert fitting(seconds, left, DELAYS) == wait


@given(st.text())
def test_a_description_is_one_bounded_line(text: str) -> None:
    line = describe(ValueError(text))
    assert "\n" not in line
    assert len(line) <= 500


class Recording:
    """A carrier that notes what it was told, and fails at what it was told to fail at."""

    def __init__(self, *failing: str, notes: list[object]) -> None:
        self.notes = notes
        self._failing = failing

    def _note(self, what: str, *more: object) -> None:
        if what in self._failing:
            raise TransientError(what)
        self.notes.append((what, *more) if more else what)

    async def done(self) -> None:
        self._note("done")

    async def again(self, delay: float, marks: Marks) -> None:
        self._note("again", delay, marks)

    async def keep(self, letter: DeadLetter) -> None:
        self._note("keep", letter.code)

    def back(self) -> None:
        self._note("back")


def delivery(marks: Marks | None = None, raw: bytes | None = None) -> Delivery:
    job = AcceptedJob(
        id=new_id(), owner="ada", request=ImageRequest(prompt="a secret fox"), created_at=NOW
    )
    event = JobStarted(owner="ada", job=job, step=1)
    return Delivery(
        queue="q",
        raw=encode(event) if raw is None else raw,
        about={"owner": "ada", "job_id": job.id},
        marks=marks or Marks(),
    )


async def settle(
    *errors: BaseException,
    failing: tuple[str, ...] = (),
    dead_errors: tuple[BaseException, ...] = (),
    message: Delivery | None = None,
) -> list[object]:
    notes: list[object] = []
    handler_errors, on_dead_errors = list(errors), list(dead_errors)

    async def handler(_: object) -> None:
        notes.append("handled")
        if handler_errors:
            raise handler_errors.pop(0)

    async def on_dead(_: DeadLetter) -> None:
        notes.append("told")
        if on_dead_errors:
            raise on_dead_errors.pop(0)

    settler = Settler(handler=handler, on_dead=on_dead, delays=DELAYS, clock=lambda: NOW, pause=0)
    async with asyncio.timeout(5):
        await settler.settle(message or delivery(), Recording(*failing, notes=notes))
    return notes


async def test_what_is_handled_is_done() -> None:
    assert await settle() == ["handled", "done"]


async def test_a_dead_letter_is_kept_then_told_then_let_go() -> None:
    assert await settle(PermanentError("no")) == [
        "handled",
        ("keep", "internal_error"),
        "told",
        "done",
    ]


async def test_a_message_is_let_go_only_when_its_dead_letter_is_safe() -> None:
    assert await settle(PermanentError("no"), failing=("keep",)) == ["handled", "back"]


async def test_a_retry_that_is_not_safe_returns_the_message() -> None:
    assert await settle(TransientError("busy"), failing=("again",)) == ["handled", "back"]
    assert await settle(failing=("done",)) == ["handled", "back"]


async def test_failures_and_deferrals_are_counted_apart() -> None:
    marks = Marks(deferrals=7, failures=1)
    assert await settle(ValueError("bug"), message=delivery(marks)) == [
        "handled", ("again", 5.0, Marks(deferrals=7, failures=2)),
    ]  # fmt: skip
    assert await settle(TransientError("busy"), message=delivery(marks)) == [
        "handled", ("again", 5.0, Marks(deferrals=8, failures=1)),
    ]  # fmt: skip


async def test_who_is_told_in_vain_is_told_again_without_the_handler() -> None:
    verdict = GiveUp("internal_error", "PermanentError: no")
    notes = await settle(PermanentError("no"), dead_errors=(TransientError("away"),))
    marks = Marks(deferrals=1, dead=verdict)
    assert notes == ["handled", ("keep", "internal_error"), "told", ("again", 5.0, marks)]
    assert await settle(message=delivery(marks)) == ["told", "done"]


async def test_who_cannot_be_told_at_all_is_given_up_the_letter_is_kept() -> None:
    marks = Marks(failures=2, dead=GiveUp("internal_error", "no"))
    assert await settle(message=delivery(marks), dead_errors=(ValueError("bug"),)) == [
        "told",
        "done",
    ]


async def test_an_unreadable_message_never_meets_the_handler() -> None:
    notes = await settle(message=delivery(raw=b"{}"))
    assert notes == [("keep", "unreadable_message"), "told", "done"]


async def test_a_cancelled_handler_returns_its_message() -> None:
    notes: list[object] = []
    entered = asyncio.Event()

    async def handler(_: object) -> None:
        entered.set()
        await asyncio.Event().wait()

    settler = Settler(handler=handler, on_dead=None)
    task = asyncio.ensure_future(settler.settle(delivery(), Recording(notes=notes)))
    async with asyncio.timeout(5):
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert notes == ["back"]


async def test_a_cancellation_by_a_driver_is_trouble_that_passes() -> None:
    assert await settle(asyncio.CancelledError()) == [
        "handled", ("again", 5.0, Marks(deferrals=1)),
    ]  # fmt: skip


async def test_logs_say_the_ids_and_never_the_message(caplog: pytest.LogCaptureFixture) -> None:
    await settle(PermanentError("no"))
    await settle(ValueError("bug"))
    await settle(message=delivery(raw=b'{"prompt": "a secret fox"}'))
    await settle(failing=("done",))
    assert len(caplog.records) == 4
    assert all(record.owner == "ada" for record in caplog.records)
    assert "secret" not in caplog.text


async def test_a_local_queue_forgets_the_oldest_when_it_is_full() -> None:
    queue: LocalQueue[int] = LocalQueue(3)
    for item in range(5):
        queue.push(item)
    queue.push_back(1)
    assert await queue.take(10) == [2, 3, 4]
    queue.push_back(2)
    queue.push(5)
    assert await queue.take(1) == [2]
    assert queue.drain() == [5]
