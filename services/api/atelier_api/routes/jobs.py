"""`/v1/jobs` and `/v1/batches`: where work comes in."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from atelier_api.answers import AcceptedBatch
from atelier_api.body import CreateBatch, CreateJob
from atelier_api.dry import DryRun
from atelier_api.once import Acceptance
from atelier_api.submit import Caller, Submit
from atelier_core.contracts.problems import Code
from atelier_core.domain.job import Job
from atelier_core.domain.values import Value
from atelier_core.http.app import new_router
from atelier_core.http.auth import Owner
from atelier_core.http.body import MAX_BATCH_BODY, read_json, read_nothing
from atelier_core.http.describe import json_body, problems
from atelier_core.http.headers import wait_of

JSON = "application/json"

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x20-\x7e]{1,255}$",
        description="Send a fresh one with every new request, and the same one when repeating it:"
        " then nothing is accepted twice. Kept for 24 hours.",
    ),
]
Prefer = Annotated[
    str | None,
    Header(
        alias="Prefer",
        description="`wait=N` (seconds, at most 60): answer 200 with the finished job if it is"
        " done by then.",
        examples=["wait=30"],
    ),
]
Dry = Annotated[
    bool, Query(description="Check it, say who would draw it and the cost; queue nothing.")
]

_SUBMIT = (
    Code.MALFORMED_BODY,
    Code.BODY_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.INVALID_REQUEST,
    Code.UNSUPPORTED_PARAMETER,
    Code.MODEL_NOT_FOUND,
)
_ACCEPT = (
    Code.IDEMPOTENCY_MISMATCH,
    Code.IDEMPOTENCY_IN_PROGRESS,
    Code.QUEUE_FULL,
    Code.NO_PROVIDER_AVAILABLE,
)


def _answers(model: Any, *codes: Code, done: Any = None) -> dict[int | str, dict[str, Any]]:
    location = {"Location": {"schema": {"type": "string"}, "description": "Where it is found."}}
    accepted = {"model": model, "description": "Accepted: it is safe.", "headers": location}
    answers: dict[int | str, dict[str, Any]] = {202: accepted, **problems(*codes)}
    if done:
        answers[200] = {"model": done, "description": "Done in time, or a dry run."}
    return answers


def job_routes(submit: Submit) -> APIRouter:
    router = new_router()

    @router.post(
        "/v1/jobs",
        operation_id="createJob",
        tags=["jobs"],
        summary="Ask for images of one prompt",
        status_code=202,
        responses=_answers(Job, *_SUBMIT, *_ACCEPT, done=Job | DryRun),
        openapi_extra=json_body(CreateJob, _JOB_EXAMPLES),
    )
    async def create_job(
        request: Request,
        owner: Owner,
        *,
        dry_run: Dry = False,
        idempotency_key: IdempotencyKey = None,
        prefer: Prefer = None,
    ) -> Response:
        body = await read_json(request, CreateJob)
        if dry_run:
            return _json(submit.dry_run(body, owner))
        job, acceptance = await submit.job(body, Caller(owner, "/v1/jobs", idempotency_key))
        return await _job_answer(job, acceptance, prefer)

    @router.post(
        "/v1/jobs/{job_id}/retry",
        operation_id="retryJob",
        tags=["jobs"],
        summary="Ask for a done job again, as a new job",
        status_code=202,
        responses=_answers(Job, Code.NOT_FOUND, Code.JOB_NOT_DONE, *_SUBMIT, *_ACCEPT, done=Job),
    )
    async def retry_job(
        request: Request,
        owner: Owner,
        job_id: str,
        *,
        idempotency_key: IdempotencyKey = None,
        prefer: Prefer = None,
    ) -> Response:
        await read_nothing(request)
        caller = Caller(owner, f"/v1/jobs/{job_id}/retry", idempotency_key)
        job, acceptance = await submit.retry(job_id, caller)
        return await _job_answer(job, acceptance, prefer)

    @router.post(
        "/v1/batches",
        operation_id="createBatch",
        tags=["batches"],
        summary="Ask for images of many prompts, all of them or none",
        status_code=202,
        responses=_answers(AcceptedBatch, *_SUBMIT, *_ACCEPT, done=DryRun),
        openapi_extra=json_body(CreateBatch, _BATCH_EXAMPLES),
    )
    async def create_batch(
        request: Request,
        owner: Owner,
        *,
        dry_run: Dry = False,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        body = await read_json(request, CreateBatch, limit=MAX_BATCH_BODY)
        if dry_run:
            return _json(submit.dry_run(body, owner))
        batch, acceptance = await submit.batch(body, Caller(owner, "/v1/batches", idempotency_key))
        headers = _headers(f"/v1/batches/{batch.id}", acceptance)
        return Response(batch.model_dump_json(), 202, headers, JSON)

    async def _job_answer(job: Job, acceptance: Acceptance, prefer: str | None) -> Response:
        headers = _headers(f"/v1/jobs/{job.id}", acceptance)
        wait = wait_of(prefer)
        if wait is not None:
            job = await submit.finished(job, wait)
            headers["Preference-Applied"] = f"wait={wait}"
        return Response(job.public_json(), 200 if job.done else 202, headers, JSON)

    return router


def _headers(location: str, acceptance: Acceptance) -> dict[str, str]:
    replayed = {"Idempotency-Replayed": "true"} if acceptance.replayed else {}
    return {"Location": location, **replayed}


def _json(value: Value) -> Response:
    return Response(value.model_dump_json(), media_type=JSON)


_JOB_EXAMPLES = {
    "simplest": {"prompt": "a red fox"},
    "everything": {
        "prompt": "a lighthouse at night",
        "negative_prompt": "people",
        "n": 2,
        "size": "1024x1024",
        "seed": 7,
        "style": "watercolor",
        "output_format": "webp",
        "model": "flux-dev",
        "steps": 28,
        "guidance": 3.5,
        "quality": "high",
        "providers": {"order": ["fal"], "deny": ["replicate"], "fallback": "same_model"},
        "priority": "background",
        "start_deadline": 600,
        "deadline": 3600,
        "tags": ["lighthouses"],
        "metadata": {"chapter": "3"},
    },
}
_BATCH_EXAMPLES = {
    "mixed": {
        "prompts": ["a red fox", {"prompt": "a blue fox", "n": 4}],
        "size": "1024x1024",
    }
}
