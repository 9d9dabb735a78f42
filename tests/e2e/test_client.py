"""The Python client against the running platform."""

import hashlib
from pathlib import Path
from uuid import uuid4

import pytest

from atelier_client import ApiError, AsyncClient, Client, JobFailed
from platforms import Platform, embedded

pytestmark = pytest.mark.anyio
SMALL = {"size": "256x256", "model": "demo"}


def client_of(platform: Platform) -> Client:
    return Client(platform.origin, platform.api_key)


def test_a_prompt_becomes_files(platform: Platform, tmp_path: Path) -> None:
    with client_of(platform) as client:
        job = client.generate("a red fox", n=2, seed=7, tags=["client"], **SMALL)
        assert (job.status, job.version, job.n) == ("queued", 1, 2)
        done = job.wait(timeout=30).raise_for_status()
        assert [image.seed for image in done.images] == [7, 8]
        for image in done.images:
            path = image.save(tmp_path)
            assert path.name.startswith("a-red-fox-")
            assert hashlib.sha256(path.read_bytes()).hexdigest() == image.sha256
            assert path.stat().st_size == image.bytes
    assert len(list(tmp_path.iterdir())) == 2


def test_the_same_key_is_the_same_job(platform: Platform) -> None:
    key = uuid4().hex
    with client_of(platform) as client:
        first = client.generate("twice", idempotency_key=key, **SMALL)
        assert client.generate("twice", idempotency_key=key, **SMALL).id == first.id
        with pytest.raises(ApiError) as caught:
            client.generate("other", idempotency_key=key, **SMALL)
    assert caught.value.code == "idempotency_mismatch"


def test_watching_ends_with_the_job(platform: Platform) -> None:
    with client_of(platform) as client:
        snapshots = list(client.generate("a forest at night", n=3, model="demo").watch())
    assert [s.version for s in snapshots] == sorted(s.version for s in snapshots)
    assert snapshots[-1].status == "succeeded"
    assert not any(s.done for s in snapshots[:-1])
    assert all(0 <= s.completion <= 1 for s in snapshots)


def test_an_end_that_is_no_success_raises_only_when_asked(platform: Platform) -> None:
    with client_of(platform) as client:
        job = client.generate("canceled early", n=10, size="2048x2048", model="demo")
        assert job.cancel().status == "canceled"
        ended = job.wait(timeout=30)
        assert (ended.status, ended.done) == ("canceled", True)
        with pytest.raises(JobFailed, match=job.id):
            ended.raise_for_status()


def test_a_batch(platform: Platform) -> None:
    with client_of(platform) as client:
        batch = client.batch(["a", "b", {"prompt": "c", "n": 2}], **SMALL)
        assert (batch.size, batch.done, len(batch.job_ids)) == (3, False, 3)
        ended = [job.id for job in batch.watch() if job.done]
        assert sorted(ended) == sorted(batch.job_ids)
        done = batch.wait(timeout=30)
        assert (done.status, done.counts["succeeded"]) == ("succeeded", 3)
        assert [job.prompt for job in batch.jobs()] == ["a", "b", "c"]
        assert len(list(client.images(batch=batch.id))) == 4


def test_a_batch_too_long_for_one_page(platform: Platform) -> None:
    with client_of(platform) as client:
        batch = client.batch([f"p{i}" for i in range(120)], size="64x64", model="fake/paid")
        batch.wait(timeout=90)
        assert [job.prompt for job in batch.jobs()] == [f"p{i}" for i in range(120)]
        assert len(list(client.jobs(batch=batch.id, limit=105))) == 105


def test_trash_and_back(platform: Platform) -> None:
    with client_of(platform) as client:
        [image] = client.generate("to the trash", **SMALL).wait(timeout=30).images
        assert image.delete().trashed_at is not None
        job = image.job_id
        assert [i.id for i in client.images(job=job, trashed=True)] == [image.id]
        assert list(client.images(job=job)) == []
        assert image.restore().trashed_at is None
        assert [i.id for i in client.images(job=job)] == [image.id]
        client.purge_image(image.id)
        with pytest.raises(ApiError, match=r"no such|nothing"):
            client.get_image(image.id)


def test_again(platform: Platform) -> None:
    with client_of(platform) as client:
        job = client.generate("again", seed=3, **SMALL).wait(timeout=30)
        with pytest.raises(ApiError) as caught:
            job.cancel()
        assert caught.value.code == "job_terminal"
        other = job.retry().wait(timeout=30)
        assert other.retried_from == job.id
        assert other.images[0].seed == job.images[0].seed


def test_refusals(platform: Platform) -> None:
    with client_of(platform) as client:
        with pytest.raises(ApiError) as caught:
            client.generate("")
        assert (caught.value.code, caught.value.status) == ("invalid_request", 422)
        assert caught.value.request_id
        with pytest.raises(ApiError) as caught:
            client.generate("\udcff")
        assert caught.value.code == "invalid_request"
        with pytest.raises(ApiError) as caught:
            client.generate("x", webhook="https://example.com")
        assert caught.value.code == "unsupported_parameter"
        with pytest.raises(ApiError) as caught:
            next(client.watch("no-such-id"))
        assert caught.value.code == "not_found"


def test_a_dry_run_queues_nothing(platform: Platform) -> None:
    tag = uuid4().hex
    with client_of(platform) as client:
        plan = client.dry_run("a red fox", tags=[tag], **SMALL)
        assert plan.jobs[0].chain[0].provider == "demo"
        assert list(client.jobs(tag=tag)) == []


async def test_all_of_it_awaited(platform: Platform, tmp_path: Path) -> None:
    async with AsyncClient(platform.origin, platform.api_key) as client:
        job = await client.generate("an awaited sea", **SMALL)
        versions = [snapshot.version async for snapshot in job.watch()]
        assert versions == sorted(versions)
        [image] = (await job.wait(timeout=30)).raise_for_status().images
        path = await image.save(tmp_path)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == image.sha256
        batch = await client.batch(["a", "b"], **SMALL)
        assert (await batch.wait(timeout=30)).status == "succeeded"
        assert [j.prompt async for j in batch.jobs()] == ["a", "b"]


def test_watching_survives_a_kill(tmp_path: Path) -> None:
    with embedded(tmp_path) as platform, client_of(platform) as client:
        batch = client.batch([f"sea {i}" for i in range(10)], size="1024x1024", model="demo")
        done, killed = set(), False
        for job in batch.watch():
            if job.done:
                done.add(job.id)
            if done and not killed:
                platform.processes["embedded"].kill()
                platform.processes["embedded"].start()
                killed = True
        assert killed
        assert done == set(batch.job_ids)
        assert batch.refresh().status == "succeeded"
