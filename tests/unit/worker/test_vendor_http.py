"""What of a vendor's answer may be shown."""

import httpx
import pytest

from atelier_worker.providers.http import LONGEST_ID, presentable, request_id


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
