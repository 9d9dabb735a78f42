from typing import Any

import pytest

from atelier_client import ApiError, Retry, Unreachable
from atelier_client.flows import pages, wait_for_batch, wait_for_job
from atelier_client.values import JobData
from atelier_client.watching import Board, watch

PLAIN = Retry(attempts=3, base=1, cap=10, jitter=lambda: 1.0)


def versions(w: Any) -> list[int]:
    return [change.job["version"] for change in w.emitted]


def test_a_job_is_followed_to_its_end(world: Any, say: Any, job: Any) -> None:
    w = world(
        say.reply(200, job()),
        say.stream,
        say.event("snapshot.started", {"reset": True}),
        say.event("job.updated", job()),
        say.event("snapshot.complete", {}, "c1"),
        say.reply(200, job()),  # read anew after the snapshot
        say.event("job.updated", job(2, "running"), "c2"),
        say.event("job.progress", {"job_id": "j1", "index": 0, "fraction": 0.5}),
        say.event("ping", {}),
        say.event("job.updated", job(2, "running"), "c2"),
        say.event("job.updated", job(3, "succeeded"), "c3"),
    )
    w.run(watch(["j1"], PLAIN))
    assert versions(w) == [1, 2, 2, 3]
    assert [dict(change.fractions) for change in w.emitted] == [{}, {}, {0: 0.5}, {}]
    assert [change.message["event"] for change in w.emitted].count("job.progress") == 1
    assert w.asked[1].query == (("topic", "job:j1"),)


def test_what_is_finished_counts_once() -> None:
    def completion(progress: float, fractions: dict[int, float]) -> float:
        fields = {"id": "j", "status": "running", "done": False, "version": 2, "request": {"n": 4}}
        fields |= {"created_at": "2026-11-21T09:30:15Z"}
        job = JobData.model_validate({**fields, "progress": progress, "fractions": fractions})
        return job.completion

    assert completion(0.5, {}) == 0.5
    assert completion(0.25, {0: 1, 1: 0.5}) == 0.375
    assert completion(0.25, {0: 1, 1: 1, 2: 0.5}) == 0.625


def test_a_done_job_needs_no_stream(world: Any, say: Any, job: Any) -> None:
    w = world(say.reply(200, job(3, "failed")))
    w.run(watch(["j1"], PLAIN))
    assert versions(w) == [3]


def test_a_cut_stream_is_resumed_where_it_broke(world: Any, say: Any, job: Any) -> None:
    w = world(
        say.reply(200, job()),
        say.stream,
        say.event("snapshot.started", {"reset": False}),
        say.event("snapshot.complete", {}, "c7"),
        say.cut(),
        say.stream,
        say.event("job.updated", job(2, "running"), "c8"),
        say.end,
        say.stream,
        say.event("job.updated", job(3, "succeeded"), "c9"),
    )
    w.run(watch(["j1"], PLAIN))
    assert versions(w) == [1, 2, 3]
    resumed = [call.headers.get("Last-Event-ID") for call in w.asked[1:]]
    assert resumed == [None, "c7", "c8"]


def test_a_server_that_restarts_is_waited_for(world: Any, say: Any, job: Any) -> None:
    w = world(
        say.reply(200, job()),
        say.stream,
        say.event("ping", {}, "c1"),
        say.cut(),
        say.cut(sent=False),
        say.problem(503, "service_unavailable", retryable=True, after=3),
        say.stream,
        say.event("job.updated", job(3, "succeeded")),
    )
    w.run(watch(["j1"], PLAIN))
    assert versions(w) == [1, 3]
    assert w.paused[-2:] == [1, 3]


def test_a_server_that_stays_away_is_given_up(world: Any, say: Any, job: Any) -> None:
    w = world(say.reply(200, job()), *[say.cut(sent=False)] * 4)
    with pytest.raises(Unreachable):
        w.run(watch(["j1"], PLAIN))


@pytest.mark.parametrize(
    "useless",
    [
        lambda say: [say.problem(404, "not_found")],
        lambda say: [say.reply(405, None)],
        lambda say: [say.reply(200, None, content_type="text/html")],
        lambda say: [say.stream, say.cut()],
        lambda say: [say.stream, say.end],
    ],
    ids=["404", "405", "no-stream", "silent", "empty"],
)
def test_without_a_stream_it_polls(world: Any, say: Any, job: Any, useless: Any) -> None:
    w = world(
        say.reply(200, job()),
        *useless(say),
        say.reply(200, job(2, "running")),
        say.cut(),
        say.reply(200, job(3, "succeeded")),
    )
    w.run(watch(["j1"], PLAIN))
    assert versions(w) == [1, 2, 3]
    assert w.asked[2].query == (("wait", "30"), ("after_version", "1"))
    assert w.asked[-1].query == (("wait", "30"), ("after_version", "2"))


def test_a_wrong_key_is_not_polled_away(world: Any, say: Any, job: Any) -> None:
    w = world(say.reply(200, job()), say.problem(401, "unauthenticated"))
    with pytest.raises(ApiError, match="unauthenticated"):
        w.run(watch(["j1"], PLAIN))


def test_an_old_cursor_is_forgotten(world: Any, say: Any, job: Any) -> None:
    w = world(
        say.reply(200, job()),
        say.stream,
        say.event("ping", {}, "old"),
        say.end,
        say.problem(400, "invalid_cursor"),
        say.stream,
        say.event("job.updated", job(2, "canceled")),
    )
    w.run(watch(["j1"], PLAIN))
    assert [c.headers.get("Last-Event-ID") for c in w.asked[1:]] == [None, "old", None]


def test_what_ended_while_the_stream_was_opened_is_found(world: Any, say: Any, job: Any) -> None:
    w = world(
        say.reply(200, job()),
        say.stream,
        say.event("snapshot.started", {"reset": True}),
        say.event("snapshot.complete", {}, "c1"),
        say.reply(200, job(4, "succeeded")),
    )
    w.run(watch(["j1"], PLAIN))
    assert versions(w) == [1, 4]


def test_an_unknown_id_is_neither_job_nor_batch(world: Any, say: Any) -> None:
    missing = say.problem(404, "not_found")
    with pytest.raises(ApiError, match="not_found"):
        world(missing, missing).run(watch(["j9"], PLAIN))


def test_a_batch_ends_with_its_last_job(world: Any, say: Any, job: Any) -> None:
    batch = {
        "id": "b1",
        "object": "batch",
        "status": "running",
        "done": False,
        "version": 3,
        "size": 2,
    }
    first = job(3, "succeeded", batch={"id": "b1", "index": 0, "size": 2})
    second = {**job(3, "failed", batch={"id": "b1", "index": 1, "size": 2}), "id": "j2"}
    foreign = {**job(3, "failed"), "id": "j3"}
    w = world(
        say.problem(404, "not_found"),
        say.reply(200, batch),
        say.reply(200, {"items": [first], "next_cursor": None}),
        say.stream,
        say.event("job.updated", foreign),
        say.event("job.updated", second),
    )
    w.run(watch(["b1"], PLAIN))
    assert [change.job["id"] for change in w.emitted] == ["j1", "j2"]


def test_more_jobs_than_topics_are_watched_as_mine(job: Any) -> None:
    few = Board({**job(), "id": f"j{i}"} for i in range(20))
    many = Board({**job(), "id": f"j{i}"} for i in range(21))
    assert len(few.topics) == 20
    assert many.topics == ("me",)


def test_waiting_polls_until_done(world: Any, say: Any, job: Any) -> None:
    w = world(say.reply(200, job(2, "running")), say.reply(200, job(3, "failed")))
    done = w.run(wait_for_job(job(), timeout=None, retry=PLAIN, clock=lambda: w.now))
    assert done["status"] == "failed"
    assert w.asked[1].query == (("wait", "30"), ("after_version", "2"))


def test_waiting_ends_in_time(world: Any, say: Any, job: Any) -> None:
    w = world(*[say.reply(200, job())] * 3)  # a server that does not hold the answer
    with pytest.raises(TimeoutError, match="runs on"):
        w.run(wait_for_job(job(), timeout=2.5, retry=PLAIN, clock=lambda: w.now))
    assert w.now <= 3.0


def test_waiting_for_a_batch_ends_in_time(world: Any, say: Any) -> None:
    batch = {"id": "b1", "done": False}
    w = world(*[say.reply(200, batch)] * 3)
    with pytest.raises(TimeoutError):
        w.run(wait_for_batch(batch, timeout=1.0, retry=PLAIN, clock=lambda: w.now))
    assert w.now == 1.0  # not before: what is done at the last moment is done


def test_a_batch_that_is_done_just_in_time_is_done(world: Any, say: Any) -> None:
    batch = {"id": "b1", "done": False}
    w = world(say.reply(200, batch), say.reply(200, batch), say.reply(200, {**batch, "done": True}))
    done = w.run(wait_for_batch(batch, timeout=1.0, retry=PLAIN, clock=lambda: w.now))
    assert done["done"]


def test_a_list_is_read_page_by_page(world: Any, say: Any) -> None:
    w = world(
        say.reply(200, {"items": [1, 2], "next_cursor": "p2"}),
        say.reply(200, {"items": [3], "next_cursor": None}),
    )
    w.run(pages("/v1/jobs", (("tag", "a"), ("tag", "b")), PLAIN))
    assert w.emitted == [1, 2, 3]
    assert w.asked[1].query == (
        ("tag", "a"),
        ("tag", "b"),
        ("limit", "100"),
        ("cursor", "p2"),
    )


def test_a_limit_is_kept_and_asks_no_more(world: Any, say: Any) -> None:
    w = world(say.reply(200, {"items": [1, 2, 3], "next_cursor": "p2"}))
    w.run(pages("/v1/jobs", (), PLAIN, limit=2))
    assert w.emitted == [1, 2]
    assert w.asked[0].query == (("limit", "2"),)
