"""How routes that read and write raw JSON are described in the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from atelier_core.contracts.problems import RETRYABLE, STATUS, Code, title

SCHEMAS = "#/components/schemas/"
EXAMPLES = "#/components/examples/"
PROBLEM_TYPE = "application/problem+json"
EVERYWHERE = (Code.UNAUTHENTICATED, Code.FORBIDDEN, Code.INTERNAL_ERROR, Code.SERVICE_UNAVAILABLE)


class ProblemField(BaseModel):
    """One wrong place: an RFC 6901 pointer into the body, `?name` for a query parameter, or the
    name of a header.
    """

    pointer: str
    detail: str


class ProblemAnswer(BaseModel):
    """RFC 9457. Programs test `code`; `detail` is for people and may change."""

    model_config = ConfigDict(title="Problem")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: Code
    request_id: str
    retryable: bool
    errors: list[ProblemField] = Field(default_factory=list)
    job_id: str | None = None
    batch_id: str | None = None


def json_body(model: type[BaseModel], examples: Mapping[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of a route that reads `model` by `read_json`; `$defs` go to components."""
    schema = model.model_json_schema(ref_template=SCHEMAS + "{model}")
    named = {name: {"value": value} for name, value in examples.items()}
    content = {"application/json": {"schema": schema, "examples": named}}
    return {"requestBody": {"required": True, "content": content}}


def problems(*codes: Code) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route: these problems, and those that every route may answer."""
    answers: dict[int | str, dict[str, Any]] = {}
    for code in sorted({*codes, *EVERYWHERE}, key=lambda code: (STATUS[code], code)):
        answer = answers.setdefault(STATUS[code], {"description": ""})
        answer["description"] += f"{', ' if answer['description'] else ''}{code}"
        content = answer.setdefault("content", {}).setdefault(
            PROBLEM_TYPE, {"schema": {"$ref": f"{SCHEMAS}Problem"}, "examples": {}}
        )
        content["examples"][code] = {"$ref": f"{EXAMPLES}{code}"}
    return answers


def example(code: Code) -> dict[str, Any]:
    """A problem of this code, as clients get it."""
    return {
        "type": f"/docs/problems#{code}",
        "title": title(code),
        "status": STATUS[code],
        "detail": "A sentence for people.",
        "instance": "urn:atelier:request:0199c0de-0000-7000-8000-000000000000",
        "code": code,
        "request_id": "0199c0de-0000-7000-8000-000000000000",
        "retryable": code in RETRYABLE,
        "errors": [],
    }
