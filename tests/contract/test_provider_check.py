"""What `check` promises of every provider: the truth about a key, for nothing, and no secret."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import pytest

import fakes.fal
import fakes.gemini
import fakes.huggingface
import fakes.openai
import fakes.replicate
import fakes.stability
from atelier_core.contracts.catalogue import catalogue
from atelier_worker.checking import Finding, Result, check_all
from atelier_worker.ports import Fault, ImageProvider
from atelier_worker.providers.a1111 import A1111Provider
from atelier_worker.providers.comfyui import ComfyUIProvider
from atelier_worker.providers.compatible import CompatibleProvider
from atelier_worker.providers.demo import DemoProvider
from atelier_worker.providers.fake import FakeProvider
from atelier_worker.providers.fake_http import FakeHttpProvider
from atelier_worker.providers.fal import FalProvider
from atelier_worker.providers.gemini import GeminiProvider
from atelier_worker.providers.huggingface import HuggingFaceProvider
from atelier_worker.providers.openai import OpenAIProvider
from atelier_worker.providers.registry import VENDORS
from atelier_worker.providers.replicate import ReplicateProvider
from atelier_worker.providers.stability import StabilityProvider
from fakes.a1111 import FakeA1111
from fakes.comfyui import FakeComfyUI
from fakes.fal import FakeFal
from fakes.gemini import FakeGemini
from fakes.huggingface import FakeHuggingFace
from fakes.kit import CUT, HTML, FakeVendor, Trouble, listening
from fakes.openai import FakeCompatible, FakeOpenAI
from fakes.provider_server import vendor
from fakes.replicate import FakeReplicate
from fakes.stability import FakeStability
from ports import free_port

pytestmark = pytest.mark.anyio

BOOK = catalogue()
WRONG = "k9-Wrong.Key_31337"  # as a key it could be anybody's
Opened = AbstractAsyncContextManager[ImageProvider]


def _needing_a_key() -> FakeCompatible:
    fake = FakeCompatible()
    fake.needs_key = True
    return fake


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A provider under the suite: who plays its vendor, how it is opened at an address with a key,
    and the step of the vendor's protocol that a check is. No key: there is none to be wrong.
    """

    fake: Callable[[], FakeVendor]
    open: Callable[[str, str], Opened]
    step: str
    key: str = ""


SUBJECTS = {
    "openai": Subject(
        fake=FakeOpenAI,
        open=lambda url, key: OpenAIProvider.open(key, url=f"{url}/v1", book=BOOK),
        step="models",
        key=fakes.openai.KEY,
    ),
    "compatible": Subject(
        fake=_needing_a_key,
        open=lambda url, key: CompatibleProvider.open(url, key=key, book=BOOK),
        step="models",
        key=fakes.openai.KEY,
    ),
    "gemini": Subject(
        fake=FakeGemini,
        open=lambda url, key: GeminiProvider.open(key, url=url, book=BOOK),
        step="models",
        key=fakes.gemini.KEY,
    ),
    "stability": Subject(
        fake=FakeStability,
        open=lambda url, key: StabilityProvider.open(key, url=url, book=BOOK),
        step="balance",
        key=fakes.stability.KEY,
    ),
    "replicate": Subject(
        fake=FakeReplicate,
        open=lambda url, key: ReplicateProvider.open(key, url=f"{url}/v1", book=BOOK),
        step="account",
        key=fakes.replicate.TOKEN,
    ),
    "fal": Subject(
        fake=FakeFal,
        open=lambda url, key: FalProvider.open(key, url=url, platform=url, book=BOOK),
        step="pricing",
        key=fakes.fal.KEY,
    ),
    "huggingface": Subject(
        fake=FakeHuggingFace,
        open=lambda url, key: HuggingFaceProvider.open(key, url=url, hub=url, book=BOOK),
        step="whoami",
        key=fakes.huggingface.TOKEN,
    ),
    "a1111": Subject(
        fake=FakeA1111, open=lambda url, _: A1111Provider.open(url, book=BOOK), step="models"
    ),
    "comfyui": Subject(
        fake=FakeComfyUI, open=lambda url, _: ComfyUIProvider.open(url, book=BOOK), step="models"
    ),
}


@pytest.fixture(params=list(SUBJECTS))
def subject(request: pytest.FixtureRequest) -> Subject:
    return SUBJECTS[request.param]


@pytest.fixture
async def fake(subject: Subject) -> AsyncIterator[FakeVendor]:
    async with listening(subject.fake()) as vendor:
        yield vendor
    assert vendor.paid == []
    assert set(vendor.seen) <= {subject.step}, "a check asks for nothing else"


async def checked(subject: Subject, url: str, *, key: str = "", seconds: float = 10) -> Finding:
    async with asyncio.timeout(30), subject.open(url, key or subject.key) as provider:
        [finding] = await check_all([provider], seconds=seconds)
    shown = repr(asdict(finding))
    assert finding.detail.endswith((".", "?"))
    assert url not in shown
    assert not [secret for secret in (key, subject.key) if secret and secret in shown]
    return finding


def test_every_provider_that_can_be_set_up_is_under_this_suite() -> None:
    assert set(SUBJECTS) == set(VENDORS) - {"demo", "fake"}


async def test_a_key_that_works(subject: Subject, fake: FakeVendor) -> None:
    found = await checked(subject, fake.url)
    assert found.result is Result.WORKS, found
    assert found.error is None
    assert fake.seen == [subject.step]


async def test_a_key_that_is_refused(subject: Subject, fake: FakeVendor) -> None:
    if not subject.key:
        fake.trouble(subject.step, Trouble(status=401, body={"detail": "Not authenticated"}))
    found = await checked(subject, fake.url, key=WRONG)
    assert (found.result, found.error) == (Result.REFUSED, Fault.AUTH), found


async def test_nobody_there(subject: Subject) -> None:
    found = await checked(subject, f"http://127.0.0.1:{free_port()}")
    assert found.result is Result.UNREACHABLE
    assert found.detail == "The provider cannot be reached."


async def test_too_many_requests(subject: Subject, fake: FakeVendor) -> None:
    fake.trouble(subject.step, Trouble(status=429, headers={"retry-after": "7"}, body={}))
    found = await checked(subject, fake.url)
    assert (found.result, found.http_status, found.retry_after) == (Result.LIMITED, 429, 7.0)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_out_of_order(subject: Subject, fake: FakeVendor, status: int) -> None:
    fake.trouble(subject.step, Trouble(status=status, body="<html>no</html>"))
    found = await checked(subject, fake.url)
    assert (found.result, found.http_status) == (Result.UNREACHABLE, status)


# One cut is not seen: what only asks is asked again.
@pytest.mark.parametrize("troubles", [(CUT, CUT), (Trouble(half=True),)], ids=["before", "in"])
async def test_the_line_is_cut(
    subject: Subject, fake: FakeVendor, troubles: tuple[Trouble, ...]
) -> None:
    fake.trouble(subject.step, *troubles)
    found = await checked(subject, fake.url)
    assert (found.result, found.error) == (Result.UNREACHABLE, Fault.TRANSPORT)


async def test_an_answer_that_drips_is_not_waited_for(subject: Subject, fake: FakeVendor) -> None:
    fake.trouble(subject.step, Trouble(drip=True))
    found = await checked(subject, fake.url, seconds=0.2)
    assert (found.result, found.error) == (Result.UNREACHABLE, Fault.TIMEOUT)
    assert found.detail == "The provider did not answer within 0.2 s."


STRANGE = {
    "html": HTML,
    "another's": Trouble(body={"hello": "world"}),
    "null": Trouble(body=None),
    "not utf-8": Trouble(body=b'{"id": "\xff\xfe"}'),
    "deep": Trouble(body="[" * 100_000),
    "huge": Trouble(huge=True),
    "404": Trouble(status=404, body={"detail": "Not Found"}),
    "418": Trouble(status=418, body="teapot"),
}


@pytest.mark.parametrize("trouble", STRANGE.values(), ids=STRANGE)
async def test_what_answers_is_something_else(
    subject: Subject, fake: FakeVendor, trouble: Trouble
) -> None:
    fake.trouble(subject.step, trouble)
    found = await checked(subject, fake.url)
    assert found.result is Result.UNUSABLE, found


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(subject: Subject, fake: FakeVendor, status: int) -> None:
    async with listening(subject.fake()) as inside:
        where = {"location": f"{inside.url}/{subject.step}"}
        fake.trouble(subject.step, Trouble(status=status, headers=where, body={}))
        found = await checked(subject, fake.url)
        assert inside.seen == [], "the key went to where an answer pointed"
    assert found.result is Result.UNUSABLE


def quoting(key: str, status: int) -> Trouble:
    """An answer that has the key in every place where some vendor has a word of its own."""
    said: dict[str, Any] = {"message": f"no: {key}", "type": key, "code": key, "param": key}
    said |= {"status": key, "details": [{"reason": key, "retryDelay": key}]}
    said["moderation_details"] = {"categories": [key]} if status == 422 else None
    errors = [{"loc": ["body", key], "type": key, "msg": key}]
    body = {"error": said, "detail": errors, "name": key, "errors": [f"{key}: no"], "id": key}
    headers = {"retry-after": key, "x-request-id": key, "ratelimit": key, "x-error-message": key}
    return Trouble(status=status, headers=headers, body=body)


@pytest.mark.parametrize("status", [200, 400, 401, 402, 403, 404, 422, 429, 500])
async def test_what_a_vendor_says_of_the_key_is_not_repeated(
    subject: Subject, fake: FakeVendor, status: int
) -> None:
    for key in ("secret", "SECRET", "a_secret.7"):  # each could be one of a vendor's own words
        fake.trouble(subject.step, quoting(key, status))
        found = await checked(subject, fake.url, key=key if subject.key else "")
        assert found.result is not Result.WORKS


# What only one vendor says.


@asynccontextmanager
async def opened(name: str, fake: FakeVendor) -> AsyncIterator[ImageProvider]:
    subject = SUBJECTS[name]
    async with asyncio.timeout(30), listening(fake), subject.open(fake.url, subject.key) as it:
        yield it


async def told(name: str, fake: FakeVendor) -> Finding:
    async with opened(name, fake) as provider:
        [finding] = await check_all([provider])
    assert fake.paid == []
    return finding


@pytest.mark.parametrize("status", [401, 403])
async def test_openai_a_key_restricted_to_drawing_is_not_called_wrong(status: int) -> None:
    fake = FakeOpenAI()
    fake.restricted = status
    found = await told("openai", fake)
    assert found.result is Result.NOT_CHECKABLE
    assert "may not list models" in found.detail


async def test_openai_says_how_many_models_are_open() -> None:
    fake = FakeOpenAI()
    known = len(catalogue().of(["openai"]))
    fake.offered = {"gpt-image-2", "gpt-6"}
    assert f"1 of the {known} models" in (await told("openai", fake)).detail
    fake = FakeOpenAI()
    fake.offered = {"gpt-6"}
    found = await told("openai", fake)
    assert (found.result, found.error) == (Result.UNUSABLE, Fault.MODEL_UNAVAILABLE)


async def test_gemini_says_how_many_models_are_open() -> None:
    fake = FakeGemini()
    fake.offered = {"gemini-3-pro-image"}
    known = len(catalogue().of(["gemini"]))
    assert f"1 of the {known} models" in (await told("gemini", fake)).detail


async def test_stability_an_account_without_credits_cannot_draw() -> None:
    fake = FakeStability()
    assert "1,234.50 credits" in (await told("stability", fake)).detail
    fake = FakeStability()
    fake.credits = 0
    found = await told("stability", fake)
    assert (found.result, found.error) == (Result.UNPAID, Fault.BILLING)


@pytest.mark.parametrize(
    ("rights", "result"),
    [
        ({"global": ["inference.serverless.write"]}, Result.WORKS),
        ({"global": [], "scoped": [{"permissions": ["inference.serverless.write"]}]}, Result.WORKS),
        ({"global": ["discussion.write"], "scoped": [{"permissions": ["x"]}]}, Result.REFUSED),
        ({"scoped": []}, Result.REFUSED),
    ],
)
async def test_huggingface_a_token_needs_the_permission(rights: Any, result: Result) -> None:
    fake = FakeHuggingFace()
    fake.token = {"displayName": "x", "role": "fineGrained", "fineGrained": rights}
    assert (await told("huggingface", fake)).result is result


async def test_fal_a_key_that_may_not_ask_for_prices_is_not_called_wrong() -> None:
    fake = FakeFal()
    fake.trouble("pricing", Trouble(status=403, body={"error": {"type": "authorization_error"}}))
    assert (await told("fal", fake)).result is Result.NOT_CHECKABLE
    fake = FakeFal()
    spent = {"detail": "User is locked. Reason: Exhausted balance."}
    fake.trouble("pricing", Trouble(status=403, body=spent))
    assert (await told("fal", fake)).result is Result.UNPAID


async def test_servers_of_ones_own_without_models_cannot_draw() -> None:
    web, comfy = FakeA1111(), FakeComfyUI()
    web.checkpoints, comfy.checkpoints = set(), []
    for name, fake in (("a1111", web), ("comfyui", comfy)):
        found = await told(name, fake)
        assert (found.result, found.error) == (Result.UNUSABLE, Fault.MODEL_UNAVAILABLE)


async def test_the_painter_starts() -> None:
    async with DemoProvider.open(painters=1) as provider:
        [found] = await check_all([provider], seconds=25)
    assert found.result is Result.WORKS


async def test_the_fakes_charge_nothing() -> None:
    async with vendor() as (state, url), FakeHttpProvider.open(url) as provider:
        plain = FakeProvider()
        found = await check_all([provider, plain])
    assert [finding.result for finding in found] == [Result.WORKS, Result.NOT_CHECKABLE]
    assert state.calls == []
    assert plain.ledger == []


# All together.


async def test_one_that_is_silent_holds_no_other_up() -> None:
    silent = FakeReplicate()
    silent.trouble("account", Trouble(drip=True))
    async with opened("replicate", silent) as slow, opened("openai", FakeOpenAI()) as quick:
        found = await check_all([slow, quick, slow], seconds=0.5)
    assert [f.result for f in found] == [Result.UNREACHABLE, Result.WORKS, Result.WORKS]
    assert [f.provider for f in found] == ["replicate", "openai", "replicate"]
