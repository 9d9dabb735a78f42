"""`atelier-worker` as a process: its settings, its signals."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

AWAY = {
    "ATELIER_AMQP_URL": "amqp://guest:guest@127.0.0.1:9/",
    "ATELIER_S3_ENDPOINT": "http://127.0.0.1:9",
    "ATELIER_S3_ACCESS_KEY": "a-key",
    "ATELIER_S3_SECRET_KEY": "a-long-secret",
    "ATELIER_LOG_FORMAT": "json",
    "ATELIER_LOG_LEVEL": "debug",
}


@contextmanager
def worker(variables: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith("ATELIER_")}
    with subprocess.Popen(
        [sys.executable, "-c", "from atelier_worker.main import main; main()"],
        env=plain | variables,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"ATELIER_AMQP_URL": ""}, "ATELIER_AMQP_URL"),
        ({"ATELIER_AMQP_URL": "http://nowhere"}, "ATELIER_AMQP_URL"),
        ({"ATELIER_PROVIDERS": "dall-e"}, "ATELIER_PROVIDERS"),
        ({"ATELIER_WORKER_CONCURRENCY": "0"}, "ATELIER_WORKER_CONCURRENCY"),
    ],
)
def test_a_wrong_setting_is_a_sentence_and_status_2(change: dict[str, str], name: str) -> None:
    with worker(AWAY | change) as process:
        _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert name in said
    assert "Traceback" not in said


def test_a_worker_that_waits_for_its_servers_leaves_when_asked() -> None:
    with worker(AWAY) as process:
        assert process.stderr
        process.stderr.readline()  # it has begun to wait, and says so
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
