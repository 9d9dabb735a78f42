"""What the RabbitMQ bus promises beyond every bus: surviving the server, and being frank about it."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator

import pytest
from aio_pika import connect
from aio_pika.abc import AbstractChannel

from atelier_core.adapters.rabbitmq import RabbitBus
from atelier_core.contracts.events import Event, JobRequested
from atelier_core.domain.values import now
from atelier_core.errors import Defer, PermanentError, SettingsError, TransientError
from bus_harness import (
    DELAYS,
    DURABLE,
    A,
    B,
    Recorder,
    accepted,
    eventually,
    lossy,
    progress,
    requested,
    subscription,
)
from rabbit_harness import Management, Proxy, names, proxied
from servers import amqp4_url, management_url

pytestmark = [pytest.mark.anyio, pytest.mark.external, pytest.mark.timeout(60)]


@pytest.fixture(params=["3.10", "4"])
def server(request: pytest.FixtureRequest) -> str:
    if request.param == "4":
        return amqp4_url()
    return request.getfixturevalue("amqp_url")


@pytest.fixture
async def prefix(server: str) -> AsyncIterator[str]:
    async with names(server) as prefix:
        yield prefix


@pytest.fixture
async def proxy(server: str) -> AsyncIterator[Proxy]:
    async with proxied(server) as proxy:
        yield proxy


@pytest.fixture
async def admin(server: str) -> AsyncIterator[AbstractChannel]:
    async with await connect(server) as connection, connection.channel() as channel:
        yield channel


def management(server: str) -> Management:
    if server == os.environ.get("ATELIER_TEST_AMQP4_URL"):
        return Management(os.environ["ATELIER_TEST_AMQP4_API"])
    return Management(management_url(server))


def opened(url: str, prefix: str):
    return RabbitBus.open(url, durable=DURABLE, delays=DELAYS, prefix=prefix, name=prefix)


async def test_after_a_cut_everything_goes_on_by_itself(
    server: str, proxy: Proxy, prefix: str
) -> None:
    seen: list[Event] = []
    most = in_hand = 0

    async def handler(event: Event) -> None:
        nonlocal most, in_hand
        in_hand += 1
        most = max(most, in_hand)
        await asyncio.sleep(0.002)
        in_hand -= 1
        seen.append(event)

    events = [requested() for _ in range(600)]
    async with (
        opened(proxy.url(server), prefix) as bus,
        bus.consume(subscription(A, prefetch=5), handler),
    ):

        async def publish(part: list) -> None:
            for event in part:
                await bus.publish(event)

        publishing = [asyncio.ensure_future(publish(events[i::10])) for i in range(10)]
        for count in (50, 200, 400):

            async def so_far(count: int = count) -> bool:
                return len(seen) >= count

            await eventually(so_far)
            proxy.cut()
        await asyncio.gather(*publishing)  # a cut is bridged: no publisher noticed

        async def all_came() -> bool:
            return {e.id for e in seen} == {e.id for e in events}

        await eventually(all_came)
        assert most == 5  # prefetch restored, never more in hand

        async def empty() -> bool:
            return await bus.depth(A) == 0

        await eventually(empty)
    async with opened(server, prefix) as bus, bus.consume(subscription(A), rest := Recorder()):
        await bus.publish(last := requested())
        assert await rest.until(1) == [last]  # every ack arrived


async def test_queues_are_declared_to_keep_everything(server: str, prefix: str) -> None:
    api = management(server)
    async with opened(server, prefix):
        queues = {q["name"]: q for q in await api.call("GET", "queues")}
    limit = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}
    tier = {
        **limit,
        "x-dead-letter-exchange": "",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    wanted = {f"{prefix}{name}{end}": limit for name in DURABLE for end in ("", ".dead")}
    for delay in (round(d * 1000) for d in DELAYS):
        wanted[f"{prefix}atelier.delay.{delay}"] = {**tier, "x-message-ttl": delay}
    ours = {name: queue for name, queue in queues.items() if name.startswith(prefix)}
    assert {name: queue["arguments"] for name, queue in ours.items()} == wanted
    assert all(queue["durable"] for queue in ours.values())


async def test_a_connection_closed_by_an_operator_is_made_again(server: str, prefix: str) -> None:
    api = management(server)
    async with opened(server, prefix) as bus, bus.consume(subscription(A), handler := Recorder()):
        await bus.publish(requested())
        await handler.until(1)
        for name in ("publish", "consume"):
            await eventually(lambda name=name: api.cut(f"{prefix} {name}"))
        await bus.publish(last := requested())

        async def came() -> bool:
            return last.id in handler.ids

        await eventually(came)


async def test_what_was_in_hand_at_a_cut_comes_again_marked(
    server: str, proxy: Proxy, prefix: str
) -> None:
    seen: list[Event] = []
    entered, again, go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handler(event: Event) -> None:
        seen.append(event)
        entered.set()
        if event.redelivered:
            again.set()
            return
        await go.wait()

    async with (
        opened(proxy.url(server), prefix) as bus,
        bus.consume(subscription(A, prefetch=2), handler),
    ):
        await bus.publish(event := requested())
        await entered.wait()
        proxy.cut()
        await again.wait()
        go.set()
    assert [e.id for e in seen] == [event.id] * 2
    async with opened(server, prefix) as bus:
        assert await bus.depth(A) == 0


@pytest.mark.parametrize("error", [PermanentError("no"), Defer(now())], ids=["dead", "deferred"])
async def test_what_was_in_hand_at_a_cut_is_settled_once(
    server: str, proxy: Proxy, prefix: str, error: Exception
) -> None:
    """By whom the server hands it out to again, not by who had it."""
    entered, again = asyncio.Event(), asyncio.Event()
    calls = 0

    async def handler(_: Event) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            entered.set()
            await again.wait()
            raise error
        again.set()
        raise PermanentError("no")

    async with opened(proxy.url(server), prefix) as bus, bus.consume(subscription(A), handler):
        await bus.publish(requested())
        await entered.wait()
        proxy.cut()
        await again.wait()

        async def ended() -> bool:
            return len(await bus.dead_letters(A)) > 0

        await eventually(ended)
        await asyncio.sleep(2 * DELAYS[0])  # what was deferred comes, if it was
        assert (calls, len(await bus.dead_letters(A))) == (2, 1)


async def test_a_server_that_is_away_is_waited_for(server: str, proxy: Proxy, prefix: str) -> None:
    loop = asyncio.get_running_loop()
    await proxy.refuse()
    began = loop.time()
    async with (
        opened(proxy.url(server), prefix) as bus,
        bus.consume(subscription(A), handler := Recorder()),
    ):
        assert loop.time() - began < 4
        began = loop.time()
        asked = (bus.publish(requested()), bus.depth(A), bus.dead_letters(A))
        published, depth, letters = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(published, TransientError)
        assert "cannot be used" in str(published)
        assert isinstance(depth, TransientError)
        assert isinstance(letters, TransientError)
        assert loop.time() - began < 3.5
        bus.announce(progress())
        await proxy.listen()

        async def works() -> bool:
            try:
                await bus.publish(requested())
            except TransientError:
                return False
            return True

        await eventually(works)
        await handler.until(1)


async def test_leaving_while_the_server_is_away_does_not_hang(
    server: str, proxy: Proxy, prefix: str
) -> None:
    entered = asyncio.Event()

    async def handler(_: Event) -> None:
        entered.set()
        await asyncio.Event().wait()

    async with (
        asyncio.timeout(10),
        opened(proxy.url(server), prefix) as bus,
        bus.consume(subscription(A), handler, grace=0.1),
        bus.consume(lossy("job.progress"), Recorder()),
    ):
        await bus.publish(requested())
        await entered.wait()
        await proxy.refuse()
    async with opened(server, prefix) as bus:

        async def returned() -> bool:
            return await bus.depth(A) == 1

        await eventually(returned)


@pytest.mark.parametrize("server", ["4"], indirect=True)  # it takes 8 s, of the client's doing
async def test_leaving_while_the_server_is_silent_does_not_hang(
    server: str, proxy: Proxy, prefix: str
) -> None:
    handler = Recorder()
    async with (
        asyncio.timeout(15),
        opened(proxy.url(server), prefix) as bus,
        bus.consume(lossy("job.progress"), Recorder()),
        bus.consume(subscription(A), handler),
        bus.consume(subscription(B), handler),
    ):
        await bus.publish(requested())
        await handler.until(2)
        proxy.silence()


async def test_a_cut_while_leaving_takes_nothing_new(
    server: str, proxy: Proxy, prefix: str
) -> None:
    entered, leave, finish = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handler(_: Event) -> None:
        entered.set()
        await finish.wait()

    async def consume(bus: RabbitBus) -> None:
        async with bus.consume(subscription(A), handler, grace=30):
            await leave.wait()

    async with (
        opened(server, prefix) as other,
        opened(proxy.url(server), prefix) as bus,
        bus.consume(subscription(B), marker := Recorder()),
        asyncio.TaskGroup() as group,
    ):
        leaving = group.create_task(consume(bus))
        await other.publish(requested())
        await entered.wait()
        leave.set()
        await marker.until(1)
        proxy.cut()
        for _ in range(3):  # by then this bus consumes again what it still consumes
            await other.publish(event := requested())
            while event.id not in marker.ids:
                await marker.until(len(marker.seen) + 1)

        async def returned() -> bool:
            return await other.depth(A) == 4

        await eventually(returned)
        finish.set()
        await leaving


async def test_a_silent_server_is_transient_within_seconds_and_then_left(
    server: str, proxy: Proxy, prefix: str
) -> None:
    loop = asyncio.get_running_loop()
    async with opened(proxy.url(server), prefix) as bus:
        await bus.publish(requested())
        proxy.silence()
        for _ in range(3):
            began = loop.time()
            with pytest.raises(TransientError):
                await bus.publish(requested())
            assert loop.time() - began < 3.5
        proxy.cut()  # the silent connections are gone for good
        proxy.resume()

        async def works() -> bool:
            try:
                await bus.publish(requested())
            except TransientError:
                return False
            return True

        await eventually(works)


@pytest.mark.parametrize("server", ["4"], indirect=True)  # it takes 12 s, of the client's doing
async def test_a_connection_that_takes_nothing_is_left_with_what_it_did_not_take(
    server: str, proxy: Proxy, prefix: str
) -> None:
    large = JobRequested(owner="local", job=accepted("x" * 4_000_000))
    async with opened(proxy.url(server), prefix) as bus:
        await bus.publish(requested())
        proxy.strand()

        async def works() -> bool:
            try:
                await bus.publish(requested())
            except TransientError:
                return False
            return True

        sending = (bus.publish(large) for _ in range(8))  # more than sockets hold
        lost = await asyncio.gather(*sending, return_exceptions=True)
        assert [type(error) for error in lost] == [TransientError] * 8
        await eventually(works)


async def test_a_deleted_queue_is_declared_again_when_it_is_missed(
    server: str, prefix: str, admin: AbstractChannel
) -> None:
    async with opened(server, prefix) as bus:
        for queue in (A, B):
            await admin.queue_delete(f"{prefix}{queue}")
        await asyncio.gather(*(bus.publish(requested()) for _ in range(20)))
        assert await bus.depth(A) == 20


@pytest.mark.parametrize("at_once", [1, 20])
async def test_a_deleted_exchange_is_declared_again_when_it_is_missed(
    server: str, prefix: str, admin: AbstractChannel, at_once: int
) -> None:
    async with opened(server, prefix) as bus:
        await bus.publish(requested())
        await admin.exchange_delete(f"{prefix}atelier")
        await asyncio.gather(*(bus.publish(requested()) for _ in range(at_once)))
        assert await bus.depth(A) > at_once  # what was sent again may be there twice


async def test_a_consumer_whose_queue_was_deleted_comes_back(
    server: str, prefix: str, admin: AbstractChannel
) -> None:
    async with opened(server, prefix) as bus, bus.consume(subscription(A), handler := Recorder()):
        await bus.publish(requested())
        await handler.until(1)
        await admin.queue_delete(f"{prefix}{A}")

        async def works() -> bool:
            await bus.publish(requested())
            return len(handler.seen) > 1

        await eventually(works)


async def test_a_refused_message_is_transient_and_the_channel_is_not_kept(
    server: str, prefix: str, admin: AbstractChannel
) -> None:
    async with opened(server, prefix) as bus:
        full = await admin.declare_queue(
            f"{prefix}full",
            exclusive=True,
            arguments={"x-max-length": 1, "x-overflow": "reject-publish"},
        )
        await full.bind(f"{prefix}atelier", "job.requested.interactive")
        await bus.publish(requested())  # fills it
        channel = bus._publisher._channel
        with pytest.raises(TransientError):
            await asyncio.gather(*(bus.publish(requested()) for _ in range(5)))
        # On 3.10 a channel that met an election may be refused for ever; another one is not.
        assert bus._publisher._channel is not channel
        await full.delete(if_unused=False, if_empty=False)
        await bus.publish(requested())


async def test_a_queue_with_other_arguments_is_named(
    server: str, prefix: str, admin: AbstractChannel
) -> None:
    await admin.declare_queue(f"{prefix}{A}", durable=True)
    async with opened(server, prefix) as bus:
        with pytest.raises(TransientError, match="inequivalent arg"):
            await bus.publish(requested())


async def test_listeners_hear_again_after_a_cut(server: str, proxy: Proxy, prefix: str) -> None:
    async with (
        opened(proxy.url(server), prefix) as bus,
        bus.consume(lossy("job.progress"), handler := Recorder()),
    ):
        bus.announce(progress())
        await handler.until(1)
        proxy.cut()

        async def heard() -> bool:
            bus.announce(progress())
            return len(handler.seen) > 1

        await eventually(heard)


async def test_nothing_is_left_of_a_listener(server: str, prefix: str) -> None:
    api = management(server)

    async def live() -> list[str]:
        queues = [q["name"] for q in await api.call("GET", "queues")]
        return [q for q in queues if q.startswith(f"{prefix}live")]

    async def one() -> bool:
        return len(await live()) == 1

    async def none() -> bool:
        return not await live()

    async with opened(server, prefix) as bus:
        async with bus.consume(lossy("job.progress"), Recorder()):
            await eventually(one)
        await eventually(none)


async def test_a_password_is_never_said(
    server: str, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = server.replace("guest:guest", "guest:s3cr3t-wrong")
    async with opened(url, prefix) as bus:
        with pytest.raises(TransientError) as caught:
            await bus.publish(requested())
    with pytest.raises(SettingsError) as wrong:
        async with opened("https://user:s3cr3t@host/", prefix):
            pass
    said = caplog.text + str(caught.value) + str(wrong.value)
    assert "ACCESS_REFUSED" in said
    assert "s3cr3t" not in said
