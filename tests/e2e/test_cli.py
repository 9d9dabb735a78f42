"""The command `atelier` as people and scripts run it, against the running platform."""

import json
import os
import pty
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from platforms import BIN, Platform, clean_environment

SMALL = ("--size", "256x256", "--model", "demo")
Atelier = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def env(platform: Platform) -> dict[str, str]:
    key = {"ATELIER_API_KEY": platform.api_key} if platform.api_key else {}
    return {**clean_environment(), "ATELIER_URL": platform.origin, **key}


@pytest.fixture
def atelier(env: dict[str, str], tmp_path: Path) -> Atelier:
    def run(*args: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [BIN / "atelier", *args],
            env=env,
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done

    return run


def lines(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_generate_prints_an_id_that_can_be_watched(atelier: Atelier) -> None:
    queued = atelier("generate", "a red fox", *SMALL)
    assert queued.returncode == 0
    job = queued.stdout.strip()
    assert f"atelier watch {job}" in queued.stderr
    watched = atelier("watch", job)
    assert watched.returncode == 0
    assert job in watched.stdout
    assert "succeeded" in watched.stdout
    shown = atelier("jobs", "show", job)
    assert "a red fox" in shown.stdout
    assert json.loads(atelier("--json", "jobs", "show", job).stdout)["id"] == job


def test_watched_json_is_an_envelope_a_line(atelier: Atelier) -> None:
    done = atelier("generate", "a red fox", "-n", "2", *SMALL, "--watch", "--json")
    assert done.returncode == 0
    messages = lines(done)
    assert {m["event"] for m in messages} <= {"job.updated", "job.progress"}
    assert messages[-1]["data"]["status"] == "succeeded"
    assert len(messages[-1]["data"]["images"]) == 2
    assert done.stderr == ""


def test_pictures_land_in_the_folder(atelier: Atelier, tmp_path: Path) -> None:
    done = atelier("generate", "a red fox", "-n", "2", *SMALL, "-o", "out", "--quiet")
    assert done.returncode == 0
    paths = [tmp_path / line for line in done.stdout.splitlines()]
    assert len(paths) == 2
    assert sorted(paths) == sorted((tmp_path / "out").iterdir())
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in paths)
    assert done.stderr == ""


def test_prompts_from_pipes_and_files(atelier: Atelier, tmp_path: Path) -> None:
    piped = atelier("generate", "-", *SMALL, "--json", stdin="two\nlines\n")
    assert json.loads(piped.stdout)["request"]["prompt"] == "two\nlines"
    (tmp_path / "p.jsonl").write_text('"a"\n{"prompt": "b", "n": 2}\n')
    done = atelier("batch", "p.jsonl", *SMALL, "--watch", "--json")
    assert done.returncode == 0
    last = {m["data"]["id"]: m["data"] for m in lines(done) if m["event"] == "job.updated"}
    assert sorted((j["request"]["prompt"], len(j["images"])) for j in last.values()) == [
        ("a", 1),
        ("b", 2),
    ]
    batch = atelier("batch", "-", *SMALL, stdin="x\ny\n").stdout.strip()
    assert atelier("watch", batch).returncode == 0
    downloaded = atelier("images", "download", "--batch", batch, "-o", "out")
    assert len(downloaded.stdout.splitlines()) == 2


def test_hostile_prompts_come_back_and_do_nothing(atelier: Atelier) -> None:
    prompt = "[bold]x[/bold] \u202egnp.exe 🦊 ../../etc/passwd <b>"
    job = json.loads(atelier("generate", prompt, *SMALL, "--json").stdout)
    assert job["request"]["prompt"] == prompt
    shown = atelier("jobs", "show", job["id"]).stdout
    assert "[bold]x[/bold] \\u202egnp.exe 🦊 ../../etc/passwd <b>" in shown


def test_providers_and_how_they_do(atelier: Atelier) -> None:
    listed = {one["id"]: one for one in json.loads(atelier("providers", "--json").stdout)["items"]}
    assert listed["demo"]["available"]
    assert listed["demo"]["state"] in {"healthy", "unknown"}  # a worker speaks up every 10 s
    shown = atelier("providers", "list")
    assert shown.returncode == 0
    names, *rows = [line.split() for line in shown.stdout.splitlines()]
    assert names == ["PROVIDER", "STATE", "MODELS", "WORKERS", "CALLS", "WHY"]
    assert {row[0] for row in rows} == set(listed)
    assert "1" in next(row for row in rows if row[0] == "demo")  # its one model


def test_refused_is_1(atelier: Atelier) -> None:
    done = atelier("generate", "", *SMALL)
    assert (done.returncode, done.stdout) == (1, "")
    assert "invalid_request" in done.stderr
    for args in (["jobs", "show", "nope"], ["watch", "nope"], ["images", "download", "nope"]):
        refused = atelier(*args, "--json")
        assert refused.returncode == 1
        assert json.loads(refused.stderr)["code"] == "not_found"


def test_a_refused_line_of_a_batch_is_named(atelier: Atelier, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('"a"\n\n{"prompt": "b", "n": 99}\n{"prompt": "c", "n": 99}\n')
    for more in ([], ["--dry-run"]):
        done = atelier("batch", "p.jsonl", *SMALL, *more)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("Error: p.jsonl, line 3: n: ")
        assert "\n  p.jsonl, line 4: n: " in done.stderr


def test_wrong_key_is_1(atelier: Atelier, platform: Platform) -> None:
    if platform.api_key:
        done = atelier("--api-key", "wrong", "jobs")
        assert done.returncode == 1
        assert "unauthenticated" in done.stderr
        assert "--api-key or ATELIER_API_KEY" in done.stderr


def test_ended_not_succeeded_is_4(atelier: Atelier) -> None:
    slow = ("-n", "10", "--size", "2048x2048", "--model", "demo")
    job = atelier("generate", "canceled early", *slow).stdout.strip()
    canceled = atelier("cancel", job, "--yes")
    assert (canceled.returncode, canceled.stdout) == (0, f"{job} canceled\n")
    watched = atelier("watch", job)
    assert watched.returncode == 4
    assert "canceled" in watched.stderr


def test_images_from_list_to_trash_and_back(atelier: Atelier, tmp_path: Path) -> None:
    tag = tmp_path.name
    atelier("generate", "a lighthouse", *SMALL, "--tag", tag, "--watch")
    listed = json.loads(atelier("images", "--tag", tag, "--json").stdout)["items"]
    [image] = [item["id"] for item in listed]
    assert image in atelier("images", "list", "-q", "lighthouse", "--tag", tag).stdout
    assert "lighthouse" in atelier("images", "show", image).stdout
    asked = atelier("images", "delete", image)
    assert asked.returncode == 2
    assert "--yes" in asked.stderr
    assert atelier("images", "delete", image, "--yes").returncode == 0
    assert "No images" in atelier("images", "--tag", tag).stderr
    assert image in atelier("images", "--tag", tag, "--trashed").stdout
    assert atelier("images", "restore", image).returncode == 0
    assert image in atelier("images", "--tag", tag).stdout


def test_retry_and_dry_run(atelier: Atelier) -> None:
    job = json.loads(atelier("generate", "again", *SMALL, "--json").stdout)["id"]
    atelier("watch", job)
    again = json.loads(atelier("retry", job, "--json").stdout)
    assert again["retried_from"] == job
    plan = atelier("generate", "x", *SMALL, "--dry-run")
    assert plan.returncode == 0
    assert "Nothing was queued" in plan.stdout
    choice = ["--provider-order", "fake,demo", "--fallback", "any", "--on-blocked", "try-next"]
    more = ["--steps", "20", "--guidance", "7.5", "--start-deadline", "60", "--deadline", "600"]
    chosen = json.loads(atelier("generate", "x", *SMALL, *choice, *more, "--json").stdout)
    request = chosen["request"]
    assert request["providers"] == {
        "order": ["fake", "demo"],
        "allow": None,
        "deny": [],
        "fallback": "any",
        "on_blocked": "try_next",
    }
    assert (request["steps"], request["guidance"]) == (20, 7.5)
    assert (request["start_deadline"], request["deadline"]) == (60, 600)
    shown = atelier("jobs", "show", chosen["id"]).stdout
    assert "providers.order fake demo" in shown
    assert "steps: " in shown
    table = atelier("generate", "x", "--model", "fake/paid", *choice, "--dry-run").stdout
    assert [line.split()[0] for line in table.splitlines()[1:3]] == ["fake/paid", "demo/painter"]
    nobody = atelier("generate", "x", *SMALL, "--provider-deny", "demo,fake")
    assert (nobody.returncode, "unsupported_parameter" in nobody.stderr) == (1, True)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What is started hears Ctrl-C, also where whoever runs these tests does not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("quiet", [[], ["--quiet"]], ids=["", "quiet"])
def test_ctrl_c_leaves_the_job_running(
    env: dict[str, str], atelier: Atelier, quiet: list[str]
) -> None:
    child = subprocess.Popen(
        [
            BIN / "atelier",
            "generate",
            "interrupted",
            "-n",
            "10",
            "--model",
            "demo/painter",
            "--watch",
            *quiet,
        ],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    job = child.stdout.readline().strip()
    if not quiet:
        assert child.stderr.readline().startswith(job)  # watching has begun
    child.send_signal(signal.SIGINT)
    _, rest = child.communicate(timeout=20)
    assert child.returncode == 130
    assert f"The job runs on. Watch it: atelier watch {job}" in rest
    assert "Traceback" not in rest
    assert atelier("watch", job).returncode == 0


def test_a_reader_that_leaves_is_no_error(env: dict[str, str], atelier: Atelier) -> None:
    atelier("generate", "x", *SMALL)
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [BIN / "atelier", "jobs"], env=env, stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


class Terminal:
    """What a person sees."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        self._env = {"TERM": "xterm-256color", "COLUMNS": "80", "LANG": "C.UTF-8"}

    def run(
        self, env: dict[str, str], cwd: Path, *args: str, stdout: int | None = None
    ) -> tuple[int, str]:
        child = subprocess.Popen(
            [BIN / "atelier", *args],
            env={**env, **self._env},
            cwd=cwd,
            stdin=self.theirs,
            stdout=self.theirs if stdout is None else stdout,
            stderr=self.theirs,
        )
        os.close(self.theirs)
        shown = b""
        while piece := self._read():
            shown += piece
        os.close(self._ours)
        return child.wait(20), shown.decode()

    def _read(self) -> bytes:
        assert select.select([self._ours], [], [], 60)[0]
        try:
            return os.read(self._ours, 65536)
        except OSError:  # Linux says so when the last one has left
            return b""


def test_bars_in_a_terminal(env: dict[str, str], tmp_path: Path) -> None:
    status, text = Terminal().run(env, tmp_path, "generate", "a red fox", *SMALL, "--watch")
    assert status == 0
    assert "━" in text
    assert "a red fox" in text
    assert "PROMPT" in text
    assert "Download: atelier images download --job" in text


def test_paths_are_data_beside_the_bar(env: dict[str, str], tmp_path: Path) -> None:
    args = ("generate", "a red fox", "-n", "2", *SMALL, "-o")
    with (tmp_path / "paths").open("wb") as paths:
        status, text = Terminal().run(env, tmp_path, *args, "out", stdout=paths.fileno())
    assert status == 0
    kept = sorted(str(p.relative_to(tmp_path)) for p in (tmp_path / "out").iterdir())
    assert sorted((tmp_path / "paths").read_text().splitlines()) == kept
    assert "1/2" in text
    assert "2/2" in text
    long = "long" * 30  # no path is broken by the width of the window
    status, text = Terminal().run(env, tmp_path, *args, long)
    assert status == 0
    assert all(str(p.relative_to(tmp_path)) in text for p in (tmp_path / long).iterdir())


def test_a_watched_id_can_be_captured(atelier: Atelier, tmp_path: Path) -> None:
    for quiet in ([], ["--quiet"]):
        done = atelier("generate", "a red fox", *SMALL, "--watch", *quiet)
        assert done.returncode == 0
        [job] = done.stdout.splitlines()
        assert json.loads(atelier("jobs", "show", job, "--json").stdout)["status"] == "succeeded"
    assert done.stderr == ""
    (tmp_path / "p.txt").write_text("a\nb\n")
    batch = atelier("batch", "p.txt", *SMALL, "--watch", "--quiet").stdout.strip()
    watched = atelier("watch", batch, "--quiet").stdout.splitlines()
    assert [line.split()[1] for line in watched] == ["succeeded", "succeeded"]
