"""`generate`, `batch`, `watch`, `retry`, `cancel`: jobs from submission to their end."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from atelier_cli.app import command
from atelier_cli.asking import YesOption, agree, each
from atelier_cli.entries import read_entries, read_prompt
from atelier_cli.failures import Exit
from atelier_cli.following import excuse, follow
from atelier_cli.options import Picture
from atelier_cli.plan import dry_run_table
from atelier_cli.render import jobs_table, warned
from atelier_cli.saving import prepare, save_all
from atelier_cli.session import Session
from atelier_cli.text import counted, printable, words
from atelier_client import ApiError, DryRun, Job

_MISSING = 404

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be drawn by whom and cost; queue nothing.")
]
WatchOption = Annotated[bool, typer.Option("--watch", help="Stay until it is done.")]
FolderOption = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="DIR", help="Stay, and download the pictures there."),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        metavar="KEY",
        show_default=False,
        help="The key of an earlier try: the same job, not a second one.",
    ),
]


def register(app: typer.Typer) -> None:
    """Adds these commands to `app`."""
    for name, function in (
        ("generate", generate),
        ("batch", batch),
        ("watch", watch),
        ("retry", retry),
        ("cancel", cancel),
    ):
        command(app, name)(function)


def generate(
    session: Session,
    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="What to draw; - reads it from standard input.")
    ],
    picture: Picture,
    *,
    watch: WatchOption = False,
    output: FolderOption = None,
    dry_run: DryRunOption = False,
    idempotency_key: KeyOption = None,
) -> int:
    """Draw one prompt. Prints the job's id, or with -o the paths of the pictures.

    In a terminal --watch shows bars and then a table instead.
    """
    parameters = picture.parameters()
    prompt = read_prompt(prompt, sys.stdin.buffer)
    if dry_run:
        return _plan(session, session.client.dry_run(prompt, **parameters))
    prepare(output)
    job = session.client.generate(prompt, idempotency_key=idempotency_key, **parameters)
    return _after(session, job, watching=watch, output=output)


def batch(
    session: Session,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="A line of a .txt is a prompt, of a .jsonl an entry; - is stdin."
        ),
    ],
    picture: Picture,
    *,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Read JSON lines, whatever the name.")
    ] = False,
    watch: WatchOption = False,
    output: FolderOption = None,
    dry_run: DryRunOption = False,
    idempotency_key: KeyOption = None,
) -> int:
    """Draw many prompts, all or none accepted. Prints the batch's id, else like generate."""
    parameters = picture.parameters()
    source = read_entries(file, sys.stdin.buffer, jsonl=jsonl)
    with source.named():
        prompts = source.entries
        if dry_run:
            return _plan(session, session.client.dry_run(prompts, **parameters))
        prepare(output)
        accepted = session.client.batch(prompts, idempotency_key=idempotency_key, **parameters)
    if watch or output:
        ids = [accepted.id]
        return _stay(session, ids, expect=accepted.size, envelopes=watch, output=output, new=True)
    if session.json:
        session.data(accepted.raw)
    else:
        session.line(accepted.id)
        session.note(f"{counted(accepted.size, 'job')} queued. {_hint(session, [accepted.id])}")
    return Exit.FINE


def watch(
    session: Session,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Jobs or batches.")],
    *,
    output: FolderOption = None,
) -> int:
    """Follow jobs or batches until all are done; into a pipe, prints id and status of each."""
    prepare(output)
    expect = 0
    for identifier in ids:
        job = _job_or_none(session, identifier)
        expect += 1 if job else session.client.get_batch(identifier).size
    return _stay(session, ids, expect=expect, envelopes=True, output=output)


def retry(
    session: Session,
    id: Annotated[str, typer.Argument(metavar="ID", help="A job that is done.")],  # noqa: A002
    *,
    watch: WatchOption = False,
    output: FolderOption = None,
    idempotency_key: KeyOption = None,
) -> int:
    """Submit a job's request again, as a new job. Prints like generate."""
    prepare(output)
    job = session.client.retry(id, idempotency_key=idempotency_key)
    return _after(session, job, watching=watch, output=output)


def cancel(
    session: Session,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Jobs or batches.")],
    *,
    yes: YesOption = False,
) -> int:
    """Cancel what is not done yet."""
    what = "1 job or batch" if len(set(ids)) == 1 else f"{len(set(ids)):,} jobs or batches"
    agree(session, f"Cancel {what}?", yes=yes)

    def one(identifier: str) -> None:
        job = _job_or_none(session, identifier)
        if job:
            ended: Any = session.client.cancel(identifier)
        else:
            ended = session.client.cancel_batch(identifier)
        if session.json:
            session.event(ended.raw)
        else:
            session.line(f"{ended.id} {ended.status}")

    return each(session, ids, one)


def _after(session: Session, job: Job, *, watching: bool, output: Path | None) -> int:
    if watching or output:
        return _stay(session, [job.id], expect=1, envelopes=watching, output=output, new=True)
    if session.json:
        session.data(job.raw)
    else:
        session.line(job.id)
        for warning in job.warnings:
            session.note(f"Warning: {printable(warned(warning))}")
        session.note(f"{words(job.status).capitalize()}. {_hint(session, [job.id])}")
    return Exit.FINE


def _stay(
    session: Session,
    ids: Sequence[str],
    *,
    expect: int,
    envelopes: bool,
    output: Path | None,
    new: bool = False,
) -> int:
    """Until all are done; then the pictures into `output`, or a table or lines about the jobs.

    `new`: the only id was made just now; whoever captures it has it before the watching begins.
    """
    plain = not (output or session.json or session.tables)
    again = _hint(session, ids)
    try:
        if plain and new:
            session.line(ids[0])
        envelopes = envelopes and session.json
        jobs = follow(session, ids, expect=expect, envelopes=envelopes, again=again)
    except KeyboardInterrupt:
        runs = "The job runs on." if expect == 1 else "The jobs run on."
        session.note(f"{runs} {again}", always=True)
        return Exit.INTERRUPTED
    if session.json:
        for job in () if envelopes else jobs:
            session.event({"event": "job.updated", "data": job.raw})
    else:
        if session.tables and not output:
            session.show(jobs_table(jobs, now=session.now))
        for job in jobs if plain and not new else ():
            session.line(f"{job.id} {job.status}")
        excuse(session, jobs)
    worst = Exit.FINE if all(j.status == "succeeded" for j in jobs) else Exit.NOT_SUCCEEDED
    images = [image for job in jobs for image in job.images]
    if output:
        return max(save_all(session, images, output), worst)
    if images and not session.json and len(ids) == 1:
        kind = "--job" if ids[0] == jobs[0].id else "--batch"
        session.note(f"Download: {session.command('images', 'download', kind, *ids)}")
    return worst


def _plan(session: Session, plan: DryRun) -> int:
    if session.json:
        session.data(plan.raw)
    else:
        session.show(dry_run_table(plan))
    return Exit.FINE


def _hint(session: Session, ids: Sequence[str]) -> str:
    return f"Watch it: {session.command('watch', *ids)}"


def _job_or_none(session: Session, identifier: str) -> Job | None:
    try:
        return session.client.get_job(identifier)
    except ApiError as failure:
        if failure.status != _MISSING:
            raise
        return None
