"""What pydantic found wrong, as pointers and sentences that never repeat the input."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from atelier_core.contracts.problems import Code, FieldError, Problem, not_found

MAX_ERRORS = 20  # a body of a thousand wrong entries is told about the first of them

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")

_OBJECT, _LIST = "This must be an object.", "This must be a list."
_WHOLE, _NUMBER = "This must be a whole number.", "This must be a number."
_FLAG, _TIME = (
    "This must be true or false.",
    "This must be a time with its zone, for example 2026-01-31T12:00:00Z.",
)
_SENTENCES = {
    "missing": "This is required.",
    "extra_forbidden": "There is no such field.",
    "repeated": "This is given more than once.",
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
    "tuple_type": _LIST,
    "list_type": _LIST,
    "string_type": "This must be text.",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _FLAG,
    "bool_parsing": _FLAG,
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "datetime_object_invalid": _TIME,
    "timezone_aware": _TIME,
    "greater_than_equal": "This must be at least {ge:,}.",
    "greater_than": "This must be more than {gt:,}.",
    "less_than_equal": "This must be at most {le:,}.",
    "less_than": "This must be less than {lt:,}.",
    "string_too_short": "This must have at least {min_length:,} characters.",
    "string_too_long": "This may have at most {max_length:,} characters.",
    "too_short": "This must have at least {min_length:,} entries.",
    "too_long": "This may have at most {max_length:,} entries.",
    "literal_error": "This must be {expected}.",
    "enum": "This must be {expected}.",
}
_FORMS = {  # of what has a form or a number of its own
    "size": "This must be WIDTHxHEIGHT in pixels, for example 1024x1024.",
    "aspect_ratio": "This must be WIDTH:HEIGHT, each from 1 to 99, for example 4:3.",
    "prompts": "A batch has 1 to 1,000 prompts.",
    "Idempotency-Key": "This must be 1 to 255 printable ASCII characters.",
}
_FORM_ERRORS = frozenset({"string_pattern_mismatch", "too_short", "too_long"})


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
    told = (e for e in errors if not _follows(e, errors))
    return tuple(FieldError(pointer(e["loc"]), sentence(e)) for e in islice(told, MAX_ERRORS))


def _follows(error: Mapping[str, Any], errors: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a list only seems too short because its wrong entries do not count."""
    loc = error["loc"]
    return error["type"] == "too_short" and any(
        len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in errors
    )


def sentence(error: Mapping[str, Any]) -> str:
    """One sentence for people; none of them is pydantic's."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in _FORM_ERRORS and (form := _FORMS.get(str(error["loc"][-1]))):
        return form
    if kind == "string_too_short" and context["min_length"] == 1:
        return "This must not be empty."
    plain = {name: _plain(value) for name, value in context.items()}
    return _SENTENCES.get(kind, "This is not valid.").format(**plain)


def _plain(value: Any) -> Any:
    """0 instead of 0.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def body_problem(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """`invalid_request` about fields of the body."""
    return invalid(*field_errors(errors))


def parameter_problem(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """`invalid_request` about query and headers; a path that is not one is not found."""
    if any(e["loc"][:1] == ("path",) for e in errors):
        return not_found()
    wrong = (FieldError(_parameter(e["loc"]), sentence(e)) for e in errors)
    return invalid(*islice(dict.fromkeys(wrong), MAX_ERRORS))  # two dependencies may share one


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
