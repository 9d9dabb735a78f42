"""The page's own tests under node, and its libraries as they were pinned."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GALLERY = Path("services/gallery")
VENDOR = GALLERY / "atelier_gallery/web/vendor"
MODULES = ROOT / "node_modules"


def run(*command: str | Path, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=100, check=False
    )


def missing(what: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


def test_the_modules_under_node():
    node = shutil.which("node")
    if node is None:
        missing("node")
    done = run(node, "--test", *sorted(Path(__file__).parent.glob("*.test.js")))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The vendoring script and what it wrote, somewhere they may be changed."""
    shutil.copytree(ROOT / VENDOR, tmp_path / VENDOR)
    shutil.copy(ROOT / GALLERY / "vendor.py", tmp_path / GALLERY)
    return tmp_path


def test_the_libraries_are_what_the_manifest_says(copy: Path):
    script = copy / GALLERY / "vendor.py"
    assert run(sys.executable, ROOT / GALLERY / "vendor.py", "--check").returncode == 0
    with (copy / VENDOR / "preact/index.js").open("a") as file:
        file.write("\n")
    (copy / VENDOR / "htm/htm.js").unlink()
    (copy / VENDOR / "more.js").write_text("")
    done = run(sys.executable, script, "--check")
    assert done.returncode == 1
    for name in ("preact/index.js", "htm/htm.js", "more.js"):
        assert f"web/vendor/{name} is not what manifest.json says" in done.stderr
    assert done.stderr.count("\n") == 3


def test_vendoring_again_writes_the_same(copy: Path):
    if not (MODULES / "preact").exists():
        missing("node_modules")
    (copy / "node_modules").symlink_to(MODULES)
    (copy / VENDOR / "htm/htm.js").write_text("something else")
    assert run(sys.executable, copy / GALLERY / "vendor.py").returncode == 0
    for path in (ROOT / VENDOR).rglob("*"):
        if path.is_file():
            assert (copy / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
