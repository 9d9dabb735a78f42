"""`jobs` and `images`: what there is."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from atelier_cli.app import Listing, command, make
from atelier_cli.asking import YesOption, agree, each
from atelier_cli.failures import Exit, InputError
from atelier_cli.render import image_sheet, images_table, job_sheet, jobs_table
from atelier_cli.saving import save_all
from atelier_cli.session import Session
from atelier_cli.text import counted
from atelier_client import Image

Several = list[str] | None
LimitOption = Annotated[
    int, typer.Option("--limit", metavar="N", min=0, help="At most so many; 0 is all.")
]
TagOption = Annotated[
    Several, typer.Option("--tag", metavar="TAG", help="With any of these.", show_default=False)
]
ModelOption = Annotated[
    Several, typer.Option("--model", metavar="MODEL", help="By any of these.", show_default=False)
]
BatchOption = Annotated[
    str | None, typer.Option("--batch", metavar="ID", help="Of this batch.", show_default=False)
]
JobOption = Annotated[
    str | None, typer.Option("--job", metavar="ID", help="Of this job.", show_default=False)
]
ImageIds = Annotated[list[str], typer.Argument(metavar="ID...", help="Images.")]


def register(app: typer.Typer) -> None:
    """Adds these commands to `app`."""
    jobs = make("jobs", cls=Listing, help="List jobs, or show one.")
    command(jobs, "list")(list_jobs)
    command(jobs, "show")(show_job)
    images = make("images", cls=Listing, help="List, show, download, delete and restore images.")
    for name, function in (
        ("list", list_images),
        ("show", show_image),
        ("download", download),
        ("delete", delete),
        ("restore", restore),
    ):
        command(images, name)(function)
    app.add_typer(jobs)
    app.add_typer(images)


def list_jobs(
    session: Session,
    *,
    status: Annotated[
        Several,
        typer.Option("--status", metavar="STATUS", help="In any of these.", show_default=False),
    ] = None,
    tag: TagOption = None,
    model: ModelOption = None,
    batch: BatchOption = None,
    limit: LimitOption = 50,
) -> None:
    """The newest jobs."""
    found = session.client.jobs(
        limit=limit or None, status=status, tag=tag, model=model, batch=batch
    )
    jobs = list(found)
    _list(session, jobs, jobs_table(jobs, now=session.now), nothing="No jobs.")


def show_job(
    session: Session,
    id: Annotated[str, typer.Argument(metavar="ID", help="A job.")],  # noqa: A002 - its name
) -> None:
    """All about one job."""
    job = session.client.get_job(id)
    if session.json:
        session.data(job.raw)
    else:
        session.show(job_sheet(job))


def list_images(
    session: Session,
    *,
    query: Annotated[
        str | None,
        typer.Option("-q", "--query", metavar="WORDS", help="In the prompt.", show_default=False),
    ] = None,
    tag: TagOption = None,
    model: ModelOption = None,
    job: JobOption = None,
    batch: BatchOption = None,
    trashed: Annotated[bool, typer.Option("--trashed", help="Those in the trash.")] = False,
    limit: LimitOption = 50,
) -> None:
    """The newest images."""
    found = session.client.images(
        limit=limit or None,
        q=query,
        tag=tag,
        model=model,
        job=job,
        batch=batch,
        trashed=trashed or None,
    )
    images = list(found)
    _list(session, images, images_table(images, now=session.now), nothing="No images.")


def show_image(
    session: Session,
    id: Annotated[str, typer.Argument(metavar="ID", help="An image.")],  # noqa: A002 - its name
) -> None:
    """All about one image."""
    image = session.client.get_image(id)
    if session.json:
        session.data(image.raw)
    else:
        session.show(image_sheet(image))


def download(
    session: Session,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID...]", help="Images.", show_default=False)
    ] = None,
    *,
    job: JobOption = None,
    batch: BatchOption = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Where to.")
    ] = Path(),
) -> int:
    """Download images, a job's or a batch's. Prints the paths; overwrites nothing."""
    if bool(ids) + bool(job) + bool(batch) != 1:
        raise InputError("Name images, or one --job, or one --batch.")
    images: list[Image] = []
    worst = Exit.FINE
    if ids:
        worst = each(session, ids, lambda one: images.append(session.client.get_image(one)))
    elif job:
        images += session.client.get_job(job).images
    elif batch:
        session.client.get_batch(batch)
        images += session.client.images(batch=batch, order="asc")
    if not images and worst == Exit.FINE:
        session.note("There is nothing to download.")
    return max(worst, save_all(session, images, output))


def delete(
    session: Session,
    ids: ImageIds,
    *,
    permanent: Annotated[
        bool, typer.Option("--permanent", help="For good, past the trash.")
    ] = False,
    yes: YesOption = False,
) -> int:
    """Move images to the trash."""
    what = counted(len(dict.fromkeys(ids)), "image")
    question = f"Delete {what} for good?" if permanent else f"Move {what} to the trash?"
    agree(session, question, yes=yes)

    def one(identifier: str) -> None:
        if permanent:
            session.client.purge_image(identifier)
            _said(session, {"id": identifier, "deleted": True}, f"{identifier} deleted")
        else:
            image = session.client.delete_image(identifier)
            _said(session, image.raw, f"{image.id} in the trash")

    return each(session, ids, one)


def restore(session: Session, ids: ImageIds) -> int:
    """Take images out of the trash."""

    def one(identifier: str) -> None:
        image = session.client.restore_image(identifier)
        _said(session, image.raw, f"{image.id} restored")

    return each(session, ids, one)


def _said(session: Session, raw: dict[str, Any], text: str) -> None:
    if session.json:
        session.event(raw)
    else:
        session.line(text)


def _list(session: Session, found: Iterable[Any], table: RenderableType, *, nothing: str) -> None:
    if session.json:
        session.data({"object": "list", "items": [one.raw for one in found]})
    elif found:
        session.show(table)
    else:
        session.note(nothing)
