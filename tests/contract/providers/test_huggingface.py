"""Hugging Face: who draws, how each partner is asked, and every way it goes wrong."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from atelier_core.domain.media import inspect
from atelier_core.domain.values import Money
from atelier_core.errors import SettingsError
from atelier_worker.ports import Fault
from fakes.huggingface import TOKEN, offer
from fakes.kit import CUT, HTML, LOST, METADATA, Trouble
from vendors import HuggingFace, Listening, failing, huggingface, order

pytestmark = pytest.mark.anyio

DEV = "huggingface/black-forest-labs/FLUX.1-dev"
QWEN = "huggingface/Qwen/Qwen-Image"
FULL = {"steps": 30, "guidance": 4.0, "negative_prompt": "blur", "width": 768, "height": 512}


@pytest.fixture
async def both() -> AsyncIterator[HuggingFace]:
    async with huggingface() as it:
        yield it


@pytest.mark.parametrize(
    ("partner", "body"),
    [
        (
            "hf-inference",
            {
                "inputs": "a red fox",
                "parameters": {
                    "width": 768,
                    "height": 512,
                    "seed": 7,
                    "num_inference_steps": 30,
                    "guidance_scale": 4.0,
                    "negative_prompt": "blur",
                },
            },
        ),
        (
            "fal-ai",
            {
                "prompt": "a red fox",
                "image_size": {"width": 768, "height": 512},
                "output_format": "png",
                "seed": 7,
                "num_inference_steps": 30,
                "guidance_scale": 4.0,
                "negative_prompt": "blur",
            },
        ),
        (
            "together",
            {
                "prompt": "a red fox",
                "model": "their/name",
                "response_format": "base64",
                "output_format": "png",
                "width": 768,
                "height": 512,
                "seed": 7,
                "steps": 30,
                "guidance_scale": 4.0,
                "negative_prompt": "blur",
            },
        ),
        (
            "nscale",
            {
                "prompt": "a red fox",
                "model": "their/name",
                "size": "768x512",
                "response_format": "b64_json",
            },
        ),
    ],
)
async def test_every_partner_is_asked_in_its_own_way(
    both: HuggingFace, partner: str, body: dict[str, Any]
) -> None:
    provider, fake = both
    fake.serve(partner)
    caller = Listening()
    answer = await provider.generate(order(QWEN, **FULL), caller)
    assert fake.bodies == [body]
    info = inspect(answer.pictures[0].data)
    assert (info.content_type, info.width, info.height) == ("image/png", 768, 512)
    assert (answer.cost, answer.http_status) == (Money.unknown(), 200)
    assert len(caller.received) == 1
    assert len(fake.paid) == 1


async def test_a_partner_that_takes_no_seed_tells_none(both: HuggingFace) -> None:
    both[1].serve("nscale")
    assert (await both[0].generate(order(DEV), Listening())).pictures[0].seed is None


async def test_what_a_model_cannot_is_not_sent(both: HuggingFace) -> None:
    await both[0].generate(
        order("huggingface/black-forest-labs/FLUX.1-schnell", **FULL), Listening()
    )
    assert set(both[1].bodies[0]["parameters"]) == {
        "width",
        "height",
        "seed",
        "num_inference_steps",
    }


async def test_the_first_known_partner_that_is_live_draws(both: HuggingFace) -> None:
    provider, fake = both
    fake.mapping = {
        "replicate": offer("r"),
        "together": offer("t", status="error"),
        "nscale": offer("n", task="image-to-image"),
        "fal-ai": offer("fal-ai/flux/dev"),
        "hf-inference": offer("own"),
    }
    for _ in range(2):
        await provider.generate(order(DEV), Listening())
    assert [step for step in fake.seen if step != "file"] == ["lookup", "fal-ai", "fal-ai"]


async def test_nobody_serves_it(both: HuggingFace) -> None:
    both[1].mapping = {"wavespeed": offer("w")}
    error = await failing(both[0].generate(order(DEV), Listening()))
    assert error.fault is Fault.MODEL_UNAVAILABLE
    assert both[1].paid == []


async def test_a_partner_that_lost_the_model_is_looked_up_again(both: HuggingFace) -> None:
    provider, fake = both
    await provider.generate(order(DEV), Listening())
    fake.serve("together")
    error = await failing(provider.generate(order(DEV), Listening()))
    assert (error.fault, error.http_status) == (Fault.MODEL_UNAVAILABLE, 400)
    assert (await provider.generate(order(DEV), Listening())).pictures


def said(text: str) -> dict[str, str]:
    return {"error": text}


@pytest.mark.parametrize(
    ("trouble", "fault", "status", "wait", "paid"),
    [
        (Trouble(status=401, body=said("Invalid username or password.")), Fault.AUTH, 401, None, 0),
        (Trouble(status=402, body=said("exceeded credits")), Fault.BILLING, 402, None, 0),
        (Trouble(status=403, body=said("permissions")), Fault.AUTH, 403, None, 0),
        (Trouble(status=404, body="Not Found"), Fault.MODEL_UNAVAILABLE, 404, None, 0),
        (Trouble(status=410, body="use router"), Fault.MODEL_UNAVAILABLE, 410, None, 0),
        (Trouble(status=400, body=said("bad width")), Fault.INVALID_REQUEST, 400, None, 0),
        (Trouble(status=422, body=said("NSFW content: a red fox")), Fault.MODERATED, 422, None, 0),
        (Trouble(status=429, headers={"retry-after": "9"}), Fault.RATE_LIMITED, 429, 9.0, 0),
        (
            Trouble(status=429, headers={"ratelimit": '"api";r=0;t=55'}),
            Fault.RATE_LIMITED,
            429,
            55.0,
            0,
        ),
        (
            Trouble(status=429, headers={"ratelimit": '"api";r=0;t=900000'}),
            Fault.RATE_LIMITED,
            429,
            3600.0,
            0,
        ),
        (Trouble(status=429), Fault.RATE_LIMITED, 429, None, 0),
        (
            Trouble(status=503, body={"error": "loading", "estimated_time": 20.0}),
            Fault.OVERLOADED,
            503,
            20.0,
            0,
        ),
        (Trouble(status=503, body="<html>"), Fault.OVERLOADED, 503, None, 0),
        (Trouble(status=500), Fault.TRANSPORT, 500, None, 0),
        (CUT, Fault.TRANSPORT, None, None, 0),
        (LOST, Fault.TRANSPORT, None, None, 1),
        (Trouble(body=said("it failed")), Fault.BAD_RESPONSE, 200, None, 0),
        (Trouble(huge=True), Fault.BAD_RESPONSE, None, None, 0),
        (Trouble(status=302, headers={"location": METADATA}), Fault.BAD_RESPONSE, 302, None, 0),
    ],
)
async def test_trouble_has_a_class(  # noqa: PLR0917 - pytest passes by name
    both: HuggingFace,
    trouble: Trouble,
    fault: Fault,
    status: int | None,
    wait: float | None,
    paid: int,
) -> None:
    provider, fake = both
    fake.trouble("hf-inference", trouble)
    error = await failing(provider.generate(order(DEV), Listening()))
    assert (error.fault, error.http_status, error.retry_after) == (fault, status, wait)
    assert "fox" not in str(error)
    assert TOKEN not in f"{error}{error.__cause__}"
    assert len(fake.paid) == paid
    assert (await provider.generate(order(DEV), Listening())).pictures


@pytest.mark.parametrize("partner", ["fal-ai", "together", "nscale"])
@pytest.mark.parametrize(
    "trouble",
    [HTML, Trouble(body={"images": [], "data": []}), Trouble(body={"data": [{"b64_json": "?"}]})],
)
async def test_a_partners_odd_answer_is_a_bad_one(
    both: HuggingFace, partner: str, trouble: Trouble
) -> None:
    provider, fake = both
    fake.serve(partner)
    fake.trouble(partner, trouble)
    error = await failing(provider.generate(order(DEV), Listening()))
    assert (error.fault, error.http_status) == (Fault.BAD_RESPONSE, 200)


async def test_a_blocked_picture_hides_in_a_success(both: HuggingFace) -> None:
    provider, fake = both
    fake.serve("fal-ai")
    fake.black = True
    error = await failing(provider.generate(order(DEV), Listening()))
    assert (error.fault, error.http_status) == (Fault.MODERATED, 200)


async def test_an_address_is_fetched_under_guard(both: HuggingFace) -> None:
    provider, fake = both
    fake.serve("fal-ai")
    fake.trouble("fal-ai", Trouble(body={"images": [{"url": METADATA}]}))
    answer = await provider.generate(order(DEV), Listening())
    assert [m.fault for m in answer.missing] == [Fault.BAD_RESPONSE]
    fake.trouble("file", Trouble(status=404))
    answer = await provider.generate(order(DEV), Listening())
    assert [m.fault for m in answer.missing] == [Fault.BAD_RESPONSE]


@pytest.mark.parametrize(
    ("troubles", "fault"),
    [
        ((Trouble(status=503),), Fault.OVERLOADED),
        ((CUT, CUT), Fault.OVERLOADED),  # one is not seen: what only asks is asked again
        ((HTML,), Fault.BAD_RESPONSE),
        ((Trouble(status=429),), Fault.RATE_LIMITED),
        ((Trouble(status=404),), Fault.MODEL_UNAVAILABLE),
    ],
)
async def test_the_hub_in_trouble_costs_nothing(
    both: HuggingFace, troubles: tuple[Trouble, ...], fault: Fault
) -> None:
    provider, fake = both
    fake.trouble("lookup", *troubles)
    error = await failing(provider.generate(order(DEV), Listening()))
    assert (error.fault, error.cost) == (fault, Money.exactly("0"))
    assert fake.paid == []
    assert (await provider.generate(order(DEV), Listening())).pictures


async def test_a_wrong_token_is_refused_by_the_vendor_and_an_odd_one_here() -> None:
    async with huggingface("hf_wrong") as (provider, _):
        assert (await failing(provider.generate(order(DEV), Listening()))).fault is Fault.AUTH
    with pytest.raises(SettingsError, match="HF_TOKEN"):
        async with huggingface("hf_ümlaut"):
            pass
