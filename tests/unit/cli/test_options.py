from pathlib import Path
from typing import Any

import pytest

from atelier_cli.failures import Exit, InputError, problem_of, sentence, status_of
from atelier_cli.options import Common, Picture
from atelier_client import ApiError, Unreachable


def test_an_option_wins_over_one_before_and_over_the_environment() -> None:
    environ = {"ATELIER_URL": "http://c", "ATELIER_API_KEY": "c"}
    common = Common(url="http://a").over(Common(url="http://b", api_key="b", json=True))
    settled = common.settled(environ)
    assert (settled.url, settled.api_key, settled.json) == ("http://a", "b", True)
    settled = Common().over(None).settled(environ)
    assert (settled.url, settled.api_key) == ("http://c", "c")


def test_a_key_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("secret\n")
    assert Common().settled({"ATELIER_API_KEY_FILE": str(file)}).api_key == "secret"
    with pytest.raises(InputError, match="both set"):
        Common().settled({"ATELIER_API_KEY_FILE": str(file), "ATELIER_API_KEY": "x"})
    with pytest.raises(InputError, match="ATELIER_API_KEY_FILE"):
        Common().settled({"ATELIER_API_KEY_FILE": str(tmp_path)})
    explicit = Common(api_key="mine").settled({"ATELIER_API_KEY_FILE": str(file)})
    assert explicit.api_key == "mine"


def test_parameters_have_the_names_of_the_contract() -> None:
    given = Picture(n=2, format="webp", tag=["a", "b"]).parameters()
    assert (given["n"], given["output_format"], given["tags"]) == (2, "webp", ["a", "b"])


def test_providers_have_the_form_of_the_contract() -> None:
    assert Picture(steps=4).parameters()["providers"] is None
    given = Picture(
        provider_order=["fal, replicate", "openai"],
        provider_allow=["fal"],
        provider_deny=["a,,b"],
        fallback="same-model",
        on_blocked="try-next",
    ).parameters()["providers"]
    assert given == {
        "order": ["fal", "replicate", "openai"],
        "allow": ["fal"],
        "deny": ["a", "b"],
        "fallback": "same_model",
        "on_blocked": "try_next",
    }


def test_size_and_aspect_ratio_exclude_each_other() -> None:
    with pytest.raises(InputError, match="not both"):
        Picture(size="64x64", aspect_ratio="1:1").parameters()


def refusal(**more: Any) -> ApiError:
    known = {"code": "invalid_request", "status": 422, "request_id": "r1"}
    return ApiError("No.", **{**known, **more})


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (refusal(), Exit.REFUSED),
        (Unreachable("x"), Exit.UNREACHABLE),
        (InputError("x"), Exit.USAGE),
        (FileNotFoundError("x"), Exit.USAGE),
    ],
)
def test_exit_statuses(failure: Exception, status: Exit) -> None:
    assert status_of(failure) == status


def test_a_refusal_in_a_sentence() -> None:
    errors = [{"pointer": "/prompt", "detail": "is \x1b[31mempty"}, {"detail": "No"}]
    assert sentence(refusal(errors=errors)) == (
        "No (invalid_request, request r1).\n  /prompt: is \\x1b[31mempty"
    )


def test_an_unknown_outcome_says_how_to_repeat() -> None:
    lost = Unreachable("x", sent=True)
    lost.idempotency_key = "k1"
    assert "--idempotency-key k1" in sentence(lost)
    assert problem_of(lost)["idempotency_key"] == "k1"
    never = Unreachable("x", sent=False)
    never.idempotency_key = "k1"
    assert "k1" not in sentence(never)


@pytest.mark.parametrize(
    ("code", "status", "more"),
    [
        ("service_unavailable", 503, {"job_id": "j1"}),
        ("service_unavailable", 503, {"batch_id": "b1"}),
        ("service_unavailable", 503, {}),  # the front door's
        ("unexpected_answer", 504, {}),  # another proxy's
        ("internal_error", 500, {}),
    ],
)
def test_an_answer_that_leaves_it_open_says_how_to_repeat(
    code: str, status: int, more: dict[str, str]
) -> None:
    away = refusal(code=code, status=status, retryable=True, **more)
    away.idempotency_key = "k2"
    assert "Repeat it with --idempotency-key k2 " in sentence(away)
    assert all(f", as {known}." in sentence(away) for known in more.values())


@pytest.mark.parametrize(
    ("code", "status"),
    [("queue_full", 429), ("no_provider_available", 503), ("unexpected_answer", 200)],
)
def test_what_was_not_accepted_is_not_said_to_be(code: str, status: int) -> None:
    refused = refusal(code=code, status=status, retryable=status != 200)
    refused.idempotency_key = "k2"
    assert "accepted" not in sentence(refused)


def test_a_refusal_for_programs_is_the_servers_problem() -> None:
    problem = {"code": "invalid_request", "title": "t", "errors": []}
    shown = problem_of(refusal(problem=problem))
    assert shown.items() >= {"title": "t", "status": 422, "detail": "No."}.items()
