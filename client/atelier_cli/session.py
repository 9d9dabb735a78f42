"""What a running command works with: a client, and two places to say things."""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import UTC, datetime
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement

from atelier_cli.failures import InputError, problem_of, sentence
from atelier_cli.options import Common
from atelier_cli.text import printable
from atelier_client import Client, Retry, Unreachable
from atelier_client.transport import DEFAULT_URL

_RETRY = Retry(attempts=3)  # somebody sits in front of it: about a second if nobody answers
_PIPE_WIDTH = 160  # columns of a table that nobody's window limits
_BLANKS = re.compile(r" +(\x1b\[0m)?$")  # at the end of a line, coloured or not


class Session:
    """Data goes to standard output, everything else to standard error."""

    def __init__(self, common: Common) -> None:
        self._common = common
        self._stack = ExitStack()
        self.json = common.json
        self.quiet = common.quiet
        self.out = console(stderr=False)
        self.err = console(stderr=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @cached_property
    def client(self) -> Client:
        """Connected as the options and the environment say; raises InputError."""
        settled = self._common.settled(os.environ)
        try:
            client = Client(settled.url or DEFAULT_URL, settled.api_key, retry=_RETRY)
        except ValueError as exc:
            raise InputError(str(exc)) from exc
        return self._stack.enter_context(client)

    @property
    def tables(self) -> bool:
        """Whether data is read by a person: not by a program, a pipe or a file."""
        return sys.stdout.isatty() and not self.quiet and not self.json

    @property
    def bars(self) -> bool:
        """Whether there is a terminal in which a bar can move."""
        return self.err.is_terminal and not self.err.is_dumb_terminal

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def data(self, value: Any) -> None:
        """One JSON document: a line, or indented where a person reads it."""
        self.line(json.dumps(value, indent=2 if self.out.is_terminal else None))

    def event(self, message: Any) -> None:
        """One envelope of a stream: always one line."""
        self.line(json.dumps(message))

    def line(self, text: object) -> None:
        """A line of data, as it is but for what a terminal would obey."""
        sys.stdout.write(f"{printable(text, lines=True)}\n")
        sys.stdout.flush()

    def show(self, renderable: RenderableType) -> None:
        """A table or text as data."""
        sys.stdout.write("".join(f"{line}\n" for line in lines_of(renderable, self.out)))
        sys.stdout.flush()

    def note(self, text: str, *, always: bool = False) -> None:
        """Something for the person in front of it; `always`: who asked for quiet needs it too."""
        if always or not self.quiet:
            self.err.print(printable(text, lines=True), soft_wrap=True)

    def waiting(self, text: str) -> AbstractContextManager[object]:
        """Shows the person in front of it that something goes on."""
        if self.quiet or not self.err.is_terminal:
            return nullcontext()
        return self.err.status(printable(text))

    def fail(self, failure: Exception, *, about: str | None = None) -> None:
        """Says what went wrong, and with which of several ids."""
        if self.json:
            subject = {} if about is None else {"id": about}
            sys.stderr.write(f"{json.dumps({**subject, **problem_of(failure)})}\n")
            return
        subject_text = "" if about is None else f"{printable(about)}: "
        self.err.print(f"Error: {subject_text}{sentence(failure)}", soft_wrap=True, style="red")
        if isinstance(failure, Unreachable) and not failure.sent:
            self.note("Is it running? `atelier up` starts one here; --url names another.")

    def interactive(self) -> bool:
        """Whether somebody can be asked."""
        return sys.stdin.isatty() and self.err.is_terminal

    def command(self, *words: str) -> str:
        """A command line that talks to the same server, to be pasted."""
        where = ("--url", self._common.url) if self._common.url else ()
        return " ".join(("atelier", *words, *where))


def lines_of(renderable: RenderableType, console: Console) -> Iterator[str]:
    """What `console` would print: no part narrower than its ids, no blanks on the right."""
    parts = renderable.renderables if isinstance(renderable, Group) else (renderable,)
    window, roomy = console.width, console.options.update(width=_PIPE_WIDTH)
    for part in parts:
        # Wider than the window means that it wraps, and an id can be pasted all the same.
        console.width = max(window, Measurement.get(console, roomy, part).minimum)
        with console.capture() as captured:
            console.print(part, crop=False)
        console.width = window
        for line in captured.get().splitlines():
            yield _BLANKS.sub(r"\1", line)


def console(*, stderr: bool) -> Console:
    """A console that takes text literally, and tells nobody's window from a pipe."""
    made = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _PIPE_WIDTH
    return made
