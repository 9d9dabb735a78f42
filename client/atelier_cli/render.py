"""Resources as tables and sheets. Ids are whole, so that they can be pasted; prompts give way."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from atelier_cli.text import age, duration, printable, size
from atelier_client import Image, Job
from atelier_client.values import Attempt, ImageData, Money, Warned

_LEAST = 8  # columns of a prompt: all fits into 80 beside the longest status
_SENTENCE = 12  # columns of a text that goes on below

_STYLES = {
    "succeeded": "green",
    "partially_succeeded": "yellow",
    "running": "cyan",
    "retrying": "cyan",
    "failed": "red",
    "blocked": "red",
    "expired": "red",
    "canceled": "dim",
}


def jobs_table(jobs: Iterable[Job], *, now: datetime) -> RenderableType:
    """Jobs, a line each."""
    rows = (
        (
            cell(job.id),
            status(job.status),
            f"{len(job.images)}/{job.n}",
            age(job.created_at, now=now),
            cell(job.prompt),
        )
        for job in jobs
    )
    return table("ID", "STATUS", ">IMAGES", ">AGE", "PROMPT", rows=rows)


def images_table(images: Iterable[ImageData], *, now: datetime) -> RenderableType:
    """Images, a line each."""
    rows = (
        (
            cell(image.id),
            f"{image.width}x{image.height}",
            size(image.bytes),
            age(image.created_at, now=now),
            cell(image.prompt or ""),
        )
        for image in images
    )
    return table("ID", ">SIZE", ">FILE", ">AGE", "PROMPT", rows=rows)


def job_sheet(job: Job) -> RenderableType:
    """All there is to know about a job."""
    sheet = _sheet()
    _add(sheet, "Job", job.id)
    sheet.add_row("Status", status(job.status))
    _add(sheet, "Batch", _batch(job))
    _add(sheet, "Retry of", job.retried_from)
    _add(sheet, "Prompt", job.prompt)
    if job.prompt_as_sent != job.prompt:
        _add(sheet, "As sent", job.prompt_as_sent)
    _add(sheet, "Request", _others(job.request))
    _add(sheet, "Drawn by", job.model if job.images else None)
    _add(sheet, "Images", f"{len(job.images)} of {job.n}")
    _add(sheet, "Cost", money(job.cost) if job.done else None)
    _add(sheet, "Tags", ", ".join(job.tags))
    _add(sheet, "Created", _time(job.created_at))
    if job.finished_at:
        took = (job.finished_at - job.created_at).total_seconds()
        _add(sheet, "Finished", f"{_time(job.finished_at)}, after {duration(took)}")
    if job.error:
        _add(sheet, "Error", f"{job.error.detail} ({job.error.code})")
    for warning in job.warnings:
        _add(sheet, "Warning", warned(warning))
    parts: list[RenderableType] = [sheet]
    if job.images:
        parts += ["", _results(job.images)]
    if job.attempts:
        parts += ["", _attempts(job)]
    return Group(*parts)


def image_sheet(image: Image) -> RenderableType:
    """All there is to know about an image."""
    sheet = _sheet()
    _add(sheet, "Image", image.id)
    _add(sheet, "Job", f"{image.job_id}, image {image.index}")
    _add(sheet, "Prompt", image.prompt)
    _add(sheet, "Drawn by", image.model)
    _add(sheet, "Seed", image.seed)
    kind = f"{image.content_type}, {image.width}x{image.height}, {size(image.bytes)}"
    _add(sheet, "Picture", kind)
    _add(sheet, "Tags", ", ".join(image.tags))
    _add(sheet, "Created", _time(image.created_at))
    _add(sheet, "In the trash", _time(image.trashed_at) if image.trashed_at else None)
    _add(sheet, "Error", image.error)
    _add(sheet, "SHA-256", image.sha256)
    return sheet


def money(amount: Money) -> str:
    """An amount with its currency; unknown is never shown as zero."""
    if amount.amount is None:
        return "unknown"
    about = "about " if amount.status == "estimated" else ""
    return f"{about}{amount.amount:f} {amount.currency}" if amount.amount else "nothing"


def warned(warning: Warned) -> str:
    """What is not honoured, and the parameter that it is about."""
    name = warning.pointer.removeprefix("/")
    return f"{name}: {warning.detail}" if name else warning.detail


def status(name: str) -> Text:
    return Text(printable(name), style=_STYLES.get(name, ""))


def cell(value: object) -> Text:
    """Text as it is: neither markup nor control characters mean anything."""
    return Text(printable(value))


def table(*names: str, rows: Iterable[Sequence[str | Text]], wraps: bool = False) -> Table:
    """Columns that never wrap; only the last one is cut, the ids never. `>`: to the right.

    `wraps`: what does not fit into the last column goes on below, for sentences.
    """
    cells = [[Text(c) if isinstance(c, str) else c for c in row] for row in rows]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, name in enumerate(names):
        title, last = name.removeprefix(">"), index == len(names) - 1
        widest = max((row[index].cell_len for row in cells), default=0)
        table.add_column(
            title,
            justify="right" if name.startswith(">") else "left",
            no_wrap=not last,  # Rich narrows only what may wrap
            min_width=min(widest, _SENTENCE if wraps else _LEAST)
            if last
            else max(len(title), widest),
        )
    for row in cells:
        if not wraps:
            row[-1].no_wrap, row[-1].overflow = True, "ellipsis"
        table.add_row(*row)
    return table


def _sheet() -> Table:
    sheet = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    sheet.add_column(style="dim", no_wrap=True)
    sheet.add_column(overflow="fold")
    return sheet


def _add(sheet: Table, name: str, value: object) -> None:
    if value not in (None, ""):
        label = sheet.columns[0]
        label.min_width = max(label.min_width or 0, len(name))  # Rich counts its longest word only
        sheet.add_row(name, Text(printable(value, lines=True)))


def _results(images: Sequence[ImageData]) -> Table:
    rows = (
        (
            cell(image.id),
            f"{image.width}x{image.height}",
            size(image.bytes),
            cell("-" if image.seed is None else image.seed),
        )
        for image in images
    )
    return table("ID", ">SIZE", ">FILE", ">SEED", rows=rows)


def _attempts(job: Job) -> Table:
    sheet = _sheet()
    for number, attempt in enumerate(job.attempts, 1):
        sheet.add_row(f"Attempt {number}", _attempt(attempt))
    return sheet


def _attempt(attempt: Attempt) -> Text:
    """Who was asked and what became of it; when, and at what price; why, in the vendor's terms."""
    facts = [f"at {_time(attempt.started_at)}"] if attempt.started_at else []
    if attempt.started_at and attempt.finished_at:
        took = (attempt.finished_at - attempt.started_at).total_seconds()
        facts.append(f"took {duration(took)}")
    if attempt.http_status:
        facts.append(f"HTTP {attempt.http_status}")
    facts.append(f"cost {money(attempt.cost)}")
    lines = [Text.assemble(printable(attempt.model), " ", status(attempt.outcome))]
    lines.append(Text(", ".join(facts)))
    if attempt.error:
        lines.append(cell(f"{attempt.error.detail} ({attempt.error.code})"))
    if attempt.provider_request_id:
        lines.append(cell(f"request {attempt.provider_request_id}"))
    return Text("\n").join(lines)


def _others(request: dict[str, Any]) -> str:
    """The parameters besides the prompt, those that were given or filled in."""
    choice = request.get("providers") or {}
    flat = {**request, **{f"providers.{name}": value for name, value in choice.items()}}
    hidden = ("prompt", "providers")
    shown = {k: v for k, v in flat.items() if k not in hidden and v not in (None, [])}
    return ", ".join(f"{name} {_plain(value)}" for name, value in shown.items())


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _batch(job: Job) -> str | None:
    return f"{job.batch.id}, {job.batch.index + 1} of {job.batch.size}" if job.batch else None


def _time(time: datetime) -> str:
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S")
