"""Real vendors' modules, real processes: what one provider refuses the next one draws, for all to
see. Each fault has a first provider of its own, for what it does to that one stays.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx
import pytest

from fakes.a1111 import FakeA1111
from fakes.kit import Trouble, listening
from fakes.living import living
from fakes.openai import KEY, FakeCompatible, FakeOpenAI, trouble
from fakes.provider_server import Vendor, vendor
from platforms import BIN, Platform, clean_environment, corner, distributed, embedded

pytestmark = pytest.mark.anyio

WITHIN = 30.0
FREE = {"amount": "0", "currency": "USD", "status": "exact"}
UNKNOWN = {"amount": None, "currency": "USD", "status": "unknown"}


@dataclass
class World:
    """A platform, and everybody it may ask; the last of them is always well."""

    platform: Platform
    compatible: FakeCompatible
    webui: FakeA1111
    fake: Vendor
    openai: FakeOpenAI


@pytest.fixture(scope="module", params=["embedded", "distributed"])
def world(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp(f"failover-{request.param}")
    with living() as live, ExitStack() as stack:
        compatible, webui, openai = (
            live(listening(kind())) for kind in (FakeCompatible, FakeA1111, FakeOpenAI)
        )
        fake, fake_url = live(vendor(size=3_000))
        env = {
            "ATELIER_PROVIDERS": "fake,compatible,a1111,openai",
            "ATELIER_FAKE_URL": fake_url,
            "COMPATIBLE_URL": compatible.url,
            "A1111_URL": webui.url,
            "OPENAI_BASE_URL": f"{openai.url}/v1",
            "OPENAI_API_KEY": KEY,
        }
        if request.param == "embedded":
            platform = stack.enter_context(embedded(folder, env=env))
        else:
            servers = stack.enter_context(
                corner(*(request.getfixturevalue(n) for n in ("amqp_url", "mongo_url", "s3")))
            )
            platform = stack.enter_context(
                distributed(folder, servers, workers=1, galleries=1, env=env)
            )
        yield World(platform, compatible, webui, fake, openai)


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    platform = world.platform
    async with (
        asyncio.timeout(2 * WITHIN),
        httpx.AsyncClient(base_url=platform.origin, headers=platform.headers, timeout=30) as client,
    ):
        yield client


async def drawn(http: httpx.AsyncClient, prompt: str, first: str, **choice: Any) -> dict[str, Any]:
    """The job that asks `first` and then OpenAI, once it is done."""
    names = [first, "openai"]
    body = {
        "prompt": prompt,
        "size": "1024x1024",
        "model": "auto",
        "providers": {"order": names, "allow": names, **choice},
    }
    accepted = await http.post("/v1/jobs", json=body)
    assert accepted.status_code == 202, accepted.text
    job = accepted.json()
    async with asyncio.timeout(WITHIN):
        while not job["done"]:
            query = {"wait": 10, "after_version": job["version"]}
            answer = await http.get(f"/v1/jobs/{job['id']}", params=query)
            job = answer.raise_for_status().json()
    return dict(job)


async def shown_by_the_command(platform: Platform, job_id: str) -> str:
    """What `atelier jobs show` prints, on one line."""
    key = {"ATELIER_API_KEY": platform.api_key} if platform.api_key else {}
    env = {**clean_environment(), "ATELIER_URL": platform.origin, **key}
    command = [str(BIN / "atelier"), "jobs", "show", job_id]
    done = await anyio.run_process(command, env=env)
    return " ".join(done.stdout.decode().split())


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def expect_failover(job: dict[str, Any], first: dict[str, Any]) -> None:
    """Both attempts are there, whole: the one that failed as `first` says, and OpenAI's."""
    assert (job["status"], job["error"], len(job["images"])) == ("succeeded", None, 1), job
    failed, good = job["attempts"]
    assert first.items() <= failed.items()
    assert failed["outcome"] == "failed"
    assert good["provider"] == job["provider"] == "openai"
    assert good["model"] == job["model"] == "openai/gpt-image-2"
    assert (good["outcome"], good["error"], good["http_status"]) == ("succeeded", None, 200)
    assert good["provider_request_id"] == "req_1"
    assert good["cost"]["status"] == "estimated", "by the tokens that were used"
    assert float(good["cost"]["amount"]) > 0
    times = [failed["started_at"], failed["finished_at"], good["started_at"], good["finished_at"]]
    assert times == sorted(times, key=moment)
    assert failed["id"] != good["id"]


async def provider_once(http: httpx.AsyncClient, name: str, state: str) -> dict[str, Any]:
    """The provider as listed once its state is `state`."""
    async with asyncio.timeout(WITHIN):
        while True:
            listed = (await http.get("/v1/providers")).raise_for_status().json()["items"]
            found: dict[str, Any] = next(item for item in listed if item["id"] == name)
            if found["state"] == state:
                return found
            await asyncio.sleep(0.1)  # workers announce; nothing here can be awaited


async def test_a_server_that_fails_is_passed_over(http: httpx.AsyncClient, world: World) -> None:
    world.compatible.trouble(
        "generate", Trouble(status=500, headers={"x-request-id": "req_bad"}, body={})
    )
    job = await drawn(http, "a fox", "compatible")
    expect_failover(
        job,
        {
            "provider": "compatible",
            "model": "compatible/default",
            "http_status": 500,
            "provider_request_id": "req_bad",
            "cost": UNKNOWN,
        },
    )
    error = job["attempts"][0]["error"]
    assert (error["code"], error["retryable"]) == ("provider_transport", True)
    assert not world.compatible.paid
    await provider_once(http, "openai", "healthy")


async def test_a_limit_is_not_waited_for(http: httpx.AsyncClient, world: World) -> None:
    limit = Trouble(status=429, headers={"retry-after": "600"}, body={"detail": "slow down"})
    world.webui.trouble("draw", limit)
    job = await drawn(http, "a badger", "a1111")
    expect_failover(job, {"provider": "a1111", "model": "a1111/default", "http_status": 429})
    assert job["attempts"][0]["error"]["code"] == "provider_rate_limited"
    assert job["attempts"][0]["cost"] == FREE
    shown = await provider_once(http, "a1111", "limited")
    assert shown["error"] == "provider_rate_limited"
    assert moment(shown["until"]) > datetime.now(UTC) + timedelta(seconds=500)
    again = await drawn(http, "another badger", "a1111")
    assert [attempt["provider"] for attempt in again["attempts"]] == ["openai"]


async def test_an_empty_account_is_not_asked_again(http: httpx.AsyncClient, world: World) -> None:
    job = await drawn(http, "an owl [[402]]", "fake")
    expect_failover(
        job,
        {
            "provider": "fake",
            "model": "fake/paid",
            "http_status": 402,
            "provider_request_id": f"r-{job['attempts'][0]['id']}",
            "cost": FREE,
        },
    )
    error = job["attempts"][0]["error"]
    assert (error["code"], error["retryable"]) == ("provider_billing", False)
    sheet = await shown_by_the_command(world.platform, job["id"])
    for attempt, answer, cost in zip(
        job["attempts"], (402, 200), ("nothing", "about"), strict=True
    ):
        assert f"{attempt['model']} {attempt['outcome']}" in sheet
        assert f"HTTP {answer}, cost {cost}" in sheet
        assert f"request {attempt['provider_request_id']}" in sheet
    assert "(provider_billing)" in sheet
    shown = await provider_once(http, "fake", "unhealthy")
    assert (shown["error"], shown["workers"]) == ("provider_billing", 1)
    assert moment(shown["until"]) > datetime.now(UTC) + timedelta(seconds=200)
    again = await drawn(http, "another owl", "fake")
    assert [attempt["provider"] for attempt in again["attempts"]] == ["openai"]
    assert not world.fake.paid


async def test_a_blocked_prompt_goes_on_only_if_that_was_asked_for(
    http: httpx.AsyncClient, world: World
) -> None:
    block = trouble(400, "moderation_blocked", moderation_details={"moderation_stage": "input"})
    world.compatible.trouble("generate", block, block)
    asked = len(world.openai.paid)
    job = await drawn(http, "something", "compatible")
    assert (job["status"], job["images"]) == ("blocked", [])
    assert job["error"]["code"] == "provider_moderated"
    assert [attempt["provider"] for attempt in job["attempts"]] == ["compatible"]
    assert len(world.openai.paid) == asked, "nobody else saw it"
    job = await drawn(http, "something", "compatible", on_blocked="try_next")
    expect_failover(job, {"provider": "compatible", "http_status": 400, "cost": FREE})
    assert job["attempts"][0]["error"]["code"] == "provider_moderated"
