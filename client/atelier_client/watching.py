"""Watching jobs to their end: by server-sent events, else by asking.

Where no stream can be had at all (a proxy that buffers, a server without it) the truth is polled
instead; whoever watches sees the same updates, only later.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from atelier_client import requests
from atelier_client.effects import Call, Emit, Flow, Pause
from atelier_client.flows import PAGE, ask, locate
from atelier_client.live import LiveState, Message, Resource, reduce
from atelier_client.requests import HOLD, segment
from atelier_client.retry import ON_THE_WAY, Retry
from atelier_client.stream import Feed

TOPICS = 20  # of one stream, at most


@dataclass(frozen=True)
class Change:
    """A message about a watched job, the job after it, and the fractions of its running calls."""

    message: dict[str, Any]
    job: Resource
    fractions: Mapping[int, float]


class Board:
    """What is watched and what is known of it."""

    def __init__(self, targets: Iterable[Resource]) -> None:
        targets = list(targets)
        self.state = LiveState()
        self.ids = {t["id"] for t in targets if t.get("object") != "batch"}
        self.batches = {t["id"]: int(t["size"]) for t in targets if t.get("object") == "batch"}

    @property
    def topics(self) -> tuple[str, ...]:
        topics = [f"batch:{b}" for b in self.batches] + [f"job:{j}" for j in sorted(self.ids)]
        return tuple(topics) if len(topics) <= TOPICS else ("me",)

    @property
    def open_jobs(self) -> list[str]:
        """The jobs watched for themselves that are not known to be done."""
        return [j for j in sorted(self.ids) if not self.state.jobs.get(j, {}).get("done")]

    @property
    def open_batches(self) -> list[str]:
        ended = [_batch_of(job) for job in self.state.jobs.values() if job.get("done")]
        return [b for b, size in self.batches.items() if ended.count(b) < size]

    @property
    def finished(self) -> bool:
        return not self.open_jobs and not self.open_batches

    def take(self, message: Message) -> Change | None:
        """The change that `message` makes to a watched job, if any."""
        event, data = message.get("event"), message.get("data")
        if not isinstance(data, Mapping) or event not in ("job.updated", "job.progress"):
            return None  # also resets: what is watched stays of interest
        key = data.get("id" if event == "job.updated" else "job_id")
        before = self.state.jobs.get(str(key))
        if before is None and (event == "job.progress" or not self._watched(data)):
            return None
        after = reduce(self.state, [message])
        if after is self.state:
            return None
        same = after.jobs == self.state.jobs and after.progress == self.state.progress
        self.state = after
        if same:
            return None
        shown = {"event": event, "data": dict(data)}
        return Change(shown, after.jobs[str(key)], after.progress.get(str(key), {}))

    def _watched(self, job: Resource) -> bool:
        return job.get("id") in self.ids or _batch_of(job) in self.batches


def watch(identifiers: Iterable[str], retry: Retry = ON_THE_WAY) -> Flow[None]:
    """Emits a `Change` for all that happens to these jobs (or batches) until all are done.

    Each job's newest state comes first. Raises ApiError for an unknown id.
    """
    targets: list[Resource] = []
    for identifier in dict.fromkeys(identifiers):
        found = yield from locate(identifier)
        targets.append(found)
    board = Board(targets)
    for target in targets:
        if target.get("object") != "batch":
            yield from _tell(board, _updated(target))
    yield from _reread(board, jobs=False)
    feed: Feed | None = Feed(board.topics, retry)
    reset = False
    while not board.finished:
        message = (yield from feed.next()) if feed else None
        if message is None:
            feed = None
            yield from _poll(board)
            continue
        yield from _tell(board, message)
        if message.get("event") == "snapshot.started":
            data = message.get("data")
            reset = bool(data.get("reset")) if isinstance(data, Mapping) else False
        elif message.get("event") == "snapshot.complete" and reset:
            yield from _reread(board, jobs=True)  # what ended before the snapshot's memory


def _tell(board: Board, message: Message) -> Flow[None]:
    change = board.take(message)
    if change:
        yield Emit(change)


def _poll(board: Board) -> Flow[None]:
    """One look at what is not done, held by the server where it can."""
    if len(board.open_jobs) == 1 and not board.open_batches:
        [identifier] = board.open_jobs
        version = board.state.jobs[identifier]["version"]
        call = requests.poll_job(identifier, wait=HOLD, after_version=version)
        job = yield from ask(call, ON_THE_WAY)
        yield from _tell(board, _updated(job))
        held = job.get("version") != version
    else:
        yield from _reread(board, jobs=True)
        held = False
    if not held and not board.finished:
        yield Pause(1.0)


def _reread(board: Board, *, jobs: bool) -> Flow[None]:
    """The truth about what is not done, read anew."""
    for identifier in board.open_jobs if jobs else ():
        job = yield from ask(Call("GET", f"/v1/jobs/{segment(identifier)}"), ON_THE_WAY)
        yield from _tell(board, _updated(job))
    for batch in board.open_batches:
        query = requests.filters(batch=batch, order="asc", limit=PAGE)
        cursor: str | None = None
        while True:
            more = requests.filters(cursor=cursor)
            page = yield from ask(Call("GET", "/v1/jobs", query=query + more), ON_THE_WAY)
            for job in page.get("items", ()):
                yield from _tell(board, _updated(job))
            cursor = page.get("next_cursor")
            if not cursor:
                break


def _updated(job: Resource) -> Message:
    return {"event": "job.updated", "data": job}


def _batch_of(job: Resource) -> str | None:
    batch = job.get("batch")
    return batch.get("id") if isinstance(batch, Mapping) else None
