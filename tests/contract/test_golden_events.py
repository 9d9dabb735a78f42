"""Messages as they were published once: every version ever sent stays readable, whole."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from atelier_core.contracts.events import about, decode, encode, topic
from atelier_core.contracts.schemas import EVENTS, event_schemas, rendered
from atelier_core.contracts.topology import DURABLE
from atelier_core.errors import ContractError
from fakes.newer_release import with_news

GOLDEN = Path(__file__).parent / "golden"
SCHEMAS = Path(__file__).parents[2] / "docs" / "events"
TYPES = sorted(path.stem for path in GOLDEN.glob("*.json"))
SCHEMA = event_schemas()


def golden(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))


def type_of(name: str) -> str:
    """A later shape of a version stands beside the first one: `job.requested.v1-2.json`."""
    return name.partition("-")[0]


def kept(old: Any, new: Any) -> bool:
    """Whether everything in `old` is in `new`, which may have more fields."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(k in new and kept(v, new[k]) for k, v in old.items())
    if isinstance(old, list):
        same_length = isinstance(new, list) and len(old) == len(new)
        return same_length and all(map(kept, old, new))
    return bool(old == new)


def test_every_type_has_its_golden_message() -> None:
    assert set(TYPES) >= set(SCHEMA) == {e.model_fields["type"].default for e in EVENTS}


@pytest.mark.parametrize("name", TYPES)
def test_a_golden_message_is_read_and_written_again_whole(name: str) -> None:
    message = golden(name)
    event = decode(json.dumps(message).encode())
    assert event.type == type_of(name)
    assert kept(message, json.loads(encode(event)))
    assert decode(encode(event)) == event


@pytest.mark.parametrize("name", TYPES)
def test_fields_of_later_versions_are_ignored_wherever_they_are(name: str) -> None:
    changed = json.dumps(with_news(golden(name)))
    assert changed.count("x_news") >= 1
    assert decode(changed.encode()) == decode(json.dumps(golden(name)).encode())


@pytest.mark.parametrize("name", TYPES)
def test_a_golden_message_is_still_read_by_those_who_read_the_published_schema(name: str) -> None:
    schema = SCHEMA[type_of(name)]
    Draft202012Validator.check_schema(schema)
    written = json.loads(encode(decode(json.dumps(golden(name)).encode())))
    Draft202012Validator(schema).validate(written)


@pytest.mark.parametrize("name", sorted(SCHEMA))
def test_the_published_schema_is_the_one_of_the_code(name: str) -> None:
    written = (SCHEMAS / f"{name}.json").read_text("utf-8")
    hint = "run: python -m atelier_core.contracts.schemas docs/events"
    assert written == rendered(SCHEMA[name]), hint
    assert {path.stem for path in SCHEMAS.glob("*.json")} == set(SCHEMA), hint


@pytest.mark.parametrize("name", sorted(SCHEMA))
def test_what_must_not_be_lost_has_a_queue_and_the_rest_has_none(name: str) -> None:
    event = decode(json.dumps(golden(name)).encode())
    queues = [queue for queue, topics in DURABLE.items() if topic(event) in topics]
    assert bool(queues) is SCHEMA[name]["x-durable"]


@pytest.mark.parametrize("name", sorted(SCHEMA))
def test_headers_say_whose_and_which(name: str) -> None:
    message = golden(name)
    ids = about(decode(json.dumps(message).encode()))
    job = message.get("job") or message.get("image") or message
    expected = {"owner": message["owner"], "job_id": job.get("job_id") or job.get("id")}
    if name == "batch.requested.v1":
        expected = {"owner": message["owner"], "batch_id": message["batch_id"]}
    elif name == "worker.status.v1":
        expected = {"owner": message["owner"]}
    elif name == "jobs.updated.v1":
        expected = {"owner": message["owner"], "origin": message["origin"]}
    assert ids == expected


def test_redelivered_is_of_the_bus_and_never_of_the_wire() -> None:
    message = golden("job.requested.v1")
    assert not decode(json.dumps(message).encode()).redelivered
    event = decode(json.dumps(message).encode(), redelivered=True)
    assert event.redelivered
    assert b"redelivered" not in encode(event)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"type": "job.requested.v1"}',
        b'{"type": "job.requested.v2", "secret": "prompt"}',
        b'{"secret": "prompt"}',
        b'{"type": ["secret prompt"]}',
    ],
)
def test_what_cannot_be_read_is_a_contract_error_that_quotes_nothing(raw: bytes) -> None:
    with pytest.raises(ContractError) as caught:
        decode(raw)
    assert "prompt" not in str(caught.value)
    assert "input_value" not in str(caught.value.__cause__), "tracebacks are logged"
