"""A watcher's outbox: the newest of each, bounded, with cursors that never run ahead."""

import json

import pytest

from atelier_gallery.outbox import RESTART, TOO_SLOW, Closed, Message, Outbox

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(10)]


def message(key: str, data: int, cursor: str | None = None, **more: bool) -> Message:
    return Message("job.updated", str(data), key=key, cursor=cursor, **more)


async def test_first_in_first_out() -> None:
    outbox = Outbox()
    for i in range(3):
        outbox.put(message(str(i), i))
    assert [(await outbox.take()).data for _ in range(3)] == ["0", "1", "2"]


async def test_the_newest_of_each_with_the_cursor_of_its_place() -> None:
    outbox = Outbox()
    outbox.put(message("a", 1, "c1"))
    outbox.put(message("b", 1, "c2"))
    outbox.put(message("a", 2, "c3"))
    taken = [await outbox.take() for _ in range(2)]
    # Whoever has only the first of these two must still get `b` when it resumes.
    assert [(m.data, m.cursor) for m in taken] == [("2", "c1"), ("1", "c2")]
    outbox.put(message("a", 3, "c4"))
    assert (await outbox.take()).cursor == "c4"


async def test_too_far_behind_is_closed_but_not_by_what_may_be_dropped() -> None:
    outbox = Outbox(capacity=2)
    for i in range(2):
        outbox.put(message(str(i), i))
    outbox.put(message("progress", 1, droppable=True))
    outbox.put(message("0", 9))
    assert (await outbox.take()).data == "9"
    outbox.put(message("2", 2))
    outbox.put(message("3", 3))
    with pytest.raises(Closed) as closed:
        await outbox.take()
    assert closed.value.code == TOO_SLOW
    outbox.close(RESTART)
    with pytest.raises(Closed) as still:
        await outbox.take()
    assert still.value.code == TOO_SLOW


def test_both_carriers_say_the_same() -> None:
    one = Message("job.updated", '{"a":"\\n"}', key="x", cursor="c1")
    assert json.loads(one.frame) == {"id": "c1", "event": "job.updated", "data": {"a": "\n"}}
    assert one.chunk == b'id: c1\nevent: job.updated\ndata: {"a":"\\n"}\n\n'
    assert json.loads(Message("ping", "{}", key="ping").frame) == {"event": "ping", "data": {}}
