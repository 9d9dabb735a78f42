"""What every event bus promises, whoever carries the messages."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from atelier_core.adapters.memory_bus import MemoryBus
from atelier_core.adapters.sqlite import SqliteEngine
from atelier_core.adapters.sqlite_bus import SqliteBus
from atelier_core.contracts.events import Event, JobsUpdated
from atelier_core.domain.request import Lane
from atelier_core.domain.values import new_id, now
from atelier_core.errors import Defer, NotFoundError, PermanentError, TransientError
from atelier_core.ports import DeadLetter
from bus_harness import (
    DELAYS,
    DURABLE,
    WITHIN,
    A,
    B,
    Bus,
    Recorder,
    eventually,
    lossy,
    progress,
    requested,
    started,
    subscription,
)
from servers import amqp4_url

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def memory() -> AsyncIterator[Bus]:
    async with MemoryBus.open(durable=DURABLE, delays=DELAYS) as bus:

        async def inject(queue: str, raw: bytes, ids: Mapping[str, str]) -> None:
            bus.inject(queue, raw, ids)

        yield Bus(bus, inject)


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Bus]:
    async with (
        SqliteEngine.open(folder / "bus.db") as engine,
        SqliteBus.open(engine, durable=DURABLE, delays=DELAYS) as bus,
    ):
        yield Bus(bus, bus.inject)


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        pytest.param("rabbitmq", marks=pytest.mark.external),
        pytest.param("rabbitmq4", marks=pytest.mark.external),
    ]
)
async def bus(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bus]:
    match request.param:
        case "memory":
            opening = memory()
        case "sqlite":
            opening = sqlite(tmp_path)
        case "rabbitmq":
            from rabbit_harness import rabbitmq

            opening = rabbitmq(request.getfixturevalue("amqp_url"))
        case _:
            from rabbit_harness import rabbitmq

            opening = rabbitmq(amqp4_url())
    async with opening as opened, asyncio.timeout(2 * WITHIN):
        yield opened


async def dead(bus: Bus, queue: str, count: int) -> list[DeadLetter]:
    async def there() -> bool:
        return len(await bus.bus.dead_letters(queue)) >= count

    await eventually(there)
    return list(await bus.bus.dead_letters(queue))


async def waiting(bus: Bus, queue: str, count: int) -> None:
    async def there() -> bool:
        return await bus.bus.depth(queue) == count

    await eventually(there)


# --- routing


async def test_each_queue_gets_its_own_copy_whole(bus: Bus) -> None:
    a, b, event = Recorder(), Recorder(), requested()
    async with bus.bus.consume(subscription(A), a), bus.bus.consume(subscription(B), b):
        await bus.bus.publish(event)
        assert await a.until(1) == [event]
        assert await b.until(1) == [event]
        assert not a.seen[0].redelivered


async def test_consumers_of_one_queue_share_its_messages(bus: Bus) -> None:
    one, two = Recorder(), Recorder()
    events = [requested() for _ in range(20)]
    async with bus.bus.consume(subscription(A), one), bus.bus.consume(subscription(A), two):
        await bus.bus.publish(*events)

        async def all_came() -> bool:
            return len(one.seen) + len(two.seen) >= len(events)

        await eventually(all_came)
        last = requested()
        await bus.bus.publish(last)

        async def last_came() -> bool:
            return last.id in one.ids + two.ids

        await eventually(last_came)
    assert sorted(one.ids + two.ids) == sorted([e.id for e in events] + [last.id])


async def test_other_topics_do_not_arrive(bus: Bus) -> None:
    async with bus.bus.consume(subscription(A), handler := Recorder()):
        await bus.bus.publish(started(), requested(), started(), event := requested())
        await handler.until(2)
        await bus.bus.publish(last := requested())
        assert [e.type for e in await handler.until(3)] == ["job.requested.v1"] * 3
    assert handler.ids[1:] == [event.id, last.id]


async def test_a_durable_queue_keeps_what_came_before_its_consumer_in_order(bus: Bus) -> None:
    events = [requested() for _ in range(30)]
    for event in events[:3]:
        await bus.bus.publish(event)
    await bus.bus.publish(*events[3:])
    await waiting(bus, A, 30)
    async with bus.bus.consume(subscription(A, prefetch=1), handler := Recorder()):
        assert await handler.until(30) == events
        await waiting(bus, A, 0)


async def test_a_batch_of_events_is_published_whole(bus: Bus) -> None:
    events = [requested() for _ in range(300)]
    async with bus.bus.consume(subscription(A, prefetch=100), handler := Recorder()):
        await bus.bus.publish(*events)
        await handler.until(300)
    assert sorted(handler.ids) == sorted(e.id for e in events)


async def test_what_no_durable_queue_takes_is_not_safe_and_not_silent(bus: Bus) -> None:
    with pytest.raises(TransientError):
        await bus.bus.publish(requested(Lane.BULK))
    await bus.bus.publish(requested())
    await waiting(bus, A, 1)


async def test_depth_and_dead_letters_of_an_unknown_queue_are_not_found(bus: Bus) -> None:
    with pytest.raises(NotFoundError):
        await bus.bus.depth("nothing")
    with pytest.raises(NotFoundError):
        await bus.bus.dead_letters("nothing")


# --- settlement


async def test_a_deferral_comes_back_after_its_delay_marked_as_redelivered(bus: Bus) -> None:
    loop = asyncio.get_running_loop()
    handler = Recorder(Defer(now() + timedelta(seconds=0.15)))
    async with bus.bus.consume(subscription(A), handler):
        await bus.bus.publish(event := requested())
        await handler.until(1)
        began = loop.time()
        assert await handler.until(2) == [event, event.model_copy(update={"redelivered": True})]
        assert loop.time() - began >= DELAYS[0] * 0.9
    assert [e.redelivered for e in handler.seen] == [False, True]
    assert await bus.bus.dead_letters(A) == ()


async def test_a_longer_deferral_takes_a_longer_tier_and_does_not_hold_up_others(bus: Bus) -> None:
    loop = asyncio.get_running_loop()
    came: dict[str, list[float]] = {}
    long, short = requested(), requested()
    done = asyncio.Event()

    async def handler(event: Event) -> None:
        times = came.setdefault(event.id, [])
        times.append(loop.time())
        if len(times) == 1:
            raise Defer(now() + timedelta(seconds=0.5 if event.id == long.id else 0.1))
        if event.id == long.id:
            done.set()

    async with bus.bus.consume(subscription(A, prefetch=1), handler):
        await bus.bus.publish(long)
        await bus.bus.publish(short)
        await done.wait()
    assert came[short.id][1] - came[short.id][0] < came[long.id][1] - came[long.id][0]
    assert came[long.id][1] - came[long.id][0] >= DELAYS[1] * 0.9


async def test_what_is_delayed_or_in_hand_does_not_count_as_waiting(bus: Bus) -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    async def handler(_: Event) -> None:
        entered.set()
        await go.wait()

    async with bus.bus.consume(subscription(A, prefetch=1), handler):
        await bus.bus.publish(requested(), requested())
        await entered.wait()
        await waiting(bus, A, 1)
        go.set()
        await waiting(bus, A, 0)


async def test_deferrals_are_bounded_by_nothing_but_the_event(bus: Bus) -> None:
    handler = Recorder(*[TransientError("busy")] * 6)
    async with bus.bus.consume(subscription(A), handler):
        await bus.bus.publish(requested())
        await handler.until(7)
    assert await bus.bus.dead_letters(A) == ()


async def test_trouble_that_outlives_the_message_ends_it(bus: Bus) -> None:
    old = requested().model_copy(update={"time": now() - timedelta(days=9)})
    async with bus.bus.consume(subscription(A), Recorder(TransientError("busy"))):
        await bus.bus.publish(old)
        (letter,) = await dead(bus, A, 1)
    assert letter.code == "deadline_passed"


async def test_a_permanent_error_is_a_dead_letter_at_once_kept_before_anybody_is_told(
    bus: Bus,
) -> None:
    told: list[tuple[DeadLetter, int]] = []
    done = asyncio.Event()

    async def on_dead(letter: DeadLetter) -> None:
        told.append((letter, len(await bus.bus.dead_letters(A))))
        done.set()

    handler = Recorder(PermanentError("no\nway"))
    async with bus.bus.consume(subscription(A), handler, on_dead=on_dead):
        await bus.bus.publish(event := requested())
        await done.wait()
        (kept,) = await dead(bus, A, 1)
    assert told == [(kept, 1)]
    assert len(handler.seen) == 1
    assert (kept.queue, kept.code) == (A, "internal_error")
    assert kept.reason == "PermanentError: no way"
    assert (kept.owner, kept.job_id, kept.batch_id) == ("local", event.job_id, "")
    assert event.model_dump_json().encode() == kept.raw
    assert await bus.bus.dead_letters(A) == (kept,)  # looking leaves it there


async def test_who_is_told_of_a_dead_letter_may_fail_and_is_told_again(bus: Bus) -> None:
    told: list[DeadLetter] = []
    done = asyncio.Event()

    async def on_dead(letter: DeadLetter) -> None:
        told.append(letter)
        if len(told) == 1:
            raise TransientError("the store is away")
        if len(told) == 2:
            raise ValueError("a bug")
        done.set()

    handler = Recorder(PermanentError("no"))
    async with bus.bus.consume(subscription(A), handler, on_dead=on_dead):
        await bus.bus.publish(requested())
        await done.wait()
    assert len(handler.seen) == 1  # the handler had its say
    assert told[0] == told[1] == told[2]
    assert await dead(bus, A, 1) == told[:1]  # and it is kept once


async def test_an_unexpected_error_has_three_tries(bus: Bus) -> None:
    handler = Recorder(*[RuntimeError("bug")] * 9)
    async with bus.bus.consume(subscription(A), handler):
        await bus.bus.publish(requested())
        (letter,) = await dead(bus, A, 1)
    assert [e.redelivered for e in handler.seen] == [False, True, True]
    assert letter.code == "internal_error"


async def test_waiting_does_not_use_up_the_tries_of_a_failing_handler(bus: Bus) -> None:
    errors = [
        RuntimeError("bug"),
        TransientError("busy"),
        TransientError("busy"),
        RuntimeError("bug"),
    ]
    async with bus.bus.consume(subscription(A), handler := Recorder(*errors)):
        await bus.bus.publish(requested())
        await handler.until(5)
    assert await bus.bus.dead_letters(A) == ()


async def test_an_unreadable_message_blocks_nothing_and_is_accounted_for(bus: Bus) -> None:
    ids = {"owner": "ada", "job_id": new_id()}
    told: list[DeadLetter] = []

    async def on_dead(letter: DeadLetter) -> None:
        told.append(letter)

    async with bus.bus.consume(subscription(A, prefetch=1), handler := Recorder(), on_dead=on_dead):
        await bus.inject(A, b"\xff not json", ids)
        await bus.bus.publish(event := requested())
        assert await handler.until(1) == [event]
        (letter,) = await dead(bus, A, 1)
    assert told == [letter]
    assert letter.raw == b"\xff not json"
    assert letter.code == "unreadable_message"
    assert (letter.owner, letter.job_id) == ("ada", ids["job_id"])
    await waiting(bus, A, 0)


async def test_prefetch_bounds_what_is_in_hand(bus: Bus) -> None:
    now_in_hand, most = 0, 0
    go = asyncio.Event()
    seen: list[str] = []

    async def handler(event: Event) -> None:
        nonlocal now_in_hand, most
        now_in_hand += 1
        most = max(most, now_in_hand)
        if most == 3:
            go.set()
        await go.wait()
        await asyncio.sleep(0.005)
        seen.append(event.id)
        now_in_hand -= 1

    async with bus.bus.consume(subscription(A, prefetch=3), handler):
        await bus.bus.publish(*[requested() for _ in range(12)])

        async def all_came() -> bool:
            return len(seen) == 12

        await eventually(all_came)
    assert most == 3


async def test_a_slow_message_does_not_keep_its_neighbours_from_being_settled(bus: Bus) -> None:
    first, others = requested(), [requested() for _ in range(20)]
    release = asyncio.Event()
    seen: list[str] = []

    async def handler(event: Event) -> None:
        if event.id == first.id:
            await release.wait()
        seen.append(event.id)

    async with bus.bus.consume(subscription(A, prefetch=3), handler):
        await bus.bus.publish(first)
        await bus.bus.publish(*others)

        async def others_done() -> bool:
            return len(seen) == 20

        await eventually(others_done)
        release.set()
    assert seen[-1] == first.id
    await waiting(bus, A, 0)
    async with bus.bus.consume(subscription(A), again := Recorder()):
        await bus.bus.publish(last := requested())
        assert await again.until(1) == [last]  # nothing was handed out twice


# --- leaving


async def test_leaving_waits_for_what_is_in_hand_and_takes_nothing_new(bus: Bus) -> None:
    entered, release = asyncio.Event(), asyncio.Event()
    seen: list[str] = []

    async def handler(event: Event) -> None:
        entered.set()
        await release.wait()
        await asyncio.sleep(0.05)
        seen.append(event.id)

    events = [requested(), requested()]
    async with bus.bus.consume(subscription(A, prefetch=1), handler, grace=10):
        await bus.bus.publish(*events)
        await entered.wait()
        release.set()
    assert seen == [events[0].id]
    await waiting(bus, A, 1)
    async with bus.bus.consume(subscription(A), rest := Recorder()):
        assert [e.id for e in await rest.until(1)] == [events[1].id]


async def test_leaving_cancels_after_the_grace_and_returns_the_message(bus: Bus) -> None:
    entered, cancelled = asyncio.Event(), asyncio.Event()

    async def handler(_: Event) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with bus.bus.consume(subscription(A), handler, grace=0.05):
        await bus.bus.publish(event := requested())
        await entered.wait()
    assert cancelled.is_set()
    async with bus.bus.consume(subscription(A), again := Recorder()):
        (second,) = await again.until(1)
    assert second.id == event.id
    assert second.redelivered


async def test_the_error_of_the_body_comes_out_as_it_is(bus: Bus) -> None:
    with pytest.raises(ZeroDivisionError):
        async with bus.bus.consume(subscription(A), Recorder()):
            raise ZeroDivisionError


async def test_a_publisher_that_is_cancelled_leaves_the_bus_working(bus: Bus) -> None:
    async with bus.bus.consume(subscription(A), handler := Recorder()):
        for _ in range(5):
            task = asyncio.ensure_future(bus.bus.publish(requested()))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await bus.bus.publish(last := requested())

        async def came() -> bool:
            return last.id in handler.ids

        await eventually(came)
        await waiting(bus, A, 0)


async def test_a_cancellation_nobody_asked_for_is_trouble_that_passes(bus: Bus) -> None:
    seen = 0
    done = asyncio.Event()

    async def handler(_: Event) -> None:
        nonlocal seen
        seen += 1
        if seen == 1:
            raise asyncio.CancelledError  # as drivers do when a connection is stuck
        done.set()

    async with bus.bus.consume(subscription(A), handler):
        await bus.bus.publish(requested())
        await done.wait()
    await waiting(bus, A, 0)


# --- announcements and queues that are not durable


async def test_announcements_reach_each_listener_and_nobody_later(bus: Bus) -> None:
    one, two = Recorder(), Recorder()
    async with (
        bus.bus.consume(lossy("job.progress"), one),
        bus.bus.consume(lossy("job.progress", "job.requested.interactive"), two),
    ):
        event = progress()
        bus.bus.announce(event)
        assert await one.until(1) == [event]
        assert await two.until(1) == [event]
        await bus.bus.publish(request := requested())
        assert await two.until(2) == [event, request]
    assert len(one.seen) == 1
    bus.bus.announce(progress())
    async with bus.bus.consume(lossy("job.progress"), later := Recorder()):
        bus.bus.announce(last := progress())
        await later.until(1)
    assert later.ids == [last.id]


async def test_a_listener_does_not_hear_what_it_said_itself(bus: Bus) -> None:
    async with bus.bus.consume(lossy("jobs.updated", deaf_to="me"), heard := Recorder()):
        bus.bus.announce(JobsUpdated(owner="local", jobs=(), origin="me"))
        bus.bus.announce(other := JobsUpdated(owner="local", jobs=(), origin="another"))
        assert await heard.until(1) == [other]


async def test_announcing_never_raises_however_much(bus: Bus) -> None:
    bus.bus.announce(*[progress() for _ in range(3000)])
    await bus.bus.publish(requested())
    await waiting(bus, A, 1)


async def test_a_listener_that_fails_goes_on(bus: Bus) -> None:
    handler = Recorder(RuntimeError("bug"), PermanentError("no"))
    async with bus.bus.consume(lossy("job.progress", prefetch=1), handler):
        bus.bus.announce(progress())
        await handler.until(1)
        bus.bus.announce(progress())
        await handler.until(2)
        bus.bus.announce(last := progress())

        async def came() -> bool:
            return last.id in handler.ids

        await eventually(came)
