"""Where no server is configured, the contract suites bring the official images themselves."""

import os
import subprocess
import sys

import pytest

from platforms import ROOT
from servers import need_docker

SUITES = (
    "tests/contract/test_event_bus.py::test_each_queue_gets_its_own_copy_whole",
    "tests/contract/test_idempotency_store.py",
    "tests/contract/test_blob_store.py",
)


@pytest.mark.compose
@pytest.mark.timeout(300)
def test_suites_run_in_containers_of_their_own() -> None:
    need_docker()
    if "ATELIER_TEST_AMQP_URL" not in os.environ:
        pytest.skip("no server is configured: every suite of this run brings its own")
    env = {n: v for n, v in os.environ.items() if not n.startswith(("ATELIER_", "PYTEST_"))}
    env |= {
        "CI": "true",  # a server that is missing is a failure
        "TESTCONTAINERS_RYUK_DISABLED": "true",  # the fixtures remove what they start
        "TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SUITES],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
