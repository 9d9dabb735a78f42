"""Stability AI: what is special about it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from atelier_core.contracts.catalogue import catalogue
from atelier_core.domain.media import inspect
from atelier_core.domain.values import Money
from atelier_core.errors import SettingsError
from atelier_worker.ports import Fault
from atelier_worker.providers.stability import StabilityProvider
from fakes.kit import CUT, HTML, LOST, Trouble, listening
from fakes.stability import KEY, FakeStability, trouble
from vendors import Listening, failing, order

pytestmark = pytest.mark.anyio

CORE = "stability/core"


@pytest.fixture
async def vendor() -> AsyncIterator[FakeStability]:
    async with asyncio.timeout(30), listening(FakeStability()) as it:
        yield it


@pytest.fixture
async def provider(vendor: FakeStability) -> AsyncIterator[StabilityProvider]:
    async with StabilityProvider.open(KEY, url=vendor.url, book=catalogue()) as it:
        yield it


FULL: dict[str, Any] = {
    "prompt": 'ein Fuchs, größer 🦊\n"x"',
    "negative_prompt": "blurry",
    "guidance": 7.5,
    "steps": 30,
    "quality": "high",
    "output_format": "webp",
    "width": 1344,
    "height": 768,
}
ALWAYS = {"prompt": FULL["prompt"], "aspect_ratio": "16:9", "seed": "7"}
NEGATIVE = {"negative_prompt": "blurry"}
SD3 = {"mode": "text-to-image", "cfg_scale": "7.5"}


@pytest.mark.parametrize(
    ("model", "service", "more"),
    [
        ("core", "core", NEGATIVE | {"output_format": "webp"}),
        ("ultra", "ultra", NEGATIVE | {"output_format": "webp"}),
        ("sd3.5-large", "sd3", NEGATIVE | SD3 | {"model": "sd3.5-large"}),
        ("sd3.5-medium", "sd3", NEGATIVE | SD3 | {"model": "sd3.5-medium"}),
        ("sd3.5-large-turbo", "sd3", SD3 | {"model": "sd3.5-large-turbo"}),
        ("sd3.5-flash", "sd3", SD3 | {"model": "sd3.5-flash"}),
    ],
)
async def test_only_what_the_model_knows_is_sent(
    *,
    provider: StabilityProvider,
    vendor: FakeStability,
    model: str,
    service: str,
    more: dict[str, str],
) -> None:
    answer = await provider.generate(order(f"stability/{model}", **FULL), Listening())
    assert vendor.forms == [(service, ALWAYS | more)]
    listed = catalogue().find(f"stability/{model}")[0].price
    assert answer.cost == listed
    assert answer.cost.status == "exact"
    assert (answer.provider_request_id, answer.http_status) == ("r-1", 200)
    info = inspect(answer.pictures[0].data)
    assert (info.width, info.height) == (1344, 768)


@pytest.mark.parametrize(
    ("ordered", "sent"),
    [(1, 1), (4_294_967_294, 4_294_967_294), (4_294_967_295, 4_294_967_294), (0, 4_294_967_294)],
)
async def test_every_seed_is_one_that_repeats(
    *, provider: StabilityProvider, vendor: FakeStability, ordered: int, sent: int
) -> None:
    answer = await provider.generate(order(CORE, seeds=(ordered,)), Listening())
    assert vendor.forms[0][1]["seed"] == str(sent)
    assert answer.pictures[0].seed == sent


async def test_guidance_stays_within_what_is_taken(
    provider: StabilityProvider, vendor: FakeStability
) -> None:
    await provider.generate(order("stability/sd3.5-large", guidance=30.0), Listening())
    assert vendor.forms[0][1]["cfg_scale"] == "10.0"


async def test_a_blurred_picture_is_moderation_not_a_picture(
    provider: StabilityProvider, vendor: FakeStability
) -> None:
    vendor.finish = "CONTENT_FILTERED"
    error = await failing(provider.generate(order(CORE), Listening()))
    assert (error.fault, error.http_status) == (Fault.MODERATED, 200)
    assert error.provider_request_id == "r-1"
    assert error.cost is None, "whether it was charged is not known"


@pytest.mark.parametrize("finish", ["ERROR", "", None])
async def test_any_other_end_is_no_picture(
    provider: StabilityProvider, vendor: FakeStability, finish: str | None
) -> None:
    vendor.finish = finish
    error = await failing(provider.generate(order(CORE), Listening()))
    assert (error.fault, error.http_status) == (Fault.BAD_RESPONSE, 200)


PROMPTED = "prompt: a red fox is not allowed"


@pytest.mark.parametrize(
    ("scripted", "fault", "detail"),
    [
        (trouble(400, "bad_request", "seed: is required"), Fault.INVALID_REQUEST, "400: seed."),
        (trouble(400, "bad_request", PROMPTED), Fault.INVALID_REQUEST, "400: prompt."),
        (trouble(401, "unauthorized"), Fault.AUTH, "401"),
        (trouble(402, "payment_required"), Fault.BILLING, "402"),
        (trouble(403, "payment_required"), Fault.BILLING, "403"),
        (trouble(403, "permission_denied"), Fault.AUTH, "403"),
        (trouble(403, "content_moderation", PROMPTED), Fault.MODERATED, "blocked the prompt"),
        (trouble(422, "public_figure"), Fault.MODERATED, "blocked the prompt"),
        (trouble(200, "content_moderation"), Fault.MODERATED, "blocked the prompt"),
        (trouble(422, "invalid_language"), Fault.INVALID_REQUEST, "422"),
        (trouble(413, "payload_too_large"), Fault.INVALID_REQUEST, "413"),
        (trouble(404, "not_found"), Fault.MODEL_UNAVAILABLE, "404"),
        (trouble(429, "rate_limit_exceeded"), Fault.RATE_LIMITED, "429"),
        (trouble(500, "internal_error"), Fault.TRANSPORT, "500"),
        (Trouble(status=503, body="<html>"), Fault.OVERLOADED, "503"),
        (Trouble(status=400, body={"errors": "x", "name": 4}), Fault.INVALID_REQUEST, "400"),
        (Trouble(status=302, headers={"location": "http://10.0.0.1/"}), Fault.BAD_RESPONSE, "302"),
        (HTML, Fault.BAD_RESPONSE, "200"),
        (Trouble(huge=True), Fault.BAD_RESPONSE, "too large"),
        (CUT, Fault.TRANSPORT, "broke"),
        (Trouble(half=True, late=True), Fault.TRANSPORT, "broke"),
        (LOST, Fault.TRANSPORT, "broke"),
    ],
)
async def test_trouble_has_a_class_and_tells_no_secret(
    *,
    provider: StabilityProvider,
    vendor: FakeStability,
    scripted: Trouble,
    fault: Fault,
    detail: str,
) -> None:
    vendor.trouble("generate", scripted)
    error = await failing(provider.generate(order(CORE), Listening()))
    assert error.fault is fault
    assert detail in error.detail
    assert "red fox" not in str(error)
    assert KEY not in str(error) + repr(error)
    assert len(vendor.paid) == scripted.late
    if fault is Fault.MODERATED:
        assert error.cost == Money.exactly("0")
        assert error.provider_request_id == "e1"
    assert (await provider.generate(order(CORE), Listening())).pictures


@pytest.mark.parametrize(("asked", "seconds"), [(None, 60.0), ("soon", 60.0), ("5", 5.0)])
async def test_a_wait_is_as_long_as_asked_for_or_as_documented(
    provider: StabilityProvider, vendor: FakeStability, asked: str | None, seconds: float
) -> None:
    headers = {} if asked is None else {"retry_after": asked}
    vendor.trouble("generate", trouble(429, "rate_limit_exceeded", **headers))
    error = await failing(provider.generate(order(CORE), Listening()))
    assert error.retry_after == seconds


async def test_bytes_are_announced_before_they_are_read(provider: StabilityProvider) -> None:
    caller = Listening()
    answer = await provider.generate(order(CORE), caller)
    assert caller.received == [len(answer.pictures[0].data)]


@pytest.mark.parametrize("data", [b"", b"<html>", b"\x89PNG\r\n\x1a\n" + bytes(100)])
async def test_whatever_calls_itself_a_picture_is_left_to_who_looks_at_it(
    provider: StabilityProvider, vendor: FakeStability, data: bytes
) -> None:
    vendor.data = data
    answer = await provider.generate(order(CORE), Listening())
    assert [picture.data for picture in answer.pictures] == [data]
    assert answer.cost == Money.exactly("0.03"), "it was bought"


async def test_a_key_that_cannot_be_sent_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="STABILITY_API_KEY") as caught:
        async with StabilityProvider.open("secret\n", book=catalogue()):
            pass
    assert "secret" not in str(caught.value)
