"""The console scripts where their extras are missing: a bare interpreter, our sources alone."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = ("client", "shared", "services/api", "services/worker", "services/gallery")
PATHS = [str(ROOT / source) for source in SOURCES]
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


def bare(
    script: str, *args: str, first: Path = ROOT / "client"
) -> "subprocess.CompletedProcess[str]":
    module, function = SCRIPTS[script].split(":")
    return subprocess.run(
        [sys.executable, "-S", "-c", f"from {module} import {function} as go; go()", *args],
        env={"PYTHONPATH": os.pathsep.join([str(first), *PATHS])},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("atelier", "The command line is not installed here: pip install 'atelier-images[cli]'.\n"),
        ("atelier-api", "The API is not installed here: pip install 'atelier-images[api]'.\n"),
        (
            "atelier-worker",
            "The worker is not installed here: pip install 'atelier-images[worker]'.\n",
        ),
        (
            "atelier-gallery",
            "The gallery is not installed here: pip install 'atelier-images[gallery]'.\n",
        ),
    ],
)
def test_a_missing_extra_is_a_sentence(script: str, said: str) -> None:
    done = bare(script)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


@pytest.mark.parametrize("script", sorted(set(SCRIPTS) - {"atelier"}))
def test_a_service_says_what_it_is(script: str) -> None:
    done = bare(script, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2
    assert done.stdout.startswith(f"Usage: {script} ")
    assert "environment variables" in done.stdout


@pytest.mark.parametrize("script", sorted(set(SCRIPTS) - {"atelier"}))
def test_a_service_refuses_arguments(script: str) -> None:
    done = bare(script, "--port", "1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{script} takes no arguments; see {script} --help.\n"


def test_ctrl_c_before_it_has_begun_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "atelier_worker").mkdir()
    (tmp_path / "atelier_worker/__init__.py").touch()
    (tmp_path / "atelier_worker/main.py").write_text("raise KeyboardInterrupt")
    done = bare("atelier-worker", first=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
