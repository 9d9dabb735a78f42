"""Jobs and images in dictionaries, with every promise of the real stores but the disk."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic

from atelier_core.domain.batch import BatchPart
from atelier_core.domain.image import Image
from atelier_core.domain.job import Job
from atelier_core.domain.values import now as machine_now
from atelier_core.ports import Clock
from atelier_gallery.ports import (
    BatchJobs,
    Change,
    D,
    Filter,
    ImageFilter,
    JobFilter,
    Page,
    Silent,
    Stamp,
)
from atelier_gallery.schedule import STARTED, deadline, is_bulk
from atelier_gallery.stores.rows import ms
from atelier_gallery.words import words_of


@dataclass(frozen=True, slots=True)
class _Kept(Generic[D]):
    document: D
    saved_at: int
    swept_at: datetime | None = None
    due: datetime | None = None
    sweeps: int = 0


class _Memory(Generic[D]):
    def __init__(self, clock: Clock = machine_now) -> None:
        self._clock = clock
        self._kept: dict[str, _Kept[D]] = {}

    async def get(self, document_id: str, *, owner: str) -> D | None:
        found = await self.find_many((document_id,), owners=(owner,))
        return found[0] if found else None

    async def find_many(self, ids: Collection[str], *, owners: Collection[str]) -> list[D]:
        found = (self._kept.get(i) for i in ids)
        return [k.document for k in found if k and k.document.owner in owners]

    async def save_many(self, changes: Sequence[Change[D]]) -> frozenset[str]:
        lost = set()
        for change in changes:
            document = change.document
            kept = self._kept.get(document.id)
            if (kept.document.version if kept else 0) != change.read:
                lost.add(document.id)
            elif kept:
                self._kept[document.id] = replace(kept, document=document, saved_at=self._now())
            else:
                self._kept[document.id] = _Kept(document, self._now())
        return frozenset(lost)

    async def newest_change(self, since: int = 0) -> int:
        return max((since, *(k.saved_at for k in self._kept.values())))

    async def changed_since(
        self, since: int, *, owners: Collection[str], limit: int
    ) -> list[Stamp]:
        found = [
            _stamp(k)
            for k in self._kept.values()
            if k.saved_at >= since and k.document.owner in owners
        ]
        return sorted(found, key=lambda stamp: stamp.saved_at)[:limit]

    def _now(self) -> int:
        return ms(self._clock())

    def _page(self, owner: str, page: Page, accepts: Callable[[D], bool]) -> list[D]:
        found = sorted(
            (
                k.document
                for k in self._kept.values()
                if k.document.owner == owner and accepts(k.document)
            ),
            key=_place,
            reverse=not page.ascending,
        )
        if page.after:
            after = (page.after.created_at, page.after.id)
            found = [
                d for d in found if (_place(d) > after) == page.ascending and _place(d) != after
            ]
        return found[: page.limit]


class MemoryJobStore(_Memory[Job]):
    async def select(self, *, owner: str, where: JobFilter, page: Page) -> list[Job]:
        def accepts(job: Job) -> bool:
            return (
                (not where.statuses or job.status in where.statuses)
                and (not where.batches or (job.batch and job.batch.id) in where.batches)
                and _accepts(where, job, job.model or job.request.model)
            )

        return self._page(owner, page, accepts)

    async def recent(self, *, owner: str, limit: int, finished_after: datetime) -> list[Job]:
        running = self._page(owner, Page(limit=limit), lambda job: not job.done)
        ended = self._page(
            owner,
            Page(limit=limit),
            lambda job: job.finished_at is not None and job.finished_at > finished_after,
        )
        return running + ended

    async def batch(self, batch_id: str, *, owner: str) -> BatchJobs | None:
        jobs = sorted(
            (
                (job.batch, job)
                for job in (k.document for k in self._kept.values())
                if job.owner == owner and job.batch and job.batch.id == batch_id
            ),
            key=lambda pair: pair[0].index,
        )
        if not jobs:
            return None
        parts = tuple(
            BatchPart(
                status=job.status,
                version=job.version,
                index=batch.index,
                images=len(job.images),
                cost=job.cost,
                updated_at=job.updated_at,
            )
            for batch, job in jobs
        )
        return BatchJobs(size=jobs[0][0].size, created_at=jobs[0][1].created_at, parts=parts)

    async def overdue(self, now: datetime, *, at_once: int) -> AsyncIterator[list[Job]]:
        jobs = [k.document for k in self._kept.values() if not k.document.done]
        late = sorted((j for j in jobs if deadline(j) <= now), key=deadline)
        for start in range(0, len(late), at_once):
            yield late[start : start + at_once]

    async def silent(self, now: datetime, *, at_once: int) -> AsyncIterator[list[Silent]]:
        found = [
            Silent(job=k.document, saved_at=k.saved_at, swept_at=k.swept_at, sweeps=k.sweeps)
            for k in self._kept.values()
            if not k.document.done and (k.due is None or k.due <= now)
        ]
        found.sort(key=lambda silent: _place(silent.job))
        for start in range(0, len(found), at_once):
            yield found[start : start + at_once]

    async def claim_sweep(
        self, job_id: str, *, owner: str, swept_at: datetime | None, now: datetime, due: datetime
    ) -> bool:
        kept = self._kept.get(job_id)
        if kept is None or kept.document.owner != owner or kept.swept_at != swept_at:
            return False
        self._kept[job_id] = replace(kept, swept_at=now, due=due, sweeps=kept.sweeps + 1)
        return True

    async def started_until(self, *, bulk: bool) -> datetime | None:
        jobs = (k.document for k in self._kept.values())
        started = (j.created_at for j in jobs if is_bulk(j) == bulk and j.status in STARTED)
        return max(started, default=None)


class MemoryImageStore(_Memory[Image]):
    def __init__(self, clock: Clock = machine_now) -> None:
        super().__init__(clock)
        self._graves: dict[str, Stamp] = {}

    async def save_many(self, changes: Sequence[Change[Image]]) -> frozenset[str]:
        buried = frozenset(c.document.id for c in changes if c.document.id in self._graves)
        lost = await super().save_many([c for c in changes if c.document.id not in buried])
        return lost | buried

    async def select(self, *, owner: str, where: ImageFilter, page: Page) -> list[Image]:
        def accepts(image: Image) -> bool:
            return (
                (not where.jobs or image.job_id in where.jobs)
                and (not where.batches or image.batch_id in where.batches)
                and (not where.trashed or (image.trashed_at is not None) in where.trashed)
                and (not where.favorite or image.favorite in where.favorite)
                and set(where.words) <= set(words_of(image.prompt))
                and _accepts(where, image, image.model)
            )

        return self._page(owner, page, accepts)

    async def bury(self, image_id: str, *, owner: str, job_id: str, batch_id: str | None) -> int:
        if grave := self._graves.get(image_id):
            return grave.version
        kept = self._kept.pop(image_id, None)
        version = kept.document.version + 1 if kept else 2
        self._graves[image_id] = Stamp(
            id=image_id,
            owner=owner,
            job_id=job_id,
            batch_id=batch_id,
            version=version,
            saved_at=self._now(),
            deleted=True,
        )
        return version

    async def newest_change(self, since: int = 0) -> int:
        graves = (grave.saved_at for grave in self._graves.values())
        return max(await super().newest_change(since), *graves, since)

    async def changed_since(
        self, since: int, *, owners: Collection[str], limit: int
    ) -> list[Stamp]:
        found = await super().changed_since(since, owners=owners, limit=limit)
        found += [g for g in self._graves.values() if g.saved_at >= since and g.owner in owners]
        return sorted(found, key=lambda stamp: stamp.saved_at)[:limit]


def _accepts(where: Filter, document: Job | Image, model: str | None) -> bool:
    return (
        (not where.tags or not set(where.tags).isdisjoint(document.tags))
        and (not where.models or model in where.models)
        and (not where.providers or document.provider in where.providers)
        and (where.created_after is None or document.created_at > where.created_after)
        and (where.created_before is None or document.created_at < where.created_before)
    )


def _place(document: Job | Image) -> tuple[datetime, str]:
    return document.created_at, document.id


def _stamp(kept: _Kept[Job] | _Kept[Image]) -> Stamp:
    document = kept.document
    if isinstance(document, Job):
        job_id, batch_id = document.id, document.batch.id if document.batch else None
    else:
        job_id, batch_id = document.job_id, document.batch_id
    return Stamp(
        id=document.id,
        owner=document.owner,
        job_id=job_id,
        batch_id=batch_id,
        version=document.version,
        saved_at=kept.saved_at,
    )
