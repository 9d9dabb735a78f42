"""Jobs and batches: one, many, canceled."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from atelier_core.contracts.internal import MAX_WAIT, READ_JOB
from atelier_core.contracts.problems import Code, not_found
from atelier_core.domain.batch import Batch, summarise
from atelier_core.domain.job import Job
from atelier_core.domain.values import is_id
from atelier_core.http.app import new_router
from atelier_core.http.auth import Internal, Owner
from atelier_core.http.body import read_nothing
from atelier_core.http.describe import problems
from atelier_gallery.answers import job_answer, json_answer, list_answer
from atelier_gallery.ending import Ending
from atelier_gallery.lists import CommonParameters, JobList, job_filter
from atelier_gallery.ports import BatchJobs, JobFilter, JobStore
from atelier_gallery.reading import GalleryJobReader, Reading

IfNoneMatch = Annotated[str | None, Header(include_in_schema=False)]


def job_routes(
    *, jobs: JobStore, reading: Reading, reader: GalleryJobReader, ending: Ending
) -> APIRouter:
    router = new_router()

    @router.get(
        "/v1/jobs",
        operation_id="listJobs",
        tags=["jobs"],
        response_model=JobList,
        responses=problems(Code.INVALID_CURSOR, Code.INVALID_REQUEST, Code.UNSUPPORTED_PARAMETER),
    )
    async def list_jobs(
        owner: Owner,
        common: CommonParameters,
        where: Annotated[JobFilter, Depends(job_filter)],
    ) -> Response:
        """Jobs by creation, newest first. A repeated parameter is OR, different ones are AND."""
        found = await jobs.select(owner=owner, where=where, page=common.page(where))
        shown = (job.public_json() for job in found[: common.limit])
        return list_answer(shown, next_cursor=common.cursor_after(found, where))

    @router.get(
        "/v1/jobs/{job_id}",
        operation_id="getJob",
        tags=["jobs"],
        response_model=Job,
        responses=problems(Code.NOT_FOUND, Code.INVALID_REQUEST),
    )
    async def read_job(
        job_id: str,
        owner: Owner,
        wait: Annotated[int, Query(ge=0, le=int(MAX_WAIT), description="Seconds")] = 0,
        after_version: Annotated[int, Query(ge=0, le=2**53)] = 0,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """A job. With `wait` it is answered once its version is above `after_version`, or
        unchanged when the time has passed.
        """
        job = await reading.job(job_id, owner=owner, wait=wait, after_version=after_version)
        return job_answer(job, if_none_match=if_none_match)

    @router.post(
        "/v1/jobs/{job_id}/cancel",
        operation_id="cancelJob",
        tags=["jobs"],
        response_model=Job,
        responses=problems(Code.NOT_FOUND, Code.JOB_TERMINAL, Code.INVALID_REQUEST),
    )
    async def cancel_job(job_id: str, owner: Owner, request: Request) -> Response:
        """Cancel at once, also while a call runs; a job canceled before is simply answered."""
        await read_nothing(request)
        job = await reading.job(job_id, owner=owner)
        return job_answer(await ending.cancel_job(job))

    @router.get(
        "/v1/batches/{batch_id}",
        operation_id="getBatch",
        tags=["batches"],
        response_model=Batch,
        responses=problems(Code.NOT_FOUND),
    )
    async def read_batch(batch_id: str, owner: Owner) -> Response:
        """A batch; its jobs are `GET /v1/jobs?batch=ID&order=asc`."""
        return _batch_answer(batch_id, await reading.batch(batch_id, owner=owner), owner)

    @router.post(
        "/v1/batches/{batch_id}/cancel",
        operation_id="cancelBatch",
        tags=["batches"],
        response_model=Batch,
        responses=problems(Code.NOT_FOUND, Code.JOB_TERMINAL, Code.INVALID_REQUEST),
    )
    async def cancel_batch(batch_id: str, owner: Owner, request: Request) -> Response:
        """Cancel every job of the batch that is not done."""
        await read_nothing(request)
        await reading.batch(batch_id, owner=owner)
        await ending.cancel_batch(batch_id, owner=owner)
        return _batch_answer(batch_id, await reading.batch(batch_id, owner=owner), owner)

    @router.get(READ_JOB, dependencies=[Internal], include_in_schema=False)
    async def read_for_services(
        job_id: str,
        owner: str,
        wait: Annotated[float, Query(ge=0, le=MAX_WAIT)] = 0,
        *,
        until_done: bool = False,
    ) -> Response:
        job = None
        if is_id(job_id):
            job = await reader.read(job_id, owner=owner, wait=wait, until_done=until_done)
        if job is None:
            raise not_found("There is no such job")
        return json_answer(job.model_dump_json())

    return router


def _batch_answer(batch_id: str, batch: BatchJobs, owner: str) -> Response:
    whole = summarise(
        batch_id, batch.parts, owner=owner, size=batch.size, created_at=batch.created_at
    )
    return json_answer(whole.model_dump_json())
