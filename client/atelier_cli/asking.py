"""Commands on several ids: asked about once, done one by one."""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from atelier_cli.failures import Exit, InputError, status_of
from atelier_cli.session import Session
from atelier_client import AtelierError

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def agree(session: Session, question: str, *, yes: bool) -> None:
    """Asks; raises InputError if nobody is there to say yes, typer.Exit if they say no."""
    if yes:
        return
    if not session.interactive():
        raise InputError(f"{question} Nobody can be asked here; add --yes.")
    if not typer.confirm(question, err=True):
        session.note("Nothing was done.")
        raise typer.Exit(Exit.REFUSED)


def each(session: Session, ids: Sequence[str], act: Callable[[str], None]) -> Exit:
    """Does it to each, whatever happens to the others; the worst status of all."""
    worst = Exit.FINE
    for identifier in dict.fromkeys(ids):
        try:
            act(identifier)
        except AtelierError as failure:
            session.fail(failure, about=identifier)
            worst = max(worst, status_of(failure))
    return worst
