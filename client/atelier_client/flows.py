"""What the client does, step by step and without I/O; both clients run these."""

from collections.abc import Callable
from typing import Any

from atelier_client import requests
from atelier_client.answers import check, resource, unexpected
from atelier_client.effects import Call, Emit, Flow, Pause, Query, Reply
from atelier_client.errors import ApiError, Unreachable
from atelier_client.requests import HOLD, segment
from atelier_client.retry import ON_THE_WAY, Retry, patiently
from atelier_client.values import BatchData, JobData

PAGE = 100
MISSING = 404
Clock = Callable[[], float]


def ask(call: Call, retry: Retry) -> Flow[dict[str, Any]]:
    """The resource that `call` answers with; repeated while that makes sense.

    A failure carries the idempotency key that was sent, to repeat the submission with.
    """
    try:
        return (yield from patiently(lambda: _resource(call), retry))
    except (ApiError, Unreachable) as failure:
        failure.idempotency_key = call.headers.get("Idempotency-Key")
        raise


def order(call: Call, retry: Retry) -> Flow[None]:
    """Like `ask` for a call whose answer has no body."""
    yield from patiently(lambda: _checked(call), retry)


def pages(path: str, query: Query, retry: Retry, limit: int | None = None) -> Flow[None]:
    """Emits the items of a list, page by page, up to `limit`."""
    left, cursor = limit, None
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        more = () if cursor is None else (("cursor", cursor),)
        call = Call("GET", path, query=(*query, ("limit", str(size)), *more))
        page = yield from ask(call, retry)
        items, cursor = _items(page), page.get("next_cursor")
        for item in items if left is None else items[:left]:
            yield Emit(item)
        left = None if left is None else left - len(items)
        if not cursor:
            return


def catalogue(kind: str, retry: Retry) -> Flow[list[dict[str, Any]]]:
    """The items of a list that has one page and takes no parameters."""
    answer = yield from ask(Call("GET", f"/v1/{kind}"), retry)
    return _items(answer)


def wait_for_job(
    job: dict[str, Any], *, timeout: float | None, retry: Retry, clock: Clock
) -> Flow[dict[str, Any]]:
    """The job once it is done, by long poll; raises TimeoutError after `timeout` seconds."""
    until = None if timeout is None else clock() + timeout
    while not job.get("done"):
        left = HOLD if until is None else min(HOLD, until - clock())
        if left <= 0:
            raise TimeoutError(f"Job {job['id']} is not done after {timeout:g} s; it runs on.")
        call = requests.poll_job(job["id"], wait=left, after_version=job["version"])
        before = clock()
        newer = yield from ask(call, retry)
        if newer.get("version") == job["version"] and clock() - before < 1:
            yield Pause(1.0)  # a server that does not hold the answer is not asked in a tight loop
        job = newer
    return job


def wait_for_batch(
    batch: dict[str, Any], *, timeout: float | None, retry: Retry, clock: Clock
) -> Flow[dict[str, Any]]:
    """The batch once all its jobs are done; raises TimeoutError after `timeout` seconds."""
    until, pause = None if timeout is None else clock() + timeout, 0.25
    while not batch.get("done"):
        left = pause if until is None else until - clock()
        if left <= 0:
            raise TimeoutError(f"Batch {batch['id']} is not done after {timeout:g} s; it runs on.")
        yield Pause(min(pause, left))
        pause = min(2.0, pause * 1.5)
        batch = yield from ask(Call("GET", f"/v1/batches/{segment(batch['id'])}"), retry)
    return batch


def locate(identifier: str, retry: Retry = ON_THE_WAY) -> Flow[dict[str, Any]]:
    """The job or, if there is none, the batch of that id; raises the job's 404 if neither."""
    try:
        job = yield from ask(Call("GET", f"/v1/jobs/{segment(identifier)}"), retry)
        return JobData.of(job, None).raw
    except ApiError as missing:
        if missing.status != MISSING:
            raise
        try:
            batch = yield from ask(Call("GET", f"/v1/batches/{segment(identifier)}"), retry)
        except ApiError as none:
            raise (missing if none.status == MISSING else none) from None
        return BatchData.of(batch, None).raw


def _resource(call: Call) -> Flow[dict[str, Any]]:
    return resource((yield call))


def _checked(call: Call) -> Flow[None]:
    check((yield call))


def _items(page: dict[str, Any]) -> list[dict[str, Any]]:
    items = page.get("items")
    if not isinstance(items, list):
        raise unexpected(Reply(200, {}), "The answer is not a list.")
    return items
