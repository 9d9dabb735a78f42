"""The parts of the OpenAPI document that no route brings: problems, live messages, events."""

import json
from typing import Any, Final

from pydantic import TypeAdapter

from atelier_core.contracts import events
from atelier_core.contracts.problems import Code
from atelier_core.http.describe import SCHEMAS, ProblemAnswer, problems

Schema = dict[str, Any]

# What travels between services is told apart from what clients get under the same name.
RENAMED: Final = {"Job": "JobSnapshot"}


def hoisted(schema: Schema, schemas: Schema) -> Schema:
    """A reference to `schema`, which is put among `schemas` with all that it is made of."""
    if "$ref" in schema:
        return schema
    schema = tidy(schema)
    for name, part in schema.pop("$defs", {}).items():
        _put(name, part, schemas)
    _put(schema["title"], schema, schemas)
    return {"$ref": SCHEMAS + schema["title"]}


def components(known: Schema) -> Schema:
    """Problems, the messages of `/v1/events`, and the events between services."""
    new: Schema = {}
    hoisted(ProblemAnswer.model_json_schema(ref_template=SCHEMAS + "{model}"), new)
    new["LiveMessage"] = _live()
    new |= _events(known)
    return new


def invalid_request() -> Schema:
    """The answer about a wrong parameter."""
    described: Schema = problems(Code.INVALID_REQUEST)[422]
    return described


def tidy(schema: Any) -> Any:
    """Without `default: null`, as the framework writes schemas."""
    if isinstance(schema, dict):
        kept = {k: v for k, v in schema.items() if not (k == "default" and v is None)}
        return {k: tidy(v) for k, v in kept.items()}
    return [tidy(part) for part in schema] if isinstance(schema, list) else schema


def _put(name: str, schema: Schema, schemas: Schema) -> None:
    if schemas.setdefault(name, schema) != schema:
        raise ValueError(f"two different schemas are called {name}")


def _live() -> Schema:
    """`{id?, event, data}`, over the socket and in the stream alike."""
    empty: Schema = {"type": "object"}
    reset = {"type": "object", "properties": {"reset": {"type": "boolean"}}, "required": ["reset"]}
    progress = {
        "type": "object",
        "properties": {
            "job_id": {"type": "string"},
            "index": {"type": "integer"},
            "fraction": {"type": "number", "minimum": 0, "maximum": 1},
        },
        "required": ["job_id", "index", "fraction"],
    }
    deleted = {
        "type": "object",
        "properties": {"id": {"type": "string"}, "version": {"type": "integer"}},
        "required": ["id", "version"],
    }
    data = {
        "snapshot.started": reset,
        "snapshot.complete": empty,
        "job.updated": {"$ref": f"{SCHEMAS}Job"},
        "job.progress": progress,
        "image.updated": {"$ref": f"{SCHEMAS}Image"},
        "image.deleted": deleted,
        "ping": empty,
    }
    return {
        "title": "LiveMessage",
        "description": "One message of `/v1/events` or `/v1/events/stream`. `id` is the cursor to"
        " resume from; ignore events you do not know.",
        "oneOf": [
            {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "event": {"const": event},
                    "data": schema,
                },
                "required": ["event", "data"],
            }
            for event, schema in data.items()
        ],
    }


def _events(known: Schema) -> Schema:
    """What travels between the services, by the names of the classes."""
    adapter: TypeAdapter[events.Event] = TypeAdapter(events.Event)
    whole = adapter.json_schema(ref_template=SCHEMAS + "{model}", mode="serialization")
    text = json.dumps(tidy(whole))
    for name, other in RENAMED.items():
        text = text.replace(f'"{SCHEMAS}{name}"', f'"{SCHEMAS}{other}"')
    whole = json.loads(text)
    new: Schema = {}
    for name, part in whole.pop("$defs").items():
        final = RENAMED.get(name, name)
        if final in known and known[final] != part:
            raise ValueError(f"two different schemas are called {final}")
        new[final] = part
    new["Event"] = {
        "title": "Event",
        "description": "What the services tell each other; `type` carries the version.",
        **whole,
    }
    return new
