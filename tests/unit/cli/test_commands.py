"""The whole command line in this process, against nothing: help, versions, refusals."""

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import typer

from atelier_cli.main import build, run
from platforms import BIN

JOB = {"id": "j1", "object": "job", "created_at": "2026-01-05T10:00:00Z"}
NOWHERE = ["--url", "http://127.0.0.1:9"]


def commands(group: typer.core.TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


ALL = sorted(commands(typer.main.get_group(build())))


def test_every_command_of_the_contract_is_there() -> None:
    assert set(ALL) == {
        (),
        ("up",),
        ("generate",),
        ("batch",),
        ("watch",),
        ("cancel",),
        ("retry",),
        ("version",),
        ("jobs",),
        ("jobs", "list"),
        ("jobs", "show"),
        ("images",),
        ("images", "list"),
        ("images", "show"),
        ("images", "download"),
        ("images", "delete"),
        ("images", "restore"),
        ("providers",),
        ("providers", "list"),
        ("providers", "check"),
    }


@pytest.mark.parametrize("path", ALL, ids=lambda path: " ".join(path) or "atelier")
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(
    path: tuple[str, ...], flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path, flag]) == 0
    shown = capsys.readouterr().out
    assert "Usage: atelier" in shown
    if path not in ((), ("jobs",), ("images",), ("providers",)):
        assert "--json" in shown
        assert "--url" in shown


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_of_a_group_behind_common_options(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["jobs", *NOWHERE, "--quiet", flag]) == 0
    assert "Usage: atelier jobs" in capsys.readouterr().out


@pytest.mark.parametrize("args", [["version"], ["--version"]])
def test_version(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(args) == 0
    assert capsys.readouterr().out.startswith("atelier 0.")


@pytest.mark.parametrize("args", [["--json", "version"], ["version", "--json"]])
def test_common_options_on_either_side(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(args) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"version"}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], ""),
        (["paint"], "No such command"),
        (["jobs", "lst"], "Did you mean 'list'"),
        (["generate"], "Missing argument 'PROMPT'"),
        (["generate", "x", "--colour"], "No such option"),
        (["generate", "x", "-n", "many"], "Invalid value for '-n': it must be a whole number\n"),
        (["generate", "x", "--guidance", "much"], "'--guidance': it must be a number\n"),
        (["jobs", "--limit", "-1"], "'--limit': it must be at least 0\n"),
        (["generate", "x", "--size", "1x1", "--aspect-ratio", "1:1"], "not both"),
        (["--url", "ftp://x", "generate", "x"], "ftp://x"),
        (["--api-key", "a b", "jobs"], "API key"),
        (["images", "download"], "Name images"),
        (["images", "download", "a", "--job", "b"], "Name images"),
        (["images", "delete", "a"], "add --yes"),
        (["cancel", "a", "a"], "Cancel 1 job or batch? Nobody can be asked here; add --yes."),
        (["cancel", "a", "b"], "Cancel 2 jobs or batches? "),
        (["batch", "/nonexistent.txt"], "/nonexistent.txt cannot be read"),
        (["batch", "."], "Error: . is neither a .txt file"),
        ([*NOWHERE, "generate", "x", "-o", "/dev/null"], "/dev/null is a file, not a folder."),
        ([*NOWHERE, "retry", "x", "-o", "/dev/null/x"], "/dev/null/x: Not a directory."),
        ([*NOWHERE, "watch", "x", "-o", "/dev/null"], "/dev/null is a file, not a folder."),
        ([*NOWHERE, "jobs", "show", ".."], "not an id"),
        (["up", "--port", "99999"], "Invalid value for '--port': it must be at most 65535\n"),
    ],
)
def test_usage_is_2_and_a_sentence(
    args: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(args) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err
    if args:
        assert captured.out == ""


def test_errors_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["generate", "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["code"] == "invalid_input"
    assert run(["images", "download", "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["code"] == "invalid_input"
    assert run([*NOWHERE, "--json", "jobs"]) == 3
    assert json.loads(capsys.readouterr().err)["code"] == "unreachable"


@pytest.mark.parametrize("args", [["jobs"], ["jobs", "--quiet", "list"], ["jobs", "--limit", "1"]])
def test_nobody_there_is_3(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*NOWHERE, *args]) == 3
    captured = capsys.readouterr()
    assert "Error: http://127.0.0.1:9 cannot be reached" in captured.err
    assert captured.out == ""


class Moody(BaseHTTPRequestHandler):
    """Accepts a job, and then lets nobody in."""

    def do_POST(self) -> None:
        self._answer(202, {**JOB, "status": "queued", "done": False, "version": 1})

    def do_GET(self) -> None:
        self._answer(401, {"code": "unauthenticated", "detail": "No."})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
        pass


def test_who_can_no_longer_be_watched_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Moody) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            assert run(["generate", "x", "-o", ".", "--quiet", "--url", url]) == 1
        finally:
            server.shutdown()
            thread.join()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"Watch it: atelier watch {JOB['id']} --url {url}\nError: ")


@pytest.mark.parametrize("closed", [1, 2])
def test_nowhere_to_speak_is_no_error(closed: int) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}>&-', "sh", BIN / "atelier", "version"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (done.stdout == "") == (closed == 1)
