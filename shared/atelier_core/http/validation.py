"""What pydantic found wrong, as pointers and sentences that never repeat the input."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from atelier_core.contracts.problems import Code, FieldError, Problem, not_found

MAX_ERRORS = 20  # a body of a thousand wrong entries is told about the first of them

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")

_SENTENCES = {
    "missing": "This is required.",
    "extra_forbidden": "There is no such field.",
    "model_type": "This must be an object.",
    "model_attributes_type": "This must be an object.",
    "dict_type": "This must be an object.",
}


def pointer(loc: Iterable[str | int]) -> str:
    """RFC 6901. A name the caller made up and that is no plain name ends it.

    Tags of our unions begin with `#`; they are no part of the body.
    """
    path = ""
    for part in loc:
        if isinstance(part, str) and part.startswith("#"):
            continue
        if isinstance(part, str) and not _NAME.fullmatch(part):
            break
        path += f"/{part}"
    return path


def field_errors(errors: Sequence[Mapping[str, Any]]) -> tuple[FieldError, ...]:
    """The first of `errors` (of `ValidationError.errors()`), about a body."""
    return tuple(FieldError(pointer(e["loc"]), sentence(e)) for e in errors[:MAX_ERRORS])


def sentence(error: Mapping[str, Any]) -> str:
    """One sentence for people."""
    if known := _SENTENCES.get(error["type"]):
        return known
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    return f"{error['msg']}."


def body_problem(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """`invalid_request` about fields of the body."""
    return invalid(*field_errors(errors))


def parameter_problem(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """`invalid_request` about query and headers; a path that is not one is not found."""
    if any(e["loc"][:1] == ("path",) for e in errors):
        return not_found()
    return invalid(*(FieldError(_parameter(e["loc"]), sentence(e)) for e in errors[:MAX_ERRORS]))


def _parameter(loc: Sequence[str | int]) -> str:
    place, name = loc[0], str(loc[1]) if len(loc) > 1 else ""
    if not _NAME.fullmatch(name):
        name = ""
    return f"?{name}" if place == "query" else name


def invalid(*errors: FieldError) -> Problem:
    """`invalid_request`, naming each wrong place."""
    first = errors[0] if errors else None
    where = f"{first.pointer}: {first.detail}" if first and first.pointer else None
    detail = where or (first.detail if first else "The request is not valid.")
    return Problem(Code.INVALID_REQUEST, detail, errors=errors)
