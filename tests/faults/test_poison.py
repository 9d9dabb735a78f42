"""A job whose every run kills the process: it is given up, and the others go on."""

import asyncio
from pathlib import Path

import httpx
import pytest

from atelier_core.domain.run import MAX_TAKEOVERS
from checker import all_ended, submit
from faults.failpoint_stories import death_of, restart
from platforms import embedded

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

ALIVE = 8.0  # seconds after which a process that was started will not die any more
DEADLY = "worker.before_call=kill"
BODY = {"prompt": "a fox", "model": "fake/free", "size": "64x64"}


@pytest.mark.long
async def test_a_job_that_kills_every_process_is_given_up(tmp_path: Path) -> None:
    with embedded(tmp_path, env={"ATELIER_PROVIDERS": "fake"}) as platform:
        process = platform.processes["embedded"]
        async with httpx.AsyncClient(base_url=platform.origin, timeout=15) as http:
            await asyncio.to_thread(restart, process, DEADLY)
            await asyncio.to_thread(process.wait_ready)
            # Hardly ever answered before the process dies: asked again until it is.
            asked = asyncio.create_task(submit(http, BODY))
            deaths = 0
            while await death_of(process, within=ALIVE):
                deaths += 1
                assert deaths < 20
                await asyncio.to_thread(restart, process, DEADLY)
            job = (await asked)["id"]
            ended = (await all_ended(http, [job], within=5))[job]
            # Drawn with a record, perhaps once without, then taken over as often as is allowed.
            assert deaths in (1 + MAX_TAKEOVERS, 2 + MAX_TAKEOVERS)
            assert (ended["status"], ended["error"]["code"]) == ("failed", "worker_lost")
            await asyncio.to_thread(restart, process, None)
            again = (await submit(http, BODY))["id"]
            assert (await all_ended(http, [again]))[again]["status"] == "succeeded"
