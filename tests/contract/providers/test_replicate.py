"""Replicate: the queue, what is special about its answers, and every way it goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from atelier_core.contracts.catalogue import catalogue
from atelier_core.domain.values import Money
from atelier_core.errors import SettingsError
from atelier_worker.ports import Fault
from atelier_worker.providers.replicate import ReplicateProvider
from fakes.kit import CUT, HTML, LOST, METADATA, Trouble
from fakes.replicate import TOKEN
from vendors import QUICK, Listening, Replicate, failing, order, replicate

pytestmark = pytest.mark.anyio

SCHNELL = "replicate/black-forest-labs/flux-schnell"
UNKNOWN = Money.unknown()


@pytest.fixture
async def both() -> AsyncIterator[Replicate]:
    async with replicate() as it:
        yield it


async def test_a_call_is_told_of_followed_and_priced(both: Replicate) -> None:
    provider, fake = both
    caller = Listening()
    answer = await provider.generate(order(SCHNELL, steps=4), caller)
    assert fake.inputs == [
        {
            "prompt": "a red fox",
            "aspect_ratio": "1:1",
            "megapixels": "1",
            "seed": 7,
            "num_outputs": 1,
            "num_inference_steps": 4,
            "output_format": "png",
        }
    ]
    assert caller.ids == [answer.provider_request_id] == list(fake.predictions)
    assert 0 < caller.told[0][1] < 1
    assert caller.told[-1] == (0, 1.0)
    assert len(caller.received) == 1
    assert (answer.cost, answer.http_status) == (Money.exactly("0.003"), 200)
    assert fake.seen.index("get") > fake.seen.index("create")


@pytest.mark.parametrize(
    ("model", "changes", "sent"),
    [
        (
            "replicate/black-forest-labs/flux-dev",
            {"width": 1344, "height": 768, "guidance": 3.5, "negative_prompt": "blur"},
            {"aspect_ratio": "16:9", "guidance": 3.5, "megapixels": "1"},
        ),
        (
            "replicate/black-forest-labs/flux-dev",
            {"width": 512, "height": 512},
            {"megapixels": "0.25"},
        ),
        (
            "replicate/black-forest-labs/flux-1.1-pro",
            {"width": 2048, "height": 700, "seeds": (2**32 - 1,), "output_format": "jpeg"},
            {
                "aspect_ratio": "custom",
                "width": 1440,
                "height": 704,
                "seed": 2**31 - 1,
                "output_format": "jpg",
            },
        ),
        (
            "replicate/stability-ai/sdxl",
            {"negative_prompt": "blur", "guidance": 7.0, "steps": 30, "width": 640, "height": 512},
            {"negative_prompt": "blur", "guidance_scale": 7.0, "width": 640, "height": 512},
        ),
    ],
)
async def test_an_order_is_put_in_the_words_of_the_model(
    both: Replicate, model: str, changes: dict[str, Any], sent: dict[str, Any]
) -> None:
    provider, fake = both
    answer = await provider.generate(order(model, **changes), Listening())
    assert sent.items() <= fake.inputs[0].items()
    assert answer.pictures[0].seed == fake.inputs[0]["seed"]
    assert ("negative_prompt" in fake.inputs[0]) == ("sdxl" in model)


async def test_a_model_without_a_price_is_of_unknown_cost(both: Replicate) -> None:
    answer = await both[0].generate(order("replicate/stability-ai/sdxl"), Listening())
    assert answer.cost == UNKNOWN


async def test_a_models_description_is_asked_for_once(both: Replicate) -> None:
    provider, fake = both
    for _ in range(3):
        await provider.generate(order(SCHNELL), Listening())
    assert fake.seen.count("model") == 1


async def test_several_pictures_of_one_call(both: Replicate) -> None:
    answer = await both[0].generate(order(SCHNELL, indexes=(2, 5)), Listening())
    assert [(p.index, p.seed) for p in answer.pictures] == [(2, 9), (5, None)]
    assert answer.cost == Money.exactly("0.006")


async def test_a_killed_workers_successor_resumes_and_pays_nothing(both: Replicate) -> None:
    provider, fake = both
    fake.holding = True
    caller = Listening()
    task = asyncio.create_task(provider.generate(order(SCHNELL), caller))
    await caller.accepted.wait()
    task.cancel()
    await asyncio.wait({task})
    fake.holding = False
    async with ReplicateProvider.open(
        TOKEN, book=catalogue(), url=f"{fake.url}/v1", pace=QUICK
    ) as successor:
        resumed = Listening()
        answer = await successor.resume(order(SCHNELL), caller.ids[0], resumed)
        again = await successor.resume(order(SCHNELL), caller.ids[0], Listening())
    assert [(p.index, p.seed) for p in answer.pictures] == [(0, 7)]
    assert answer.pictures == again.pictures
    assert resumed.ids == []
    assert len(fake.paid) == 1


@pytest.mark.parametrize(
    ("state", "cost"),
    [
        ("starting", Money.exactly("0")),
        ("processing", UNKNOWN),
        ("succeeded", Money.exactly("0.003")),
    ],
)
async def test_a_canceled_call_is_billed_as_far_as_is_known(
    both: Replicate, state: str, cost: Money
) -> None:
    provider, fake = both
    fake.holding = True
    caller = Listening()
    task = asyncio.create_task(provider.generate(order(SCHNELL), caller))
    await caller.accepted.wait()
    fake.predictions[caller.ids[0]]["status"] = state
    if state == "succeeded":
        fake.predictions[caller.ids[0]]["output"] = [fake.draw("x", width=8, height=8, seed=1)]
    assert await provider.cancel(caller.ids[0]) == cost
    if state == "succeeded":
        await task
    else:
        error = await failing(task)
        assert error.fault is Fault.CANCELED
        assert error.cost == cost


THROTTLED = {"detail": "Request was throttled. Your rate limit resets in ~30s.", "status": 429}
FOR_A_DAY = {"detail": "Request was throttled. Your rate limit resets in ~86400s."}


@pytest.mark.parametrize(
    ("trouble", "fault", "status", "wait", "paid"),
    [
        (Trouble(status=401), Fault.AUTH, 401, None, 0),
        (Trouble(status=402), Fault.BILLING, 402, None, 0),
        (Trouble(status=422), Fault.INVALID_REQUEST, 422, None, 0),
        (Trouble(status=404), Fault.MODEL_UNAVAILABLE, 404, None, 0),
        (Trouble(status=429, body=THROTTLED), Fault.RATE_LIMITED, 429, 30.0, 0),
        (Trouble(status=429, body=FOR_A_DAY), Fault.RATE_LIMITED, 429, 3600.0, 0),
        (Trouble(status=429, headers={"retry-after": "7"}), Fault.RATE_LIMITED, 429, 7.0, 0),
        (Trouble(status=429), Fault.RATE_LIMITED, 429, None, 0),
        (Trouble(status=500), Fault.TRANSPORT, 500, None, 0),
        (Trouble(status=503), Fault.OVERLOADED, 503, None, 0),
        (CUT, Fault.TRANSPORT, None, None, 0),
        (LOST, Fault.TRANSPORT, None, None, 1),
        (HTML, Fault.BAD_RESPONSE, 200, None, 0),
        (Trouble(body={"id": "../../etc", "status": "x"}), Fault.BAD_RESPONSE, 200, None, 0),
        (Trouble(huge=True), Fault.BAD_RESPONSE, None, None, 0),
        (Trouble(status=302, headers={"location": METADATA}), Fault.BAD_RESPONSE, 302, None, 0),
    ],
)
async def test_trouble_at_the_start_has_a_class(  # noqa: PLR0917 - pytest passes by name
    both: Replicate,
    trouble: Trouble,
    fault: Fault,
    status: int | None,
    wait: float | None,
    paid: int,
) -> None:
    provider, fake = both
    fake.trouble("create", trouble)
    caller = Listening()
    error = await failing(provider.generate(order(SCHNELL), caller))
    assert (error.fault, error.http_status, error.retry_after) == (fault, status, wait)
    assert TOKEN not in f"{error}{error.__cause__}"
    assert caller.ids == []
    assert len(fake.paid) == paid
    assert (await provider.generate(order(SCHNELL), Listening())).pictures


@pytest.mark.parametrize(
    ("trouble", "fault"),
    [
        (Trouble(status=404), Fault.MODEL_UNAVAILABLE),
        (Trouble(status=429), Fault.RATE_LIMITED),
        (Trouble(status=504), Fault.OVERLOADED),
        (Trouble(body={"latest_version": None}), Fault.BAD_RESPONSE),
        (Trouble(body={"latest_version": {"id": "x", "openapi_schema": []}}), Fault.BAD_RESPONSE),
    ],
)
async def test_a_model_that_cannot_be_described_costs_nothing(
    both: Replicate, trouble: Trouble, fault: Fault
) -> None:
    provider, fake = both
    fake.trouble("model", trouble)
    error = await failing(provider.generate(order(SCHNELL), Listening()))
    assert (error.fault, error.cost) == (fault, Money.exactly("0"))
    assert fake.paid == []


@pytest.mark.parametrize(
    "troubles",
    [
        (Trouble(status=429),) * 3,
        (Trouble(status=503), Trouble(status=502), Trouble(status=504)),
        (CUT, CUT),
        (HTML, HTML),
        (Trouble(status=500),) * 4,
    ],
)
async def test_what_is_bought_is_waited_for_through_trouble(
    both: Replicate, troubles: tuple[Trouble, ...]
) -> None:
    provider, fake = both
    fake.trouble("get", *troubles)
    answer = await provider.generate(order(SCHNELL), Listening())
    assert answer.cost == Money.exactly("0.003")
    assert len(fake.paid) == 1


@pytest.mark.parametrize(
    ("troubles", "fault"),
    [
        ((Trouble(status=500),) * 5, Fault.BAD_RESPONSE),
        ((Trouble(status=401),), Fault.AUTH),
        ((Trouble(status=404),), Fault.BAD_RESPONSE),
        ((HTML,) * 5, Fault.BAD_RESPONSE),
    ],
)
async def test_what_is_given_up_after_it_was_bought_may_have_cost(
    both: Replicate, troubles: tuple[Trouble, ...], fault: Fault
) -> None:
    provider, fake = both
    fake.trouble("get", *troubles)
    error = await failing(provider.generate(order(SCHNELL), Listening()))
    assert (error.fault, error.cost) == (fault, UNKNOWN)


@pytest.mark.parametrize(
    ("ends", "fault", "cost"),
    [
        ({"status": "failed", "error": "NSFW content detected."}, Fault.MODERATED, UNKNOWN),
        (
            {"status": "failed", "error": "The input was flagged as sensitive. (E005)"},
            Fault.MODERATED,
            UNKNOWN,
        ),
        (
            {"status": "failed", "error": "Unavailable due to high demand (E003)"},
            Fault.OVERLOADED,
            UNKNOWN,
        ),
        ({"status": "failed", "error": "CUDA out of memory"}, Fault.BAD_RESPONSE, UNKNOWN),
        ({"status": "failed", "error": {"odd": 1}}, Fault.BAD_RESPONSE, UNKNOWN),
        ({"status": "canceled"}, Fault.CANCELED, UNKNOWN),
        ({"status": "aborted"}, Fault.CANCELED, Money.exactly("0")),
        ({"status": "succeeded", "output": None}, Fault.BAD_RESPONSE, UNKNOWN),
        ({"status": "succeeded", "output": [], "error": "NSFW"}, Fault.MODERATED, UNKNOWN),
        ({"status": "succeeded", "output": {"a": 1}}, Fault.BAD_RESPONSE, UNKNOWN),
        ({"status": "succeeded", "output": [None]}, Fault.BAD_RESPONSE, UNKNOWN),
    ],
)
async def test_how_a_call_ends_without_a_picture(
    both: Replicate, ends: dict[str, Any], fault: Fault, cost: Money
) -> None:
    provider, fake = both
    fake.ends = ends
    error = await failing(provider.generate(order(SCHNELL), Listening()))
    assert (error.fault, error.cost, error.http_status) == (fault, cost, 200)
    assert error.provider_request_id in fake.predictions
    assert len(fake.paid) == 1


async def test_a_missing_picture_is_missing_and_the_others_are_kept(both: Replicate) -> None:
    provider, fake = both
    fake.trouble("file", Trouble(status=404))  # its address has expired
    answer = await provider.generate(order(SCHNELL, indexes=(0, 1)), Listening())
    assert len(answer.pictures) == 1
    assert [m.fault for m in answer.missing] == [Fault.BAD_RESPONSE]
    assert answer.cost == Money.exactly("0.006")


@pytest.mark.parametrize(
    "address",
    [
        METADATA,
        "https://10.0.0.1/x.png",
        "file:///etc/passwd",
        "https://user:pass@93.184.216.34/x.png",
    ],
)
async def test_an_answer_cannot_make_us_look_around_the_house(
    both: Replicate, address: str
) -> None:
    provider, fake = both
    fake.ends = {"status": "succeeded", "output": address}
    answer = await provider.generate(order(SCHNELL), Listening())
    assert [m.fault for m in answer.missing] == [Fault.BAD_RESPONSE]
    assert not answer.pictures


async def test_a_file_that_moves_into_the_house_is_not_followed(both: Replicate) -> None:
    provider, fake = both
    fake.trouble("file", Trouble(status=302, headers={"location": METADATA}))
    answer = await provider.generate(order(SCHNELL), Listening())
    assert [m.fault for m in answer.missing] == [Fault.BAD_RESPONSE]


async def test_a_wrong_token_is_refused_by_the_vendor_and_an_odd_one_here() -> None:
    async with replicate("r8_wrong") as (provider, _):
        error = await failing(provider.generate(order(SCHNELL), Listening()))
    assert (error.fault, error.http_status) == (Fault.AUTH, 401)
    assert "r8_wrong" not in str(error)
    with pytest.raises(SettingsError, match="REPLICATE_API_TOKEN") as caught:
        async with replicate("r8_x\r\nX-Evil: 1"):
            pass
    assert "Evil" not in str(caught.value)


async def test_a_model_that_is_not_in_the_catalogue_is_not_asked_for(both: Replicate) -> None:
    provider, fake = both
    error = await failing(provider.generate(order("replicate/who/knows"), Listening()))
    assert error.fault is Fault.MODEL_UNAVAILABLE
    assert fake.seen == []
