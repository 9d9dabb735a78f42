"""Downloading many pictures: the rest goes on when one fails."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from atelier_cli.failures import Exit, InputError, status_of
from atelier_cli.session import Session
from atelier_cli.text import printable
from atelier_client import ApiError, Image, Unreachable


def prepare(directory: Path | None) -> None:
    """Makes the folder, if there is to be one, and sees that it takes files: before it is paid for.

    Raises InputError, or OSError saying why it cannot be made.
    """
    if directory is None:
        return
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{directory} is a file, not a folder.")
    directory.mkdir(parents=True, exist_ok=True)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise InputError(f"{directory} cannot be written to.")


def save_all(session: Session, images: Sequence[Image], directory: Path) -> Exit:
    """Saves them; prints each path (with --json an `image.saved` envelope) as it is there."""
    worst = Exit.FINE
    if images:
        prepare(directory)
    progress = Progress(
        TextColumn("Downloading"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        console=session.err,
        transient=True,
        disable=session.quiet or session.json or not session.bars,
        redirect_stdout=False,  # it would send the paths to standard error
    )
    with progress:
        bar = progress.add_task("", total=len(images))
        for image in images:
            try:
                path = image.save(directory)
            except (ApiError, Unreachable) as failure:
                session.fail(failure, about=image.id)
                worst = max(worst, status_of(failure))
                continue
            finally:
                progress.update(bar, advance=1, refresh=True)
            if session.json:
                data = {"id": image.id, "job_id": image.job_id, "path": str(path)}
                session.event({"event": "image.saved", "data": data})
            elif sys.stdout.isatty() and not progress.disable:
                # One terminal for both: only the bar's console can write above the bar.
                session.err.print(printable(path), soft_wrap=True)
            else:
                session.line(path)
    return worst
