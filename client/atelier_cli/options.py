"""Options that several commands share, as groups: a command takes the group as one argument."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from atelier_cli.failures import InputError
from atelier_client import Parameters, Providers

CONNECTION, PICTURE, DRAWING = "Connection and output", "Picture", "Who draws it, and when"


def _common(*names: str, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=CONNECTION, show_default=False, **more)


def _picture(*names: str, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=PICTURE, show_default=False, **more)


def _drawing(*names: str, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=DRAWING, show_default=False, **more)


Several = list[str] | None


@dataclass(frozen=True)
class Common:
    """Taken by every command, also before its name."""

    url: Annotated[
        str | None,
        _common("--url", metavar="URL", help="The server (ATELIER_URL; 127.0.0.1:8080)."),
    ] = None
    api_key: Annotated[
        str | None, _common("--api-key", metavar="KEY", help="Its key (ATELIER_API_KEY).")
    ] = None
    json: Annotated[bool, _common("--json", help="Data and errors as JSON, for programs.")] = False
    quiet: Annotated[
        bool, _common("--quiet", help="Only data and errors, no progress, no hints.")
    ] = False

    def over(self, before: "Common | None") -> "Common":
        """These options where they are given, else those given before the command."""
        if before is None:
            return self
        return Common(
            url=self.url or before.url,
            api_key=self.api_key or before.api_key,
            json=self.json or before.json,
            quiet=self.quiet or before.quiet,
        )

    def settled(self, environ: Mapping[str, str]) -> "Common":
        """These options with what the environment adds; raises InputError."""
        key = self.api_key or _from(environ, "ATELIER_API_KEY")
        return replace(self, url=self.url or _from(environ, "ATELIER_URL"), api_key=key)


@dataclass(frozen=True)
class Picture:
    """What is asked of a picture besides its prompt."""

    n: Annotated[int | None, _picture("-n", metavar="1-10", help="Images of each prompt.")] = None
    model: Annotated[
        str | None, _picture("--model", metavar="MODEL", help="auto, an alias or provider/model.")
    ] = None
    size: Annotated[
        str | None, _picture("--size", metavar="WxH", help="Pixels, as in 1024x1024.")
    ] = None
    aspect_ratio: Annotated[
        str | None,
        _picture("--aspect-ratio", metavar="W:H", help="Instead of the size, as in 4:3."),
    ] = None
    seed: Annotated[
        int | None, _picture("--seed", metavar="N", help="The same seed draws the same picture.")
    ] = None
    negative_prompt: Annotated[
        str | None, _picture("--negative-prompt", metavar="TEXT", help="What not to draw.")
    ] = None
    style: Annotated[str | None, _picture("--style", metavar="STYLE", help="A style preset.")] = (
        None
    )
    steps: Annotated[
        int | None,
        _picture("--steps", metavar="N", help="Denoising steps, where a model has such."),
    ] = None
    guidance: Annotated[
        float | None, _picture("--guidance", metavar="X", help="How closely to follow the prompt.")
    ] = None
    quality: Annotated[
        str | None,
        _picture("--quality", metavar="QUALITY", help="As the model names it: low, high."),
    ] = None
    format: Annotated[
        str | None, _picture("--format", metavar="png|jpeg|webp", help="File format.")
    ] = None
    tag: Annotated[Several, _picture("--tag", metavar="TAG", help="A tag; may be repeated.")] = None
    provider_order: Annotated[
        Several,
        _drawing("--provider-order", metavar="NAME,...", help="Ask these first, in this order."),
    ] = None
    provider_allow: Annotated[
        Several, _drawing("--provider-allow", metavar="NAME,...", help="Ask only these.")
    ] = None
    provider_deny: Annotated[
        Several, _drawing("--provider-deny", metavar="NAME,...", help="Ask none of these.")
    ] = None
    fallback: Annotated[
        str | None,
        _drawing(
            "--fallback",
            metavar="none|same-model|any",
            help="Who else may draw when the first cannot.",
        ),
    ] = None
    on_blocked: Annotated[
        str | None,
        _drawing(
            "--on-blocked", metavar="stop|try-next", help="After a provider's moderation refused."
        ),
    ] = None
    priority: Annotated[
        str | None,
        _drawing("--priority", metavar="normal|background", help="background waits for others."),
    ] = None
    start_deadline: Annotated[
        int | None, _drawing("--start-deadline", metavar="SECONDS", help="Begin by then, or not.")
    ] = None
    deadline: Annotated[
        int | None, _drawing("--deadline", metavar="SECONDS", help="Be done by then; a day.")
    ] = None

    def parameters(self) -> Parameters:
        """As the client takes them; raises InputError for what excludes each other."""
        if self.size and self.aspect_ratio:
            raise InputError("Give --size or --aspect-ratio, not both.")
        return Parameters(
            n=self.n,
            model=self.model,
            size=self.size,
            aspect_ratio=self.aspect_ratio,
            seed=self.seed,
            negative_prompt=self.negative_prompt,
            steps=self.steps,
            guidance=self.guidance,
            style=self.style,
            quality=self.quality,
            output_format=self.format,
            tags=self.tag,
            providers=self._providers(),
            priority=self.priority,
            start_deadline=self.start_deadline,
            deadline=self.deadline,
        )

    def _providers(self) -> Providers | None:
        choice = Providers()
        if self.provider_order is not None:
            choice["order"] = _names(self.provider_order)
        if self.provider_allow is not None:
            choice["allow"] = _names(self.provider_allow)
        if self.provider_deny is not None:
            choice["deny"] = _names(self.provider_deny)
        if self.fallback is not None:
            choice["fallback"] = self.fallback.replace("-", "_")
        if self.on_blocked is not None:
            choice["on_blocked"] = self.on_blocked.replace("-", "_")
        return choice or None


def flattened(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` for Typer: each group among its parameters is spread into its fields."""
    hints = get_type_hints(function, include_extras=True)
    spread: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        kind = hints[parameter.name]
        if is_dataclass(kind):
            groups[parameter.name] = kind
            spread += _fields(kind)
        else:
            spread.append(parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))

    def call(**values: Any) -> Any:
        built = {
            name: kind(**{f.name: values.pop(f.name) for f in fields(kind)})
            for name, kind in groups.items()
        }
        return function(**values, **built)

    call.__name__ = function.__name__
    call.__doc__ = function.__doc__
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in spread}
    call.__signature__ = inspect.Signature(spread)  # type: ignore[attr-defined] # Typer reads it
    return call


def _fields(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]


def _names(values: list[str]) -> list[str]:
    """One name a value, or several with commas between them."""
    return [name for value in values for name in map(str.strip, value.split(",")) if name]


def _from(environ: Mapping[str, str], name: str) -> str | None:
    value, path = environ.get(name) or None, environ.get(f"{name}_FILE") or None
    if value is not None and path is not None:
        raise InputError(f"{name} and {name}_FILE are both set; keep one.")
    if path is None:
        return value
    try:
        return Path(path).read_text("utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{name}_FILE names a file that cannot be read.") from exc
