"""Servers that speak OpenAI's Images API in their own way."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from atelier_core.contracts.catalogue import catalogue
from atelier_core.domain.media import inspect
from atelier_core.domain.values import Money
from atelier_core.errors import SettingsError
from atelier_worker.ports import Fault
from atelier_worker.providers.compatible import CompatibleProvider
from atelier_worker.providers.fetch import Fetcher
from atelier_worker.providers.http import open_client
from fakes.kit import CUT, HTML, METADATA, Trouble, listening
from fakes.openai import KEY, FakeCompatible, error
from vendors import Listening, failing, order

pytestmark = pytest.mark.anyio

MODEL = "compatible/black-forest-labs/FLUX.1-schnell"
PNG = base64.b64encode(b"picture").decode()


@pytest.fixture
async def vendor() -> AsyncIterator[FakeCompatible]:
    async with asyncio.timeout(30), listening(FakeCompatible()) as it:
        yield it


@pytest.fixture
async def provider(vendor: FakeCompatible) -> AsyncIterator[CompatibleProvider]:
    async with CompatibleProvider.open(vendor.url, book=catalogue()) as it:
        yield it


async def test_any_model_of_the_server_can_be_asked_for(
    provider: CompatibleProvider, vendor: FakeCompatible
) -> None:
    answer = await provider.generate(order(MODEL, width=640, height=384), Listening())
    assert vendor.bodies[0] == {
        "model": "black-forest-labs/FLUX.1-schnell",
        "prompt": "a red fox",
        "n": 1,
        "size": "640x384",
        "response_format": "b64_json",
    }
    assert "authorization" not in vendor.headers[0]
    assert answer.cost == Money.unknown()


@pytest.mark.parametrize("host", ["api.together.ai", "api.together.xyz"])
async def test_together_is_told_the_size_in_its_own_words(
    vendor: FakeCompatible, host: str
) -> None:
    base, vendor.together = f"https://{host}/v1", True
    async with (
        open_client(f"{vendor.url}/v1", connections=1) as client,
        Fetcher.open(trusted=[base]) as fetcher,
    ):
        provider = CompatibleProvider(client, fetcher, catalogue(), base=base, default=None)
        answer = await provider.generate(order(MODEL, width=640, height=384), Listening())
    assert vendor.bodies == [
        {
            "model": "black-forest-labs/FLUX.1-schnell",
            "prompt": "a red fox",
            "n": 1,
            "width": 640,
            "height": 384,
            "response_format": "base64",
        }
    ]
    info = inspect(answer.pictures[0].data)
    assert (info.width, info.height) == (640, 384)


async def test_the_default_model_is_the_servers_or_the_operators(
    provider: CompatibleProvider, vendor: FakeCompatible
) -> None:
    await provider.generate(order("compatible/default"), Listening())
    assert "model" not in vendor.bodies[0]
    async with CompatibleProvider.open(
        f"{vendor.url}/v1/", book=catalogue(), key=KEY, default="sdxl"
    ) as named:
        vendor.needs_key = True
        await named.generate(order("compatible/default"), Listening())
    assert vendor.bodies[1]["model"] == "sdxl"


async def test_addresses_are_fetched_from_the_server_that_was_named(
    provider: CompatibleProvider, vendor: FakeCompatible
) -> None:
    vendor.addresses = True
    caller = Listening()
    answer = await provider.generate(order(MODEL, indexes=(2, 5)), caller)
    assert [p.index for p in answer.pictures] == [2, 5]
    assert {inspect(p.data).content_type for p in answer.pictures} == {"image/png"}
    assert len(caller.received) == 1, "room is waited for once"
    assert sorted(caller.told) == [(2, 1.0), (5, 1.0)]


async def test_a_relative_address_is_the_servers_own(
    provider: CompatibleProvider, vendor: FakeCompatible
) -> None:
    vendor.files["a.png"] = b"picture"
    vendor.entries = [{"url": "/files/a.png"}]
    answer = await provider.generate(order(MODEL), Listening())
    assert [p.data for p in answer.pictures] == [b"picture"]


@pytest.mark.parametrize(
    "entry",
    [
        {"b64_json": PNG},
        {"b64_json": PNG, "url": "http://10.0.0.1/a.png"},
        {"b64_json": f"data:image/png;base64,{PNG}"},
        {"url": f"data:image/png;base64,{PNG}"},
        {"b64_json": f"{PNG[:4]}\r\n{PNG[4:]}\n", "url": None},
    ],
)
async def test_bytes_come_in_many_dresses(
    provider: CompatibleProvider, vendor: FakeCompatible, entry: dict[str, Any]
) -> None:
    vendor.entries = [entry]
    answer = await provider.generate(order(MODEL), Listening())
    assert [p.data for p in answer.pictures] == [b"picture"]


@pytest.mark.parametrize(
    "url",
    [
        METADATA,
        "http://10.0.0.1/a.png",
        "https://127.0.0.1:9/a.png",
        "http://localhost:1/a.png",
        "file:///etc/passwd",
        "//169.254.169.254/a.png",
        "https://user:pass@example.com/a.png",
    ],
)
async def test_an_answer_does_not_reach_into_the_house(
    provider: CompatibleProvider, vendor: FakeCompatible, url: str
) -> None:
    vendor.entries = [{"url": url}, {"b64_json": PNG}]
    answer = await provider.generate(order(MODEL, indexes=(0, 1)), Listening())
    assert [p.index for p in answer.pictures] == [1]
    assert [(m.index, m.fault) for m in answer.missing] == [(0, Fault.BAD_RESPONSE)]
    assert answer.cost == Money.unknown()


async def test_a_redirect_into_the_house_is_not_followed(
    provider: CompatibleProvider, vendor: FakeCompatible
) -> None:
    vendor.addresses = True
    vendor.trouble("file", Trouble(status=302, headers={"location": METADATA}))
    answer = await provider.generate(order(MODEL), Listening())
    assert [m.fault for m in answer.missing] == [Fault.BAD_RESPONSE]


async def test_an_address_that_expired_is_missing_and_paid(
    provider: CompatibleProvider, vendor: FakeCompatible
) -> None:
    vendor.entries = [{"url": f"{vendor.url}/files/gone.png"}]
    answer = await provider.generate(order(MODEL), Listening())
    assert not answer.pictures
    assert "404" in answer.missing[0].detail
    assert answer.cost == Money.unknown()


async def test_a_server_that_is_picky_is_asked_in_its_way(
    provider: CompatibleProvider, vendor: FakeCompatible
) -> None:
    vendor.picky = True
    for _ in range(2):
        assert (await provider.generate(order(MODEL), Listening())).pictures
    assert len(vendor.seen) == 3, "what it refuses is remembered"
    assert len(vendor.paid) == 2
    assert all("response_format" not in body for body in vendor.bodies)


@pytest.mark.parametrize(
    ("scripted", "fault"),
    [
        (Trouble(status=401, body={"error": {"message": "", "code": 401}}), Fault.AUTH),
        (Trouble(status=402, body={"error": "credits"}), Fault.BILLING),
        (Trouble(status=404, body="404 page not found"), Fault.MODEL_UNAVAILABLE),
        (Trouble(status=422, body={"detail": []}), Fault.INVALID_REQUEST),
        (Trouble(status=429, body=b"slow down"), Fault.RATE_LIMITED),
        (Trouble(status=500, body={"error": {"code": 500, "message": "x"}}), Fault.TRANSPORT),
        (Trouble(status=400, body=error(400, "content_filter").body), Fault.MODERATED),
        (Trouble(body=error(400, "content_policy_violation").body), Fault.MODERATED),
        (Trouble(body={"data": []}), Fault.BAD_RESPONSE),
        (Trouble(huge=True), Fault.BAD_RESPONSE),
        (HTML, Fault.BAD_RESPONSE),
        (CUT, Fault.TRANSPORT),
    ],
)
async def test_trouble_has_a_class(
    provider: CompatibleProvider, vendor: FakeCompatible, scripted: Trouble, fault: Fault
) -> None:
    vendor.trouble("generate", scripted)
    found = await failing(provider.generate(order(MODEL), Listening()))
    assert found.fault is fault
    assert not vendor.paid
    assert (await provider.generate(order(MODEL), Listening())).pictures


@pytest.mark.parametrize(
    ("url", "key", "variable"),
    [
        ("localhost:8080", None, "COMPATIBLE_URL"),
        ("http://me:secret@localhost", None, "COMPATIBLE_URL"),
        ("http://localhost/v1?key=secret", None, "COMPATIBLE_URL"),
        ("http://localhost", "secret\n", "COMPATIBLE_API_KEY"),
    ],
)
async def test_settings_that_cannot_be_used_are_named_and_not_shown(
    url: str, key: str | None, variable: str
) -> None:
    with pytest.raises(SettingsError, match=variable) as caught:
        async with CompatibleProvider.open(url, key=key, book=catalogue()):
            pass
    assert "secret" not in str(caught.value)
