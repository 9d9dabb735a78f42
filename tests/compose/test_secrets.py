"""Secrets are made once, kept, and refused when they look like a default. Needs no Docker."""

import subprocess
from pathlib import Path

import pytest

from compose_stack import SECRETS
from platforms import ROOT, clean_environment


def make(folder: Path) -> subprocess.CompletedProcess[str]:
    env = {**clean_environment(), "ATELIER_SECRETS": str(folder)}
    return subprocess.run(
        [SECRETS], env=env, capture_output=True, text=True, timeout=30, check=False
    )


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_they_are_made_once_and_kept(tmp_path: Path) -> None:
    assert make(tmp_path / "s").returncode == 0
    made = contents(tmp_path / "s")
    passwords = [made[f"{n}_password"] for n in ("rabbitmq", "mongo", "minio")]
    assert len({made["api_key"], *passwords}) == 4
    assert passwords[0] in made["amqp_url"]
    assert passwords[1] in made["mongo_url"]
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0
    assert make(tmp_path / "s").returncode == 0
    assert contents(tmp_path / "s") == made


def test_what_follows_from_a_password_follows_it(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "mongo_password").unlink()
    (tmp_path / "mongo_password").write_text("b7Q-x2Lk9_vRt4WzPn8sYd\n")
    assert make(tmp_path).returncode == 0
    assert ":b7Q-x2Lk9_vRt4WzPn8sYd@" in contents(tmp_path)["mongo_url"]


@pytest.mark.parametrize(
    "value",
    ["", "changeme", "x9-too-few", "change-me-change-me-now", "minioadminminioadmin", "a" * 40,
     "0x9f:with@signs/in#it-123"],
)  # fmt: skip
def test_a_default_or_a_weak_one_is_refused_and_never_shown(tmp_path: Path, value: str) -> None:
    (tmp_path / "api_key").write_text(value)
    done = make(tmp_path)
    assert done.returncode == 2
    assert "api_key" in done.stderr
    assert not value or value not in done.stdout + done.stderr


def test_they_are_not_in_git() -> None:
    done = subprocess.run(
        ["git", "check-ignore", "-q", "deploy/compose/secrets/api_key"],
        cwd=ROOT,
        check=False,
        timeout=10,
    )
    assert done.returncode == 0
