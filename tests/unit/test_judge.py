"""The judge of the fault tests: content with a world in order, and nothing wrong escapes it."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from judge import TAG, Asked, Facts, Stored, violations

SHA = "ab" * 32
Change = Callable[[Facts], Facts]


def picture(job_id: str, index: int = 0) -> dict[str, Any]:
    return {"id": f"{job_id}-i{index}", "job_id": job_id, "index": index, "sha256": SHA}


def attempt(name: str, outcome: str = "succeeded", amount: str | None = "0.04") -> dict[str, Any]:
    status = "unknown" if amount is None else "exact"
    cost = {"amount": amount, "status": status}
    return {"id": name, "outcome": outcome, "indexes": [0], "cost": cost}


def job(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": name,
        "metadata": {TAG: name},
        "status": "succeeded",
        "done": True,
        "version": 2,
        "images": [picture(name)],
        "attempts": [attempt(f"{name}-c")],
        "cost": {"amount": "0.04", "status": "exact"},
        "error": None,
        **changes,
    }


def charge(name: str, job_id: str, amount: str = "0.04") -> dict[str, Any]:
    return {"call_id": name, "job_id": job_id, "paid": amount != "0", "amount": amount}


def world() -> Facts:
    """Two jobs that succeeded, one that was canceled while its only call was in the air."""
    stopped = {"images": [], "attempts": [attempt("c-c", "canceled", "0.01")]}
    canceled = job("c", status="canceled", cost={"amount": "0.01"}, **stopped)
    jobs = [job("a"), job("b"), canceled]
    return Facts(
        asked=[
            Asked("a", "paid", job_ids=("a",), replays=[("a",)]),
            Asked("b", "paid", job_ids=None, unknown=1),
            Asked("c", "canceled", job_ids=("c",), cancels=[None, 200]),
        ],
        jobs=jobs,
        images=[picture("a"), picture("b")],
        calls=[charge("a-c", "a"), charge("b-c", "b"), charge("c-c", "c", "0.01")],
        stored=[Stored(f"jobs/{name}/images/0-{SHA[:16]}.png", SHA) for name in "ab"],
        records={one["id"]: {"outcome": {"status": one["status"]}} for one in jobs},
        served={"a-i0": SHA, "b-i0": SHA},
        seen={
            one["id"]: [{**one, "version": 1, "done": False, "status": "queued"}, one]
            for one in jobs
        },
        in_flight=0,
    )


def with_job(name: str, **changes: Any) -> Change:
    """The world in which everybody sees that job so."""

    def change(facts: Facts) -> Facts:
        jobs = [{**one, **changes} if one["id"] == name else one for one in facts.jobs]
        seen = {one["id"]: [*facts.seen[one["id"]][:1], one] for one in jobs}
        return replace(facts, jobs=jobs, seen=seen)

    return change


def with_asked(index: int, **changes: Any) -> Change:
    def change(facts: Facts) -> Facts:
        asked = list(facts.asked)
        asked[index] = replace(asked[index], **changes)
        return replace(facts, asked=asked)

    return change


def without(name: str) -> Change:
    return lambda facts: replace(facts, jobs=[one for one in facts.jobs if one["id"] != name])


def seen_as(*versions: dict[str, Any]) -> Change:
    return lambda facts: replace(facts, seen={**facts.seen, "a": [job("a", **v) for v in versions]})


def lost_once(facts: Facts) -> Facts:
    """A paid call was lost with its worker, and made again."""
    bill = [attempt("a-l", "lost", None), attempt("a-c")]
    facts = with_job("a", attempts=bill, cost={"amount": None})(facts)
    return replace(facts, calls=[*facts.calls, charge("a-l", "a")], in_flight=1)


def lost_twice(facts: Facts) -> Facts:
    bill = [attempt("a-c", "lost", None), attempt("a-l", "lost", None)]
    failed = {"status": "failed", "error": {"code": "worker_lost"}, "images": []}
    facts = with_job("a", attempts=bill, cost={"amount": None}, **failed)(lost_once(facts))
    return replace(
        facts,
        images=facts.images[1:],
        stored=facts.stored[1:],
        records={**facts.records, "a": {"outcome": {"status": "failed"}}},
    )


@pytest.mark.parametrize("change", [lambda facts: facts, lost_once, lost_twice])
def test_what_may_happen_is_no_violation(change: Change) -> None:
    assert violations(change(world())) == []


WRONG: dict[str, tuple[str, Change]] = {
    "a job is lost": ("nothing_lost", without("a")),
    "a job is there twice": (
        "nothing_lost",
        lambda facts: replace(facts, jobs=[*facts.jobs, facts.jobs[0]]),
    ),
    "a repeat is another job": ("nothing_lost", with_asked(0, replays=[("z",)])),
    "an answer nobody should get": ("answers_known", with_asked(0, strange=["500 oops"])),
    "a job nobody asked for": ("nothing_unexpected", with_job("b", metadata={})),
    "two jobs for one request": ("nothing_unexpected", with_job("b", metadata={TAG: "a"})),
    "another id than was told": ("nothing_unexpected", with_asked(0, job_ids=("z",))),
    "a job never ends": ("ended_rightly", with_job("a", done=False, status="running")),
    "a job fails": (
        "ended_rightly",
        with_job("a", status="failed", error={"code": "internal_error"}),
    ),
    "lost once is no reason to fail": (
        "ended_rightly",
        with_job("a", status="failed", error={"code": "worker_lost"}),
    ),
    "canceled and yet drawn": ("ended_rightly", with_asked(0, cancels=[200])),
    "canceled by nobody": ("ended_rightly", with_asked(2, cancels=[])),
    "beyond canceling and yet canceled": ("ended_rightly", with_asked(2, cancels=[409])),
    "a picture is listed twice": (
        "pictures_once",
        lambda facts: replace(facts, images=[*facts.images, facts.images[0]]),
    ),
    "a picture is in no list": (
        "pictures_once",
        lambda facts: replace(facts, images=facts.images[1:]),
    ),
    "a picture is of no job": ("pictures_once", with_job("a", images=[])),
    "an index twice": ("pictures_once", with_job("a", images=[picture("a"), picture("a")])),
    "fewer pictures than asked for": ("pictures_once", with_asked(0, images=2)),
    "bytes are gone": ("bytes_true", lambda facts: replace(facts, stored=facts.stored[1:])),
    "bytes are others": (
        "bytes_true",
        lambda facts: replace(
            facts, stored=[replace(facts.stored[0], sha256="00"), facts.stored[1]]
        ),
    ),
    "other bytes are served": (
        "bytes_true",
        lambda facts: replace(facts, served={**facts.served, "a-i0": "00"}),
    ),
    "bytes of nobody": (
        "bytes_true",
        lambda facts: replace(facts, stored=[*facts.stored, Stored("jobs/c/images/0-x.png", "x")]),
    ),
    "a call too many was paid": (
        "paid_once",
        lambda facts: replace(facts, calls=[*facts.calls, charge("x", "a")]),
    ),
    "one call was made twice": (
        "paid_once",
        lambda facts: replace(facts, calls=[*facts.calls, facts.calls[0]], in_flight=9),
    ),
    "a paid call is on no bill": (
        "paid_once",
        lambda facts: replace(facts, calls=[*facts.calls, charge("x", "a")], in_flight=9),
    ),
    "a call is billed to another": (
        "paid_once",
        lambda facts: replace(facts, calls=[charge("a-c", "b"), *facts.calls[1:]]),
    ),
    "a picture was bought twice": (
        "paid_once",
        with_job("a", attempts=[attempt("a-c"), attempt("a-d")]),
    ),
    "a bill is wrong": (
        "bills_true",
        lambda facts: replace(facts, calls=[charge("a-c", "a", "0.05"), *facts.calls[1:]]),
    ),
    "a bill without a call": ("bills_true", lambda facts: replace(facts, calls=facts.calls[1:])),
    "an answered call at unknown cost": (
        "bills_true",
        with_job("a", attempts=[attempt("a-c", amount=None)], cost={"amount": None}),
    ),
    "unknown shown as known": (
        "bills_true",
        with_job("a", attempts=[attempt("a-l", "lost", None), attempt("a-c")]),
    ),
    "a sum is wrong": ("bills_true", with_job("a", cost={"amount": "0.08"})),
    "no outcome was written": (
        "records_agree",
        lambda facts: replace(facts, records={**facts.records, "a": {"outcome": None}}),
    ),
    "the record says otherwise": (
        "records_agree",
        lambda facts: replace(
            facts, records={**facts.records, "a": {"outcome": {"status": "canceled"}}}
        ),
    ),
    "a call stays open for ever": (
        "records_agree",
        with_job("a", attempts=[attempt("a-c", "open")]),
    ),
    "a version goes back": ("seen_in_order", seen_as({"version": 2}, {"version": 1}, {})),
    "the last version was not seen": ("seen_in_order", seen_as({"version": 1})),
    "a picture comes after the end": (
        "seen_in_order",
        seen_as({"version": 1, "images": []}, {}),
    ),
    "it ended twice": ("seen_in_order", seen_as({"version": 1, "status": "failed"}, {})),
}


@pytest.mark.parametrize(("rule", "change"), WRONG.values(), ids=WRONG.keys())
def test_nothing_wrong_escapes(rule: str, change: Change) -> None:
    before = world()
    untouched = deepcopy(before)
    found = violations(change(before))
    assert rule in {violation.partition(":")[0] for violation in found}, found
    assert before == untouched
