"""The command `atelier`."""

import json
import os
import sys
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from atelier_cli import browsing, drawing, vendors
from atelier_cli.app import command, make
from atelier_cli.failures import Exit, InputError, installed, problem_of, sentence, usage
from atelier_cli.options import Common, flattened
from atelier_cli.session import Session, console


def build() -> typer.Typer:
    """All commands."""
    app = make(help="Text to image, self-hosted: start the platform, draw, and find it again.")

    def root(
        context: typer.Context,
        common: Common,
        show_version: Annotated[
            bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)
        ] = False,
    ) -> None:
        context.obj = common
        if show_version:
            sys.stdout.write(f"atelier {_version()}\n")
            raise typer.Exit
        if context.invoked_subcommand is None:
            sys.stdout.write(f"{context.get_help()}\n")
            raise typer.Exit(Exit.USAGE)

    app.callback(invoke_without_command=True)(flattened(root))
    command(app, "up")(up)
    drawing.register(app)
    browsing.register(app)
    vendors.register(app)
    command(app, "version")(show)
    return app


def up(
    session: Session,  # noqa: ARG001 - every command has one
    *,
    host: Annotated[
        str | None,
        typer.Option("--host", metavar="HOST", help="ATELIER_HOST; 127.0.0.1.", show_default=False),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="PORT",
            min=0,
            max=65535,
            help="ATELIER_PORT; 8080.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="DIR", help="Its folder (ATELIER_DATA; ./data).", show_default=False
        ),
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page.")] = False,
) -> int:
    """Run the whole platform in this process, until Ctrl-C."""
    with installed("The platform", extra="embedded"):
        from atelier_embedded.main import up as start  # noqa: PLC0415 - only this needs the extra
    return start(host=host, port=port, data=data, open_browser=open_browser)


def show(session: Session) -> None:
    """Print the version."""
    if session.json:
        session.data({"version": _version()})
    else:
        session.line(f"atelier {_version()}")


def run(args: list[str]) -> int:
    """The exit status of one command line; whatever happens, never a traceback."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started it, as in `>&-`
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - as long as we live
        getattr(sys, name).reconfigure(errors="backslashreplace")
    try:
        return int(build()(args, prog_name="atelier", standalone_mode=False) or 0)
    except typer.TyperException as exc:
        _usage(exc, as_json="--json" in args)
        return Exit.USAGE
    except (typer.Abort, KeyboardInterrupt):
        sys.stderr.write("\n")
        return Exit.INTERRUPTED
    except Exception as exc:  # noqa: BLE001 - the last line of defence of a program for people
        if os.environ.get("ATELIER_LOG_LEVEL", "").lower() == "debug":
            traceback.print_exc()
        console(stderr=True).print(
            f"Error: {sentence(exc)} This is a bug; ATELIER_LOG_LEVEL=debug shows where.",
            soft_wrap=True,
            style="red",
        )
        return Exit.REFUSED


def main() -> None:
    """The entry point."""
    sys.exit(run(sys.argv[1:]))


def _usage(failure: typer.TyperException, *, as_json: bool) -> None:
    problem = InputError(usage(failure))
    if as_json:
        sys.stderr.write(f"{json.dumps(problem_of(problem))}\n")
        return
    context = getattr(failure, "ctx", None)
    path = context.command_path if context else "atelier"
    console(stderr=True).print(
        f"Error: {sentence(problem)}\nSee {path} --help.", soft_wrap=True, style="red"
    )


def _version() -> str:
    try:
        return version("atelier-images")
    except PackageNotFoundError:
        return "0"


if __name__ == "__main__":
    main()
