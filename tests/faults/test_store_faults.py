"""What the object store and the way to it do to us: a picture is whole or it is not there."""

import asyncio

import pytest

from toxiproxy import Wire
from wired import Harm, Wired, harmed_in_turn

pytestmark = [pytest.mark.anyio, pytest.mark.external, pytest.mark.timeout(120)]


@pytest.mark.parametrize(
    ("harm", "seconds"),
    [(Wire.cut, 0.7), (Wire.silence, 3.5), (Wire.slow, 3.0)],
    ids=["cut", "silent", "slow"],
)
async def test_jobs_outlive_the_way_to_the_store(whole: Wired, harm: Harm, seconds: float) -> None:
    async with whole.load():
        await harmed_in_turn(whole.of("s3"), harm, seconds=seconds)


async def test_a_changed_key_is_said_and_survived(whole: Wired) -> None:
    async with whole.load():
        await asyncio.sleep(0.5)
        await asyncio.to_thread(whole.store.know, "another-canary")
        try:
            await asyncio.sleep(3)
        finally:
            await asyncio.to_thread(whole.store.know)
    logs = [process.log.read_text() for process in whole.platform.processes.values()]
    assert [log for log in logs if "check its access key, secret key and region" in log]
    assert not [log for log in logs for secret in (whole.store.secret, "canary") if secret in log]
