"""Reading bodies: JSON and nothing else, counted while it comes in."""

import json
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.requests import Request

from atelier_core.contracts.problems import Code, FieldError, Problem
from atelier_core.http.validation import MAX_ERRORS, body_problem, invalid, pointer

MAX_BODY = 256 * 1024
MAX_BATCH_BODY = 4 * 1024 * 1024

Model = TypeVar("Model", bound=BaseModel)


async def read_json(request: Request, model: type[Model], *, limit: int = MAX_BODY) -> Model:
    """The body as `model`, which should be strict and forbid what it does not know.

    Raises:
        Problem: unsupported_media_type, body_too_large, malformed_body or invalid_request.
    """
    if not _is_json(request.headers.get("content-type", "")):
        raise Problem(
            Code.UNSUPPORTED_MEDIA_TYPE,
            "Send JSON in UTF-8, with `Content-Type: application/json`.",
            headers={"Accept-Post": "application/json"},
        )
    return parse_json(await read_body(request, limit=limit), model)


async def read_nothing(request: Request) -> None:
    """Refuse a body where none belongs; an empty object passes.

    Raises:
        Problem: body_too_large or invalid_request.
    """
    if (await read_body(request)).strip() not in (b"", b"{}"):
        raise invalid(FieldError("", "This takes no body."))


async def read_body(request: Request, *, limit: int = MAX_BODY) -> bytes:
    """The raw body.

    Raises:
        Problem: body_too_large, as soon as it is known.
    """
    too_large = Problem(Code.BODY_TOO_LARGE, f"The body may have at most {limit:,} bytes.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise too_large
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large
        chunks.append(chunk)
    return b"".join(chunks)


def parse_json(raw: bytes, model: type[Model]) -> Model:
    """`raw` as `model`.

    Raises:
        Problem: malformed_body (not JSON, not UTF-8, NaN, too deep), or invalid_request.
    """
    if b"NaN" in raw or b"Infinity" in raw:
        try:
            from_json(raw, allow_inf_nan=False)
        except ValueError as exc:
            _not_json(raw, exc)
    try:
        return model.model_validate_json(raw)
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_input=False)
        if errors[0]["type"] == "json_invalid":
            _not_json(raw, exc)
        raise body_problem(errors) from None


def _not_json(raw: bytes, exc: Exception) -> NoReturn:
    """JSON may spell half a surrogate pair by an escape; no text can hold that: a wrong field."""
    if b"\\u" in raw and (errors := _lone_surrogates(raw)):
        raise invalid(*errors) from exc
    raise Problem(Code.MALFORMED_BODY, "The body is not JSON in UTF-8.") from exc


def _lone_surrogates(raw: bytes) -> list[FieldError]:
    found: list[FieldError] = []

    def walk(value: Any, path: tuple[str | int, ...]) -> None:
        if len(found) >= MAX_ERRORS:
            return
        if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
            found.append(FieldError(pointer(path), "Half of a surrogate pair is not a character."))
        elif isinstance(value, dict):
            for key, item in value.items():
                walk(key, path)
                walk(item, (*path, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                walk(item, (*path, index))

    try:
        walk(json.loads(raw, parse_constant=_refuse), ())
    except (ValueError, RecursionError):
        return []
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _is_json(content_type: str) -> bool:
    kind, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    return kind.strip().lower() == "application/json" and charset in ("", "utf-8", "utf8")
