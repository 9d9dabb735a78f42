"""Who is told what, and when: over memory stores, with time in hand."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from atelier_core.contracts.events import ImageUpdated, JobsUpdated, JobUpdated
from atelier_core.contracts.problems import Problem
from atelier_core.domain.image import images_of
from atelier_core.domain.job import Job, accept, end, start
from atelier_core.domain.outcome import JobStatus, Outcome
from atelier_core.domain.values import now
from atelier_gallery.live import Live
from atelier_gallery.outbox import PING, RESTART, TOO_MANY, UNKNOWN_TOPIC, Closed, Message, Outbox
from atelier_gallery.ports import Change
from atelier_gallery.stores.memory import MemoryImageStore, MemoryJobStore
from atelier_gallery.topics import Topic
from atelier_gallery.watching import MOST, Watching
from gallery_stories import OWNER, accepted, at, call, picture

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(20)]

ME = (Topic("me"),)


class Parts:
    def __init__(self, **options: float) -> None:
        self.jobs, self.images = MemoryJobStore(), MemoryImageStore()
        self.live = Live(
            jobs=self.jobs,
            images=self.images,
            clock=lambda: self.time,
            **options,  # type: ignore[arg-type]
        )
        self.watching = Watching(
            jobs=self.jobs, images=self.images, live=self.live, clock=lambda: self.time
        )
        self.time: datetime = now()

    async def save(self, *jobs: Job, read: int = 0) -> None:
        assert not await self.jobs.save_many([Change(job, read=read) for job in jobs])

    async def announce(self, job: Job) -> None:
        await self.live(JobUpdated(owner=job.owner, job=job))


def waiting_in(outbox: Outbox) -> list[Message]:
    return list(outbox._messages.values())


def second(job: Job) -> Job:
    after = start(job, step=1, calls=(), at=at(1))
    assert after is not None
    return after


async def test_a_change_passes_on_once_and_never_an_older_one() -> None:
    parts = Parts()
    first = accept(accepted())
    async with parts.live.watch(OWNER, ME) as outbox:
        await parts.save(first)
        await parts.save(second(first), read=1)
        await parts.announce(second(first))
        assert '"version":2' in (await outbox.take()).data
        await parts.announce(first)
        await parts.live.look()
        await parts.live.look()
        assert waiting_in(outbox) == []


def drawn(parts: Parts) -> Job:
    """A job that ends now, with one picture."""
    job = accepted()
    outcome = Outcome(status=JobStatus.SUCCEEDED, images=(picture(job),), at=parts.time)
    done = end(accept(job), outcome, calls=(call("a"),), at=parts.time)
    assert done is not None
    return done


def billed_late(job: Job) -> Job:
    assert job.finished_at is not None
    outcome = Outcome(status=job.status, images=job.images, at=job.finished_at)
    after = end(job, outcome, calls=(call("late"),), at=job.finished_at)
    assert after is not None
    return after


async def test_the_pictures_of_a_job_come_with_its_end() -> None:
    parts = Parts()
    async with parts.live.watch(OWNER, ME) as outbox:
        job = drawn(parts)
        await parts.announce(job)
        assert [m.key for m in waiting_in(outbox)] == [job.id, job.images[0].id]


async def test_a_late_bill_does_not_tell_the_pictures_as_they_were_at_first() -> None:
    parts = Parts()
    async with parts.live.watch(OWNER, ME) as outbox:
        job = drawn(parts)
        parts.time += timedelta(seconds=11)
        await parts.announce(billed_late(job))
        assert [m.key for m in waiting_in(outbox)] == [job.id]


async def test_a_page_that_came_after_the_end_is_not_told_them_either() -> None:
    parts = Parts()
    async with parts.live.watch("other", ME):
        job = drawn(parts)
        await parts.announce(job)
        (image,) = images_of(job)
        trashed = image.model_copy(update={"version": 2, "trashed_at": parts.time})
        await parts.live(ImageUpdated(owner=OWNER, image=trashed))
        parts.time += timedelta(seconds=1)
        async with parts.live.watch(OWNER, ME) as outbox:
            await parts.announce(billed_late(job))
            assert [m.key for m in waiting_in(outbox)] == [job.id]


async def test_what_was_saved_together_is_told_job_by_job_to_those_it_concerns() -> None:
    parts = Parts()
    mine, others = accept(accepted()), accept(accepted(owner="other"))
    async with parts.live.watch(OWNER, ME) as outbox:
        parts.live.tell([mine, others])
        assert [m.key for m in waiting_in(outbox)] == [mine.id]
        await parts.live(JobsUpdated(owner=OWNER, jobs=(mine, second(mine)), origin="another"))
        assert '"version":2' in (await outbox.take()).data


async def test_the_look_finds_what_nobody_announced_and_only_for_those_who_watch() -> None:
    parts = Parts()
    mine, others = accept(accepted()), accept(accepted(owner="other"))
    async with (
        parts.live.watch(OWNER, ME) as outbox,
        parts.live.watch(OWNER, (Topic("job", others.id),)) as nosy,
    ):
        await parts.save(mine, others)
        await parts.live.look()
        assert [m.key for m in waiting_in(outbox)] == [mine.id]
        assert waiting_in(nosy) == []


async def test_a_cursor_never_runs_ahead_of_what_was_looked_at() -> None:
    parts = Parts()
    async with parts.live.watch(OWNER, ME) as outbox:
        before = parts.live.cursor
        job = accept(accepted())
        await parts.save(job)
        await parts.announce(job)
        assert (await outbox.take()).cursor == before
        await parts.live.look()
        assert parts.live.cursor > before


async def test_after_a_pause_without_watchers_it_starts_from_the_newest() -> None:
    parts = Parts()
    await parts.save(*(accept(accepted()) for _ in range(3)))
    async with parts.live.watch(OWNER, ME):
        pass
    await parts.announce(accept(accepted()))  # nobody listens
    async with parts.live.watch(OWNER, ME) as outbox:
        await parts.live.look()
        # Those of the last five seconds come again: late rather than never.
        assert len(waiting_in(outbox)) == 3


async def test_pings_keep_a_quiet_connection_awake() -> None:
    parts = Parts(beat=0.01, ping=0.02)
    running = asyncio.create_task(parts.live.run())
    try:
        async with parts.live.watch(OWNER, ME) as outbox:
            assert (await outbox.take()).event == PING
            assert (await outbox.take()).event == PING
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_too_many_and_too_late() -> None:
    parts = Parts(limit=1)
    async with parts.live.watch(OWNER, ME) as first, parts.live.watch(OWNER, ME) as second_one:
        with pytest.raises(Closed) as refused:
            await second_one.take()
        assert refused.value.code == TOO_MANY
        parts.live.close()
        with pytest.raises(Closed) as left:
            await first.take()
        assert left.value.code == RESTART
    async with parts.live.watch(OWNER, ME) as late:
        with pytest.raises(Closed) as closed:
            await late.take()
        assert closed.value.code == RESTART


async def messages(
    parts: Parts, outbox: Outbox, topics: tuple[Topic, ...], after: int | None = None
) -> AsyncIterator[Message]:
    pending = await parts.watching.check(topics, owner=OWNER)
    async for message in parts.watching.messages(
        outbox, topics, owner=OWNER, pending=pending, after=after
    ):
        yield message


async def test_a_pending_topic_that_never_comes_is_unknown_in_the_end() -> None:
    parts = Parts()
    topics = (Topic("job", accepted().id),)
    async with parts.live.watch(OWNER, topics) as outbox:
        talk = messages(parts, outbox, topics)
        assert [(await anext(talk)).event for _ in range(2)][-1] == "snapshot.complete"
        outbox.put(Message(PING, "{}", key=PING))
        assert (await anext(talk)).event == PING
        parts.time += timedelta(minutes=11)
        outbox.put(Message(PING, "{}", key=PING))
        with pytest.raises(Closed) as closed:
            await anext(talk)
        assert closed.value.code == UNKNOWN_TOPIC
    with pytest.raises(Problem):
        await parts.watching.check(topics, owner=OWNER)


async def test_too_much_to_resume_is_a_fresh_snapshot() -> None:
    parts = Parts()
    await parts.save(*(accept(accepted()) for _ in range(MOST)))
    after = await parts.jobs.newest_change()
    async with parts.live.watch(OWNER, ME) as outbox:
        first = await anext(messages(parts, outbox, ME, after))
        assert first.data == '{"reset":false}'
    await parts.save(accept(accepted()))
    async with parts.live.watch(OWNER, ME) as outbox:
        first = await anext(messages(parts, outbox, ME, after))
        assert first.data == '{"reset":true}'


@pytest.mark.parametrize("resuming", [False, True])
async def test_what_was_on_its_way_does_not_come_after_what_is_newer(resuming: bool) -> None:
    parts = Parts()
    job, other = accept(accepted()), accept(accepted())
    await parts.save(job)
    async with parts.live.watch(OWNER, ME) as outbox:
        await parts.announce(job)
        await parts.save(second(job), read=1)
        after = round((parts.time - timedelta(seconds=1)).timestamp() * 1000) if resuming else None
        messages = parts.watching.messages(outbox, ME, owner=OWNER, after=after)
        told = [await anext(messages) for _ in range(3)]
        assert '"version":2' in told[1].data
        await parts.announce(other)
        assert (await anext(messages)).key == other.id
        await messages.aclose()
