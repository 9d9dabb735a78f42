"""Following topics over cuts, restarts and refusals."""

from typing import Any

import pytest

from atelier_client import ApiError, Retry, Unreachable
from atelier_client.stream import follow

PLAIN = Retry(attempts=2, base=1, cap=4, jitter=lambda: 1.0)


class EnoughError(Exception):
    """Ends a flow that has no end."""


def cursors(w: Any) -> list[str | None]:
    return [call.headers.get("Last-Event-ID") for call in w.asked]


def test_messages_come_as_they_are_and_a_cut_is_resumed(world: Any, say: Any) -> None:
    w = world(
        say.stream,
        say.event("snapshot.started", {"reset": True}),
        say.event("snapshot.complete", {}, "c1"),
        say.event("new.event", {"x": 1}, "c2"),
        say.cut(),
        say.stream,
        say.event("snapshot.started", {"reset": False}),
        EnoughError(),
    )
    with pytest.raises(EnoughError):
        w.run(follow(["me", "job:j1"], None, PLAIN))
    assert [m["event"] for m in w.emitted] == [
        "snapshot.started",
        "snapshot.complete",
        "new.event",
        "snapshot.started",
    ]
    assert w.emitted[2] == {"event": "new.event", "data": {"x": 1}, "id": "c2"}
    assert w.asked[0].query == (("topic", "me"), ("topic", "job:j1"))
    assert cursors(w) == [None, "c2"]


def test_it_carries_on_from_a_cursor(world: Any, say: Any) -> None:
    w = world(say.stream, EnoughError())
    with pytest.raises(EnoughError):
        w.run(follow(["me"], "c9", PLAIN))
    assert cursors(w) == ["c9"]


def test_it_comes_back_for_as_long_as_it_takes_and_ever_more_slowly(world: Any, say: Any) -> None:
    away = say.problem(503, "service_unavailable", retryable=True)
    w = world(
        say.stream,
        say.event("snapshot.complete", {}, "c1"),
        say.cut(),
        *[say.cut(sent=False)] * 5,
        away,
        say.stream,
        say.end,  # it breaks before it has said everything: that is no success
        say.stream,
        say.event("snapshot.complete", {}, "c2"),
        say.cut(),
        EnoughError(),
    )
    with pytest.raises(EnoughError):
        w.run(follow(["me"], None, PLAIN))
    assert w.paused == [1, 2, 4, 4, 4, 4, 4, 4, 1]


def test_a_pause_asked_for_is_kept(world: Any, say: Any) -> None:
    w = world(
        say.stream,
        say.cut(),
        say.problem(429, "rate_limited", retryable=True, after=60),
        EnoughError(),
    )
    with pytest.raises(EnoughError):
        w.run(follow(["me"], None, PLAIN))
    assert w.paused == [1, 60, 2]


def test_a_cursor_that_is_refused_is_forgotten(world: Any, say: Any) -> None:
    w = world(say.problem(400, "invalid_cursor"), say.stream, EnoughError())
    with pytest.raises(EnoughError):
        w.run(follow(["me"], "old", PLAIN))
    assert cursors(w) == ["old", None]


@pytest.mark.parametrize(
    "refusal",
    [
        lambda say: say.problem(401, "unauthenticated"),
        lambda say: say.problem(404, "not_found"),
        lambda say: say.problem(422, "invalid_request"),
        lambda say: say.reply(200, {}, content_type="text/html"),
    ],
    ids=["401", "404", "422", "no-stream"],
)
@pytest.mark.parametrize("later", [False, True])
def test_a_refusal_ends_it(world: Any, say: Any, refusal: Any, later: bool) -> None:
    before = (say.stream, say.event("ping", {}), say.cut()) if later else ()
    with pytest.raises(ApiError):
        world(*before, refusal(say)).run(follow(["me"], None, PLAIN))


def test_nobody_there_from_the_beginning(world: Any, say: Any) -> None:
    with pytest.raises(Unreachable):
        world(*[say.cut(sent=False)] * 3).run(follow(["me"], None, PLAIN))
