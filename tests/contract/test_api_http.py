"""The API over real sockets: what clients send and what they are told."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from atelier_api.service import Stores, service, sessions
from atelier_api.stores.memory import MemoryIdempotency, MemoryTickets
from atelier_core.adapters.internal_http import HttpIdentity
from atelier_core.adapters.memory_bus import MemoryBus
from atelier_core.adapters.rabbitmq import RabbitBus
from atelier_core.contracts.events import (
    Announcement,
    BatchRequested,
    Durable,
    Event,
    Health,
    JobRequested,
    ModelHealth,
    ProviderHealth,
    WorkerStatus,
)
from atelier_core.contracts.problems import UnauthenticatedError
from atelier_core.contracts.topology import PROJECTION
from atelier_core.domain.job import Job, accept
from atelier_core.domain.outcome import JobStatus
from atelier_core.domain.request import Lane
from atelier_core.domain.values import child_id, now, rfc3339
from atelier_core.errors import TransientError
from atelier_core.http.auth import internal_token
from atelier_core.http.origin import PublicAddress
from atelier_core.ports import Credentials, EventPublisher
from atelier_core.runtime import serve

pytestmark = pytest.mark.anyio


@dataclass
class Reader:
    """The jobs a test says there are."""

    jobs: dict[str, Job] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)
    held: asyncio.Event | None = None

    async def read(
        self, job_id: str, *, owner: str, wait: float = 0, until_done: bool = False
    ) -> Job | None:
        self.waits.append(wait)
        if self.held is not None:
            self.held.set()
            await asyncio.sleep(wait)
        job = self.jobs.get(job_id)
        return job if job and job.owner == owner else None


@dataclass
class Moody:
    """A publisher that does what the test says before or instead of the real one."""

    real: EventPublisher
    trouble: Callable[[], Any] | None = None
    published: list[Event] = field(default_factory=list)

    async def publish(self, *events: Durable) -> None:
        if self.trouble is not None:
            await self.trouble()
        await self.real.publish(*events)
        self.published += events

    def announce(self, *events: Announcement) -> None:
        self.real.announce(*events)


@dataclass
class Api:
    http: httpx.AsyncClient
    bus: MemoryBus | RabbitBus
    publisher: Moody
    reader: Reader
    origin: str
    clock: list[float]
    leaving: asyncio.Event

    @property
    def published(self) -> list[Event]:
        return self.publisher.published


@asynccontextmanager
async def running(
    *,
    bus: MemoryBus | RabbitBus | None = None,
    api_key: str | None = None,
    providers: tuple[str, ...] = ("demo", "fake"),
    **headers: str,
) -> AsyncIterator[Api]:
    stores = Stores(idempotency=MemoryIdempotency(), tickets=MemoryTickets())
    reader, clock, leaving = Reader(), [0.0], asyncio.Event()
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(asyncio.timeout(60))
        bus = bus or await stack.enter_async_context(MemoryBus.open())
        publisher = Moody(bus)
        app = await stack.enter_async_context(
            service(
                publisher=publisher,
                source=bus,
                stores=stores,
                reader=reader,
                identity=sessions(stores, api_key=api_key),
                address=PublicAddress(),
                api_key=api_key,
                providers=providers,
                leaving=leaving,
                monotonic=lambda: clock[0],
            )
        )
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        tasks.create_task(serve(app, leaving=leaving, on_listening=listening.set_result))
        stack.callback(leaving.set)
        origin = await listening
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=origin, headers=headers))
        yield Api(http, bus, publisher, reader, origin, clock, leaving)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with running() as started:
        yield started


FOX = {"prompt": "a red fox"}


async def test_a_job_is_accepted_as_version_1(api: Api) -> None:
    answer = await api.http.post("/v1/jobs", json={**FOX, "n": 2, "tags": ["x"], "seed": 7})
    assert answer.status_code == 202
    [event] = api.published
    assert isinstance(event, JobRequested)
    assert answer.content == accept(event.job).public_json()
    assert answer.headers["location"] == f"/v1/jobs/{event.job.id}"
    assert answer.headers["x-request-id"]
    assert event.lane is Lane.INTERACTIVE
    assert await api.bus.depth(PROJECTION) == 1


PROMPTS = [
    "🦊" * 4000,
    "ثعلب أحمر",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "a\tb\nc",
    "  spaces stay  ",
    "\u202eoverride",
    "e\u0301",
    "%00",
    '{"$gt": ""}',
]


async def test_prompts_come_back_as_they_were(api: Api) -> None:
    for prompt in PROMPTS:
        answer = await api.http.post("/v1/jobs", json={"prompt": prompt})
        assert answer.status_code == 202, prompt
        assert answer.json()["request"]["prompt"] == prompt


BAD: list[tuple[Any, str]] = [
    ({"prompt": ""}, "/prompt"),
    ({"prompt": " \n"}, "/prompt"),
    ({"prompt": "x" * 4001}, "/prompt"),
    ({"prompt": "a\x00"}, "/prompt"),
    ({"prompt": "a\x7f"}, "/prompt"),
    ({"prompt": "a\x9b"}, "/prompt"),
    ({"prompt": "a\r\n"}, "/prompt"),
    ({"prompt": 7}, "/prompt"),
    ({}, "/prompt"),
    ({**FOX, "n": 0}, "/n"),
    ({**FOX, "n": 11}, "/n"),
    ({**FOX, "n": True}, "/n"),
    ({**FOX, "n": "2"}, "/n"),
    ({**FOX, "negative_prompt": "\x01"}, "/negative_prompt"),
    ({**FOX, "size": "10"}, "/size"),
    ({**FOX, "size": "1024x1024\n"}, "/size"),
    ({**FOX, "aspect_ratio": "1:0"}, "/aspect_ratio"),
    ({**FOX, "size": "512x512", "aspect_ratio": "1:1"}, ""),
    ({**FOX, "seed": 2**32}, "/seed"),
    ({**FOX, "style": "none-such"}, "/style"),
    ({**FOX, "output_format": "gif"}, "/output_format"),
    ({**FOX, "priority": "high"}, "/priority"),
    ({**FOX, "deadline": 0}, "/deadline"),
    ({**FOX, "start_deadline": 0}, "/start_deadline"),
    ({**FOX, "start_deadline": 61, "deadline": 60}, "/start_deadline"),
    ({**FOX, "steps": 0}, "/steps"),
    ({**FOX, "steps": 4.5}, "/steps"),
    ({**FOX, "guidance": -1}, "/guidance"),
    ({**FOX, "guidance": "7"}, "/guidance"),
    ({**FOX, "quality": "best"}, "/quality"),
    ({**FOX, "providers": ["demo"]}, "/providers"),
    ({**FOX, "providers": {"order": "demo"}}, "/providers/order"),
    ({**FOX, "providers": {"order": ["demo", "nobody"]}}, "/providers/order/1"),
    ({**FOX, "providers": {"allow": []}}, "/providers/allow"),
    ({**FOX, "providers": {"fallback": "all"}}, "/providers/fallback"),
    ({**FOX, "providers": {"on_blocked": "go"}}, "/providers/on_blocked"),
    ({**FOX, "providers": {"only": ["demo"]}}, "/providers/only"),
    ({**FOX, "tags": ["ok", ""]}, "/tags/1"),
    ({**FOX, "tags": ["x"] * 21}, "/tags"),
    ({**FOX, "metadata": {"k": 1}}, "/metadata/k"),
    ({**FOX, "metadata": {"k" * 65: "v"}}, "/metadata"),
    ({**FOX, "metadata": {str(i): "v" for i in range(17)}}, "/metadata"),
    ({**FOX, "colour": "red"}, "/colour"),
    ([], ""),
    ("x", ""),
]


async def test_a_wrong_field_is_named(api: Api) -> None:
    for body, pointer in BAD:
        answer = await api.http.post("/v1/jobs", json=body)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, "invalid_request"), body
        assert problem["errors"][0]["pointer"].startswith(pointer), body
        assert problem["errors"][0]["detail"]
    assert api.published == []


PYDANTIC = re.compile(r"Input|String|Tuple|Value error|pattern|valid (integer|string)|[a-z]=")
SENTENCES: list[tuple[Any, str]] = [
    ({"prompt": ""}, "/prompt: This must not be empty."),
    ({"prompt": "x" * 4001}, "/prompt: This may have at most 4,000 characters."),
    ({**FOX, "n": 11}, "/n: This must be at most 10."),
    ({**FOX, "n": "2"}, "/n: This must be a whole number."),
    ({**FOX, "size": "1024"}, "/size: This must be WIDTHxHEIGHT in pixels, for example 1024x1024."),
    ({**FOX, "tags": ["x"] * 21}, "/tags: This may have at most 20 entries."),
    ({**FOX, "output_format": "gif"}, "/output_format: This must be 'png', 'jpeg' or 'webp'."),
    ({**FOX, "guidance": -1}, "/guidance: This must be at least 0."),
    (
        {**FOX, "providers": {"allow": []}},
        "/providers/allow: Name at least one provider, or leave it out.",
    ),
    (
        {**FOX, "providers": {"fallback": "all"}},
        "/providers/fallback: This must be 'none', 'same_model' or 'any'.",
    ),
    (
        {**FOX, "start_deadline": 61, "deadline": 60},
        "/start_deadline: This must be at most the deadline, 60 seconds.",
    ),
]


async def test_problems_are_sentences_for_people(api: Api) -> None:
    for body, _ in BAD:
        detail = (await api.http.post("/v1/jobs", json=body)).json()["detail"]
        assert not PYDANTIC.search(detail), detail
    for body, expected in SENTENCES:
        assert (await api.http.post("/v1/jobs", json=body)).json()["detail"] == expected
    wrong = await api.http.post("/v1/jobs", json=FOX, headers={"Idempotency-Key": "x" * 256})
    assert wrong.json()["detail"] == (
        "Idempotency-Key: This must be 1 to 255 printable ASCII characters."
    )


@pytest.mark.parametrize("prompts", [[], ["x"] * 1001])
async def test_a_batch_has_so_many_prompts(api: Api, prompts: list[str]) -> None:
    answer = await api.http.post("/v1/batches", json={"prompts": prompts})
    assert answer.json()["errors"] == [
        {"pointer": "/prompts", "detail": "A batch has 1 to 1,000 prompts."}
    ]


async def test_a_wrong_entry_is_the_only_error(api: Api) -> None:
    answer = await api.http.post("/v1/batches", json={"prompts": [{"prompt": "a", "size": "x"}]})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/prompts/0/size"]


IMPOSSIBLE: list[tuple[Any, str, str]] = [
    ({**FOX, "model": "none/such"}, "model_not_found", "/model"),
    ({**FOX, "size": "4096x4096", "model": "demo"}, "unsupported_parameter", "/size"),
    ({**FOX, "aspect_ratio": "99:1"}, "unsupported_parameter", "/aspect_ratio"),
    ({**FOX, "providers": {"deny": ["demo", "fake"]}}, "unsupported_parameter", "/providers"),
    (
        {**FOX, "model": "demo", "providers": {"allow": ["fal"]}},
        "unsupported_parameter",
        "/providers",
    ),
    ({**FOX, "webhook": "x", "max_cost": 1}, "unsupported_parameter", "/max_cost"),
]


async def test_what_cannot_be_done_is_said(api: Api) -> None:
    for body, code, pointer in IMPOSSIBLE:
        answer = await api.http.post("/v1/jobs", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, code), body
        assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_model_of_somebodys_own_has_a_name_that_can_be_shown() -> None:
    async with running(providers=("compatible",)) as api:
        fine = await api.http.post("/v1/jobs", json={**FOX, "model": "compatible/my model ü"})
        assert fine.status_code == 202
        for name in ("compatible/a\x00b", "compatible/a\x1b[31m", "compatible/a\r"):
            wrong = await api.http.post("/v1/jobs", json={**FOX, "model": name})
            assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_request")
            assert wrong.json()["errors"][0]["pointer"] == "/model"


async def test_choices_travel_with_the_job(api: Api) -> None:
    asked = {
        **FOX,
        "model": "fake/paid",
        "steps": 20,
        "guidance": 7,
        "quality": "high",
        "start_deadline": 60,
        "deadline": 600,
        "providers": {"order": ["fake"], "deny": ["demo"], "on_blocked": "try_next"},
    }
    answer = await api.http.post("/v1/jobs", json=asked)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert {k: job["request"][k] for k in asked if k != "providers"} == {
        k: v for k, v in asked.items() if k != "providers"
    }
    assert job["request"]["providers"] == {
        "order": ["fake"],
        "allow": None,
        "deny": ["demo"],
        "fallback": None,
        "on_blocked": "try_next",
    }
    assert [(w["code"], w["pointer"]) for w in job["warnings"]] == [
        ("parameter_ignored", "/steps"),
        ("parameter_ignored", "/guidance"),
        ("parameter_ignored", "/quality"),
    ]
    [event] = api.published
    assert isinstance(event, JobRequested)
    done = accept(event.job).model_copy(update={"done": True, "status": JobStatus.FAILED})
    api.reader.jobs[done.id] = done
    retried = (await api.http.post(f"/v1/jobs/{done.id}/retry")).json()
    assert (retried["request"], retried["warnings"]) == (job["request"], job["warnings"])


async def test_an_entry_of_a_batch_has_choices_of_its_own(api: Api) -> None:
    body = {
        "prompts": ["a", {"prompt": "b", "providers": {"order": ["demo"]}, "steps": 4}],
        "providers": {"allow": ["fake"]},
        "model": "auto",
        "steps": 8,
        "start_deadline": 100,
    }
    answer = await api.http.post("/v1/batches", json=body)
    assert answer.status_code == 202, answer.text
    [event] = api.published
    assert isinstance(event, BatchRequested)
    one, two = (entry.request for entry in event.entries)
    assert one.providers
    assert two.providers
    assert (one.providers.allow, one.steps, one.start_deadline) == (("fake",), 8, 100)
    assert (two.providers.allow, two.providers.order, two.steps) == (None, ("demo",), 4)
    for entry, pointer in [
        ({"prompt": "b", "deadline": 99}, "/prompts/1/start_deadline"),
        ({"prompt": "b", "providers": {"deny": ["x"]}}, "/prompts/1/providers/deny/0"),
        ({"prompt": "b", "quality": "x"}, "/prompts/1/quality"),
    ]:
        wrong = await api.http.post("/v1/batches", json={**body, "prompts": ["a", entry]})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_request"), entry
        assert wrong.json()["errors"][0]["pointer"] == pointer


async def test_models_for_tests_are_hidden_unless_named() -> None:
    async with running(providers=()) as api:
        models = (await api.http.get("/v1/models")).json()["items"]
        assert models[-1]["id"] == "demo/painter"
        assert "fake" not in {model["provider"] for model in models}
        refused = await api.http.post("/v1/jobs", json={**FOX, "model": "fake/paid"})
        assert refused.json()["code"] == "model_not_found"


async def test_a_batch_is_one_message(api: Api) -> None:
    body = {
        "prompts": ["a", {"prompt": "b", "n": 2, "aspect_ratio": "1:1", "tags": []}],
        "size": "512x512",
        "tags": ["shared"],
    }
    answer = await api.http.post("/v1/batches", json=body)
    assert answer.status_code == 202, answer.text
    batch = answer.json()
    [event] = api.published
    assert isinstance(event, BatchRequested)
    assert batch["job_ids"] == [child_id(batch["id"], i) for i in range(2)]
    assert [job.id for job in event.jobs()] == batch["job_ids"]
    assert (batch["status"], batch["version"], batch["size"]) == ("queued", 2, 2)
    assert batch["counts"]["queued"] == 2
    assert set(batch["counts"]) == {status.value for status in JobStatus}
    one, two = event.entries
    assert (one.request.prompt, one.request.n, one.request.size, one.tags) == (
        "a",
        1,
        "512x512",
        ("shared",),
    )
    assert (two.request.n, two.request.size, two.request.aspect_ratio, two.tags) == (
        2,
        None,
        "1:1",
        (),
    )


WRONG_ENTRIES: list[tuple[Any, str]] = [
    ([], "/prompts"),
    (["x"] * 1001, "/prompts"),
    (["a", ""], "/prompts/1"),
    (["a", {"prompt": "b", "n": 99}], "/prompts/1/n"),
    (["a", {"prompt": "b", "x": 1}], "/prompts/1/x"),
    (["a", {}], "/prompts/1/prompt"),
    (["a", 5], "/prompts/1"),
    ("a", "/prompts"),
]


async def test_the_wrong_entry_of_a_batch_is_named(api: Api) -> None:
    for prompts, pointer in WRONG_ENTRIES:
        answer = await api.http.post("/v1/batches", json={"prompts": prompts})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_batch_of_a_thousand_long_prompts_fits(api: Api) -> None:
    prompts = [f"{i} " + "x" * 3000 for i in range(1000)]
    answer = await api.http.post("/v1/batches", json={"prompts": prompts})
    assert answer.status_code == 202, answer.text
    assert len(answer.json()["job_ids"]) == 1000
    [event] = api.published
    assert isinstance(event, BatchRequested)
    assert event.lane is Lane.BULK


async def test_a_batch_that_no_broker_takes_is_refused(api: Api) -> None:
    """RabbitMQ takes 16 MiB in one message, and what is shared is in it for each entry."""
    shared = {"negative_prompt": "狐" * 4000, "metadata": {str(i): "狐" * 512 for i in range(16)}}
    for path in ("/v1/batches", "/v1/batches?dry_run=true"):
        fits = await api.http.post(path, json={"prompts": ["a"] * 400, **shared})
        assert fits.status_code in (200, 202), fits.text
        answer = await api.http.post(path, json={"prompts": ["a"] * 500, **shared}, headers=KEY)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert "in parts" in answer.json()["detail"]
    parts = await api.http.post("/v1/batches", json={"prompts": ["a"] * 250}, headers=KEY)
    assert parts.status_code == 202


async def test_lanes(api: Api) -> None:
    async def lane(path: str, body: Any) -> Lane:
        answer = await api.http.post(path, json=body)
        assert answer.status_code == 202
        event = api.published[-1]
        assert isinstance(event, JobRequested | BatchRequested)
        return event.lane

    assert await lane("/v1/jobs", FOX) is Lane.INTERACTIVE
    assert await lane("/v1/jobs", {**FOX, "priority": "background"}) is Lane.BULK
    assert await lane("/v1/batches", {"prompts": ["a"] * 10}) is Lane.INTERACTIVE
    assert await lane("/v1/batches", {"prompts": ["a"] * 11}) is Lane.BULK
    assert await lane("/v1/batches", {"prompts": ["a"] * 5, "n": 3}) is Lane.BULK
    for _ in range(6):
        background = {**FOX, "n": 10, "priority": "background"}
        assert await lane("/v1/jobs", background) is Lane.BULK
    mixed = {"prompts": ["a", {"prompt": "b", "n": 9, "priority": "background"}]}
    for _ in range(10):
        assert await lane("/v1/batches", mixed) is Lane.INTERACTIVE, "for what is not background"
    for _ in range(2):
        assert await lane("/v1/jobs", {**FOX, "n": 10}) is Lane.INTERACTIVE, "bulk does not count"
    assert await lane("/v1/jobs", {**FOX, "n": 10}) is Lane.BULK, "the 51st within a minute"
    assert await lane("/v1/jobs", {**FOX, "n": 9}) is Lane.INTERACTIVE, "the 42nd to the 50th"
    api.clock[0] += 61
    assert await lane("/v1/jobs", FOX) is Lane.INTERACTIVE


KEY = {"Idempotency-Key": "one key"}


async def test_what_is_not_sent_does_not_count(api: Api) -> None:
    for _ in range(6):  # as somebody who waits for a job by asking for it again
        ten = await api.http.post("/v1/jobs", json={**FOX, "n": 10}, headers=KEY)
        assert ten.status_code == 202
        await api.http.post("/v1/jobs", json={"prompt": "b", "n": 10}, headers=KEY)
    await api.http.post("/v1/jobs", json=FOX)
    lanes = [event.lane for event in api.published if isinstance(event, JobRequested)]
    assert lanes == [Lane.INTERACTIVE] * 2


async def test_the_same_key_is_the_same_job(api: Api) -> None:
    first = await api.http.post("/v1/jobs", json=FOX, headers=KEY)
    again = await api.http.post("/v1/jobs", json={"n": 1, **FOX}, headers=KEY)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.content == again.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert len(api.published) == 1
    other = await api.http.post("/v1/jobs", json={**FOX, "n": 2}, headers=KEY)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    batch = await api.http.post("/v1/batches", json={"prompts": ["a"]}, headers=KEY)
    assert batch.status_code == 202, "another path is another scope"
    assert (await api.http.post("/v1/jobs", json=FOX)).status_code == 202
    assert len(api.published) == 3


async def test_an_entry_that_says_what_is_usual_is_another_batch(api: Api) -> None:
    one = {"prompts": [{"prompt": "a fox", "n": 1}], "n": 4}
    four = {"prompts": [{"prompt": "a fox"}], "n": 4}
    assert (await api.http.post("/v1/batches", json=one, headers=KEY)).status_code == 202
    other = await api.http.post("/v1/batches", json=four, headers=KEY)
    assert (other.status_code, other.json().get("code")) == (422, "idempotency_mismatch")


async def test_racing_twins_are_one_job(api: Api) -> None:
    answers = await asyncio.gather(
        *(api.http.post("/v1/jobs", json=FOX, headers=KEY) for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(api.published) == 1


async def test_only_acceptances_are_kept(api: Api) -> None:
    refused = await api.http.post("/v1/jobs", json={**FOX, "n": 99}, headers=KEY)
    assert refused.status_code == 422
    assert (await api.http.post("/v1/jobs", json=FOX, headers=KEY)).status_code == 202


async def test_a_wrong_key_is_refused(api: Api) -> None:
    for key in ("", "x" * 256, "é", "tab\there"):
        headers = [(b"Idempotency-Key", key.encode())]
        answer = await api.http.post("/v1/jobs", json=FOX, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), key


async def test_a_broker_that_is_away_means_unknown(api: Api) -> None:
    async def away() -> None:
        raise TransientError("no broker", retry_after=7)

    api.publisher.trouble = away
    answer = await api.http.post("/v1/jobs", json=FOX, headers=KEY)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (503, "service_unavailable")
    assert answer.headers["retry-after"] == "7"
    assert problem["retryable"] is True
    batch = await api.http.post("/v1/batches", json={"prompts": ["a"]})
    assert batch.json()["batch_id"]
    api.publisher.trouble = None
    again = await api.http.post("/v1/jobs", json=FOX, headers=KEY)
    assert (again.status_code, again.json()["id"]) == (202, problem["job_id"])


async def test_a_silent_broker_is_answered_for_within_3_seconds(api: Api) -> None:
    api.publisher.trouble = asyncio.Event().wait
    started = asyncio.get_running_loop().time()
    answer = await api.http.post("/v1/jobs", json=FOX, headers=KEY)
    assert answer.status_code == 503
    assert answer.json()["job_id"]
    assert asyncio.get_running_loop().time() - started < 3


async def test_without_rabbitmq_everything_else_is_answered() -> None:
    async with (
        asyncio.timeout(30),
        RabbitBus.open("amqp://guest:guest@127.0.0.1:1/") as nowhere,
        running(bus=nowhere) as api,
    ):
        started = asyncio.get_running_loop().time()
        answers = await asyncio.gather(
            *(api.http.post("/v1/jobs", json=FOX, headers={"Idempotency-Key": k}) for k in "abc")
        )
        assert asyncio.get_running_loop().time() - started < 3
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
            assert answer.json()["job_id"]
            assert answer.headers["retry-after"]
        assert (await api.http.get("/v1/models")).status_code == 200
        dry = await api.http.post("/v1/jobs?dry_run=true", json=FOX)
        assert dry.status_code == 200


async def test_a_twin_in_hand_is_waited_for_and_shared(api: Api) -> None:
    sent, go = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        sent.set()
        await go.wait()

    api.publisher.trouble = slow
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(api.http.post("/v1/jobs", json=FOX, headers=KEY))
        await sent.wait()
        twin = tasks.create_task(api.http.post("/v1/jobs", json=FOX, headers=KEY))
        await asyncio.sleep(0.2)
        assert not twin.done()
        go.set()
    assert first.result().json()["id"] == twin.result().json()["id"]
    assert twin.result().headers["idempotency-replayed"] == "true"
    assert len(api.published) == 1


async def test_prefer_wait(api: Api) -> None:
    answer = await api.http.post("/v1/jobs", json=FOX, headers={"Prefer": "wait=5", **KEY})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=5")
    assert api.reader.waits == [5]
    event = api.published[0]
    assert isinstance(event, JobRequested)
    done = accept(event.job).model_copy(
        update={"done": True, "status": JobStatus.SUCCEEDED, "version": 3}
    )
    api.reader.jobs[done.id] = done
    replay = await api.http.post("/v1/jobs", json=FOX, headers={"Prefer": "wait=99", **KEY})
    assert (replay.status_code, replay.json()["status"]) == (200, "succeeded")
    assert replay.headers["preference-applied"] == "wait=60"
    plain = await api.http.post("/v1/jobs", json=FOX, headers={"Prefer": "nonsense", **KEY})
    assert (plain.status_code, "preference-applied" in plain.headers) == (202, False)


async def test_who_waits_is_answered_when_the_process_leaves(api: Api) -> None:
    api.reader.held = asyncio.Event()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(
            api.http.post("/v1/jobs", json=FOX, headers={"Prefer": "wait=30"})
        )
        await api.reader.held.wait()
        api.leaving.set()
    answer = waiting.result()
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")


async def test_retry(api: Api) -> None:
    job_id = (await api.http.post("/v1/jobs", json={**FOX, "n": 3, "tags": ["t"]})).json()["id"]
    unknown = await api.http.post(f"/v1/jobs/{job_id}/retry")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    event = api.published[0]
    assert isinstance(event, JobRequested)
    api.reader.jobs[job_id] = accept(event.job)
    running_ = await api.http.post(f"/v1/jobs/{job_id}/retry")
    assert (running_.status_code, running_.json()["code"]) == (409, "job_not_done")
    done = {"done": True, "status": JobStatus.FAILED}
    api.reader.jobs[job_id] = accept(event.job).model_copy(update=done)
    first = await api.http.post(f"/v1/jobs/{job_id}/retry", headers=KEY)
    again = await api.http.post(f"/v1/jobs/{job_id}/retry", headers=KEY)
    assert (first.status_code, first.content) == (202, again.content)
    retried = first.json()
    assert (retried["retried_from"], retried["request"]["n"], retried["tags"]) == (job_id, 3, ["t"])
    assert retried["id"] != job_id
    for wrong in ("nope", "0198c7a2-0000-7000-8000-000000000000"):
        assert (await api.http.post(f"/v1/jobs/{wrong}/retry")).status_code == 404
    with_body = await api.http.post(f"/v1/jobs/{job_id}/retry", json={"n": 2})
    assert with_body.json()["code"] == "invalid_request"


async def test_a_dry_run_says_what_it_would_cost_and_queues_nothing(api: Api) -> None:
    body = {"prompts": ["a", {"prompt": "b", "n": 3}], "model": "fake/paid"}
    answer = await api.http.post("/v1/batches?dry_run=true", json=body, headers=KEY)
    assert answer.status_code == 200
    dry = answer.json()
    assert (dry["object"], [job["index"] for job in dry["jobs"]]) == ("dry_run", [0, 1])
    assert dry["cost"] == {"min": "0.16", "max": "0.32", "currency": "USD", "status": "exact"}
    assert dry["jobs"][1]["cost"]["max"] == "0.24", "an unanswered call may be billed, and repeated"
    [step] = dry["jobs"][1]["chain"]
    assert (step["provider"], step["model"], step["calls"]) == ("fake", "fake/paid", 1)
    assert step["prompt_as_sent"] == "b"
    assert step["cost"]["min"] == "0.12"
    wrong = await api.http.post("/v1/jobs?dry_run=true", json={**FOX, "n": 99})
    assert wrong.status_code == 422
    one = await api.http.post("/v1/jobs?dry_run=true", json=FOX, headers={"Prefer": "wait=3"})
    assert (one.status_code, one.json()["jobs"][0]["request"]["n"]) == (200, 1)
    assert api.published == []


async def test_a_dry_run_shows_the_whole_chain() -> None:
    async with running(providers=("fal", "replicate", "openai", "huggingface")) as api:

        async def dry(**asked: Any) -> Any:
            answer = await api.http.post("/v1/jobs?dry_run=true", json={**FOX, **asked})
            assert answer.status_code == 200, answer.text
            return answer.json()

        one = await dry(model="flux-dev", n=2, providers={"deny": ["huggingface"]})
        steps = one["jobs"][0]["chain"]
        assert [(s["provider"], s["calls"], s["cost"]["max"]) for s in steps] == [
            ("replicate", 2, "0.05"),
            ("fal", 2, "0.05"),
        ]
        assert one["cost"] == {
            "min": "0.05",
            "max": "0.1",
            "currency": "USD",
            "status": "estimated",
        }
        unpriced = await dry(model="flux-dev")
        assert unpriced["jobs"][0]["chain"][-1]["cost"]["min"] is None
        assert unpriced["cost"]["max"] is None, "unknown is never zero"
        assert unpriced["cost"]["status"] == "unknown"
        best = await dry(quality="high", seed=7, providers={"order": ["openai"]})
        [warning] = best["jobs"][0]["warnings"]
        first, *rest = best["jobs"][0]["chain"]
        assert (warning["pointer"], first["model"]) == ("/seed", "openai/gpt-image-2")
        assert first["ignored"] == ["seed"]
        assert {"openai", "fal", "replicate", "huggingface"} == {s["provider"] for s in rest}
        assert api.published == []


def status(incarnation: str, *providers: str, **health: ProviderHealth) -> WorkerStatus:
    return WorkerStatus(
        owner="", incarnation=incarnation, providers=providers, slots=1, busy=0, health=health
    )


async def until(check: Callable[[], Any]) -> Any:
    async with asyncio.timeout(5):
        while not (found := await check()):
            await asyncio.sleep(0.01)
        return found


async def test_a_provider_that_no_worker_offers_is_said(api: Api) -> None:
    fake = {**FOX, "model": "fake/paid"}
    assert (await api.http.post("/v1/jobs", json=fake)).status_code == 202, "nothing was heard"
    api.bus.announce(status("w1", "demo"))

    async def heard() -> bool:
        providers = (await api.http.get("/v1/providers")).json()["items"]
        return bool({p["id"]: p["workers"] for p in providers}["demo"] == 1)

    await until(heard)
    assert (await api.http.post("/v1/jobs", json=fake)).status_code == 202, "we just started"
    api.clock[0] = 31
    api.bus.announce(status("w2", "demo"))

    async def off() -> bool:
        models = (await api.http.get("/v1/models")).json()["items"]
        return {m["id"]: m["available"] for m in models}["fake/paid"] is False

    await until(off)
    refused = await api.http.post("/v1/jobs", json=fake, headers=KEY)
    assert (refused.status_code, refused.json()["code"]) == (503, "no_provider_available")
    assert refused.headers["retry-after"] == "10"
    assert (await api.http.post("/v1/jobs", json=FOX)).status_code == 202
    api.clock[0] = 62
    api.bus.announce(status("w3", "demo", "fake"))
    await until(lambda: _available(api, "fake/paid"))
    accepted = await api.http.post("/v1/jobs", json=fake, headers=KEY)
    assert (accepted.status_code, "idempotency-replayed" in accepted.headers) == (202, False)
    api.clock[0] = 200
    assert (await api.http.post("/v1/jobs", json=fake)).status_code == 202, "scaled to none"


async def test_how_providers_do(api: Api) -> None:
    async def providers() -> dict[str, Any]:
        items = (await api.http.get("/v1/providers")).json()["items"]
        return {item["id"]: item for item in items}

    assert {p["state"] for p in (await providers()).values()} == {"unknown"}
    until_when = now()
    gated = ModelHealth(until=until_when, error="provider_auth")
    limited = ProviderHealth(
        state=Health.LIMITED,
        until=until_when,
        limit=3,
        error="provider_rate_limited",
        models={"fake/paid": gated},
    )
    api.clock[0] = 31
    api.bus.announce(status("w1", "fake", fake=limited))

    async def heard() -> Any:
        found = await providers()
        return found if found["fake"]["workers"] else None

    found = await until(heard)
    assert found["fake"] == {
        "id": "fake",
        "object": "provider",
        "available": True,
        "state": "limited",
        "until": rfc3339(until_when),
        "limit": 3,
        "error": "provider_rate_limited",
        "workers": 1,
        "models": ["fake/paid", "fake/free"],
        "unhealthy_models": [
            {"id": "fake/paid", "until": rfc3339(until_when), "error": "provider_auth"}
        ],
    }
    assert (found["demo"]["unhealthy_models"], found["demo"]["workers"]) == ([], 0)
    assert (found["demo"]["available"], found["demo"]["state"]) == (False, "off")


async def _available(api: Api, model: str) -> bool:
    models = (await api.http.get("/v1/models")).json()["items"]
    return bool({m["id"]: m["available"] for m in models}[model])


async def test_the_catalogue(api: Api) -> None:
    models = (await api.http.get("/v1/models")).json()
    assert (models["object"], models["next_cursor"]) == ("list", None)
    assert [m["id"] for m in models["items"]] == ["demo/painter", "fake/paid", "fake/free"]
    assert models["items"][0]["capabilities"]["max_n"] == 10
    async with running(providers=("openai", "fal")) as hosted:
        shown = (await hosted.http.get("/v1/models")).json()["items"]
        known = {m["id"]: m for m in shown}
        assert known["fal/fal-ai/flux/dev"]["capabilities"]["steps"] == [1, 50]
        assert known["fal/fal-ai/flux/dev"]["capabilities"]["guidance"] == [1.0, 20.0]
        openai = known["openai/gpt-image-1.5"]
        assert openai["capabilities"]["qualities"] == ["low", "medium", "high"]
        assert openai["quality_prices"]["high"]["max"] == "0.2"
    styles = (await api.http.get("/v1/styles")).json()["items"]
    assert "watercolor" in [style["id"] for style in styles]
    assert (await api.http.get("/v1/styles?x=1")).status_code == 422


async def test_without_a_key_everybody_is_the_local_owner(api: Api) -> None:
    session = (await api.http.get("/v1/auth/session")).json()
    assert session == {
        "object": "session",
        "owner": "local",
        "required": False,
        "expires_at": None,
    }


async def test_the_key_and_the_cookie() -> None:
    async with running(api_key="s3cret") as api:
        http = api.http
        refused = await http.post("/v1/jobs", json=FOX)
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
        assert refused.headers["www-authenticate"] == "Bearer"
        for wrong in ("Bearer nope", "Basic czNjcmV0", "Bearer", "Bearer s3cret2"):
            answer = await http.get("/v1/models", headers={"Authorization": wrong})
            assert answer.status_code == 401
        bearer = {"Authorization": "Bearer s3cret"}
        assert (await http.get("/v1/models", headers=bearer)).status_code == 200
        assert (await http.post("/v1/auth/session", json={"key": "nope"})).status_code == 401
        assert "set-cookie" not in refused.headers
        signed_in = await http.post("/v1/auth/session", json={"key": "s3cret"})
        cookie = signed_in.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert "secure" not in cookie
        assert "s3cret" not in cookie
        assert (await http.get("/v1/models")).status_code == 200
        assert (await http.get("/v1/auth/session")).json()["expires_at"]
        token = http.cookies["atelier_session"]
        body, _, signature = token.rpartition(".")
        later = f"{int(body.split('.')[0]) + 1}.{body.split('.')[1]}"
        for forged in (f"{later}.{signature}", f"{body}.{'0' * 64}", "", "x", "é.é.é"):
            shown = {b"Cookie": b"atelier_session=" + forged.encode()}
            async with httpx.AsyncClient(base_url=api.origin) as stranger:
                assert (await stranger.get("/v1/models", headers=shown)).status_code == 401
        assert (await http.delete("/v1/auth/session")).status_code == 204
        assert "atelier_session" not in http.cookies


async def test_tickets_and_the_internal_question() -> None:
    async with running(api_key="s3cret", Authorization="Bearer s3cret") as api:
        ticket = (await api.http.post("/v1/events/tickets")).json()
        assert ticket["expires_at"]
        token = internal_token("s3cret")
        async with HttpIdentity.open(api.origin, token=token, clock=lambda: 0.0) as identity:
            assert await identity.identify(Credentials(bearer="s3cret")) == "local"
            assert await identity.identify(Credentials(ticket=ticket["ticket"])) == "local"
            for nobody in (
                Credentials(),
                Credentials(bearer="nope"),
                Credentials(session="nope"),
                Credentials(ticket=ticket["ticket"]),
            ):
                with pytest.raises(UnauthenticatedError):
                    await identity.identify(nobody)
        async with HttpIdentity.open(api.origin, token=internal_token("other")) as stranger:
            with pytest.raises(TransientError):
                await stranger.identify(Credentials(bearer="s3cret"))
        bare = await api.http.post("/internal/identify", json={"bearer": "s3cret"})
        assert (bare.status_code, bare.json()["code"]) == (403, "forbidden")


async def test_identity_fails_closed_and_remembers_briefly() -> None:
    clock = [0.0]
    async with AsyncExitStack() as stack:
        async with running(api_key="k") as api:
            identity = await stack.enter_async_context(
                HttpIdentity.open(api.origin, token=internal_token("k"), clock=lambda: clock[0])
            )
            assert await identity.identify(Credentials(bearer="k")) == "local"
        assert await identity.identify(Credentials(bearer="k")) == "local", "for ten seconds"
        clock[0] = 10.0
        with pytest.raises(TransientError):
            await identity.identify(Credentials(bearer="k"))


async def test_other_methods_and_addresses(api: Api) -> None:
    for method, path, expected, allow in [
        ("PUT", "/v1/jobs", 405, "GET, HEAD, POST"),
        ("GET", "/v1/batches", 405, "POST"),
        ("PUT", "/v1/models", 405, "GET, HEAD"),
        ("OPTIONS", "/v1/auth/session", 405, "DELETE, GET, HEAD, POST"),
        ("GET", "/v1/jobs/", 404, None),
        ("GET", "/nothing", 404, None),
    ]:
        answer = await api.http.request(method, path)
        assert answer.status_code == expected, (method, path)
        assert answer.headers.get("allow") == allow
        assert answer.headers["content-type"] == "application/problem+json"
    head = await api.http.head("/v1/models")
    assert (head.status_code, head.content) == (200, b"")


async def test_a_socket_that_is_refused_is_told_why_and_is_no_error(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    for headers, status, code in (
        ({}, 404, "not_found"),
        ({"Origin": "http://evil.example"}, 403, "forbidden"),
    ):
        answer = await api.http.get("/v1/models", headers={**upgrade, **headers})
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert [r.message for r in caplog.records if r.levelname == "ERROR"] == []
