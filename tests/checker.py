"""Was anything lost, or anything paid twice? Judged from what clients were told and vendors saw."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from decimal import Decimal
from typing import Any, TypeVar
from uuid import uuid4

import httpx

from atelier_core.domain.run import images_prefix, run_key
from atelier_core.errors import NotFoundError
from atelier_core.ports import BlobStore
from judge import Asked, Facts, Resource, Stored

T = TypeVar("T")

GIVE_UP = 240.0
AT_ONCE = 8  # questions asked at the same time


async def submit(
    http: httpx.AsyncClient,
    body: dict[str, Any],
    *,
    within: float = 90.0,
    key: str | None = None,
) -> dict[str, Any]:
    """One job, as a careful client submits it: the same key again until the answer is known."""
    headers = {"Idempotency-Key": key or uuid4().hex}
    async with asyncio.timeout(within):
        while True:
            try:
                answer = await http.post("/v1/jobs", json=body, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(0.3)
                continue
            if answer.status_code == 202:
                return answer.json()
            assert answer.status_code in (409, 502, 503), answer.text
            await asyncio.sleep(0.3)


async def pages(http: httpx.AsyncClient, path: str, **query: str) -> AsyncIterator[dict[str, Any]]:
    """Every item of a list."""
    cursor: dict[str, str] = {}
    while True:
        answer = await http.get(path, params={"limit": "100", **query, **cursor})
        page = answer.raise_for_status().json()
        for item in page["items"]:
            yield item
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


async def all_ended(
    http: httpx.AsyncClient, ids: Collection[str], *, within: float = GIVE_UP
) -> dict[str, dict[str, Any]]:
    """The jobs `ids` once every one is done."""
    pending, ended = set(ids), {}
    async with asyncio.timeout(within):
        while pending:
            for job_id in list(pending):
                try:
                    answer = await http.get(f"/v1/jobs/{job_id}")
                except httpx.TransportError:
                    await asyncio.sleep(0.3)
                    continue
                if answer.status_code == 200 and answer.json()["done"]:
                    ended[job_id] = answer.json()
                    pending.discard(job_id)
            await asyncio.sleep(0.2)
    return ended


async def check(
    http: httpx.AsyncClient,
    accepted: Collection[str],
    *,
    ledger: Callable[[], Iterable[str]],
    in_flight: int,
) -> dict[str, dict[str, Any]]:
    """Hold the platform to its promise once every job has ended.

    Args:
        http: a client of the platform.
        accepted: the jobs that clients were told are accepted.
        ledger: the job of every paid call in the provider's own ledger, as it stands when asked.
        in_flight: calls that were open when something was killed.
    """
    jobs = await all_ended(http, accepted)
    assert set(jobs) == set(accepted), "a job was lost"
    statuses = Counter(job["status"] for job in jobs.values())
    assert statuses == {"succeeded": len(accepted)}, statuses
    paid = Counter(ledger())
    assert set(paid) <= set(accepted), "somebody paid for a job nobody asked for"
    assert sum(paid.values()) <= len(accepted) + in_flight, (sum(paid.values()), in_flight)
    pictures = Counter([(i["job_id"], i["index"]) async for i in pages(http, "/v1/images")])
    expected = {(job_id, 0): 1 for job_id in accepted}
    assert {k: n for k, n in pictures.items() if k[0] in jobs} == expected, "a picture twice"
    for job in jobs.values():
        [image] = job["images"]
        content = await http.get(image["content_url"])
        assert content.status_code == 200
        assert len(content.content) == image["bytes"]
        check_bill(job, paid[job["id"]])
    return jobs


def check_bill(job: dict[str, Any], calls: int) -> None:
    """Every call in the ledger is on the bill, as known or as unknown; nothing else that costs is."""
    exact = [a for a in job["attempts"] if a["cost"]["status"] == "exact"]
    known = [a for a in exact if Decimal(a["cost"]["amount"])]  # refused, or never sent: nothing
    lost = [a for a in job["attempts"] if a["cost"]["status"] == "unknown"]
    assert len(known) <= calls <= len(known) + len(lost), (job["attempts"], calls)
    assert all(a["outcome"] in ("lost", "failed", "canceled") for a in lost), lost
    if lost:
        assert job["cost"]["amount"] is None
    else:
        assert Decimal(job["cost"]["amount"]) == sum(Decimal(a["cost"]["amount"]) for a in known)


async def gather_facts(
    http: httpx.AsyncClient,
    blobs: BlobStore,
    *,
    asked: Sequence[Asked],
    calls: Sequence[Resource],
    seen: Mapping[str, Sequence[Resource]],
    in_flight: int,
) -> Facts:
    """Everything the judge wants to know, read when nothing moves any more."""
    jobs = [job async for job in pages(http, "/v1/jobs")]
    images = [image async for image in pages(http, "/v1/images")]
    slots = asyncio.Semaphore(AT_ONCE)

    async def in_turn(work: Awaitable[T]) -> T:
        async with slots:
            return await work

    async def served(image: Resource) -> tuple[str, str]:
        answer = await http.get(image["content_url"])
        return image["id"], hashlib.sha256(answer.raise_for_status().content).hexdigest()

    async def stored(job_id: str) -> list[Stored]:
        keys = [info.key async for info in blobs.list(images_prefix(job_id))]
        found = [(key, (await blobs.get(key)).data) for key in keys]
        return [Stored(key, hashlib.sha256(data).hexdigest()) for key, data in found]

    async def record(job_id: str) -> tuple[str, Resource | None]:
        try:
            return job_id, json.loads((await blobs.get(run_key(job_id))).data)
        except NotFoundError:
            return job_id, None

    ids = [job["id"] for job in jobs]
    records = await asyncio.gather(*(in_turn(record(i)) for i in ids))
    return Facts(
        asked=asked,
        jobs=jobs,
        images=images,
        calls=calls,
        stored=[
            s for each in await asyncio.gather(*(in_turn(stored(i)) for i in ids)) for s in each
        ],
        records={job_id: found for job_id, found in records if found is not None},
        served=dict(await asyncio.gather(*(in_turn(served(i)) for i in images))),
        seen=seen,
        in_flight=in_flight,
    )
