"""Failpoints: nothing unless armed, exactly what was armed, and every name a place in the code."""

import asyncio
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from atelier_core.errors import SettingsError
from atelier_core.failpoints import NAMES, FailpointError, arm, failpoint

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    arm(None)


async def test_an_unarmed_one_does_nothing_and_costs_next_to_nothing() -> None:
    rounds = 100_000
    began = time.perf_counter()
    for _ in range(rounds):
        await failpoint("worker.after_put")
    assert (time.perf_counter() - began) / rounds < 2e-6  # measured: 0.1 µs


async def test_the_count_says_which_time_it_breaks_and_only_then() -> None:
    arm("worker.after_put=raise@2, worker.before_put=raise")
    await failpoint("worker.after_put")
    with pytest.raises(FailpointError, match=r"worker\.after_put"):
        await failpoint("worker.after_put")
    await failpoint("worker.after_put")
    await failpoint("worker.before_ack")
    with pytest.raises(FailpointError):
        await failpoint("worker.before_put")


async def test_sleeping_and_hanging_hold_up_one_task_only() -> None:
    arm("worker.after_put=sleep:0.2,worker.before_put=hang")
    async with asyncio.timeout(5):
        hanging = asyncio.ensure_future(failpoint("worker.before_put"))
        began = time.monotonic()
        await failpoint("worker.after_put")
        assert time.monotonic() - began >= 0.2
        assert not hanging.done()
        hanging.cancel()


def test_killing_is_kill_9() -> None:
    code = (
        "import asyncio; from atelier_core.failpoints import arm, failpoint\n"
        "arm('worker.after_put=kill')\n"
        "async def main():\n"
        "    try: await failpoint('worker.after_put')\n"
        "    finally: print('still here')\n"
        "asyncio.run(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (-9, b"")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("worker.after_lunch=kill", "there is no failpoint 'worker.after_lunch'"),
        ("worker.after_put", "is not NAME=ACTION"),
        ("worker.after_put=explode", "cannot 'explode'"),
        ("worker.after_put=kill:5", "seconds belong to sleep"),
        ("worker.after_put=sleep", "seconds belong to sleep"),
        ("worker.after_put=sleep:1.2.3", "is not NAME=ACTION"),
        ("worker.after_put=kill@0", "is not NAME=ACTION"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(text: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match="ATELIER_FAILPOINTS is wrong: ") as refused:
        arm(text)
    assert complaint in str(refused.value)


def test_a_process_refuses_to_start_with_one_that_is_not_there() -> None:
    code = "from atelier_core.runtime import run_process; raise SystemExit(run_process(print))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"ATELIER_FAILPOINTS": "worker.after_lunch=kill"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "ATELIER_FAILPOINTS is wrong: there is no failpoint 'worker.after_lunch'.\n"
    )


def test_every_name_is_one_place_in_the_code() -> None:
    places = Counter(
        name
        for folder in ("shared", "services")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r'await failpoint\("([^"]+)"\)', path.read_text())
    )
    assert places == dict.fromkeys(NAMES, 1)
