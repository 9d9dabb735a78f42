"""Accepted once, whatever dies in between."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

import pytest

from atelier_api.grouped import Grouped
from atelier_api.once import Once, Request
from atelier_api.ports import Claim, Row, Scope, State
from atelier_api.stores.memory import MemoryIdempotency
from atelier_core.contracts.problems import Code, Problem
from atelier_core.domain.request import Lane
from atelier_core.domain.values import new_id, now
from atelier_core.errors import StorageFullError, TransientError

pytestmark = pytest.mark.anyio

SCOPE = Scope("local", "POST", "/v1/jobs", "key")


class Sent:
    """What was published, and the trouble in doing so."""

    def __init__(self) -> None:
        self.ids: list[tuple[str, datetime]] = []
        self.trouble: Exception | None = None

    async def __call__(self, request_id: str, at: datetime, lane: Lane) -> None:
        assert lane is Lane.BULK, "where `admit` said"
        self.ids.append((request_id, at))
        if self.trouble:
            raise self.trouble

    def request(self, body: str = "body") -> Request:
        return Request(
            scope=SCOPE, fingerprint=body, kind="job_id", admit=lambda: Lane.BULK, send=self
        )


def left_behind(state: State = State.PENDING) -> tuple[MemoryIdempotency, Claim, list[float]]:
    """A store with the row of a process that died."""
    at = [0.0]
    store = MemoryIdempotency(clock=lambda: at[0])
    claim = Claim(scope=SCOPE, fingerprint="body", id=new_id(), created_at=now())
    store._claim(claim)
    if state is not State.PENDING:
        store._rows[SCOPE] = replace(store._rows[SCOPE], state=state)
    return store, claim, at


async def test_a_released_row_is_sent_again_under_its_id_and_time() -> None:
    store, claim, _ = left_behind(State.RELEASED)
    sent = Sent()
    async with Once.open(store) as once:
        acceptance = await once(sent.request())
        assert sent.ids == [(claim.id, claim.created_at)]
        assert (acceptance.id, acceptance.replayed) == (claim.id, True)
        await once(sent.request())
    assert len(sent.ids) == 1, "and then it is accepted"


async def test_a_row_older_than_ten_seconds_is_sent_again() -> None:
    store, claim, at = left_behind()
    at[0] = 10.0
    sent = Sent()
    async with Once.open(store) as once:
        assert (await once(sent.request())).id == claim.id
    assert sent.ids == [(claim.id, claim.created_at)]


async def test_a_young_row_in_hand_is_waited_for_then_409() -> None:
    store, _, _ = left_behind()
    sent = Sent()
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with Once.open(store) as once:
        with pytest.raises(Problem) as caught:
            await once(sent.request())
    assert (caught.value.code, caught.value.retryable) == (Code.IDEMPOTENCY_IN_PROGRESS, True)
    assert 4.5 < loop.time() - started < 6
    assert sent.ids == []


async def test_another_body_is_told_at_once() -> None:
    store, _, _ = left_behind()
    async with Once.open(store) as once:
        with pytest.raises(Problem) as caught:
            await once(Sent().request("other"))
    assert caught.value.code is Code.IDEMPOTENCY_MISMATCH


async def test_an_unknown_outcome_releases_the_row() -> None:
    store, sent = MemoryIdempotency(), Sent()
    sent.trouble = TransientError("no confirm", retry_after=3)
    async with Once.open(store) as once:
        with pytest.raises(Problem) as caught:
            await once(sent.request())
        row = await store.find(SCOPE)
    assert row is not None
    assert (row.state, row.id) == (State.RELEASED, caught.value.job_id)
    assert (caught.value.code, caught.value.retry_after) == (Code.SERVICE_UNAVAILABLE, 3)


async def test_a_refusal_leaves_no_row() -> None:
    store, sent = MemoryIdempotency(), Sent()

    def refuse() -> Lane:
        raise Problem(Code.QUEUE_FULL, "Full.")

    async with Once.open(store) as once:
        with pytest.raises(Problem, match="Full"):
            await once(replace(sent.request(), admit=refuse))
    assert await store.find(SCOPE) is None
    assert sent.ids == []


@pytest.mark.parametrize("state", [State.RELEASED, State.PENDING])
async def test_a_refusal_keeps_the_id_of_what_may_be_with_the_broker(state: State) -> None:
    store, claim, at = left_behind(state)
    at[0] = 10.0
    sent = Sent()

    def refuse() -> Lane:
        raise Problem(Code.QUEUE_FULL, "Full.")

    async with Once.open(store) as once:
        with pytest.raises(Problem, match="Full"):
            await once(replace(sent.request(), admit=refuse))
        assert (await once(sent.request())).id == claim.id, "another id would be a second job"
    assert sent.ids == [(claim.id, claim.created_at)]


class Failing(MemoryIdempotency):
    """A store that is away for some of its methods."""

    def __init__(self, *away: str) -> None:
        super().__init__()
        self.away = away

    async def claim(self, claims: Sequence[Claim]) -> Sequence[Row]:
        if "claim" in self.away:
            raise TransientError("away")
        return await super().claim(claims)

    async def mark(self, scopes: Sequence[Scope], state: State) -> None:
        if "mark" in self.away:
            raise TransientError("away")
        await super().mark(scopes, state)


async def test_a_store_that_is_away_means_unknown_and_nothing_is_sent() -> None:
    sent = Sent()
    async with Once.open(Failing("claim")) as once:
        with pytest.raises(Problem) as caught:
            await once(sent.request())
    assert caught.value.code is Code.SERVICE_UNAVAILABLE
    assert caught.value.job_id
    assert sent.ids == []


async def test_what_is_safe_with_the_broker_is_accepted_even_if_its_row_is_not_marked() -> None:
    sent = Sent()
    async with Once.open(Failing("mark")) as once:
        assert (await once(sent.request())).id == sent.ids[0][0]


@pytest.mark.parametrize("step", ["claim", "mark"])
async def test_the_log_says_what_was_away(step: str, caplog: pytest.LogCaptureFixture) -> None:
    """The client is not told, and the operator has to know which server it is."""
    async with Once.open(Failing(step)) as once:
        with suppress(Problem):
            await once(Sent().request())
    [record] = [r for r in caplog.records if r.name == "atelier_api.once"]
    assert record.__dict__["error"] == "away"


async def test_requests_without_a_key_are_all_new() -> None:
    sent = Sent()
    request = replace(sent.request(), scope=None)
    async with Once.open(Failing("claim", "mark")) as once:
        first, second = await once(request), await once(request)
    assert first.id != second.id


async def test_neighbours_share_one_write() -> None:
    groups: list[list[int]] = []
    go = asyncio.Event()

    async def work(items: Sequence[int]) -> Sequence[int]:
        groups.append(list(items))
        await go.wait()
        if 13 in items:
            raise TransientError("away")
        return [item * 2 for item in items]

    grouped = Grouped(work)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(grouped.run())
        first = tasks.create_task(grouped(1))
        while not groups:
            await asyncio.sleep(0)
        others = [asyncio.create_task(grouped(i)) for i in range(2, 300)]
        await asyncio.sleep(0)
        others[5].cancel()
        go.set()
        assert await first == 2
        answers = await asyncio.gather(*others, return_exceptions=True)
        running.cancel()
    assert [len(group) for group in groups] == [1, 200, 98]
    assert isinstance(answers[11], TransientError)
    assert isinstance(answers[5], asyncio.CancelledError)
    assert answers[-1] == 598


async def test_leaving_tells_those_who_wait() -> None:
    async def never(_: Sequence[int]) -> Sequence[int]:
        await asyncio.Event().wait()
        return ()

    grouped = Grouped(never)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(grouped.run())
        waiting = asyncio.gather(grouped(1), grouped(2), return_exceptions=True)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running.cancel()
        assert [type(answer) for answer in await waiting] == [TransientError] * 2


class FullStore(MemoryIdempotency):
    """A store whose disk is full."""

    async def claim(self, claims: Sequence[Claim]) -> Sequence[Row]:
        raise StorageFullError("The disk is full.")


async def test_a_full_disk_is_a_no_and_not_an_unknown() -> None:
    full = Sent()
    full.trouble = StorageFullError("The disk is full.")
    for store in (MemoryIdempotency(), FullStore()):
        async with Once.open(store) as once:
            with pytest.raises(Problem) as caught:
                await once(full.request())
        problem = caught.value
        assert (problem.code, problem.status, problem.job_id) == (Code.STORAGE_FULL, 507, None)
    assert len(full.ids) == 1, "and without a row nothing is sent"
