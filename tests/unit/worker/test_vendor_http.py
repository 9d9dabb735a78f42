"""What of a vendor's answer counts, and what of it may be shown."""

import json
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from atelier_core.contracts.catalogue import catalogue
from atelier_core.domain.run import Call
from atelier_core.domain.values import Money, now
from atelier_worker.calling import failed
from atelier_worker.plan import MAX_ATTEMPTS, MAX_IN_VAIN, plan
from atelier_worker.ports import Fault, ProviderError
from atelier_worker.providers import (
    fal_wire,
    gemini_wire,
    images_api,
    images_errors,
    replicate,
    stability,
)
from atelier_worker.providers.http import LONGEST_ID, presentable, request_id, status_error
from atelier_worker.providers.talk import Refused


def answer(header: bytes) -> httpx.Response:
    request = httpx.Request("POST", "https://vendor.test", headers={"Authorization": "Bearer sk-7"})
    return httpx.Response(500, headers=[(b"x-request-id", header)], request=request)


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        (b"req_8fa3", "req_8fa3"),
        (b"", None),
        (b"sk-7", None),
        (b"for sk-7 only", None),
        (b"two\x7flines", None),
        (b"r" * 9_000, "r" * LONGEST_ID),
    ],
    ids=["id", "none", "key", "with-key", "control", "long"],
)
def test_the_id_of_a_request_is_short_and_no_secret(header: bytes, shown: str | None) -> None:
    assert request_id(answer(header)) == shown


def test_words_that_quote_the_key_or_a_part_of_it_are_left_out() -> None:
    request = httpx.Request(
        "POST", "https://vendor.test", headers={"Authorization": "Key abcn-123"}
    )
    said = ["n", "size", "abcn", "n-123", "abcn-123", "xabcn-123x"]
    assert presentable(httpx.Response(400, request=request), said) == ["n", "size"]


BROKEN = (500, 501, 502, 520, 521, 522, 523, 525, 599)


def told(status: int) -> ProviderError:
    request = httpx.Request("POST", "https://vendor.test")
    return status_error(httpx.Response(status, request=request), "No.", request_id=None)


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        *((status, Fault.TRANSPORT) for status in BROKEN),
        *((status, Fault.TIMEOUT) for status in (408, 504, 524)),
        *((status, Fault.OVERLOADED) for status in (503, 529)),
        (418, Fault.BAD_RESPONSE),
    ],
)
def test_what_a_status_says(status: int, fault: Fault) -> None:
    assert told(status).fault is fault


@pytest.mark.parametrize("status", [*BROKEN, 504, 524])
@pytest.mark.parametrize(
    ("model", "most"), [("fake/paid", MAX_IN_VAIN), ("fake/free", MAX_ATTEMPTS)]
)
def test_who_may_have_begun_the_work_is_not_asked_without_end(
    status: int, model: str, most: int
) -> None:
    """The same prompt may end the same way every time, and be billed every time."""
    (chosen,) = catalogue().find(model)
    calls: list[Call] = []
    while plan([0], calls, (), chain=(chosen,)).draw:
        call = Call(
            id=f"c{len(calls)}",
            provider="fake",
            model=model,
            indexes=(0,),
            prompt_as_sent="a red fox",
            sent_at=now(),
        )
        calls.append(failed(call, told(status), free=chosen.free, at=now()))
        assert len(calls) <= most
    assert len(calls) == most
    assert calls[-1].cost == (Money.exactly("0") if chosen.free else Money.unknown())


VERDICT = {"code": "moderation_blocked", "message": "no", "type": "x"}
POLICY = {"type": "content_policy_violation", "loc": ["body", "prompt"], "msg": "no"}
LEAKED = {"@type": "x", "reason": "API_KEY_INVALID"}


@pytest.mark.parametrize(
    ("refused", "status", "body", "fault"),
    [
        (images_errors.refused, 400, {"error": VERDICT | {"message": None}}, Fault.MODERATED),
        (images_errors.refused, 400, {"error": VERDICT | {"param": ["prompt"]}}, Fault.MODERATED),
        (
            images_errors.refused,
            400,
            {"error": VERDICT | {"moderation_details": {"categories": {"violence": True}}}},
            Fault.MODERATED,
        ),
        (
            images_errors.refused,
            429,
            {"error": {"code": "insufficient_quota", "message": None}},
            Fault.BILLING,
        ),
        (
            stability._refused,
            403,
            {"name": "content_moderation", "errors": {"prompt": "no"}, "id": 7},
            Fault.MODERATED,
        ),
        (fal_wire.refused, 422, {"detail": [POLICY | {"loc": "prompt"}]}, Fault.MODERATED),
        (fal_wire.refused, 422, {"detail": [{"loc": None, "type": None}, POLICY]}, Fault.MODERATED),
        (
            gemini_wire.refused,
            400,
            {"error": {"status": 7, "message": None, "details": [LEAKED | {"retryDelay": 3}]}},
            Fault.AUTH,
        ),
    ],
)
def test_a_verdict_is_heard_whatever_stands_beside_it(
    *, refused: Refused, status: int, body: Any, fault: Fault
) -> None:
    """What is taken for another refusal goes on to the next provider."""
    request = httpx.Request("POST", "https://vendor.example", headers={"authorization": "Key k"})
    error = refused(httpx.Response(status, request=request), json.dumps(body).encode())
    assert isinstance(error, ProviderError)
    assert error.fault is fault


@pytest.mark.parametrize(
    ("kind", "answer", "odd"),
    [
        (images_api.Result, {"data": [{"b64_json": "eA=="}]}, {"usage": {"input_tokens": None}}),
        (images_api.Result, {"data": [{"b64_json": "eA=="}]}, {"usage": "none"}),
        (images_api.Entry, {"b64_json": "eA=="}, {"revised_prompt": ["a", "fox"]}),
        (gemini_wire.Result, {"candidates": [{}]}, {"usageMetadata": {"promptTokenCount": "?"}}),
        (gemini_wire.Result, {"candidates": [{}]}, {"responseId": 7}),
        (fal_wire.Result, {"images": [{"url": "https://x"}]}, {"seed": "random"}),
        (fal_wire.Status, {"status": "IN_PROGRESS"}, {"logs": [{"message": None}]}),
        (replicate._Prediction, {"id": "x", "status": "succeeded"}, {"input": None, "logs": []}),
    ],
)
def test_what_stands_beside_a_picture_is_no_reason_to_lose_it(
    kind: type[BaseModel], answer: dict[str, Any], odd: dict[str, Any]
) -> None:
    assert kind.model_validate(answer | odd) == kind.model_validate(answer)
