"""ComfyUI: its graph, its queue, its socket, and every way it goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from atelier_core.contracts.catalogue import catalogue
from atelier_core.domain.media import inspect
from atelier_core.domain.values import Money, is_id, new_id
from atelier_core.errors import SettingsError
from atelier_worker.ports import Fault, Order
from atelier_worker.providers.comfyui import ComfyUIProvider
from fakes.comfyui import FakeComfyUI
from fakes.kit import CUT, HTML, LOST, METADATA, Trouble
from vendors import QUICK, ComfyUI, Listening, comfyui, failing, order

pytestmark = pytest.mark.anyio

PLAIN = "comfyui/default"
NOTHING = Money.exactly("0")


@pytest.fixture
async def both() -> AsyncIterator[ComfyUI]:
    async with comfyui() as it:
        yield it


class Hearing(Listening):
    """Sets `told_of` at the first progress."""

    def __init__(self) -> None:
        super().__init__()
        self.told_of = asyncio.Event()

    def progress(self, index: int, fraction: float) -> None:
        super().progress(index, fraction)
        self.told_of.set()


async def held(
    both: ComfyUI, asked: Order | None = None
) -> tuple[asyncio.Task[Any], Listening, str]:
    """A call that is being drawn, and stays so until the gate is opened."""
    provider, fake = both
    fake.gate.clear()
    caller = Listening()
    task = asyncio.create_task(provider.generate(asked or order(PLAIN), caller))
    await caller.accepted.wait()
    while fake.running != caller.ids[0]:
        await asyncio.sleep(0.005)
    return task, caller, caller.ids[0]


async def test_pictures_of_several_seeds_come_of_one_graph(both: ComfyUI) -> None:
    provider, fake = both
    caller = Listening()
    asked = order(
        PLAIN, indexes=(1, 3), steps=12, guidance=5.5, negative_prompt="blur", width=640, height=512
    )
    answer = await provider.generate(asked, caller)
    assert [(p.index, p.seed) for p in answer.pictures] == [(1, 8), (3, 10)]
    for found in answer.pictures:
        info = inspect(found.data)
        assert (info.width, info.height) == (640, 512)
    assert (answer.cost, answer.http_status) == (NOTHING, 200)
    assert answer.provider_request_id == caller.ids[0]
    assert len(caller.received) == 1
    [graph] = fake.graphs
    assert graph["model"]["inputs"]["ckpt_name"] == "sd15.safetensors"
    assert graph["wanted"]["inputs"]["text"] == "a red fox"
    assert graph["unwanted"]["inputs"]["text"] == "blur"
    samplers = {k: v["inputs"] for k, v in graph.items() if v["class_type"] == "KSampler"}
    assert {k: v["seed"] for k, v in samplers.items()} == {"sample-1": 8, "sample-3": 10}
    assert {(v["steps"], v["cfg"]) for v in samplers.values()} == {(12, 5.5)}


async def test_a_size_is_ordered_as_it_is_drawn(both: ComfyUI) -> None:
    provider, fake = both
    await provider.generate(order(PLAIN, width=1001, height=765), Listening())
    empty = fake.graphs[0]["empty"]["inputs"]
    assert (empty["width"], empty["height"]) == (1000, 768)


async def test_a_call_has_our_id_and_is_told_of_before_it_is_sent(both: ComfyUI) -> None:
    provider, fake = both
    seen: list[int] = []

    class First(Listening):
        async def submitted(self, provider_job_id: str) -> None:
            seen.append(len(fake.graphs))
            await super().submitted(provider_job_id)

    ours, caller = new_id(), First()
    await provider.generate(order(PLAIN, call_id=ours), caller)
    assert (caller.ids, seen) == ([ours], [0])
    assert is_id((await provider.generate(order(PLAIN), Listening())).provider_request_id or "")


async def test_a_model_of_the_server_is_chosen_by_name(both: ComfyUI) -> None:
    provider, fake = both
    await provider.generate(order("comfyui/sdxl/base.safetensors"), Listening())
    assert fake.graphs[0]["model"]["inputs"]["ckpt_name"] == "sdxl/base.safetensors"
    error = await failing(provider.generate(order("comfyui/none"), Listening()))
    assert (error.fault, error.cost) == (Fault.MODEL_UNAVAILABLE, NOTHING)
    fake.checkpoints = []
    error = await failing(provider.generate(order(PLAIN), Listening()))
    assert error.fault is Fault.MODEL_UNAVAILABLE
    assert len(fake.graphs) == 1


async def test_the_socket_tells_how_far_it_is_and_when_to_look() -> None:
    slow = QUICK.__class__(first=10.0, pauses=(0.005,))  # without the socket this takes too long
    async with comfyui(pace=slow) as (provider, fake):
        fake.gate.clear()
        caller = Hearing()
        task = asyncio.create_task(provider.generate(order(PLAIN, indexes=(4,)), caller))
        await fake.met.wait()
        await caller.told_of.wait()
        fake.gate.set()
        async with asyncio.timeout(5):
            assert (await task).pictures
        assert set(caller.told[:-1]) == {(4, 0.25)}
        assert caller.told[-1] == (4, 1.0)


@pytest.mark.parametrize(
    "trouble", [Trouble(status=403), Trouble(status=404), CUT, HTML, Trouble(drip=True)]
)
async def test_without_a_socket_the_history_is_enough(both: ComfyUI, trouble: Trouble) -> None:
    provider, fake = both
    fake.trouble("ws", *[trouble] * 200)
    assert (await provider.generate(order(PLAIN), Listening())).pictures


async def test_a_socket_that_is_cut_is_opened_again(both: ComfyUI) -> None:
    _, fake = both
    task, _, call = await held(both)
    await fake.met.wait()
    fake.met.clear()
    await fake.sockets[call].close()
    await fake.met.wait()
    fake.gate.set()
    assert (await task).pictures


async def test_what_was_drawn_before_is_found_in_the_history(both: ComfyUI) -> None:
    both[1].cached = True
    assert (await both[0].generate(order(PLAIN), Listening())).pictures


async def test_a_call_whose_answer_was_lost_is_found_and_not_sent_again(both: ComfyUI) -> None:
    provider, fake = both
    fake.trouble("prompt", LOST)
    assert (await provider.generate(order(PLAIN), Listening())).pictures
    assert len(fake.graphs) == len(fake.paid) == 1


async def test_a_call_that_was_never_sent_is_told_as_such(both: ComfyUI) -> None:
    provider, fake = both
    fake.trouble("prompt", CUT)
    error = await failing(provider.generate(order(PLAIN), Listening()))
    assert error.fault is Fault.TRANSPORT
    assert fake.graphs == []


async def test_a_killed_workers_successor_resumes(both: ComfyUI) -> None:
    _, fake = both
    task, _, call = await held(both)
    task.cancel()
    await asyncio.wait({task})
    fake.gate.set()
    async with ComfyUIProvider.open(fake.url, book=catalogue(), pace=QUICK) as successor:
        answer = await successor.resume(order(PLAIN), call, Listening())
    assert [(p.index, p.seed) for p in answer.pictures] == [(0, 7)]
    assert len(fake.paid) == 1


async def test_a_server_that_forgot_the_call_is_told_as_such(both: ComfyUI) -> None:
    provider, fake = both
    task, _, _ = await held(both)
    fake.restart()
    error = await failing(task)
    assert (error.fault, error.cost) == (Fault.TRANSPORT, NOTHING)
    error = await failing(provider.resume(order(PLAIN), new_id(), Listening()))
    assert error.fault is Fault.TRANSPORT


@pytest.mark.parametrize("old", [False, True])
async def test_a_call_is_canceled_by_its_id(both: ComfyUI, old: bool) -> None:
    provider, fake = both
    fake.old = old
    task, _, call = await held(both)
    waiting = Listening()
    second = asyncio.create_task(provider.generate(order(PLAIN, call_id="call-2"), waiting))
    await waiting.accepted.wait()
    while not fake.pending:
        await asyncio.sleep(0.005)
    assert await provider.cancel(waiting.ids[0]) == NOTHING  # it waits: what runs is not touched
    assert (fake.running, fake.pending) == (call, {})
    assert (await failing(second)).fault is Fault.TRANSPORT
    assert await provider.cancel(call) == NOTHING
    assert (await failing(task)).fault is Fault.CANCELED
    assert await provider.cancel(call) == NOTHING
    assert fake.paid == []


async def test_an_id_that_is_none_asks_nothing(both: ComfyUI) -> None:
    for odd in ("x", "../queue", ""):
        assert (await failing(both[0].cancel(odd))).fault is Fault.BAD_RESPONSE
    assert both[1].seen == []


async def test_a_server_that_gives_ids_of_its_own_is_too_old(both: ComfyUI) -> None:
    provider, fake = both
    fake.mints = True
    fake.gate.clear()
    error = await failing(provider.generate(order(PLAIN), Listening()))
    assert (error.fault, error.cost) == (Fault.BAD_RESPONSE, NOTHING)
    assert "too old" in error.detail
    assert "cancel" in fake.seen


@pytest.mark.parametrize(
    ("trouble", "fault", "status"),
    [
        (Trouble(status=401), Fault.AUTH, 401),
        (Trouble(status=403), Fault.AUTH, 403),
        (Trouble(status=400, body={"error": {"type": "no_prompt"}}), Fault.INVALID_REQUEST, 400),
        (
            Trouble(status=400, body={"error": {"type": "missing_node_type"}}),
            Fault.INVALID_REQUEST,
            400,
        ),
        (
            Trouble(
                status=400,
                body={"node_errors": {"model": {"errors": [{"type": "value_not_in_list"}]}}},
            ),
            Fault.MODEL_UNAVAILABLE,
            400,
        ),
        (Trouble(status=400, body="?"), Fault.INVALID_REQUEST, 400),
        (Trouble(status=429, headers={"retry-after": "2"}), Fault.RATE_LIMITED, 429),
        (Trouble(status=500), Fault.BAD_RESPONSE, 500),
        (Trouble(status=503), Fault.OVERLOADED, 503),
        (HTML, Fault.BAD_RESPONSE, 200),
        (Trouble(huge=True), Fault.BAD_RESPONSE, None),
        (Trouble(status=302, headers={"location": METADATA}), Fault.BAD_RESPONSE, 302),
    ],
)
async def test_trouble_at_the_start_has_a_class(
    both: ComfyUI, trouble: Trouble, fault: Fault, status: int | None
) -> None:
    provider, fake = both
    fake.trouble("prompt", trouble)
    error = await failing(provider.generate(order(PLAIN), Listening()))
    assert (error.fault, error.http_status) == (fault, status)
    assert "fox" not in str(error)
    assert fake.graphs == []
    assert (await provider.generate(order(PLAIN), Listening())).pictures


async def test_a_graph_that_is_refused_says_in_one_word_why(both: ComfyUI) -> None:
    error = await failing(both[0].generate(order(PLAIN, guidance=900.0), Listening()))
    assert error.fault is Fault.INVALID_REQUEST
    assert error.detail == "ComfyUI refused the graph (prompt_outputs_failed_validation)."


@pytest.mark.parametrize("step", ["history", "queue", "view"])
@pytest.mark.parametrize(
    "troubles", [(Trouble(status=503),) * 3, (CUT, CUT), (Trouble(status=500),) * 4]
)
async def test_trouble_on_the_way_is_waited_out(
    both: ComfyUI, step: str, troubles: tuple[Trouble, ...]
) -> None:
    provider, fake = both
    fake.trouble(step, *troubles)
    assert (await provider.generate(order(PLAIN), Listening())).pictures
    assert len(fake.paid) == 1


@pytest.mark.parametrize(
    ("kind", "said", "fault", "words"),
    [
        (
            "execution_error",
            {"exception_type": "torch.OutOfMemoryError", "exception_message": "a red fox"},
            Fault.BAD_RESPONSE,
            "out of memory",
        ),
        (
            "execution_error",
            {"exception_type": "ValueError", "node_type": "KSampler", "traceback": ["a red fox"]},
            Fault.BAD_RESPONSE,
            "failed at KSampler",
        ),
        ("execution_interrupted", {}, Fault.CANCELED, "interrupted"),
    ],
)
async def test_how_a_call_fails_at_the_server(
    both: ComfyUI, kind: str, said: dict[str, Any], fault: Fault, words: str
) -> None:
    provider, fake = both
    fake.error = (kind, said)
    error = await failing(provider.generate(order(PLAIN), Listening()))
    assert (error.fault, error.cost) == (fault, NOTHING)
    assert words in error.detail
    assert "fox" not in str(error)


def answered(fake: FakeComfyUI, call: str, outputs: Any) -> None:
    fake.history[call] = {"outputs": outputs, "status": None}


@pytest.mark.parametrize(
    ("outputs", "fault"),
    [
        ({}, Fault.BAD_RESPONSE),
        ({"save-0": {"text": ["x"]}}, Fault.BAD_RESPONSE),
        ({"save-0": {"images": "x"}}, Fault.BAD_RESPONSE),
    ],
)
async def test_a_success_without_a_picture(both: ComfyUI, outputs: Any, fault: Fault) -> None:
    call = new_id()
    answered(both[1], call, outputs)
    error = await failing(both[0].resume(order(PLAIN), call, Listening()))
    assert (error.fault, error.cost) == (fault, NOTHING)


@pytest.mark.parametrize(
    "file",
    [
        {"filename": "../../etc/passwd"},
        {"filename": "x.png", "subfolder": "../.."},
        {"filename": "x.png", "subfolder": "/etc"},
        {"filename": "a\\..\\b"},
        {"filename": "C:x"},
        {"filename": ""},
    ],
)
async def test_a_name_outside_of_the_outputs_is_not_asked_for(
    both: ComfyUI, file: dict[str, str]
) -> None:
    provider, fake = both
    call = new_id()
    answered(fake, call, {"save-0": {"images": [file]}})
    answer = await provider.resume(order(PLAIN), call, Listening())
    assert not answer.pictures
    assert "view" not in fake.seen


async def test_a_deleted_file_is_missing_and_the_others_are_kept(both: ComfyUI) -> None:
    provider, fake = both
    fake.trouble("view", Trouble(status=404))
    answer = await provider.generate(order(PLAIN, indexes=(0, 1)), Listening())
    assert [p.index for p in answer.pictures] == [1]
    assert [(m.index, m.fault) for m in answer.missing] == [(0, Fault.BAD_RESPONSE)]


async def test_an_address_with_a_password_is_refused() -> None:
    with pytest.raises(SettingsError, match="COMFYUI_URL") as caught:
        async with ComfyUIProvider.open("http://me:geheim@127.0.0.1:8188", book=catalogue()):
            pass
    assert "geheim" not in str(caught.value)
