"""The events as JSON Schemas, for readers in other languages: `docs/events/<type>.json`.

`python -m atelier_core.contracts.schemas docs/events` writes them again.
"""

import json
import sys
from pathlib import Path
from typing import Any, get_args

from atelier_core.contracts.events import Announcement, Durable, Event

EVENTS: tuple[type[Event], ...] = (*get_args(Durable), *get_args(Announcement))


def event_schemas() -> dict[str, dict[str, Any]]:
    """One JSON Schema (draft 2020-12) of what is sent, by event type.

    Readers ignore what they do not know: a later minor version may send more.
    """
    return {
        event.model_fields["type"].default: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "x-durable": event in get_args(Durable),
            **event.model_json_schema(mode="serialization"),
        }
        for event in EVENTS
    }


def rendered(schema: dict[str, Any]) -> str:
    """The text of a schema's file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(folder: str) -> None:
    """Write every schema into `folder`."""
    for name, schema in event_schemas().items():
        (Path(folder) / f"{name}.json").write_text(rendered(schema), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
