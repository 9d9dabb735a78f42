"""Settings from the environment, read once in `main`; each also as NAME_FILE."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from atelier_core.errors import SettingsError

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


_WHOLE = "a whole number"
_MUST_BE = {  # after "it must be", by the kind of pydantic's error
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "literal_error": "{expected}",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "string_too_short": "at least {min_length} characters long",
    "string_too_long": "at most {max_length} characters long",
}


def _parts(value: str, *schemes: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        known = parts.scheme in schemes and parts.hostname and parts.port != 0
    except ValueError:  # a port that is none, a bracket that is not closed
        return None
    return parts if known else None


def _http_url(value: str) -> str:
    parts = _parts(value, "http", "https")
    if parts is None:
        raise ValueError("must be an http:// or https:// address")
    if parts.username or parts.password:
        raise ValueError("must not hold a user name or password")
    return value.rstrip("/")


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.path or parts.query or parts.fragment or value[-1] in "?#":
        raise ValueError("must be an origin without a path, for example https://images.example.com")
    return value


def _header_safe(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be printable ASCII without spaces")
    return value


ApiKey = Annotated[SecretStr, AfterValidator(_header_safe), Field(min_length=1)]


def _amqp_url(value: str) -> str:
    if _parts(value, "amqp", "amqps") is None:
        raise ValueError(
            "must be an amqp:// or amqps:// address"
            " (signs in a password are written like %2F for / and %23 for #)"
        )
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url)]
Origin = Annotated[HttpUrl, AfterValidator(_origin)]
AmqpUrl = Annotated[str, AfterValidator(_amqp_url)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(BaseModel):
    """Fields are filled from variables named by their alias, e.g. `ATELIER_PORT`."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    host: str = Field("127.0.0.1", alias="ATELIER_HOST")
    public_url: Origin | None = Field(None, alias="ATELIER_PUBLIC_URL")
    api_key: ApiKey | None = Field(None, alias="ATELIER_API_KEY")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", alias="ATELIER_LOG_LEVEL"
    )
    log_format: Literal["text", "json"] = Field(
        default_factory=lambda: "text" if sys.stderr.isatty() else "json",
        alias="ATELIER_LOG_FORMAT",
    )

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the settings.

        Raises:
            SettingsError: one sentence that names the variable and never its value.
        """
        environ = os.environ if environ is None else environ
        found: dict[str, Any] = {}
        for field in cls.model_fields.values():
            name = str(field.alias)
            value = _read(name, environ)
            if value is not None:
                found[name] = value.lower() if name.startswith("ATELIER_LOG_") else value
        try:
            settings = cls.model_validate(found)
        except ValidationError as exc:
            error = exc.errors(include_input=False, include_url=False)[0]
            name = str(error["loc"][0]) if error["loc"] else "The settings"
            raise SettingsError(f"{name} {_fault(error)}.") from None
        settings.check()
        return settings

    def check(self) -> None:
        """What one field alone cannot tell.

        Raises:
            SettingsError: without a key only loopback is served.
        """
        if self.api_key is None and self.host not in LOOPBACK:
            raise SettingsError(
                "ATELIER_API_KEY is missing: without a key only loopback is served,"
                " and ATELIER_HOST is another address."
            )

    @property
    def key(self) -> str | None:
        return self.api_key.get_secret_value() if self.api_key else None


def _fault(error: ErrorDetails) -> str:
    """What is wrong, as the end of a sentence that begins with the variable."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return f"is wrong: it {context['error']}"
    if kind in _MUST_BE:
        return f"is wrong: it must be {_MUST_BE[kind].format(**context)}"
    return "is wrong"


def _read(name: str, environ: Mapping[str, str]) -> str | None:
    value, path = environ.get(name) or None, environ.get(f"{name}_FILE") or None
    if value is not None and path is not None:
        raise SettingsError(f"{name} and {name}_FILE are both set; keep one.")
    if path is None:
        return value
    try:
        return Path(path).read_text("utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{name}_FILE names a file that cannot be read.") from exc
