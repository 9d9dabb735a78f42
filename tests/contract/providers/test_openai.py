"""OpenAI Images: what is special about it."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from atelier_core.contracts.catalogue import catalogue
from atelier_core.domain.media import inspect
from atelier_core.domain.values import Money
from atelier_core.errors import SettingsError
from atelier_worker.ports import Fault, ProviderError
from atelier_worker.providers.openai import OpenAIProvider, size_of
from fakes.kit import CUT, HTML, LOST, Trouble, listening
from fakes.openai import KEY, FakeOpenAI, any_size, trouble
from vendors import Listening, order

pytestmark = pytest.mark.anyio

MODEL = "openai/gpt-image-2"
BLOCKED = "image_generation_user_error"


@pytest.fixture
async def vendor() -> AsyncIterator[FakeOpenAI]:
    async with asyncio.timeout(30), listening(FakeOpenAI()) as it:
        yield it


@pytest.fixture
async def provider(vendor: FakeOpenAI) -> AsyncIterator[OpenAIProvider]:
    async with OpenAIProvider.open(KEY, url=f"{vendor.url}/v1", book=catalogue()) as it:
        yield it


def fox(**changes: Any) -> Any:
    return order(**({"model": MODEL, "width": 1024, "height": 1024} | changes))


async def failing(provider: OpenAIProvider, **changes: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await provider.generate(fox(**changes), Listening())
    return caught.value


async def test_only_what_the_model_knows_is_sent(
    provider: OpenAIProvider, vendor: FakeOpenAI
) -> None:
    await provider.generate(
        fox(
            indexes=(0, 1),
            quality="high",
            output_format="webp",
            negative_prompt="blurry",
            steps=20,
            guidance=7.0,
        ),
        Listening(),
    )
    assert vendor.bodies == [
        {
            "model": "gpt-image-2",
            "prompt": "a red fox",
            "n": 2,
            "size": "1024x1024",
            "quality": "high",
            "output_format": "webp",
        }
    ]
    assert vendor.headers[0]["x-client-request-id"] == "call-1"
    await provider.generate(fox(quality="hd", output_format="gif"), Listening())
    assert set(vendor.bodies[1]) == {"model", "prompt", "n", "size"}


async def test_a_picture_of_no_tokens_was_not_free(
    provider: OpenAIProvider, vendor: FakeOpenAI
) -> None:
    """Servers in between, such as LiteLLM, fill in zeros where they are not told."""
    vendor.tokens = 0
    answer = await provider.generate(fox(), Listening())
    assert answer.cost == Money(amount="0.053", status="estimated")


async def test_tokens_decide_the_cost(provider: OpenAIProvider, vendor: FakeOpenAI) -> None:
    answer = await provider.generate(fox(indexes=(0, 1)), Listening())
    # 9 tokens of the prompt at 5 dollars a million, 2 x 1056 of pictures at 30
    assert answer.cost == Money(amount="0.063405", status="estimated")
    assert (answer.provider_request_id, answer.http_status) == ("req_1", 200)
    vendor.usage = False
    untold = await provider.generate(fox(indexes=(0, 1)), Listening())
    assert untold.cost == Money(amount="0.106", status="estimated")
    unpriced = await provider.generate(fox(model="openai/gpt-image-2.5-flare"), Listening())
    assert unpriced.cost == Money.unknown()
    assert vendor.paid == [2, 2, 1]


@pytest.mark.parametrize(
    ("model", "ordered", "amount"),
    [
        ("gpt-image-2", {"quality": "low"}, "0.012"),
        ("gpt-image-2", {"quality": "high"}, "0.422"),
        ("gpt-image-2", {"quality": "high", "width": 2048, "height": 1536}, "0.844"),
        ("gpt-image-2", {"quality": "hd"}, "0.106"),
        ("gpt-image-1.5", {"quality": "high", "width": 2048, "height": 2048}, "0.4"),
    ],
)
async def test_a_cost_that_is_not_told_is_that_of_the_ordered_quality(
    *, provider: OpenAIProvider, vendor: FakeOpenAI, model: str, ordered: Any, amount: str
) -> None:
    """The most of the range that the dry run shows, of what is really asked for."""
    vendor.usage = False
    asked = fox(model=f"openai/{model}", indexes=(0, 1), **ordered)
    answer = await provider.generate(asked, Listening())
    assert answer.cost == Money(amount=amount, status="estimated")


@pytest.mark.parametrize(
    ("scripted", "fault", "detail"),
    [
        (trouble(401, "invalid_api_key"), Fault.AUTH, "code invalid_api_key"),
        (trouble(403, None), Fault.AUTH, "answered 403."),
        (trouble(400, "billing_hard_limit_reached"), Fault.BILLING, "billing_hard"),
        (trouble(429, "insufficient_quota", kind="insufficient_quota"), Fault.BILLING, "quota"),
        (trouble(402, None), Fault.BILLING, "402"),
        (trouble(429, "rate_limit_exceeded"), Fault.RATE_LIMITED, "rate_limit"),
        (trouble(500, None, kind="server_error"), Fault.TRANSPORT, "500"),
        (trouble(503, None, kind="server_error"), Fault.OVERLOADED, "503"),
        (trouble(504, None), Fault.TIMEOUT, "504"),
        (trouble(404, "model_not_found"), Fault.MODEL_UNAVAILABLE, "model_not_found"),
        (trouble(400, "model_not_found"), Fault.MODEL_UNAVAILABLE, "model_not_found"),
        (trouble(400, "invalid_value", param="size"), Fault.INVALID_REQUEST, "parameter size"),
        (trouble(400, "moderation_blocked", kind=BLOCKED), Fault.MODERATED, "blocked the prompt"),
        (trouble(400, "content_policy_violation"), Fault.MODERATED, "blocked the prompt"),
        (trouble(200, "moderation_blocked", kind=BLOCKED), Fault.MODERATED, "blocked the prompt"),
        (trouble(200, "server_error"), Fault.BAD_RESPONSE, "server_error"),
        (trouble(302, None, headers={"location": "http://10.0.0.1/"}), Fault.BAD_RESPONSE, "302"),
        (Trouble(status=502, body="<html>", headers={}), Fault.TRANSPORT, "502"),
        (Trouble(status=400, body={"error": "no"}), Fault.INVALID_REQUEST, "400"),
        (Trouble(status=400, body={"error": {"code": []}}), Fault.INVALID_REQUEST, "400"),
        (Trouble(status=500, huge=True), Fault.TRANSPORT, "500"),
        (HTML, Fault.BAD_RESPONSE, "cannot be read"),
        (Trouble(body={"data": []}), Fault.BAD_RESPONSE, "no picture"),
        (Trouble(body={"created": 1}), Fault.BAD_RESPONSE, "no picture"),
        (Trouble(body={"data": "none"}), Fault.BAD_RESPONSE, "cannot be read"),
        (Trouble(body={"data": [{"b64_json": "%%%"}]}), Fault.BAD_RESPONSE, "not base64"),
        (Trouble(body={"data": [{"b64_json": "é"}]}), Fault.BAD_RESPONSE, "not base64"),
        (CUT, Fault.TRANSPORT, "broke"),
        (Trouble(half=True, late=True), Fault.TRANSPORT, "broke"),
        (LOST, Fault.TRANSPORT, "broke"),
    ],
)
async def test_trouble_has_a_class_and_tells_no_secret(
    *,
    provider: OpenAIProvider,
    vendor: FakeOpenAI,
    scripted: Trouble,
    fault: Fault,
    detail: str,
) -> None:
    vendor.trouble("generate", scripted)
    error = await failing(provider)
    assert error.fault is fault
    assert detail in error.detail
    assert KEY not in repr(error) + str(error)
    assert "red fox" not in str(error)
    assert error.http_status == (None if scripted.cut or scripted.half else scripted.status)
    if "x-request-id" in scripted.headers:
        assert error.provider_request_id == "req_9"
    assert len(vendor.paid) == scripted.late
    assert (await provider.generate(fox(), Listening())).pictures


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30.0),
        ({"retry-after-ms": "1500", "retry-after": "30"}, 1.5),
        ({"retry-after": "86400000"}, 3600.0),
    ],
)
async def test_a_wait_is_as_long_as_asked_for(
    *, provider: OpenAIProvider, vendor: FakeOpenAI, headers: dict[str, str], seconds: float | None
) -> None:
    vendor.trouble("generate", trouble(429, "rate_limit_exceeded", headers=headers))
    assert (await failing(provider)).retry_after == seconds


@pytest.mark.parametrize(
    ("stage", "said", "cost"),
    [
        ("input", "blocked the prompt: violence, self_harm.", Money.exactly("0")),
        ("output", "blocked the picture: violence, self_harm.", None),
    ],
)
async def test_moderation_tells_what_and_whether_it_was_drawn(
    *, provider: OpenAIProvider, vendor: FakeOpenAI, stage: str, said: str, cost: Money | None
) -> None:
    details = {"moderation_stage": stage, "categories": ["violence", "self_harm", "<b>Bad</b>"]}
    vendor.trouble("generate", trouble(400, "moderation_blocked", moderation_details=details))
    error = await failing(provider)
    assert said in error.detail
    assert error.cost == cost


async def test_older_moderation_names_its_categories_in_words(
    provider: OpenAIProvider, vendor: FakeOpenAI
) -> None:
    message = "Your request was rejected. safety_violations=[sexual]. Prompt: a red fox"
    vendor.trouble("generate", trouble(400, "moderation_blocked", message=message))
    error = await failing(provider)
    assert error.detail == "The provider blocked the prompt: sexual."


async def test_what_comes_is_kept_though_something_is_missing(
    provider: OpenAIProvider, vendor: FakeOpenAI
) -> None:
    one = base64.b64encode(b"one").decode()
    vendor.entries = [
        {"b64_json": None},
        {"b64_json": f"data:image/png;base64,{one[:2]}\n{one[2:]}", "revised_prompt": "a fox, red"},
    ]
    answer = await provider.generate(fox(indexes=(0, 1, 2)), Listening())
    assert [(p.index, p.data) for p in answer.pictures] == [(1, b"one")]
    assert answer.prompt_as_sent == "a fox, red"
    vendor.entries = [{"b64_json": one}] * 3
    assert len((await provider.generate(fox(indexes=(4, 5)), Listening())).pictures) == 2


async def test_a_picture_larger_than_life_is_not_read(
    provider: OpenAIProvider, vendor: FakeOpenAI
) -> None:
    vendor.trouble("generate", Trouble(huge=True))
    error = await failing(provider)
    assert (error.fault, error.detail) == (
        Fault.BAD_RESPONSE,
        "The provider's answer is too large.",
    )


async def test_a_call_that_is_dripped_can_be_dropped(
    provider: OpenAIProvider, vendor: FakeOpenAI
) -> None:
    vendor.trouble("generate", Trouble(drip=True))
    caller = Listening()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await provider.generate(fox(), caller)
    assert len(caller.received) == 1
    assert (await provider.generate(fox(), Listening())).pictures


@pytest.mark.parametrize("model", ["gpt-image-1.5", "gpt-image-1-mini"])
@pytest.mark.parametrize(
    ("ordered", "drawn"),
    [
        ((1024, 1024), (1024, 1024)),
        ((1344, 768), (1536, 1024)),
        ((512, 768), (1024, 1536)),
        ((640, 640), (1024, 1024)),
    ],
)
async def test_a_model_with_few_sizes_draws_the_nearest_shape(
    *, provider: OpenAIProvider, model: str, ordered: tuple[int, int], drawn: tuple[int, int]
) -> None:
    asked = fox(model=f"openai/{model}", width=ordered[0], height=ordered[1])
    answer = await provider.generate(asked, Listening())
    info = inspect(answer.pictures[0].data)
    assert (info.width, info.height) == drawn


def test_every_size_ordered_becomes_one_that_is_drawn() -> None:
    [model] = catalogue().find(MODEL)
    assert size_of(fox(width=1344, height=768), model) == "1344x768"
    assert size_of(fox(width=3840, height=2160), model) == "3840x2160"
    sides = [64, 100, 511, 512, 640, 1000, 1023, 1024, 1999, 2160, 3000, 3839, 3840]
    for width in sides:
        for height in sides:
            size = size_of(fox(width=width, height=height), model)
            assert any_size(size), (width, height, size)


@pytest.mark.parametrize("key", ["", "sk-a\nb", "sk-a b", "sk-é", "sk-a\r\nx: y"])
async def test_a_key_that_cannot_be_sent_is_a_wrong_setting(key: str) -> None:
    with pytest.raises(SettingsError, match="OPENAI_API_KEY") as caught:
        async with OpenAIProvider.open(key, book=catalogue()):
            pass
    assert not key or key not in str(caught.value)


async def test_an_address_with_a_password_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="OPENAI_BASE_URL") as caught:
        async with OpenAIProvider.open(KEY, url="https://u:secret@host/v1", book=catalogue()):
            pass
    assert "secret" not in str(caught.value)


async def test_a_model_that_nobody_knows_is_not_asked_for(
    provider: OpenAIProvider, vendor: FakeOpenAI
) -> None:
    error = await failing(provider, model="openai/dall-e-2")
    assert error.fault is Fault.MODEL_UNAVAILABLE
    assert not vendor.seen
