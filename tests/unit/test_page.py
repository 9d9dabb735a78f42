"""The page's pure parts, tested where they run: in JavaScript."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_pages_own_tests_pass() -> None:
    node = shutil.which("node")
    if node is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("Node is not installed")
    run = subprocess.run(
        [node, "--test", *sorted(map(str, (ROOT / "tests" / "unit" / "web").glob("*.test.js")))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
