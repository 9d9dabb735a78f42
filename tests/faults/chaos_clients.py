"""Clients in bad weather: careful ones who write down every answer they get."""

import asyncio
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from judge import TAG, Asked

ACCEPTED, REPLAYED = 202, "idempotency-replayed"
ON_THE_WAY = frozenset({409, 429, 502, 503, 504})  # answers after which a client asks again
GIVE_UP = 180.0  # seconds a client asks again before it calls that strange


@dataclass(frozen=True)
class Kind:
    """A sort of request; `weight` is how often it comes, `jobs` how many it makes."""

    name: str
    weight: int
    body: Mapping[str, Any]
    jobs: int = 1
    images: int = 1
    free: bool = False
    ends: frozenset[str] = frozenset({"succeeded"})
    cancel_within: float | None = None


def _body(prompt: str, model: str = "paid", **more: Any) -> dict[str, Any]:
    return {"prompt": prompt, "model": f"fake/{model}", "size": "64x64", **more}


def _batch(many: int, model: str) -> dict[str, Any]:
    prompts = [f"picture {i} of a batch" for i in range(many)]
    return {"prompts": prompts, "model": f"fake/{model}", "size": "64x64"}


FREE = Kind("free", 30, _body("a free fox", "free"), free=True)
PAID = Kind("paid", 25, _body("a fox that costs"))
QUEUED = Kind("queue", 14, _body("a fox in a queue [[queue]]"))
SEVERAL = Kind("several", 6, _body("three foxes", n=3), images=3)
BATCH = Kind("batch", 3, _batch(8, "free"), jobs=8, free=True)
PAID_BATCH = Kind("paid batch", 2, _batch(4, "paid"), jobs=4)
LIMITED = Kind("limited", 3, _body("a fox too many [[429:1]]"))
BLOCKED = Kind(
    "blocked", 2, _body("a fox nobody may see [[moderated]]"), ends=frozenset({"blocked"})
)
CANCELED = Kind("canceled", 5, _body("never mind the fox [[delay=2]]"), cancel_within=1.5)
CANCELED_LATER = Kind(
    "canceled in a queue", 5, _body("never mind [[queue]][[delay=2]]"), cancel_within=2.5
)
KINDS = (
    *(FREE, PAID, QUEUED, SEVERAL, BATCH, PAID_BATCH, LIMITED, BLOCKED, CANCELED),
    CANCELED_LATER,
)


def mixture(jobs: int, chance: random.Random) -> Iterator[Kind]:
    """Kinds that make `jobs` jobs in all, a few more at most."""
    while jobs > 0:
        kind = chance.choices(KINDS, [kind.weight for kind in KINDS])[0]
        jobs -= kind.jobs
        yield kind


@dataclass
class Clients:
    """Everybody who asks for something, and all they were told."""

    http: httpx.AsyncClient
    chance: random.Random
    moody: bool = True
    asked: list[Asked] = field(default_factory=list)

    async def want(self, kind: Kind, *, tag: str = "") -> Asked:
        """Ask for one thing until it is known to be accepted; the moody may repeat it or give up."""
        asked = Asked(
            tag=f"{tag}{len(self.asked)}",
            kind=kind.name,
            size=kind.jobs,
            images=kind.images,
            free=kind.free,
            ends=kind.ends,
        )
        self.asked.append(asked)
        body = {**kind.body, "metadata": {TAG: asked.tag}}
        path = "/v1/batches" if "prompts" in kind.body else "/v1/jobs"
        headers = {"Idempotency-Key": uuid4().hex}
        mood = self.chance.random() if self.moody else 1.0
        patient, at_once, again = mood >= 0.05, 0.05 <= mood < 0.1, 0.1 <= mood < 0.2
        later = self.chance.uniform(0, 3)
        cancel_after = self.chance.uniform(0, kind.cancel_within or 0)
        if at_once:
            twin = self._send(asked, path, body, headers, patient=True)
            ids, other = await asyncio.gather(
                self._send(asked, path, body, headers, patient=True), twin
            )
            if other is not None:
                asked.replays.append(other)
        else:
            ids = await self._send(asked, path, body, headers, patient=patient)
        asked.job_ids = ids
        if ids is None:
            return asked
        if kind.cancel_within is not None:
            await asyncio.sleep(cancel_after)
            await self.cancel(asked, ids[0])
        if again:
            await asyncio.sleep(later)
            repeated = await self._send(asked, path, body, headers, patient=True)
            if repeated is not None:
                asked.replays.append(repeated)
        return asked

    async def _send(
        self, asked: Asked, path: str, body: Any, headers: Mapping[str, str], *, patient: bool
    ) -> tuple[str, ...] | None:
        """The ids it was accepted under; None if that is not known and never will be."""
        answer = None
        for _ in self._tries():
            answer = await self._post(path, body, headers)
            if answer is not None and answer.status_code == ACCEPTED:
                accepted = answer.json()
                return tuple(accepted.get("job_ids") or (accepted["id"],))
            if answer is not None and answer.status_code not in ON_THE_WAY:
                break
            asked.unknown += 1
            if not patient:
                return None
            await asyncio.sleep(self.chance.uniform(0.2, 0.6))
        asked.strange.append(f"POST {path}: {_said(answer)}")
        return None

    async def cancel(self, asked: Asked, job_id: str) -> None:
        """Until it is known to be canceled, or beyond that."""
        for _ in self._tries():
            answer = await self._post(f"/v1/jobs/{job_id}/cancel")
            asked.cancels.append(None if answer is None else answer.status_code)
            if answer is not None and answer.status_code in (200, 409):
                return
            if answer is not None and answer.status_code not in ON_THE_WAY | {404}:
                break
            await asyncio.sleep(self.chance.uniform(0.2, 0.6))
        asked.strange.append(f"cancel: {_said(answer)}")

    async def purge(self, asked: Asked, job_id: str) -> None:
        """Remove the pictures of a job that has ended for good."""
        for image in (await self._ask("GET", f"/v1/jobs/{job_id}", {200})).json()["images"]:
            path = f"/v1/images/{image['id']}?permanent=true"
            await self._ask("DELETE", path, {204, 404})
            asked.images -= 1

    async def _ask(self, method: str, path: str, until: Collection[int]) -> httpx.Response:
        async with asyncio.timeout(GIVE_UP):
            while True:
                try:
                    answer = await self.http.request(method, path)
                except httpx.TransportError:
                    answer = None
                if answer is not None and answer.status_code in until:
                    return answer
                await asyncio.sleep(self.chance.uniform(0.2, 0.6))

    async def _post(
        self, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response | None:
        try:
            return await self.http.post(path, json=body, headers=headers)
        except httpx.TransportError:
            return None

    def _tries(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        until = loop.time() + GIVE_UP
        while loop.time() < until:
            yield None


def _said(answer: httpx.Response | None) -> str:
    return "no answer" if answer is None else f"{answer.status_code} {answer.text[:300]}"


async def traffic(
    clients: Clients, kinds: Sequence[Kind], *, rate: float, chance: random.Random
) -> None:
    """Everybody comes, `rate` jobs a second on average; returns when nobody waits for an answer."""
    async with asyncio.TaskGroup() as group:
        for kind in kinds:
            group.create_task(clients.want(kind))
            await asyncio.sleep(chance.expovariate(rate) * kind.jobs)
