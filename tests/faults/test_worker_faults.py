"""What happens to one worker while others go on: told to leave, told twice, frozen and woken."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from checker import all_ended, check, submit
from platforms import Process
from wired import BODY, Wired, eventually

pytestmark = [pytest.mark.anyio, pytest.mark.external, pytest.mark.timeout(180)]

SLOW = {**BODY, "prompt": "a fox that takes its time [[delay=30]]"}
LEAVING = '"message": "leaving"'
TAKEN_OVER = 75.0  # seconds: the broker gives up a silent worker after 30, its record after 30 more


@asynccontextmanager
async def only(whole: Wired, name: str) -> AsyncIterator[Process]:
    """The only worker that there is; afterwards all of them are there again."""
    others = [
        p for n, p in whole.platform.processes.items() if n.startswith("worker") and n != name
    ]
    for other in others:
        await asyncio.to_thread(other.stop)
    worker = whole.platform.processes[name]
    try:
        yield worker
    finally:
        for process in (worker, *others):
            if process.child is None or process.child.poll() is not None:
                process.start()


async def in_hand(whole: Wired, http: httpx.AsyncClient, body: dict[str, Any]) -> str:
    """A job whose call the vendor has begun to work on."""
    job = str((await submit(http, body))["id"])

    async def begun() -> bool:
        return job in await whole.paid()

    await eventually(begun)
    return job


async def test_told_to_leave_it_finishes_what_it_has_in_hand(whole: Wired) -> None:
    before = len(await whole.paid())
    async with whole.http() as http, only(whole, "worker-0") as worker:
        job = await in_hand(whole, http, {**BODY, "prompt": "a fox [[delay=2]]"})
        assert await asyncio.to_thread(worker.stop, 15) == 0
        later = (await submit(http, BODY))["id"]  # nobody takes it: it is for the next
        ended = await all_ended(http, [job], within=10)
        assert len(ended[job]["attempts"]) == 1
        assert (await whole.paid())[before:] == [job]
        worker.start()
        await all_ended(http, [later])
        calls = (await whole.paid())[before:]
        await check(http, [job, later], ledger=lambda: calls, in_flight=0)


async def test_told_twice_it_leaves_at_once_and_its_job_can_still_be_stopped(whole: Wired) -> None:
    async with whole.http() as http, only(whole, "worker-0") as worker:
        job = await in_hand(whole, http, SLOW)
        said = worker.log.read_text().count(LEAVING)
        os.kill(worker.pid, signal.SIGTERM)

        async def leaving() -> bool:
            return worker.log.read_text().count(LEAVING) > said

        await eventually(leaving)
        assert worker.child is not None
        assert worker.child.poll() is None, "it did not wait for its job"
        assert await asyncio.to_thread(worker.stop, 3) == -signal.SIGTERM
        answer = await http.post(f"/v1/jobs/{job}/cancel")
        assert answer.json()["status"] == "canceled"


@pytest.mark.long
async def test_frozen_until_taken_for_dead_it_wakes_up_and_adds_what_it_bought(
    whole: Wired,
) -> None:
    """SIGSTOP: its connections stay, its lease runs out, another pays again; both bills count."""
    before = len(await whole.paid())
    async with whole.http() as http, only(whole, "worker-0") as worker:
        job = await in_hand(whole, http, {**BODY, "prompt": "a fox [[delay=2:1]]"})
        os.kill(worker.pid, signal.SIGSTOP)
        try:
            whole.platform.processes["worker-1"].start()
            await all_ended(http, [job], within=TAKEN_OVER)
        finally:
            os.kill(worker.pid, signal.SIGCONT)

        async def both_known() -> bool:
            attempts = (await http.get(f"/v1/jobs/{job}")).json()["attempts"]
            return [a["cost"]["status"] for a in attempts] == ["exact", "exact"]

        await eventually(both_known)
        assert (await whole.paid())[before:] == [job, job]
    async with whole.load():  # it is a worker like the other again
        await asyncio.sleep(1)
