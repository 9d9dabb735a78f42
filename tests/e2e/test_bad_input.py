"""Bad input gets a typed problem: never a 500, never a traceback, never an echo."""

import json
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.anyio

ENTRY: dict[str, Any] = {"prompt": "a fox"}


def problem(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert {"type", "title", "status", "detail", "code", "request_id", "retryable"} <= set(body)
    assert body["status"] == answer.status_code
    assert answer.headers["x-request-id"] == body["request_id"]
    return answer.status_code, body["code"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"prompt": ""}, "invalid_request"),
        ({"prompt": "   "}, "invalid_request"),
        ({}, "invalid_request"),
        ({"prompt": "x" * 4001}, "invalid_request"),
        ({"prompt": "🦊" * 4001}, "invalid_request"),
        ({"prompt": "a\x00b"}, "invalid_request"),
        ({"prompt": "a\x1b[31mb"}, "invalid_request"),
        ({**ENTRY, "n": 0}, "invalid_request"),
        ({**ENTRY, "n": 11}, "invalid_request"),
        ({**ENTRY, "n": 1.5}, "invalid_request"),
        ({**ENTRY, "n": "3"}, "invalid_request"),
        ({**ENTRY, "size": "big"}, "invalid_request"),
        ({**ENTRY, "size": "0x0"}, "invalid_request"),
        ({**ENTRY, "size": "512x512", "aspect_ratio": "1:1"}, "invalid_request"),
        ({**ENTRY, "aspect_ratio": "0:1"}, "invalid_request"),
        ({**ENTRY, "seed": -1}, "invalid_request"),
        ({**ENTRY, "style": "no-such-style"}, "invalid_request"),
        ({**ENTRY, "output_format": "bmp"}, "invalid_request"),
        ({**ENTRY, "priority": "urgent"}, "invalid_request"),
        ({**ENTRY, "deadline": 0}, "invalid_request"),
        ({**ENTRY, "tags": ["x"] * 21}, "invalid_request"),
        ({**ENTRY, "tags": ["x" * 51]}, "invalid_request"),
        ({**ENTRY, "metadata": {str(i): "x" for i in range(17)}}, "invalid_request"),
        ({**ENTRY, "metadata": {"k": "x" * 513}}, "invalid_request"),
        ({**ENTRY, "colour": "red"}, "invalid_request"),
        ({**ENTRY, "model": "no/such"}, "model_not_found"),
        ({**ENTRY, "steps": 0}, "invalid_request"),
        ({**ENTRY, "webhook": "https://example.com"}, "unsupported_parameter"),
        ([], "invalid_request"),
        ("x", "invalid_request"),
    ],
)
async def test_a_bad_job_is_refused(http: httpx.AsyncClient, body: Any, code: str) -> None:
    answer = await http.post("/v1/jobs", json=body)
    assert problem(answer) == (422, code), answer.text


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"{", (400, "malformed_body")),
        (b"", (400, "malformed_body")),
        (b'{"prompt": "\xff"}', (400, "malformed_body")),
        (b'{"prompt": NaN}', (400, "malformed_body")),
        (b"[" * 5000, (400, "malformed_body")),
        (b'{"prompt": "\\ud800"}', (422, "invalid_request")),
        (b'{"prompt": "' + b"x" * 2_000_000 + b'"}', (413, "body_too_large")),
    ],
)
async def test_a_bad_body_is_refused(
    http: httpx.AsyncClient, raw: bytes, expected: tuple[int, str]
) -> None:
    headers = {"content-type": "application/json"}
    answer = await http.post("/v1/jobs", content=raw, headers=headers)
    assert problem(answer) == expected


async def test_not_json_is_415(http: httpx.AsyncClient) -> None:
    answer = await http.post(
        "/v1/jobs", content=b"prompt=x", headers={"content-type": "text/plain"}
    )
    assert problem(answer) == (415, "unsupported_media_type")


async def test_1001_prompts_are_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/batches", json={"prompts": ["x"] * 1001})
    assert problem(answer) == (422, "invalid_request")


async def test_the_bad_entry_of_a_batch_is_named(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/batches", json={"prompts": ["a", {"prompt": "b", "n": 99}]})
    assert problem(answer) == (422, "invalid_request")
    assert answer.json()["errors"][0]["pointer"] == "/prompts/1/n"


@pytest.mark.parametrize(
    ("method", "path", "expected", "allow"),
    [
        ("GET", "/nothing", (404, "not_found"), None),
        ("GET", "/v1/nothing", (404, "not_found"), None),
        ("GET", "/v1/jobs/not-an-id", (404, "not_found"), None),
        ("GET", "/v1/jobs/0198c7a2-0000-7000-8000-000000000000", (404, "not_found"), None),
        ("GET", "/v1/images/../../etc/passwd", (404, "not_found"), None),
        ("GET", "/v1/batches/0198c7a2-0000-7000-8000-000000000000", (404, "not_found"), None),
        ("POST", "/v1/jobs/nope/cancel", (404, "not_found"), None),
        ("POST", "/v1/jobs/nope/retry", (404, "not_found"), None),
        ("GET", "/internal/jobs/x", (404, "not_found"), None),
        ("DELETE", "/v1/jobs", (405, "method_not_allowed"), {"GET", "HEAD", "POST"}),
        ("PUT", "/v1/models", (405, "method_not_allowed"), {"GET", "HEAD"}),
        ("GET", "/v1/batches", (405, "method_not_allowed"), {"POST"}),
        ("GET", "/v1/jobs?colour=red", (422, "invalid_request"), None),
        ("GET", "/v1/jobs?limit=0", (422, "invalid_request"), None),
        ("GET", "/v1/jobs?limit=101", (422, "invalid_request"), None),
        ("GET", "/v1/jobs?status=happy", (422, "invalid_request"), None),
        ("GET", "/v1/jobs?cursor=rubbish", (400, "invalid_cursor"), None),
        ("GET", "/v1/events", (426, "upgrade_required"), None),
    ],
)
async def test_bad_addresses(
    http: httpx.AsyncClient,
    method: str,
    path: str,
    expected: tuple[int, str],
    allow: set[str] | None,
) -> None:
    answer = await http.request(method, path)
    assert problem(answer) == expected, answer.text
    if allow is not None:
        assert {m.strip() for m in answer.headers["allow"].split(",")} == allow


async def test_a_problem_never_echoes_input(http: httpx.AsyncClient) -> None:
    canary = "canary-5f1c"
    for answer in (
        await http.post("/v1/jobs", json={"prompt": "x", "model": canary, "seed": canary}),
        await http.get(f"/v1/jobs/{canary}"),
        await http.get("/v1/jobs", params={"cursor": canary}),
    ):
        body = answer.json()
        body.pop("instance", None)  # RFC 9457: the address asked for
        assert canary not in json.dumps(body)


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
async def test_foreign_hosts_and_origins_are_refused(
    http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await http.post("/v1/jobs", json=ENTRY, headers=headers)
    assert problem(answer) == (403, "forbidden")
