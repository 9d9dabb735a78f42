"""Web UIs of AUTOMATIC1111's kind: what they are asked, how far they are, how they are stopped."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from atelier_core.contracts.catalogue import catalogue
from atelier_core.domain.media import inspect
from atelier_core.domain.values import Money
from atelier_core.errors import SettingsError
from atelier_worker.ports import Fault
from atelier_worker.providers.a1111 import A1111Provider
from fakes.kit import CUT, HTML, LOST, METADATA, Trouble
from vendors import A1111, Listening, a1111, failing, order

pytestmark = pytest.mark.anyio

PLAIN = "a1111/default"


class Hearing(Listening):
    """Sets `told_of` at the first progress."""

    def __init__(self) -> None:
        super().__init__()
        self.told_of = asyncio.Event()

    def progress(self, index: int, fraction: float) -> None:
        super().progress(index, fraction)
        self.told_of.set()


@pytest.fixture
async def both() -> AsyncIterator[A1111]:
    async with a1111() as it:
        yield it


async def test_a_picture_is_asked_for_and_costs_nothing(both: A1111) -> None:
    provider, fake = both
    caller = Listening()
    asked = order(PLAIN, steps=30, guidance=6.5, negative_prompt="blur", width=640, height=512)
    answer = await provider.generate(asked, caller)
    assert fake.bodies == [
        {
            "prompt": "a red fox",
            "negative_prompt": "blur",
            "seed": 7,
            "steps": 30,
            "cfg_scale": 6.5,
            "width": 640,
            "height": 512,
            "batch_size": 1,
            "n_iter": 1,
            "send_images": True,
            "save_images": False,
            "force_task_id": "task(call-1)",
        }
    ]
    info = inspect(answer.pictures[0].data)
    assert (info.width, info.height, answer.pictures[0].seed) == (640, 512, 7)
    assert (answer.cost, answer.http_status) == (Money.exactly("0"), 200)
    assert len(caller.received) == 1


async def test_a_size_is_ordered_as_it_is_drawn(both: A1111) -> None:
    provider, fake = both
    await provider.generate(order(PLAIN, width=1001, height=765), Listening())
    assert (fake.bodies[0]["width"], fake.bodies[0]["height"]) == (1000, 768)


@pytest.mark.parametrize("sheet", [False, True])
async def test_several_pictures_and_the_sheet_of_all(both: A1111, sheet: bool) -> None:
    both[1].sheet = sheet
    answer = await both[0].generate(order(PLAIN, indexes=(2, 3)), Listening())
    assert [(p.index, p.seed) for p in answer.pictures] == [(2, 9), (3, 10)]
    assert inspect(answer.pictures[0].data).width == 1024


async def test_a_model_of_the_server_is_chosen_by_name(both: A1111) -> None:
    provider, fake = both
    await provider.generate(order("a1111/sub/dreamshaper"), Listening())
    assert fake.bodies[0]["override_settings"] == {"sd_model_checkpoint": "sub/dreamshaper"}
    error = await failing(provider.generate(order("a1111/none-such"), Listening()))
    assert (error.fault, error.http_status) == (Fault.MODEL_UNAVAILABLE, 500)


@pytest.mark.parametrize(("tasks", "fraction"), [(True, 0.75), (False, 0.5)])
async def test_how_far_it_is(both: A1111, tasks: bool, fraction: float) -> None:
    provider, fake = both
    fake.tasks = tasks
    fake.gate.clear()
    caller = Hearing()
    task = asyncio.create_task(provider.generate(order(PLAIN), caller))
    await caller.told_of.wait()
    fake.gate.set()
    await task
    assert caller.told[0] == (0, fraction)


async def test_how_far_two_pictures_are(both: A1111) -> None:
    provider, fake = both
    fake.gate.clear()
    caller = Hearing()
    task = asyncio.create_task(provider.generate(order(PLAIN, indexes=(0, 1)), caller))
    await caller.told_of.wait()
    fake.gate.set()
    await task
    assert caller.told[:2] == [(0, 1.0), (1, 0.5)]


async def test_progress_in_trouble_is_no_trouble(both: A1111) -> None:
    provider, fake = both
    fake.trouble("task", CUT, HTML, Trouble(status=500))
    fake.gate.clear()
    caller = Hearing()
    task = asyncio.create_task(provider.generate(order(PLAIN), caller))
    await caller.told_of.wait()
    fake.gate.set()
    assert (await task).pictures


async def test_a_cancelled_call_is_interrupted(both: A1111) -> None:
    provider, fake = both
    fake.gate.clear()
    task = asyncio.create_task(provider.generate(order(PLAIN), Listening()))
    await fake.begun.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert fake.interrupted.is_set()
    assert (await provider.generate(order(PLAIN), Listening())).pictures


@pytest.mark.parametrize("tasks", [True, False])
async def test_a_cancelled_call_does_not_interrupt_another(both: A1111, tasks: bool) -> None:
    provider, fake = both
    fake.tasks = tasks
    fake.gate.clear()
    mine = asyncio.create_task(provider.generate(order(PLAIN), Listening()))
    await fake.begun.wait()
    fake.current = "task(somebody-elses)"
    mine.cancel()
    await asyncio.wait({mine})
    assert not fake.interrupted.is_set()
    assert "interrupt" not in fake.seen


@pytest.mark.parametrize(
    ("trouble", "fault", "status"),
    [
        (Trouble(status=401), Fault.AUTH, 401),
        (Trouble(status=404, body={"detail": "Not Found"}), Fault.MODEL_UNAVAILABLE, 404),
        (Trouble(status=422), Fault.INVALID_REQUEST, 422),
        (Trouble(status=429, headers={"retry-after": "2"}), Fault.RATE_LIMITED, 429),
        (Trouble(status=429), Fault.RATE_LIMITED, 429),
        (Trouble(status=500, body={"error": "OutOfMemoryError"}), Fault.BAD_RESPONSE, 500),
        (Trouble(status=500), Fault.BAD_RESPONSE, 500),
        (Trouble(status=503), Fault.OVERLOADED, 503),
        (CUT, Fault.TRANSPORT, None),
        (LOST, Fault.TRANSPORT, None),
        (Trouble(half=True), Fault.TRANSPORT, None),
        (Trouble(huge=True), Fault.BAD_RESPONSE, None),
        (HTML, Fault.BAD_RESPONSE, 200),
        (Trouble(body={"images": []}), Fault.BAD_RESPONSE, 200),
        (Trouble(body={"images": ["%%%"]}), Fault.BAD_RESPONSE, 200),
        (Trouble(body={"images": None, "info": 3}), Fault.BAD_RESPONSE, 200),
        (Trouble(status=302, headers={"location": METADATA}), Fault.BAD_RESPONSE, 302),
    ],
)
async def test_trouble_has_a_class(
    both: A1111, trouble: Trouble, fault: Fault, status: int | None
) -> None:
    provider, fake = both
    fake.trouble("draw", trouble)
    error = await failing(provider.generate(order(PLAIN), Listening()))
    assert (error.fault, error.http_status) == (fault, status)
    assert "fox" not in str(error)
    assert (await provider.generate(order(PLAIN), Listening())).pictures


@pytest.mark.parametrize(
    ("body", "seed"),
    [
        ({"images": ["data:image/png;base64,QUJD"], "info": "not json"}, None),
        ({"images": ["QUJD\nREVG"], "info": "{}"}, None),
        ({"images": ["QUJD"], "info": '{"all_seeds": [5], "index_of_first_image": -3}'}, 5),
    ],
)
async def test_a_picture_is_kept_whatever_is_said_beside_it(
    both: A1111, body: dict[str, Any], seed: int | None
) -> None:
    provider, fake = both
    fake.trouble("draw", Trouble(body=body))
    answer = await provider.generate(order(PLAIN), Listening())
    assert answer.pictures[0].data.startswith(b"ABC")
    assert answer.pictures[0].seed == seed


async def test_nobody_there_and_an_address_with_a_password() -> None:
    async with A1111Provider.open("http://127.0.0.1:9", book=catalogue()) as provider:
        error = await failing(provider.generate(order(PLAIN), Listening()))
    assert error.fault is Fault.OVERLOADED
    with pytest.raises(SettingsError, match="A1111_URL") as caught:
        async with A1111Provider.open("http://me:geheim@127.0.0.1:7860", book=catalogue()):
            pass
    assert "geheim" not in str(caught.value)
