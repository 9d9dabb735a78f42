"""The one thing the API does: make a checked request safe with the broker, once."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from atelier_api.answers import AcceptedBatch
from atelier_api.body import CreateBatch, CreateJob, image_request, refuse_unbuilt
from atelier_api.dry import DryRun, dry_run
from atelier_api.offer import Offer, offer
from atelier_api.once import Acceptance, Once, Request, fingerprint
from atelier_api.orders import Order, refuse_oversized
from atelier_api.ports import Scope
from atelier_api.traffic import Traffic
from atelier_core.contracts.catalogue import Catalogue
from atelier_core.contracts.events import BatchRequested, JobRequested
from atelier_core.contracts.problems import Code, Problem, not_found
from atelier_core.domain.batch import summarise
from atelier_core.domain.job import Job, accept
from atelier_core.domain.request import ImageRequest, Lane, Priority
from atelier_core.domain.values import child_id, is_id
from atelier_core.errors import TransientError
from atelier_core.ports import EventPublisher, JobReader

FRESH = 2.0  # seconds a job just accepted is waited for before it is called unknown


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and under which idempotency key."""

    owner: str
    path: str
    key: str | None = None

    @property
    def scope(self) -> Scope | None:
        return Scope(self.owner, "POST", self.path, self.key) if self.key is not None else None


class Submit:
    """The use cases. Every method raises `Problem` for what clients may be told.

    Once `leaving` is set, nobody waits for a job to be done.
    """

    def __init__(
        self,
        *,
        publisher: EventPublisher,
        reader: JobReader,
        once: Once,
        traffic: Traffic,
        book: Catalogue,
        providers: Collection[str],
        leaving: asyncio.Event,
    ) -> None:
        self._publisher = publisher
        self._reader = reader
        self._once = once
        self._traffic = traffic
        self._book = book
        self._providers = providers
        self._leaving = leaving

    async def job(self, body: CreateJob, caller: Caller) -> tuple[Job, Acceptance]:
        """Accept one job; version 1 of it."""
        return await self._single(self._order(body), caller, fingerprint((body,), caller.key))

    async def retry(self, job_id: str, caller: Caller) -> tuple[Job, Acceptance]:
        """Accept the request of a done job again, as a new job."""
        old = await self._known(job_id, caller.owner)
        if not old.done:
            raise Problem(Code.JOB_NOT_DONE, "The job is not done: there is nothing to retry.")
        order = Order(
            request=old.request,
            offer=self._offer(old.request),
            tags=old.tags,
            metadata=old.metadata,
            retried_from=old.id,
        )
        return await self._single(order, caller, fingerprint((), caller.key))

    async def batch(self, body: CreateBatch, caller: Caller) -> tuple[AcceptedBatch, Acceptance]:
        """Accept a batch: one message, all of it or nothing."""
        orders = self._orders(body)
        entries = tuple(order.entry for order in orders)

        async def send(batch_id: str, at: datetime, lane: Lane) -> None:
            await self._publisher.publish(
                BatchRequested(
                    owner=caller.owner,
                    batch_id=batch_id,
                    entries=entries,
                    lane=lane,
                    created_at=at,
                )
            )

        acceptance = await self._once(
            Request(
                scope=caller.scope,
                fingerprint=fingerprint(body.jobs(), caller.key),
                kind="batch_id",
                admit=lambda: self._admit(caller.owner, orders),
                send=send,
            )
        )
        summary = summarise(
            acceptance.id,
            (),
            owner=caller.owner,
            size=len(orders),
            created_at=acceptance.created_at,
        )
        ids = tuple(child_id(acceptance.id, index) for index in range(len(orders)))
        return AcceptedBatch(**dict(summary), job_ids=ids), acceptance

    def dry_run(self, body: CreateJob | CreateBatch, owner: str) -> DryRun:
        """What `body` would do: the same problems, and nothing queued, counted or spent."""
        orders = self._orders(body) if isinstance(body, CreateBatch) else (self._order(body),)
        self._lane(owner, orders)
        return dry_run(((order.request, order.offer) for order in orders), self._book)

    async def finished(self, job: Job, wait: int) -> Job:
        """The job after up to `wait` seconds, or as soon as it is done; as it was if unknown."""
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._newer(job, wait))
            leaving = tasks.create_task(self._leaving.wait())
            await asyncio.wait((reading, leaving), return_when=asyncio.FIRST_COMPLETED)
            newer = reading.result() if reading.done() else job
            reading.cancel()
            leaving.cancel()
        return newer

    async def _newer(self, job: Job, wait: int) -> Job:
        try:
            newer = await self._reader.read(job.id, owner=job.owner, wait=wait, until_done=True)
        except TransientError:
            return job
        return newer if newer and newer.version >= job.version else job

    async def _known(self, job_id: str, owner: str) -> Job:
        job = await self._reader.read(job_id, owner=owner, wait=FRESH) if is_id(job_id) else None
        if job is None:
            raise not_found("There is no such job")
        return job

    async def _single(
        self, order: Order, caller: Caller, body_fingerprint: str
    ) -> tuple[Job, Acceptance]:
        async def send(job_id: str, at: datetime, lane: Lane) -> None:
            job = order.accepted(job_id, caller.owner, at)
            await self._publisher.publish(JobRequested(owner=caller.owner, job=job, lane=lane))

        acceptance = await self._once(
            Request(
                scope=caller.scope,
                fingerprint=body_fingerprint,
                kind="job_id",
                admit=lambda: self._admit(caller.owner, (order,)),
                send=send,
            )
        )
        job = order.accepted(acceptance.id, caller.owner, acceptance.created_at)
        return accept(job), acceptance

    def _orders(self, body: CreateBatch) -> tuple[Order, ...]:
        wrong = [*body.unbuilt()]
        for index, entry in enumerate(body.prompts):
            if isinstance(entry, CreateJob):
                wrong += entry.unbuilt(f"/prompts/{index}")
        refuse_unbuilt(*wrong)
        offers: dict[ImageRequest, Offer] = {}
        orders = tuple(
            self._priced(job, f"/prompts/{index}", offers) for index, job in enumerate(body.jobs())
        )
        refuse_oversized(orders)
        return orders

    def _order(self, body: CreateJob) -> Order:
        refuse_unbuilt(*body.unbuilt())
        return self._priced(body, "", {})

    def _priced(self, body: CreateJob, at: str, offers: dict[ImageRequest, Offer]) -> Order:
        """`offers` are known already, of requests without their prompt: that decides nothing, and
        a thousand times the whole catalogue would keep everybody waiting.
        """
        request = image_request(body)
        alike = request.model_copy(update={"prompt": ""})
        if alike not in offers:
            offers[alike] = self._offer(request, at)
        return Order(
            request=request,
            offer=offers[alike],
            tags=body.tags,
            metadata=body.metadata,
        )

    def _offer(self, request: ImageRequest, at: str = "") -> Offer:
        on = self._traffic.workers.likely_on()
        return offer(request, book=self._book, providers=self._providers, on=on, at=at)

    def _admit(self, owner: str, orders: Sequence[Order]) -> Lane:
        """Where they wait; they count as sent there."""
        lane = self._lane(owner, orders)
        if lane is Lane.INTERACTIVE:
            normal = (o.request for o in orders if o.request.priority is Priority.NORMAL)
            self._traffic.pace.count(owner, sum(request.n for request in normal))
        return lane

    def _lane(self, owner: str, orders: Sequence[Order]) -> Lane:
        """Where they would wait. Raises Problem: there is no room, or nobody who may draw them."""
        images = sum(order.request.n for order in orders)
        priorities = [order.request.priority for order in orders]
        lane = self._traffic.lane(owner, priorities=priorities, images=images)
        self._traffic.admit(lane, served=all(order.offer.on for order in orders))
        return lane
