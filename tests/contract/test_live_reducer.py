"""The Python reducer over the vectors that the page's one is run over too."""

import json
from pathlib import Path
from typing import Any

import pytest

from atelier_client import LiveState, reduce

VECTORS = sorted((Path(__file__).parent / "live").glob("*.json"))


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
@pytest.mark.parametrize("at_once", [True, False], ids=["at-once", "one-by-one"])
def test_ends_in_the_expected_state(path: Path, at_once: bool) -> None:
    vector = json.loads(path.read_text())
    state = LiveState()
    if at_once:
        state = reduce(state, vector["messages"])
    else:
        for message in vector["messages"]:
            state = reduce(state, [message])
    expect = vector["expect"]
    _agree(state.jobs, expect["jobs"])
    _agree(state.images, expect["images"])
    assert sorted(state.deleted) == sorted(expect["deleted"])
    progress = {job: {str(i): f for i, f in of.items()} for job, of in state.progress.items()}
    assert progress == expect["progress"]
    assert state.complete is expect["complete"]
    assert state.cursor == expect["cursor"]


def test_there_are_vectors() -> None:
    assert len(VECTORS) > 20


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"event": None, "data": None},
        {"event": "job.updated", "data": []},
        {"event": "job.updated", "data": {"id": 3, "version": 1}},
        {"event": "job.updated", "data": {"id": "j", "version": "1"}},
        {"event": "job.progress", "data": {"job_id": "j", "index": "0", "fraction": 1}},
        {"event": "job.progress", "data": {"job_id": ["j"], "index": 0, "fraction": 1}},
        {"event": "image.deleted", "data": {"id": None}},
        {"event": ["job.updated"], "data": {}},
        {"id": 7, "event": "ping", "data": {}},
    ],
    ids=repr,
)
def test_what_cannot_be_used_changes_nothing(message: dict[str, Any]) -> None:
    before = reduce(LiveState(), [{"event": "job.updated", "data": {"id": "j", "version": 1}}])
    assert reduce(before, [message]) == before


def _agree(known: Any, expected: dict[str, Any]) -> None:
    assert set(known) == set(expected)
    for key, wanted in expected.items():
        fields = {"version": wanted} if isinstance(wanted, int) else wanted
        assert {name: known[key].get(name) for name in fields} == fields
