"""What every image provider promises, and what vendors behind HTTP make of trouble."""

import ast
import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

import atelier_worker.providers as package
import fakes.gemini
import fakes.openai
import fakes.stability
import vendors
from atelier_core.contracts.catalogue import catalogue
from atelier_core.domain.media import inspect
from atelier_core.domain.values import Money
from atelier_core.errors import SettingsError
from atelier_worker.ports import Answer, Fault, ImageProvider, Order, ProviderError
from atelier_worker.providers.compatible import CompatibleProvider
from atelier_worker.providers.demo import DemoProvider
from atelier_worker.providers.fake import FakeProvider
from atelier_worker.providers.fake_http import FakeHttpProvider
from atelier_worker.providers.gemini import GeminiProvider
from atelier_worker.providers.http import open_client, retry_after
from atelier_worker.providers.openai import OpenAIProvider
from atelier_worker.providers.registry import chosen, open_providers
from atelier_worker.providers.stability import StabilityProvider
from fakes.gemini import FakeGemini
from fakes.kit import listening
from fakes.openai import FakeCompatible, FakeOpenAI
from fakes.provider_server import Vendor, vendor
from fakes.stability import FakeStability
from vendors import Listening

pytestmark = pytest.mark.anyio


def order(prompt: str = "a red fox", *, indexes: tuple[int, ...] = (0,), **changes: Any) -> Order:
    plain: dict[str, Any] = {
        "call_id": "call-1",
        "job_id": "job-1",
        "model": "fake/paid",
        "prompt": prompt,
        "negative_prompt": None,
        "width": 320,
        "height": 256,
        "indexes": indexes,
        "seeds": tuple(7 + index for index in indexes),
        "style": None,
        "output_format": "png",
        "free": False,
    }
    return Order(**(plain | changes))


@pytest.fixture
async def server() -> AsyncIterator[tuple[Vendor, str]]:
    async with asyncio.timeout(60), vendor(size=20_000) as it:
        yield it


@pytest.fixture
async def http(server: tuple[Vendor, str]) -> AsyncIterator[FakeHttpProvider]:
    async with FakeHttpProvider.open(server[1]) as provider:
        yield provider


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def demo() -> AsyncIterator[DemoProvider]:
    async with DemoProvider.open(painters=1) as provider:
        yield provider


@asynccontextmanager
async def _plain() -> AsyncIterator[ImageProvider]:
    yield FakeProvider()


@asynccontextmanager
async def _behind_http() -> AsyncIterator[ImageProvider]:
    async with vendor(size=20_000) as (_, url), FakeHttpProvider.open(url) as provider:
        yield provider


@asynccontextmanager
async def _openai() -> AsyncIterator[ImageProvider]:
    async with (
        listening(FakeOpenAI()) as vendor,
        OpenAIProvider.open(fakes.openai.KEY, url=f"{vendor.url}/v1", book=catalogue()) as provider,
    ):
        yield provider


@asynccontextmanager
async def _compatible() -> AsyncIterator[ImageProvider]:
    async with (
        listening(FakeCompatible()) as vendor,
        CompatibleProvider.open(vendor.url, book=catalogue()) as provider,
    ):
        yield provider


@asynccontextmanager
async def only(
    both: AbstractAsyncContextManager[tuple[ImageProvider, object]],
) -> AsyncIterator[ImageProvider]:
    async with both as (provider, _):
        yield provider


@asynccontextmanager
async def _gemini() -> AsyncIterator[ImageProvider]:
    async with (
        listening(FakeGemini()) as vendor,
        GeminiProvider.open(fakes.gemini.KEY, url=vendor.url, book=catalogue()) as provider,
    ):
        yield provider


@asynccontextmanager
async def _stability() -> AsyncIterator[ImageProvider]:
    async with (
        listening(FakeStability()) as vendor,
        StabilityProvider.open(fakes.stability.KEY, url=vendor.url, book=catalogue()) as provider,
    ):
        yield provider


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A provider under the suite, opened with whatever plays its vendor.

    Its orders differ by `changes`; it draws one picture a call or several, and tells the seed or
    knows none.
    """

    open: Callable[[], AbstractAsyncContextManager[ImageProvider]] | None
    changes: Mapping[str, Any] = field(default_factory=dict)
    several: bool = True
    seeds: bool = True
    priced: bool = True

    def order(self, indexes: tuple[int, ...] = (0,)) -> Order:
        return order(indexes=indexes if self.several else indexes[:1], **self.changes)


SUBJECTS: Mapping[str, Subject] = {
    "demo": Subject(open=None),  # its process is shared: it takes long to start
    "fake": Subject(open=_plain),
    "http": Subject(open=_behind_http),
    "fal": Subject(
        open=lambda: only(vendors.fal()),
        changes={"model": "fal/fal-ai/flux/dev"},
        several=False,
        priced=True,
    ),
    "huggingface": Subject(
        open=lambda: only(vendors.huggingface()),
        changes={"model": "huggingface/black-forest-labs/FLUX.1-dev"},
        several=False,
        priced=False,
    ),
    "a1111": Subject(
        open=lambda: only(vendors.a1111()),
        changes={"model": "a1111/default"},
        several=False,
        priced=True,
    ),
    "comfyui": Subject(
        open=lambda: only(vendors.comfyui()),
        changes={"model": "comfyui/default"},
        several=True,
        priced=True,
    ),
    "replicate": Subject(
        open=lambda: only(vendors.replicate()),
        changes={"model": "replicate/stability-ai/sdxl"},
        several=False,
        priced=False,
    ),
    "openai": Subject(
        open=_openai,
        changes={"model": "openai/gpt-image-2", "width": 1024, "height": 1024},
        seeds=False,
    ),
    "gemini": Subject(
        open=_gemini,
        changes={"model": "gemini/gemini-3-pro-image", "width": 1376, "height": 768},
        several=False,
        seeds=False,
    ),
    "stability": Subject(
        open=_stability,
        changes={"model": "stability/sd3.5-large", "width": 1216, "height": 832},
        several=False,
    ),
    "compatible": Subject(
        open=_compatible, changes={"model": "compatible/sdxl"}, seeds=False, priced=False
    ),
}


@pytest.fixture(params=list(SUBJECTS))
def subject(request: pytest.FixtureRequest) -> Subject:
    return SUBJECTS[request.param]


@pytest.fixture
async def provider(subject: Subject, demo: DemoProvider) -> AsyncIterator[ImageProvider]:
    if subject.open is None:
        yield demo
        return
    async with asyncio.timeout(60), subject.open() as found:
        yield found


async def test_a_call_brings_what_was_ordered(provider: ImageProvider, subject: Subject) -> None:
    asked = subject.order(indexes=(1, 3))
    answer = await provider.generate(asked, Listening())
    assert [p.index for p in answer.pictures] == list(asked.indexes)
    if subject.seeds:
        assert [p.seed for p in answer.pictures] == list(asked.seeds)
    else:
        assert {p.seed for p in answer.pictures} == {None}
    assert not answer.missing
    for picture in answer.pictures:
        info = inspect(picture.data)
        assert info.content_type == "image/png"
        assert (info.width, info.height) == (asked.width, asked.height)
    assert len({picture.data for picture in answer.pictures}) == len(asked.indexes)
    assert (answer.cost.amount is not None) == subject.priced


async def test_the_same_order_brings_the_same_bytes(
    provider: ImageProvider, subject: Subject
) -> None:
    first = await provider.generate(subject.order(), Listening())
    again = await provider.generate(subject.order(), Listening())
    assert first.pictures == again.pictures


async def test_what_cannot_be_resumed_says_so(provider: ImageProvider, subject: Subject) -> None:
    with pytest.raises(ProviderError) as caught:
        await provider.resume(subject.order(), "never-heard-of", Listening())
    assert caught.value.fault in (Fault.BAD_RESPONSE, Fault.MODEL_UNAVAILABLE)


async def test_a_cancelled_call_leaves_the_provider_usable(
    provider: ImageProvider, subject: Subject
) -> None:
    task = asyncio.create_task(provider.generate(subject.order(indexes=(0, 1, 2)), Listening()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert (await provider.generate(subject.order(), Listening())).pictures


async def test_the_painter_paints_without_holding_anybody_up(demo: DemoProvider) -> None:
    await demo.generate(order(), Listening())  # the process has started
    longest, running = 0.0, True

    async def watch() -> None:
        nonlocal longest
        loop = asyncio.get_running_loop()
        while running:
            before = loop.time()
            await asyncio.sleep(0.001)
            longest = max(longest, loop.time() - before)

    watching = asyncio.create_task(watch())
    caller = Listening()
    answer = await demo.generate(order(width=1024, height=1024, indexes=(0, 1)), caller)
    running = False
    await watching
    assert len(answer.pictures) == 2
    assert longest < 0.5
    assert [told for told in caller.told if told[1] == 1.0] == [(0, 1.0), (1, 1.0)]
    assert answer.cost == Money.exactly("0")


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
async def test_the_painter_gives_the_format_asked_for(demo: DemoProvider, kind: str) -> None:
    answer = await demo.generate(order(output_format=kind), Listening())
    assert inspect(answer.pictures[0].data).content_type == f"image/{kind}"


async def test_a_painter_whose_process_was_killed_paints_again() -> None:
    others = multiprocessing.active_children()
    async with asyncio.timeout(60), DemoProvider.open(painters=1) as painter:
        for _ in range(2):
            await painter.generate(order(), Listening())
            [process] = [p for p in multiprocessing.active_children() if p not in others]
            process.kill()
            with pytest.raises(ProviderError) as caught:
                while True:
                    await painter.generate(order(), Listening())
            assert caught.value.fault is Fault.OVERLOADED
        assert (await painter.generate(order(), Listening())).pictures


# Behind HTTP.


TROUBLE = pytest.mark.parametrize(
    ("tag", "fault", "status", "paid"),
    [
        ("429", Fault.RATE_LIMITED, 429, 0),
        ("500", Fault.TRANSPORT, 500, 0),
        ("503", Fault.OVERLOADED, 503, 0),
        ("401", Fault.AUTH, 401, 0),
        ("402", Fault.BILLING, 402, 0),
        ("moderated", Fault.MODERATED, 400, 0),
        ("html", Fault.BAD_RESPONSE, 200, 1),
        ("disconnect", Fault.TRANSPORT, None, 1),
        ("reset", Fault.TRANSPORT, None, 0),
    ],
)


@TROUBLE
async def test_trouble_has_a_class(  # noqa: PLR0917 - pytest passes by name
    http: FakeHttpProvider,
    server: tuple[Vendor, str],
    tag: str,
    fault: Fault,
    status: int | None,
    paid: int,
) -> None:
    with pytest.raises(ProviderError) as caught:
        await http.generate(order(f"[[{tag}:1]] a fox"), Listening())
    assert (caught.value.fault, caught.value.http_status) == (fault, status)
    assert caught.value.retry_after == (1.0 if tag == "429" else None)
    assert len(server[0].paid) == paid
    assert (await http.generate(order(f"[[{tag}:1]] a fox"), Listening())).pictures


async def test_nobody_there_is_overload_not_a_lost_call() -> None:
    async with FakeHttpProvider.open("http://127.0.0.1:9") as provider:
        with pytest.raises(ProviderError) as caught:
            await provider.generate(order(), Listening())
    assert caught.value.fault is Fault.OVERLOADED


async def test_bytes_are_announced_before_they_are_read(http: FakeHttpProvider) -> None:
    caller = Listening()
    await http.generate(order(indexes=(0, 1)), caller)
    assert caller.received[0] > 2 * 20_000
    slow = Listening()
    assert (await http.generate(order("[[drip]]"), slow)).pictures
    assert len(slow.received) == 1


async def test_a_queued_call_is_told_of_polled_and_fetched(
    http: FakeHttpProvider, server: tuple[Vendor, str]
) -> None:
    caller = Listening()
    answer = await http.generate(order("[[queue]]", indexes=(0, 1)), caller)
    assert caller.ids == ["call-1"]
    assert answer.cost == Money.exactly("0.08")
    again = await http.resume(order("[[queue]]", indexes=(0, 1)), "call-1", Listening())
    assert again.pictures == answer.pictures
    assert len(server[0].paid) == 1


async def test_a_queued_call_is_canceled_and_billed(http: FakeHttpProvider) -> None:
    caller = Listening()
    task = asyncio.create_task(http.generate(order("[[queue]][[hang]]"), caller))
    await caller.accepted.wait()
    assert await http.cancel("call-1") == Money.exactly("0.01")
    with pytest.raises(ProviderError) as caught:
        await task
    assert caught.value.fault is Fault.CANCELED


async def test_many_calls_are_open_at_once(
    http: FakeHttpProvider, server: tuple[Vendor, str]
) -> None:
    server[0].size = 0
    calls = [
        http.generate(order("[[delay=0.5]]", call_id=f"c{i}", job_id=f"j{i}"), Listening())
        for i in range(300)
    ]
    answers: list[Answer] = await asyncio.gather(*calls)
    assert len(answers) == 300
    assert server[0].most_open > 200


# What holds for every vendor to come.


async def test_the_client_of_vendors_uses_aiohttp() -> None:
    async with open_client("http://127.0.0.1:9", connections=1) as client:
        assert type(client._transport).__module__.startswith("httpx_aiohttp")


def test_no_provider_opens_a_client_of_its_own() -> None:
    found = {}
    for path in Path(package.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="AsyncClient" | "Client")):
                    found.setdefault(path.name, []).append(node)
    assert list(found) == ["http.py"], "clients come from http.open_client"
    for call in found["http.py"]:
        assert "transport" in {keyword.arg for keyword in call.keywords}
    assert httpx.AsyncClient  # the name that is looked for exists


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("30", 30.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("9e99", 3600.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 +99999999999999", None),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_written(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value} if value else {}) == seconds


async def test_the_registry_opens_what_is_asked_for(server: tuple[Vendor, str]) -> None:
    assert chosen(None, {}) == ("demo",)
    with pytest.raises(SettingsError, match="ATELIER_PROVIDERS names 'dall-e'"):
        chosen(["dall-e"], {})
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(
            open_providers(["fake", "demo"], {"ATELIER_FAKE_URL": server[1]})
        )
        assert [type(p).__name__ for p in opened] == ["FakeHttpProvider", "DemoProvider"]
    async with open_providers(["fake"], {}) as (plain,):
        assert isinstance(plain, FakeProvider)
