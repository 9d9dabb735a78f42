"""What a newer version wrote, or what is damaged, keeps nothing from anybody else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

import gallery_stores
from atelier_core.adapters.memory_blobs import MemoryBlobStore
from atelier_core.adapters.memory_bus import MemoryBus
from atelier_core.contracts import topology
from atelier_core.contracts.events import ImageDerived
from atelier_core.domain.image import Image, images_of
from atelier_core.domain.job import Job, accept, end
from atelier_core.domain.outcome import JobStatus, Outcome
from atelier_core.domain.request import AcceptedJob
from atelier_core.domain.run import run_key
from atelier_core.domain.values import new_id, now
from atelier_core.errors import ContractError, NotFoundError
from atelier_gallery.background import meanwhile
from atelier_gallery.ending import OVERDUE_AT_ONCE, Ending
from atelier_gallery.live import Live
from atelier_gallery.ports import Change, ImageFilter, JobFilter, Page, Place
from atelier_gallery.project import Project
from atelier_gallery.saving import change
from atelier_gallery.sweeper import AT_ONCE, Sweeper
from atelier_gallery.topics import Topic
from gallery_stores import overdue, silent
from gallery_stories import OWNER, accepted, at, deferred, ended, picture, requested

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

PROMPT = "nobody else's business"
RECORD = b'{"holder": null, "calls": [{"outcome": "refunded"}]}'


class NewerJob(Job):
    metadata: dict[str, list[str]]  # type: ignore[assignment]


class NewerImage(Image):
    blurhash: list[str]  # type: ignore[assignment]


def newer(job: Job) -> Job:
    return NewerJob.model_construct(**{**dict(job), "metadata": {"fox": [PROMPT]}})


def newer_image(image: Image) -> Image:
    return NewerImage.model_construct(**{**dict(image), "blurhash": [PROMPT]})


@pytest.fixture(params=["sqlite", pytest.param("mongo", marks=pytest.mark.external)])
async def stores(
    tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[gallery_stores.Stores]:
    opened = {
        "sqlite": lambda: gallery_stores.sqlite(tmp_path),
        "mongo": lambda: gallery_stores.mongo(request.getfixturevalue("mongo_url")),
    }[request.param]()
    async with opened as stores:
        yield stores


def finished(job: AcceptedJob) -> Job:
    outcome = Outcome(status=JobStatus.SUCCEEDED, images=(picture(job),), at=at(3))
    done = end(accept(job), outcome, calls=(), at=at(3))
    assert done is not None
    return done


async def save(stores: gallery_stores.Stores, *jobs: Job) -> None:
    assert not await stores[0].save_many([Change(job, read=0) for job in jobs])


async def test_who_asks_for_several_finds_the_others(
    stores: gallery_stores.Stores, caplog: pytest.LogCaptureFixture
) -> None:
    jobs, _ = stores
    bad, good = (accept(accepted(deadline=60, created_at=at(0))) for _ in range(2))
    await save(stores, newer(bad), good)
    assert await jobs.find_many([bad.id, good.id], owners=[OWNER]) == [good]
    assert await jobs.recent(owner=OWNER, limit=9, finished_after=at(0)) == [good]
    for at_once in (1, 9):
        assert await overdue(jobs, now(), at_once=at_once) == [good]
        assert [one.job for one in await silent(jobs, now(), at_once=at_once)] == [good]
    assert {record.__dict__["id"] for record in caplog.records} == {bad.id}
    with pytest.raises(ContractError, match="metadata") as refused:
        await jobs.get(bad.id, owner=OWNER)
    assert PROMPT not in f"{refused.value} {refused.value.__cause__}"


@pytest.mark.parametrize("ascending", [False, True])
async def test_lists_show_full_pages_of_the_others(
    stores: gallery_stores.Stores, ascending: bool
) -> None:
    jobs = [finished(accepted(created_at=at(i))) for i in range(9)]
    images = [image for job in jobs for image in images_of(job)]
    good = {1, 2, 8}
    await save(stores, *(job if i in good else newer(job) for i, job in enumerate(jobs)))
    kept = (image if i in good else newer_image(image) for i, image in enumerate(images))
    await stores[1].save_many([Change(image, read=0) for image in kept])
    order = sorted(good, reverse=not ascending)
    for shown, after in ((order[:2], None), (order[2:], order[1])):
        place = None if after is None else Place(at(after), jobs[after].id)
        page = Page(limit=2, after=place, ascending=ascending)
        found = await stores[0].select(owner=OWNER, where=JobFilter(), page=page)
        assert found == [jobs[i] for i in shown]
    page = Page(limit=3, ascending=ascending)
    seen = await stores[1].select(owner=OWNER, where=ImageFilter(), page=page)
    assert seen == [images[i] for i in order]


async def test_events_about_others_are_saved(stores: gallery_stores.Stores) -> None:
    """Though they come in one round with one that nobody here can fold."""
    async with MemoryBus.open() as bus:
        project = Project(
            jobs=stores[0],
            images=stores[1],
            blobs=MemoryBlobStore(),
            publisher=bus,
            tell=lambda _: None,
            replica="this one",
        )
        story, other, drawn = (accepted() for _ in range(3))
        (image,) = images_of(finished(drawn))
        await save(stores, newer(accept(story)))
        await stores[1].save_many([Change(newer_image(image), read=0)])
        events = [
            deferred(story),
            ImageDerived(owner=OWNER, job_id=drawn.id, image_id=image.id, blurhash="LEHV6nWB"),
            ImageDerived(owner=OWNER, job_id=story.id, image_id=new_id(), blurhash="LEHV6nWB"),
            requested(other),
            ended(drawn, picture(drawn)),
        ]
        async with meanwhile(project.run()):
            results = await asyncio.gather(*map(project, events), return_exceptions=True)
        assert [type(result) for result in results[:3]] == [ContractError] * 3
        assert PROMPT not in str(results)
        assert results[3:] == [None, None]
        assert await stores[0].get(other.id, owner=OWNER)


async def test_what_people_do_to_it_is_refused(stores: gallery_stores.Stores) -> None:
    (image,) = images_of(finished(accepted()))
    await stores[1].save_many([Change(newer_image(image), read=0)])
    with pytest.raises(ContractError):
        await change(stores[1], image.id, lambda image: image.changed(rating=5), owner=OWNER)
    with pytest.raises(NotFoundError):
        await change(stores[1], image.id, lambda image: image, owner="ben")


async def test_deadlines_of_others_are_met(stores: gallery_stores.Stores) -> None:
    jobs, blobs = stores[0], MemoryBlobStore()
    n = OVERDUE_AT_ONCE
    made = [accept(accepted(deadline=60, created_at=at(i / 10))) for i in range(2 * n + 1)]
    bad, unread, good = made[:n], made[n:-1], made[-1]
    await save(stores, *map(newer, bad), *unread, good)
    for job in unread:
        await blobs.put(run_key(job.id), RECORD, content_type="application/json")
    async with MemoryBus.open() as bus:
        ending = Ending(jobs=jobs, images=stores[1], blobs=blobs, publisher=bus)
        await ending.expire_overdue(now())
        with pytest.raises(ContractError):
            await ending.cancel_job(unread[0])
    known = await jobs.find_many([job.id for job in made], owners=[OWNER])
    assert {job.id: job.status for job in known} == {
        **{job.id: JobStatus.QUEUED for job in unread},
        good.id: JobStatus.EXPIRED,
    }
    assert (await blobs.get(run_key(unread[0].id))).data == RECORD


async def test_others_that_were_forgotten_are_asked_for(stores: gallery_stores.Stores) -> None:
    jobs, blobs = stores[0], MemoryBlobStore()
    *bad, unread, good = (accept(accepted(created_at=at(i / 10))) for i in range(AT_ONCE + 2))
    await save(stores, *map(newer, bad), unread, good)
    await blobs.put(run_key(unread.id), RECORD, content_type="application/json")
    async with MemoryBus.open() as bus:
        sweeper = Sweeper(
            jobs=jobs,
            blobs=blobs,
            source=bus,
            publisher=bus,
            clock=lambda: now() + timedelta(minutes=2),
        )
        assert [await sweeper.sweep() for _ in range(2)] == [0, 1]
        assert await bus.depth(topology.INTERACTIVE) == 1


async def test_the_live_view_of_others_goes_on(stores: gallery_stores.Stores) -> None:
    live = Live(jobs=stores[0], images=stores[1])
    bad, good = accept(accepted(owner="ada")), accept(accepted(owner="ben"))
    async with (
        live.watch("ada", (Topic("me", ""),)),
        live.watch("ben", (Topic("me", ""),)) as outbox,
    ):
        await save(stores, newer(bad), good)
        await live.look()
        assert (await outbox.take()).key == good.id
