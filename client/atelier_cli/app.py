"""The commands' frame: one place where options are merged and failures become exit statuses."""

import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

from atelier_cli.failures import Exit, InputError, status_of
from atelier_cli.options import Common, flattened
from atelier_cli.session import Session
from atelier_client import AtelierError

Command = Callable[..., int | None]

_WITH_VALUE = ("--url", "--api-key")
_ALONE = ("--json", "--quiet")


class Listing(TyperGroup):
    """A group whose `list` may be left out, and whose name may be followed by common options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments with the command first."""
        before = 0
        while before < len(args) and args[before].split("=")[0] in (*_WITH_VALUE, *_ALONE):
            before += 2 if args[before] in _WITH_VALUE else 1
        command = args[before : before + 1]
        if command and not command[0].startswith("-"):
            args = [*command, *args[:before], *args[before + 1 :]]
        elif command in (["--help"], ["-h"]):
            args = command
        else:
            args = ["list", *args]
        return super().parse_args(ctx, args)


def make(
    name: str | None = None, *, cls: type[TyperGroup] | None = None, **more: Any
) -> typer.Typer:
    """A Typer of our kind."""
    return typer.Typer(
        name=name,
        cls=cls,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
        **more,
    )


def command(app: typer.Typer, name: str) -> Callable[[Command], Command]:
    """Registers a function of `session` and options as a command of `app`.

    The function may raise what the client raises, OSError and InputError; what it returns is the
    exit status, None is 0.
    """

    def register(function: Command) -> Command:
        def run(context: typer.Context, common: Common, **values: Any) -> int:
            before = context.find_object(Common)
            with Session(common.over(before)) as session:
                try:
                    return function(session, **values) or Exit.FINE
                except BrokenPipeError:  # the reader has seen enough, as in `| head`
                    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                    return Exit.FINE
                except (AtelierError, InputError, OSError, ValueError) as failure:
                    session.fail(failure)
                    return status_of(failure)

        app.command(name)(flattened(_as_seen(function, run)))
        return function

    return register


def _as_seen(function: Command, run: Callable[..., int]) -> Callable[..., int]:
    """`run` with the options of `function` instead of the session, and the common ones last."""
    hints = {k: v for k, v in function.__annotations__.items() if k not in ("session", "return")}
    own = [p for n, p in inspect.signature(function).parameters.items() if n != "session"]
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("context", keyword, annotation=typer.Context),
        *(p.replace(kind=keyword) for p in own),
        inspect.Parameter("common", keyword, annotation=Common),
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # see flattened
    run.__annotations__ = {"context": typer.Context, **hints, "common": Common}
    run.__name__, run.__doc__ = function.__name__, function.__doc__
    return run
