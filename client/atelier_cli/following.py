"""Watching jobs from a terminal: bars on standard error, envelopes on standard output."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from atelier_cli.session import Session
from atelier_cli.text import counted, printable, words
from atelier_client import AtelierError, Job

_BARS = 10  # beyond, one bar for all
_STEPS = 10  # lines that a long batch writes where no bar can move


class Board(Protocol):
    """Shows the newest state of each job as it comes."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def show(self, job: Job) -> None: ...


def follow(
    session: Session, ids: Sequence[str], *, expect: int, envelopes: bool, again: str
) -> list[Job]:
    """The jobs behind `ids`, done, in the order they were first heard of.

    `expect` is how many there will be. With `envelopes` each live message is a line of data.
    `again` is said when the server was lost: nobody may have seen an id yet.
    """
    jobs: dict[str, Job] = {}
    try:
        with _board(session, expect) as board:
            for update in session.client.updates(*ids):
                jobs[update.job.id] = update.job
                if envelopes:
                    session.event(update.message)
                board.show(update.job)
    except AtelierError:
        if not session.json:
            session.note(again, always=True)
        raise
    return sorted(jobs.values(), key=lambda job: job.batch.index if job.batch else 0)


def excuse(session: Session, jobs: Sequence[Job]) -> None:
    """Why some did not succeed: said also when quiet, for it is why the status is not 0."""
    for job in jobs:
        if job.status != "succeeded":
            reason = f": {job.error.detail} ({job.error.code})" if job.error else ""
            session.note(printable(f"Job {job.id} {words(job.status)}{reason}"), always=True)


def _board(session: Session, expect: int) -> Board:
    if session.quiet or session.json:
        return Silent()
    return Bars(session.err, expect) if session.bars else Lines(session, expect)


class Silent:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, job: Job) -> None:
        """Nothing to see."""


class Lines(Silent):
    """A line for each new status, or for each tenth of many jobs."""

    def __init__(self, session: Session, expect: int) -> None:
        self._session = session
        self._expect = expect
        self._known: dict[str, str] = {}
        self._done: set[str] = set()

    def show(self, job: Job) -> None:
        """A line if it is news."""
        if self._expect <= _BARS:
            if self._known.get(job.id) != job.status:
                self._session.note(f"{job.id} {words(job.status)}")
            self._known[job.id] = job.status
        elif job.done and job.id not in self._done:
            self._done.add(job.id)
            done, step = len(self._done), max(1, self._expect // _STEPS)
            if done % step == 0 or done == self._expect:
                self._session.note(f"{done} of {counted(self._expect, 'job')} done")


class Bars(Silent):
    """A bar for each job, or one for all of many."""

    def __init__(self, console: Console, expect: int) -> None:
        self._expect = expect
        self._progress = Progress(
            TextColumn(
                "{task.description}",
                markup=False,
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[state]}", markup=False, table_column=Column(no_wrap=True)),
            TimeElapsedColumn(),
            console=console,
            expand=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._jobs: dict[str, Job] = {}
        self._overall: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        if self._expect > _BARS:
            name = counted(self._expect, "job")
            self._overall = self._progress.add_task(name, total=self._expect, state="")
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, job: Job) -> None:
        """The bar of the job, or of all."""
        self._jobs[job.id] = job
        if self._overall is not None:
            done = sum(j.completion for j in self._jobs.values())
            self._progress.update(self._overall, completed=done, state=_tally(self._jobs.values()))
            return
        task = self._tasks.get(job.id)
        if task is None:
            prompt = printable(job.prompt)
            task = self._tasks[job.id] = self._progress.add_task(prompt, total=1.0, state="")
        self._progress.update(task, completed=_filled(job), state=words(job.status))
        if job.done:
            self._progress.stop_task(task)


def _filled(job: Job) -> float:
    """How far the bar goes: a job that ended badly has not come further for it."""
    return job.progress if job.done and job.status != "succeeded" else job.completion


def _tally(jobs: Any) -> str:
    ended = [job.status for job in jobs if job.done]
    good = ended.count("succeeded")
    return f"{len(ended)} done" + (f", {len(ended) - good} not well" if good < len(ended) else "")
