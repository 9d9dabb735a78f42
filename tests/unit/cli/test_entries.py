import io
from pathlib import Path

import pytest

from atelier_cli.entries import read_entries, read_prompt
from atelier_cli.failures import InputError, problem_of, sentence
from atelier_client import ApiError

NOBODY = io.BytesIO()


def test_a_line_is_a_prompt(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_bytes("\ufeffa red fox\r\n\n   \n# not a comment\na\u2028b\n".encode())
    assert read_entries(str(file), NOBODY, jsonl=False).entries == (
        "a red fox",
        "# not a comment",
        "a\u2028b",
    )


def test_a_json_line_is_an_entry(tmp_path: Path) -> None:
    file = tmp_path / "prompts.JSONL"
    file.write_text('"a red fox"\n\n{"prompt": "a blue fox", "n": 4}\n')
    expected = ("a red fox", {"prompt": "a blue fox", "n": 4})
    assert read_entries(str(file), NOBODY, jsonl=False).entries == expected


def test_standard_input() -> None:
    assert read_entries("-", io.BytesIO(b"a\nb"), jsonl=False).entries == ("a", "b")
    assert read_entries("-", io.BytesIO(b'"a"'), jsonl=True).entries == ("a",)
    assert read_prompt("-", io.BytesIO(b"two\nlines\n")) == "two\nlines"
    assert read_prompt("a fox", NOBODY) == "a fox"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.jsonl", b'"ok"\n{"prompt": }\n', "p.jsonl, line 2: not JSON"),
        ("p.jsonl", b"\n\n3\n", "p.jsonl, line 3: an entry is"),
        ("p.jsonl", b'{"seed": NaN}\n', "p.jsonl, line 1: not JSON"),
        ("p.jsonl", b"[" * 100_000, "p.jsonl, line 1: not JSON"),
        ("p.txt", b"ok\n\xff\xfe\n", "p.txt, line 2: not UTF-8"),
        ("p.txt", b"\n \n", "holds no prompt"),
        ("p.csv", b"a,b\n", "neither a .txt"),
        ("p.txt", b"x" * (16 * 1024 * 1024 + 1), "larger than 16 MiB"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_entries(str(file), NOBODY, jsonl=False)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_entries(str(tmp_path / "none.txt"), NOBODY, jsonl=False)
    with pytest.raises(InputError, match="Is a directory"):
        read_entries(str(tmp_path), NOBODY, jsonl=True)


def refusal(*places: str) -> ApiError:
    errors = [{"pointer": place, "detail": "Too many."} for place in places]
    detail = f"{places[0]}: Too many."
    problem = {"detail": detail, "errors": errors}
    return ApiError(detail, code="invalid_request", status=422, errors=errors, problem=problem)


def test_a_refused_entry_is_named_by_its_line() -> None:
    source = read_entries("-", io.BytesIO(b'\n"a"\n\n"b"\r\n \n"c"\n'), jsonl=True)
    failure = refusal("/prompts/1/n", "/prompts/2", "/prompts/2/providers/x", "/n", "/prompts/9/n")
    with pytest.raises(ApiError) as caught, source.named():
        raise failure
    assert sentence(caught.value).splitlines() == [
        "standard input, line 4: n: Too many (invalid_request).",
        "  standard input, line 6: Too many.",
        "  standard input, line 6: providers/x: Too many.",
        "  /n: Too many.",
        "  /prompts/9/n: Too many.",
    ]
    assert problem_of(failure)["errors"][0]["pointer"] == "/prompts/1/n"  # the contract's, as sent
