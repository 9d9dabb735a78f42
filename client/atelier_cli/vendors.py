"""`providers`: who can draw, how they do, and whether their keys work."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Protocol

import typer
from rich.console import RenderableType
from rich.text import Text

from atelier_cli.app import Listing, command, make
from atelier_cli.failures import Exit, installed
from atelier_cli.render import cell, table
from atelier_cli.session import Session
from atelier_cli.text import duration, words
from atelier_client.values import Provider

_WIDE: Final = 64  # columns from which numbers stand beside the reasons
_STATES: Final = {"healthy": "green", "limited": "yellow", "unhealthy": "red"}
_REASONS: Final = {
    "provider_auth": "refuses the key",
    "provider_billing": "no money left",
    "provider_rate_limited": "asks for fewer calls",
    "provider_overloaded": "overloaded or away",
    "provider_timeout": "does not answer in time",
    "provider_transport": "connections break",
}
_STATELESS: Final = {"off": "no worker offers it", "unknown": "no worker was heard yet"}
_RESULTS: Final = {  # of a check: how it is shown, and the status that it makes
    "works": ("works", "green", Exit.FINE),
    "refused": ("key refused", "red", Exit.REFUSED),
    "unpaid": ("no money left", "red", Exit.REFUSED),
    "limited": ("limited", "yellow", Exit.REFUSED),
    "unusable": ("wrong answer", "red", Exit.REFUSED),
    "unreachable": ("not reachable", "red", Exit.UNREACHABLE),
    "not_checkable": ("not checkable", "", Exit.FINE),
}


class Finding(Protocol):
    """What came out of checking one provider; no field holds a secret."""

    @property
    def provider(self) -> str: ...

    @property
    def result(self) -> str: ...

    @property
    def detail(self) -> str: ...

    @property
    def error(self) -> str | None: ...

    @property
    def http_status(self) -> int | None: ...

    @property
    def retry_after(self) -> float | None: ...


def register(app: typer.Typer) -> None:
    """Adds these commands to `app`."""
    providers = make("providers", cls=Listing, help="List the providers, or check their keys.")
    command(providers, "list")(list_providers)
    command(providers, "check")(check_providers)
    app.add_typer(providers)


def list_providers(session: Session) -> None:
    """The providers, and how they do."""
    found = session.client.providers()
    if session.json:
        session.data({"object": "list", "items": [one.raw for one in found]})
    elif found:
        session.show(providers_table(found, now=session.now, width=session.out.width))
    else:
        session.note("No providers.")


def check_providers(
    session: Session,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME...]", help="Only these.", show_default=False),
    ] = None,
) -> int:
    """Try the keys and addresses set here, as a worker reads them. Nothing is drawn or paid.

    It asks the providers itself, not a server: run it where the workers run.
    """
    with installed("What talks to providers", extra="worker"):
        from atelier_embedded.checking import check  # noqa: PLC0415 - only this needs the extra
    with session.waiting("Asking the providers"):
        findings: Sequence[Finding] = check(names or ())
    if session.json:
        session.data({"object": "list", "items": [_raw(finding) for finding in findings]})
    elif findings:
        session.show(findings_table(findings))
    else:
        session.note("No provider is set up here.")
    return verdict(findings)


def verdict(findings: Iterable[Finding]) -> Exit:
    """The worst of all; what could not be checked is nobody's fault."""
    return max((_RESULTS[finding.result][2] for finding in findings), default=Exit.FINE)


def providers_table(providers: Iterable[Provider], *, now: datetime, width: int) -> RenderableType:
    """Providers, a line each, and below them their models that are left alone; in a narrow window
    without the numbers, so that reasons fit.
    """
    numbers = ("MODELS", "WORKERS", "CALLS") if width >= _WIDE else ()
    rows: list[Sequence[Text]] = []
    for one in providers:
        limit = "-" if one.limit is None else one.limit
        counts = (len(one.models), one.workers, limit)[: len(numbers)]
        state = Text(words(one.state), style=_STATES.get(one.state, "dim"))
        rows.append((cell(one.id), state, *map(cell, counts), cell(_note(one, now=now))))
        for model in one.unhealthy_models:
            name = model.id.removeprefix(f"{one.id}/")
            why = f"{name}: {_because(model.error, until=model.until, now=now)}"
            rows.append((*[cell("")] * (2 + len(counts)), cell(why)))
    names = ("PROVIDER", "STATE", *(f">{name}" for name in numbers), "WHY")
    return table(*names, rows=rows, wraps=True)


def findings_table(findings: Iterable[Finding]) -> RenderableType:
    """What came out, a line each."""
    rows = []
    for finding in findings:
        shown, style, _ = _RESULTS[finding.result]
        rows.append((cell(finding.provider), Text(shown, style=style), cell(finding.detail)))
    return table("PROVIDER", "RESULT", "WHAT IT SAYS", rows=rows, wraps=True)


def _note(provider: Provider, *, now: datetime) -> str:
    """Why it is not healthy, and until when it is left alone."""
    if provider.error is None and provider.until is None:
        return _STATELESS.get(provider.state, "")
    return _because(provider.error, until=provider.until, now=now)


def _because(error: str | None, *, until: datetime | None, now: datetime) -> str:
    said = [_REASONS.get(error, words(error.removeprefix("provider_")))] if error else []
    if until is not None:
        left = (until - now).total_seconds()
        said.append(f"tried again in {duration(left)}" if left > 0 else "being tried again")
    return ", ".join(said)


def _raw(finding: Finding) -> dict[str, Any]:
    return {
        "object": "provider_check",
        "id": finding.provider,
        "result": finding.result,
        "detail": finding.detail,
        "error": finding.error,
        "http_status": finding.http_status,
        "retry_after": finding.retry_after,
    }
