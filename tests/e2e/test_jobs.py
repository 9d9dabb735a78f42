"""From a submitted prompt to a picture, over real sockets."""

import asyncio
import io
import json
from typing import Any

import httpx
import pytest
from PIL import Image
from websockets.asyncio.client import connect

from platforms import Platform

pytestmark = pytest.mark.anyio

SMALL = {"size": "256x256", "model": "demo"}
PAID = {"size": "64x64", "model": "fake/paid"}


async def done(http: httpx.AsyncClient, job_id: str, within: float = 30) -> dict[str, Any]:
    """The job once it is done, by long poll."""
    async with asyncio.timeout(within):
        job = (await http.get(f"/v1/jobs/{job_id}")).raise_for_status().json()
        while not job["done"]:
            query = {"wait": 10, "after_version": job["version"]}
            job = (await http.get(f"/v1/jobs/{job_id}", params=query)).raise_for_status().json()
        return job


async def test_a_prompt_becomes_a_picture(http: httpx.AsyncClient) -> None:
    accepted = await http.post("/v1/jobs", json={"prompt": "a red fox", "seed": 7, **SMALL})
    assert accepted.status_code == 202, accepted.text
    first = accepted.json()
    assert accepted.headers["location"] == f"/v1/jobs/{first['id']}"
    assert (first["status"], first["version"], first["done"]) == ("queued", 1, False)
    job = await done(http, first["id"])
    assert (job["status"], job["progress"], job["provider"]) == ("succeeded", 1, "demo")
    [image] = job["images"]
    assert (image["seed"], image["width"], image["height"]) == (7, 256, 256)
    content = await http.get(image["content_url"])
    assert content.headers["content-type"] == "image/png"
    assert "immutable" in content.headers["cache-control"]
    picture = Image.open(io.BytesIO(content.content))
    assert picture.size == (256, 256)
    assert "a red fox" in picture.text["parameters"]
    assert job["cost"] == {"amount": "0", "currency": "USD", "status": "exact"}
    [attempt] = job["attempts"]
    assert attempt["outcome"] == "succeeded"
    for width in ("320", "960"):
        thumb = await http.get(image["thumb_urls"][width])
        assert thumb.headers["content-type"] == "image/webp", thumb.text
    download = await http.get(image["content_url"], params={"download": 1})
    assert download.headers["content-disposition"].startswith(
        f'attachment; filename="a-red-fox-{image["id"][-8:]}.png"'
    )


async def test_a_long_poll_sees_the_pictures_finish_one_by_one(http: httpx.AsyncClient) -> None:
    body = {"prompt": "ten hills", "n": 10, "size": "1536x1024", "model": "demo"}
    job = (await http.post("/v1/jobs", json=body)).raise_for_status().json()
    seen = [job["progress"]]
    async with asyncio.timeout(60):
        while not job["done"]:
            query = {"wait": 10, "after_version": job["version"]}
            answer = await http.get(f"/v1/jobs/{job['id']}", params=query)
            job = answer.raise_for_status().json()
            seen.append(job["progress"])
    assert (seen[0], seen[-1]) == (0, 1)
    assert seen == sorted(seen)
    assert set(seen) & {count / 10 for count in range(1, 10)}, seen


async def test_a_batch_is_watched_live_until_every_job_ends(
    http: httpx.AsyncClient, platform: Platform
) -> None:
    body = {"prompts": ["the sea", {"prompt": "a forest", "n": 2}, "a city"], **SMALL}
    batch = (await http.post("/v1/batches", json=body)).raise_for_status().json()
    assert (batch["size"], len(batch["job_ids"])) == (3, 3)
    url = platform.origin.replace("http", "ws") + f"/v1/events?topic=batch:{batch['id']}"
    jobs: dict[str, dict[str, Any]] = {}
    seen: list[str] = []
    async with (
        asyncio.timeout(60),
        connect(url, additional_headers=platform.headers, origin=platform.origin) as ws,
    ):
        while len(jobs) < 3 or not all(job["done"] for job in jobs.values()):
            message = json.loads(await ws.recv())
            seen.append(message["event"])
            if message["event"] == "job.updated":
                job = message["data"]
                if job["version"] > jobs.get(job["id"], {"version": 0})["version"]:
                    jobs[job["id"]] = job
    assert seen[0] == "snapshot.started"
    assert "snapshot.complete" in seen
    assert set(jobs) == set(batch["job_ids"])
    assert {job["status"] for job in jobs.values()} == {"succeeded"}
    assert sorted(len(job["images"]) for job in jobs.values()) == [1, 1, 2]
    shown = (await http.get(f"/v1/batches/{batch['id']}")).json()
    assert (shown["status"], shown["counts"]["succeeded"], shown["done"]) == ("succeeded", 3, True)
    ascending = await http.get("/v1/jobs", params={"batch": batch["id"], "order": "asc"})
    assert [job["id"] for job in ascending.json()["items"]] == batch["job_ids"]


async def test_prefer_wait_answers_with_the_finished_job(http: httpx.AsyncClient) -> None:
    answer = await http.post(
        "/v1/jobs", json={"prompt": "night", **SMALL}, headers={"Prefer": "wait=30"}
    )
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")


async def test_the_same_key_is_the_same_job(http: httpx.AsyncClient, key: dict[str, str]) -> None:
    body = {"prompt": "twice", **PAID}
    first, second = await asyncio.gather(
        *(http.post("/v1/jobs", json=body, headers=key) for _ in range(2))
    )
    third = await http.post("/v1/jobs", json=body, headers=key)
    assert {r.status_code for r in (first, second, third)} == {202}
    assert first.json()["id"] == second.json()["id"] == third.json()["id"]
    assert third.headers["idempotency-replayed"] == "true"
    other = await http.post("/v1/jobs", json={**body, "prompt": "other"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    job = await done(http, third.json()["id"])
    assert len(job["attempts"]) == 1
    assert job["cost"] == {"amount": "0.04", "currency": "USD", "status": "exact"}


async def test_a_finished_job_cannot_be_canceled_but_retried(http: httpx.AsyncClient) -> None:
    job = (await http.post("/v1/jobs", json={"prompt": "x", **PAID})).json()
    await done(http, job["id"])
    refused = await http.post(f"/v1/jobs/{job['id']}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "job_terminal")
    again = await http.post(f"/v1/jobs/{job['id']}/retry")
    assert again.status_code == 202, again.text
    assert again.json()["retried_from"] == job["id"]
    assert (await done(http, again.json()["id"]))["status"] == "succeeded"


async def test_cancel_ends_a_waiting_job_at_once(http: httpx.AsyncClient) -> None:
    body = {"prompts": [f"mountain {i}" for i in range(12)], "size": "1536x1024", "model": "demo"}
    batch = (await http.post("/v1/batches", json=body)).raise_for_status().json()
    last = batch["job_ids"][-1]
    canceled = await http.post(f"/v1/jobs/{last}/cancel")
    assert (canceled.status_code, canceled.json()["status"]) == (200, "canceled"), canceled.text
    again = await http.post(f"/v1/jobs/{last}/cancel")
    assert (again.status_code, again.json()["status"]) == (200, "canceled")
    whole = await http.post(f"/v1/batches/{batch['id']}/cancel")
    assert whole.status_code == 200, whole.text
    for job_id in batch["job_ids"]:
        job = await done(http, job_id, within=60)
        assert job["status"] in ("canceled", "succeeded")
    assert (await http.get(f"/v1/jobs/{last}")).json()["images"] == []


async def test_trash_restore_and_purge(http: httpx.AsyncClient) -> None:
    tag = {"tags": ["trash-test"]}
    job = (await http.post("/v1/jobs", json={"prompt": "an island", **SMALL, **tag})).json()
    [image] = (await done(http, job["id"]))["images"]
    url = f"/v1/images/{image['id']}"

    async def listed(**query: str) -> list[str]:
        answer = await http.get("/v1/images", params={"tag": "trash-test", **query})
        return [item["id"] for item in answer.raise_for_status().json()["items"]]

    assert await listed() == [image["id"]]
    assert await listed(q="island") == [image["id"]]
    assert (await http.delete(url)).json()["trashed_at"]
    assert (await listed(), await listed(trashed="true")) == ([], [image["id"]])
    assert (await http.post(f"{url}/restore")).json()["trashed_at"] is None
    assert await listed() == [image["id"]]
    assert (await http.delete(url, params={"permanent": "true"})).status_code == 204
    assert (await http.get(url)).status_code == 404
    assert (await http.get(f"{url}/content")).status_code == 404
    assert (await http.get(f"/v1/jobs/{job['id']}")).json()["images"] == []


async def test_a_dry_run_spends_nothing(http: httpx.AsyncClient) -> None:
    body = {"prompt": "x", **PAID, "n": 3}
    answer = await http.post("/v1/jobs", params={"dry_run": "true"}, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["object"] == "dry_run"
    cost = answer.json()["cost"]
    assert (cost["min"], cost["max"]) == ("0.12", "0.24"), "a call without answer is repeated once"


@pytest.mark.parametrize(
    "prompt",
    ["🦊 in the snow", "ثعلب أحمر", "../../etc/passwd", "a/b\\c", "<script>alert(1)</script>",
     "[bold]x[/bold]", "x" * 4000, "🦊" * 4000, "line\nbreak\ttab", "%00%2e%2e", "'; DROP TABLE jobs"],
)  # fmt: skip
async def test_any_prompt_comes_back_as_it_was(http: httpx.AsyncClient, prompt: str) -> None:
    job = (await http.post("/v1/jobs", json={"prompt": prompt, **SMALL})).json()
    job = await done(http, job["id"])
    assert (job["status"], job["request"]["prompt"]) == ("succeeded", prompt)
    image = (await http.get(f"/v1/images/{job['images'][0]['id']}")).json()
    assert image["prompt"] == prompt
    download = await http.get(image["content_url"], params={"download": "1"})
    assert download.status_code == 200
    assert ".png" in download.headers["content-disposition"]
