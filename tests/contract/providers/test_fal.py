"""fal: the queue, what hides in its answers, and every way it goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from atelier_core.contracts.catalogue import catalogue
from atelier_core.domain.values import CostStatus, Money
from atelier_core.errors import SettingsError
from atelier_worker.ports import Fault
from atelier_worker.providers.fal import FalProvider
from fakes.fal import KEY
from fakes.kit import CUT, HTML, LOST, METADATA, Trouble
from vendors import QUICK, Fal, Listening, failing, fal, order

pytestmark = pytest.mark.anyio

DEV = "fal/fal-ai/flux/dev"
UNKNOWN = Money.unknown()
BLOCKED = {
    "detail": [
        {
            "loc": ["body", "prompt"],
            "msg": "The content could not be processed: a red fox",
            "type": "content_policy_violation",
            "input": {"prompt": "a red fox"},
        }
    ]
}


def about(amount: str) -> Money:
    return Money(amount=amount, status=CostStatus.ESTIMATED)


@pytest.fixture
async def both() -> AsyncIterator[Fal]:
    async with fal() as it:
        yield it


async def test_a_call_is_told_of_followed_and_priced(both: Fal) -> None:
    provider, fake = both
    caller = Listening()
    answer = await provider.generate(order(DEV, steps=28, guidance=3.5), caller)
    assert fake.inputs == [
        {
            "prompt": "a red fox",
            "image_size": {"width": 1024, "height": 1024},
            "num_images": 1,
            "seed": 7,
            "num_inference_steps": 28,
            "guidance_scale": 3.5,
            "output_format": "png",
        }
    ]
    assert caller.ids == ["/fal-ai/flux/requests/0199-0"]
    assert caller.told == [(0, 0.46), (0, 1.0)]
    assert (answer.cost, answer.provider_request_id) == (about("0.025"), "0199-0")
    assert answer.http_status == 200
    assert len(caller.received) == 1


@pytest.mark.parametrize(
    ("model", "changes", "sent", "not_sent"),
    [
        ("fal/fal-ai/flux-pro/v1.1", {"steps": 5, "guidance": 2.0}, {}, {"num_inference_steps"}),
        (
            DEV,
            {"negative_prompt": "blur", "output_format": "webp"},
            {},
            {"negative_prompt", "output_format"},
        ),
        ("fal/fal-ai/qwen-image", {"negative_prompt": "blur"}, {"negative_prompt": "blur"}, set()),
    ],
)
async def test_only_what_the_model_knows_is_sent(
    both: Fal, model: str, changes: dict[str, Any], sent: dict[str, Any], not_sent: set[str]
) -> None:
    provider, fake = both
    assert (await provider.generate(order(model, **changes), Listening())).pictures
    assert sent.items() <= fake.inputs[0].items()
    assert not not_sent & set(fake.inputs[0])


async def test_the_price_is_by_started_megapixel(both: Fal) -> None:
    answer = await both[0].generate(
        order(DEV, width=1536, height=1024, indexes=(0, 1)), Listening()
    )
    assert answer.cost == about("0.1")
    assert [(p.index, p.seed) for p in answer.pictures] == [(0, 7), (1, None)]


async def test_a_killed_workers_successor_resumes_and_pays_nothing(both: Fal) -> None:
    provider, fake = both
    fake.holding = True
    caller = Listening()
    task = asyncio.create_task(provider.generate(order(DEV), caller))
    await caller.accepted.wait()
    task.cancel()
    await asyncio.wait({task})
    fake.holding = False
    async with FalProvider.open(KEY, book=catalogue(), url=fake.url, pace=QUICK) as successor:
        answer = await successor.resume(order(DEV), caller.ids[0], Listening())
    assert [(p.index, p.seed) for p in answer.pictures] == [(0, 7)]
    assert len(fake.paid) == 1


@pytest.mark.parametrize(
    ("state", "cost"),
    [("IN_QUEUE", Money.exactly("0")), ("IN_PROGRESS", UNKNOWN), ("COMPLETED", UNKNOWN)],
)
async def test_a_canceled_call_is_billed_as_far_as_is_known(
    both: Fal, state: str, cost: Money
) -> None:
    provider, fake = both
    fake.holding = True
    caller = Listening()
    task = asyncio.create_task(provider.generate(order(DEV), caller))
    await caller.accepted.wait()
    task.cancel()
    await asyncio.wait({task})
    fake.calls["0199-0"]["status"] = state
    assert await provider.cancel(caller.ids[0]) == cost


async def test_a_call_nobody_knows_cannot_be_canceled(both: Fal) -> None:
    assert (await failing(both[0].cancel("/fal-ai/flux/requests/0"))).http_status == 404
    for odd in ("never", "/fal-ai/flux/requests/../../x", "//evil.example/a/requests/b"):
        assert (await failing(both[0].cancel(odd))).fault is Fault.BAD_RESPONSE
    assert both[1].seen == ["cancel"]


@pytest.mark.parametrize(
    ("trouble", "fault", "status", "wait", "paid"),
    [
        (Trouble(status=401, body={"detail": "no"}), Fault.AUTH, 401, None, 0),
        (Trouble(status=403, body={"detail": "no"}), Fault.AUTH, 403, None, 0),
        (
            Trouble(status=403, body={"detail": "User is locked. Reason: Exhausted balance."}),
            Fault.BILLING,
            403,
            None,
            0,
        ),
        (Trouble(status=402), Fault.BILLING, 402, None, 0),
        (Trouble(status=404), Fault.MODEL_UNAVAILABLE, 404, None, 0),
        (Trouble(status=422, body=BLOCKED), Fault.MODERATED, 422, None, 0),
        (Trouble(status=422, body={"detail": "text"}), Fault.INVALID_REQUEST, 422, None, 0),
        (Trouble(status=422, body=[1, 2]), Fault.INVALID_REQUEST, 422, None, 0),
        (Trouble(status=429, headers={"retry-after": "3"}), Fault.RATE_LIMITED, 429, 3.0, 0),
        (Trouble(status=429), Fault.RATE_LIMITED, 429, None, 0),
        (Trouble(status=500), Fault.TRANSPORT, 500, None, 0),
        (Trouble(status=504), Fault.TIMEOUT, 504, None, 0),
        (CUT, Fault.TRANSPORT, None, None, 0),
        (LOST, Fault.TRANSPORT, None, None, 1),
        (HTML, Fault.BAD_RESPONSE, 200, None, 0),
        (Trouble(huge=True), Fault.BAD_RESPONSE, None, None, 0),
    ],
)
async def test_trouble_at_the_start_has_a_class(  # noqa: PLR0917 - pytest passes by name
    both: Fal, trouble: Trouble, fault: Fault, status: int | None, wait: float | None, paid: int
) -> None:
    provider, fake = both
    fake.trouble("submit", trouble)
    caller = Listening()
    error = await failing(provider.generate(order(DEV), caller))
    assert (error.fault, error.http_status, error.retry_after) == (fault, status, wait)
    assert "fox" not in str(error)
    assert "secret" not in f"{error}{error.__cause__}"
    assert caller.ids == []
    assert len(fake.paid) == paid
    assert (await provider.generate(order(DEV), Listening())).pictures


async def test_a_refused_field_is_named_and_what_was_in_it_is_not(both: Fal) -> None:
    error = await failing(both[0].generate(order(DEV, guidance=99.0), Listening()))
    assert error.fault is Fault.INVALID_REQUEST
    assert error.detail == "fal does not take what is in 'guidance_scale'."


async def test_a_key_is_not_sent_where_an_answer_points(both: Fal) -> None:
    provider, fake = both
    fake.elsewhere = "https://queue.evil.example"
    caller = Listening()
    error = await failing(provider.generate(order(DEV), caller))
    assert error.fault is Fault.BAD_RESPONSE
    assert caller.ids == []


@pytest.mark.parametrize("step", ["status", "result"])
@pytest.mark.parametrize(
    "troubles",
    [
        (Trouble(status=429),) * 3,
        (Trouble(status=503), Trouble(status=502), Trouble(status=504)),
        (CUT, CUT),
        (HTML, Trouble(body={"status": 1, "images": "none"})),
        (Trouble(status=500),) * 4,
    ],
)
async def test_what_is_bought_is_waited_for_through_trouble(
    both: Fal, step: str, troubles: tuple[Trouble, ...]
) -> None:
    provider, fake = both
    fake.trouble(step, *troubles)
    assert (await provider.generate(order(DEV), Listening())).pictures
    assert len(fake.paid) == 1


@pytest.mark.parametrize(
    ("said", "trouble", "fault", "looks"),
    [
        (None, Trouble(status=422, body=BLOCKED), Fault.MODERATED, 1),
        ("x", Trouble(status=422, body=BLOCKED), Fault.MODERATED, 1),
        ("x", Trouble(status=422, body={"detail": []}), Fault.INVALID_REQUEST, 1),
        ("x", Trouble(status=500, body={"detail": "Internal"}), Fault.BAD_RESPONSE, 1),
        (
            "timeout",
            Trouble(status=504, headers={"x-fal-request-timeout-type": "user"}),
            Fault.BAD_RESPONSE,
            1,
        ),
        (None, Trouble(status=401), Fault.AUTH, 1),
        (None, Trouble(status=404), Fault.BAD_RESPONSE, 1),
        (None, Trouble(body={"images": []}), Fault.BAD_RESPONSE, 1),
        (None, Trouble(body={"images": [{"url": None}]}), Fault.BAD_RESPONSE, 1),
    ],
)
async def test_how_a_call_ends_without_a_picture(
    both: Fal, said: str | None, trouble: Trouble, fault: Fault, looks: int
) -> None:
    provider, fake = both
    fake.error = said
    fake.trouble("result", trouble)
    error = await failing(provider.generate(order(DEV), Listening()))
    assert (error.fault, error.cost) == (fault, UNKNOWN)
    assert fake.seen.count("result") == looks
    assert "fox" not in str(error)
    assert len(fake.paid) == 1


async def test_a_blocked_picture_hides_in_a_success(both: Fal) -> None:
    provider, fake = both
    fake.black = (False, True)
    answer = await provider.generate(order(DEV, indexes=(3, 4)), Listening())
    assert [p.index for p in answer.pictures] == [3]
    assert [(m.index, m.fault) for m in answer.missing] == [(4, Fault.MODERATED)]
    assert answer.cost == about("0.05")
    assert "file" in fake.seen
    assert fake.seen.count("file") == 1


async def test_an_expired_picture_is_missing(both: Fal) -> None:
    provider, fake = both
    fake.trouble("file", Trouble(status=404))
    answer = await provider.generate(order(DEV), Listening())
    assert [(m.index, m.fault) for m in answer.missing] == [(0, Fault.BAD_RESPONSE)]
    assert answer.cost == about("0.025")


@pytest.mark.parametrize("address", [METADATA, "https://127.0.0.1/x", "file:///etc/passwd"])
async def test_an_answer_cannot_make_us_look_around_the_house(both: Fal, address: str) -> None:
    provider, fake = both
    fake.trouble("result", Trouble(body={"images": [{"url": address}], "seed": 1}))
    answer = await provider.generate(order(DEV), Listening())
    assert [m.fault for m in answer.missing] == [Fault.BAD_RESPONSE]


async def test_a_wrong_key_is_refused_by_the_vendor_and_an_odd_one_here() -> None:
    async with fal("id:wrong") as (provider, _):
        assert (await failing(provider.generate(order(DEV), Listening()))).fault is Fault.AUTH
    with pytest.raises(SettingsError, match="FAL_KEY"):
        async with fal("id:geheim\nX: y"):
            pass
