from datetime import UTC, datetime
from typing import Any

import pytest

from atelier_client import ApiError, Retry, Unreachable, requests
from atelier_client.answers import resource, retry_after
from atelier_client.effects import Reply
from atelier_client.flows import ask, order
from atelier_client.operations import Operations

PLAIN = Retry(attempts=3, base=1, cap=10, patience=30, jitter=lambda: 1.0)


def test_a_submission_is_repeated_with_its_own_key(world: Any, say: Any, job: Any) -> None:
    away = say.problem(503, "service_unavailable", retryable=True, job_id="j1")
    w = world(away, say.cut(), say.reply(202, job()))
    assert w.run(Operations(PLAIN).submit("a red fox", {}, None))["id"] == "j1"
    keys = [call.headers["Idempotency-Key"] for call in w.asked]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert {call.body for call in w.asked} == {w.asked[0].body}


def test_two_submissions_have_two_keys(world: Any, say: Any, job: Any) -> None:
    worlds = [world(say.reply(202, job())) for _ in range(2)]
    for w in worlds:
        w.run(Operations(PLAIN).submit("x", {}, None))
    assert len({w.asked[0].headers["Idempotency-Key"] for w in worlds}) == 2


def test_a_given_key_is_sent(world: Any, say: Any, job: Any) -> None:
    w = world(say.reply(202, job()))
    w.run(Operations(PLAIN).submit("x", {}, "mine"))
    assert w.asked[0].headers["Idempotency-Key"] == "mine"


@pytest.mark.parametrize("key", ["ключ", "a\nb", "a\x00", "k" * 256])
def test_a_key_that_can_be_none_is_not_sent(key: str) -> None:
    with pytest.raises(ValueError, match="at most 255 printable ASCII"):
        Operations(PLAIN).submit("x", {}, key)


def test_waits_grow_and_are_bounded(world: Any, say: Any) -> None:
    w = world(*[say.cut() for _ in range(4)])
    with pytest.raises(Unreachable) as caught:
        w.run(ask(requests.submit("x", {}, key="k"), PLAIN))
    assert w.paused == [1, 2, 4]
    assert caught.value.idempotency_key == "k"


@pytest.mark.parametrize("prompts", ["x", ["x", "y"]])
def test_a_dry_run_has_no_key_to_be_repeated_with(world: Any, say: Any, prompts: Any) -> None:
    w = world(*[say.cut() for _ in range(4)])
    with pytest.raises(Unreachable) as caught:
        w.run(Operations(PLAIN).dry_run(prompts, {}))
    assert w.asked[0].query == (("dry_run", "true"),)
    assert caught.value.idempotency_key is None


def test_retry_after_is_honoured(world: Any, say: Any) -> None:
    busy = say.problem(429, "rate_limited", retryable=True, after=7)
    w = world(busy, say.reply(202, {}))
    w.run(ask(requests.submit("x", {}, key="k"), PLAIN))
    assert w.paused == [7]


def test_a_retry_after_beyond_patience_is_left_to_the_caller(world: Any, say: Any) -> None:
    w = world(say.problem(429, "rate_limited", retryable=True, after=3600))
    with pytest.raises(ApiError) as caught:
        w.run(ask(requests.submit("x", {}, key="k"), PLAIN))
    assert caught.value.retry_after == 3600
    assert w.paused == []


def test_a_refusal_is_not_repeated(world: Any, say: Any) -> None:
    errors = [{"pointer": "/prompt", "detail": "is empty"}]
    w = world(say.problem(422, "invalid_request", errors=errors, request_id="r1"))
    with pytest.raises(ApiError) as caught:
        w.run(ask(requests.submit("", {}, key="k"), PLAIN))
    error = caught.value
    assert (error.code, error.status, error.retryable) == ("invalid_request", 422, False)
    assert (error.request_id, list(error.errors)) == ("r1", errors)


def test_what_may_have_arrived_once_may_have_arrived(world: Any, say: Any) -> None:
    w = world(say.cut(), *[say.cut(sent=False) for _ in range(3)])
    with pytest.raises(Unreachable) as caught:
        w.run(ask(requests.submit("x", {}, key="k"), PLAIN))
    assert caught.value.sent
    w = world(*[say.cut(sent=False) for _ in range(4)])
    with pytest.raises(Unreachable) as caught:
        w.run(ask(requests.submit("x", {}, key="k"), PLAIN))
    assert not caught.value.sent


def test_a_proxy_without_a_problem_is_asked_again(world: Any, say: Any) -> None:
    w = world(Reply(502, {}, b"<html>bad gateway"), Reply(204, {}))
    w.run(order(requests.submit("x", {}, key="k"), PLAIN))
    assert len(w.asked) == 2


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"null", b"\xff", b"", b"[" * 100_000])
def test_a_strangers_answer_is_said_to_be_one(content: bytes) -> None:
    with pytest.raises(ApiError, match="Atelier") as caught:
        resource(Reply(200, {}, content))
    assert caught.value.code == "unexpected_answer"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5.0),
        ("0", 0.0),
        ("Mon, 05 Jan 2026 10:00:30 GMT", 30.0),
        ("Mon, 05 Jan 2026 09:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("-1", None),
        ("²", None),
    ],
)
def test_retry_after_in_both_forms(text: str, seconds: float | None) -> None:
    now = datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert retry_after({"retry-after": text}, now=now) == seconds


@pytest.mark.parametrize("identifier", ["", ".", ".."])
def test_an_id_never_becomes_another_path(identifier: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        requests.segment(identifier)


def test_an_id_stays_one_segment() -> None:
    assert requests.segment("a/b?c#d%") == "a%2Fb%3Fc%23d%25"


def test_the_key_goes_to_our_origin_only() -> None:
    assert requests.content("i1", "//evil.example/x").path == "/v1/images/i1/content"
    assert requests.content("i1", "https://evil.example/x").path == "/v1/images/i1/content"
    assert requests.content("i1", "/v1/images/i1/content").path == "/v1/images/i1/content"


def test_lone_surrogates_reach_the_server_as_they_are() -> None:
    assert requests.submit("\udcff", {}, key="k").body == b'{"prompt": "\\udcff"}'
