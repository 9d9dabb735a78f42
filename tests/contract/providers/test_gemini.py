"""Google Gemini: what is special about it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from atelier_core.contracts.catalogue import catalogue
from atelier_core.domain.media import inspect
from atelier_core.domain.values import Money
from atelier_core.errors import SettingsError
from atelier_worker.ports import Fault
from atelier_worker.providers.gemini import GeminiProvider
from fakes.gemini import KEY, FakeGemini, trouble
from fakes.kit import CUT, HTML, LOST, Trouble, listening
from vendors import Listening, failing, order

pytestmark = pytest.mark.anyio

FLASH = "gemini/gemini-3.1-flash-image"
PRO = "gemini/gemini-3-pro-image"
RETRY = {"retryDelay": "30s"}
QUOTA = {"violations": [{"quotaMetric": "m", "quotaId": "q"}]}


@pytest.fixture
async def vendor() -> AsyncIterator[FakeGemini]:
    async with asyncio.timeout(30), listening(FakeGemini()) as it:
        yield it


@pytest.fixture
async def provider(vendor: FakeGemini) -> AsyncIterator[GeminiProvider]:
    async with GeminiProvider.open(KEY, url=vendor.url, book=catalogue()) as it:
        yield it


@pytest.mark.parametrize(
    ("ordered", "image", "drawn"),
    [
        ((1024, 1024), {"aspectRatio": "1:1"}, (1024, 1024)),
        ((1344, 768), {"aspectRatio": "16:9"}, (1376, 768)),
        ((2048, 2048), {"aspectRatio": "1:1", "imageSize": "2K"}, (2048, 2048)),
        ((4096, 4096), {"aspectRatio": "1:1", "imageSize": "4K"}, (4096, 4096)),
    ],
)
async def test_a_size_is_a_shape_and_a_class(
    *,
    provider: GeminiProvider,
    vendor: FakeGemini,
    ordered: tuple[int, int],
    image: dict[str, str],
    drawn: tuple[int, int],
) -> None:
    asked = order(FLASH, width=ordered[0], height=ordered[1], quality="high", steps=3)
    answer = await provider.generate(asked, Listening())
    assert vendor.bodies[0]["generationConfig"]["imageConfig"] == image
    info = inspect(answer.pictures[0].data)
    assert (info.width, info.height) == drawn
    assert answer.provider_request_id == "resp-1"


async def test_tokens_decide_the_cost(provider: GeminiProvider, vendor: FakeGemini) -> None:
    flash = await provider.generate(order(FLASH), Listening())
    # 9 tokens in at 0.5, 1120 of the picture at 60, 110 of words and thoughts at 3
    assert flash.cost == Money(amount="0.0675345", status="estimated")
    pro = await provider.generate(order(PRO), Listening())
    assert pro.cost == Money(amount="0.135738", status="estimated")
    vendor.answer = {"usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 1290}}
    untold = await provider.generate(order(FLASH), Listening())
    assert untold.cost == Money(amount="0.0774045", status="estimated")
    for empty in (None, {"promptTokenCount": 9}):
        vendor.answer = {"usageMetadata": empty}
        assert (await provider.generate(order(FLASH), Listening())).cost.amount == "0.067"
        large = order(FLASH, width=4096, height=4096)
        assert (await provider.generate(large, Listening())).cost.amount == "0.151"


def ended(reason: str | None, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": reason}]}


@pytest.mark.parametrize(
    ("answer", "fault", "detail"),
    [
        (
            {"candidates": [], "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}},
            Fault.MODERATED,
            "blocked the prompt: PROHIBITED_CONTENT",
        ),
        ({"promptFeedback": {"blockReason": "a red fox"}}, None, ""),
        (
            {"candidates": [], "promptFeedback": {"blockReason": "a red fox"}},
            Fault.MODERATED,
            "blocked the prompt",
        ),
        (ended("IMAGE_SAFETY"), Fault.MODERATED, "blocked the picture: IMAGE_SAFETY"),
        (ended("SAFETY", {"text": "no"}), Fault.MODERATED, "blocked the picture: SAFETY"),
        (ended("IMAGE_RECITATION"), Fault.MODERATED, "IMAGE_RECITATION"),
        ({"candidates": [{"finishReason": "IMAGE_SAFETY"}]}, Fault.MODERATED, "IMAGE_SAFETY"),
        (ended("STOP", {"text": "I'd rather talk"}), Fault.BAD_RESPONSE, "drew nothing: STOP"),
        (ended("NO_IMAGE"), Fault.BAD_RESPONSE, "NO_IMAGE"),
        (ended("MAX_TOKENS"), Fault.BAD_RESPONSE, "MAX_TOKENS"),
        (ended(None), Fault.BAD_RESPONSE, "no reason"),
        ({"candidates": []}, Fault.BAD_RESPONSE, "no reason"),
        ({"candidates": "none"}, Fault.BAD_RESPONSE, "cannot be read"),
        (
            ended("STOP", {"inlineData": {"mimeType": "image/png", "data": "%%%"}}),
            Fault.BAD_RESPONSE,
            "cannot be read",
        ),
        ({"error": {"status": "INTERNAL", "message": "a red fox"}}, Fault.BAD_RESPONSE, "INTERNAL"),
    ],
)
async def test_a_success_without_a_picture_says_why(
    *,
    provider: GeminiProvider,
    vendor: FakeGemini,
    answer: dict[str, Any],
    fault: Fault | None,
    detail: str,
) -> None:
    vendor.answer = answer
    if fault is None:
        assert (await provider.generate(order(FLASH), Listening())).pictures
        return
    error = await failing(provider.generate(order(FLASH), Listening()))
    assert (error.fault, error.http_status) == (fault, 200)
    assert detail in error.detail
    assert "red fox" not in str(error)
    if "drew nothing" in error.detail or fault is Fault.MODERATED:
        assert error.cost is not None
        assert error.cost.status == "estimated", "what was used is charged all the same"


async def test_what_a_blocked_prompt_costs_is_unknown_unless_it_is_said(
    provider: GeminiProvider, vendor: FakeGemini
) -> None:
    vendor.answer = ended("IMAGE_SAFETY") | {"usageMetadata": None}
    error = await failing(provider.generate(order(FLASH), Listening()))
    assert error.cost is None


@pytest.mark.parametrize(
    ("scripted", "fault", "detail"),
    [
        (trouble(400, "INVALID_ARGUMENT", "a red fox"), Fault.INVALID_REQUEST, "INVALID_ARGUMENT"),
        (
            trouble(400, "INVALID_ARGUMENT", KEY, ErrorInfo={"reason": "API_KEY_INVALID"}),
            Fault.AUTH,
            "API_KEY_INVALID",
        ),
        (trouble(400, "FAILED_PRECONDITION"), Fault.BILLING, "FAILED_PRECONDITION"),
        (trouble(401, "UNAUTHENTICATED"), Fault.AUTH, "401"),
        (trouble(402, "x"), Fault.BILLING, "402."),
        (trouble(403, "PERMISSION_DENIED"), Fault.AUTH, "PERMISSION_DENIED"),
        (trouble(404, "NOT_FOUND"), Fault.MODEL_UNAVAILABLE, "NOT_FOUND"),
        (trouble(429, "RESOURCE_EXHAUSTED"), Fault.RATE_LIMITED, "RESOURCE_EXHAUSTED"),
        (trouble(429, "RESOURCE_EXHAUSTED", "metric, limit: 0, model"), Fault.BILLING, "429"),
        (trouble(429, "RESOURCE_EXHAUSTED", "metric, limit: 05"), Fault.RATE_LIMITED, "429"),
        (trouble(500, "INTERNAL"), Fault.TRANSPORT, "INTERNAL"),
        (trouble(503, "UNAVAILABLE"), Fault.OVERLOADED, "UNAVAILABLE"),
        (trouble(504, "DEADLINE_EXCEEDED"), Fault.TIMEOUT, "DEADLINE_EXCEEDED"),
        (Trouble(status=500, body={"error": {"details": 4}}), Fault.TRANSPORT, "500."),
        (Trouble(status=302, headers={"location": "http://10.0.0.1/"}), Fault.BAD_RESPONSE, "302"),
        (HTML, Fault.BAD_RESPONSE, "cannot be read"),
        (Trouble(huge=True), Fault.BAD_RESPONSE, "too large"),
        (CUT, Fault.TRANSPORT, "broke"),
        (Trouble(half=True, late=True), Fault.TRANSPORT, "broke"),
        (LOST, Fault.TRANSPORT, "broke"),
    ],
)
async def test_trouble_has_a_class_and_tells_no_secret(
    *,
    provider: GeminiProvider,
    vendor: FakeGemini,
    scripted: Trouble,
    fault: Fault,
    detail: str,
) -> None:
    vendor.trouble("generate", scripted)
    error = await failing(provider.generate(order(FLASH), Listening()))
    assert error.fault is fault
    assert detail in error.detail
    assert "red fox" not in str(error)
    assert KEY not in str(error) + repr(error)
    assert len(vendor.paid) == scripted.late
    assert (await provider.generate(order(FLASH), Listening())).pictures


@pytest.mark.parametrize(
    ("details", "seconds"),
    [
        ({}, None),
        ({"QuotaFailure": QUOTA, "RetryInfo": RETRY}, 30.0),
        ({"RetryInfo": {"retryDelay": "1.5s"}}, 1.5),
        ({"RetryInfo": {"retryDelay": "soon"}}, None),
        ({"RetryInfo": {"retryDelay": "999999999s"}}, 3600.0),
    ],
)
async def test_a_wait_is_as_long_as_asked_for(
    *, provider: GeminiProvider, vendor: FakeGemini, details: Any, seconds: float | None
) -> None:
    vendor.trouble("generate", trouble(429, "RESOURCE_EXHAUSTED", **details))
    error = await failing(provider.generate(order(FLASH), Listening()))
    assert error.retry_after == seconds


async def test_a_key_is_sent_in_one_header_only(vendor: FakeGemini) -> None:
    async with GeminiProvider.open("AIzaWrong", url=vendor.url, book=catalogue()) as provider:
        error = await failing(provider.generate(order(FLASH), Listening()))
    assert error.fault is Fault.AUTH
    with pytest.raises(SettingsError, match="GEMINI_API_KEY") as caught:
        async with GeminiProvider.open("secret\nx: y", book=catalogue()):
            pass
    assert "secret" not in str(caught.value)
