"""The verdict on a run full of faults, in the style of Jepsen: from what everybody saw, afterwards.

Nobody is believed about himself. Clients wrote down what they were told, the vendor what it was
asked and charged, a watcher which versions passed by; the store and the lists are as they are.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any

Resource = Mapping[str, Any]

TAG = "asked"  # the pair of `metadata` by which a job tells whose it is
TWICE = 2  # how often an unanswered paid call may be made before its job fails


@dataclass
class Asked:
    """What one client wanted once, and every answer it got; `job_ids` is None until one was 202.

    `ends` are the statuses it may end with if nobody cancels it. `cancels` holds the HTTP statuses
    that attempts to cancel were answered with; None is an answer that never came. `unknown` counts
    answers that left open whether it was accepted, `strange` holds those nobody should get.
    """

    tag: str
    kind: str
    size: int = 1
    images: int = 1
    free: bool = False
    ends: frozenset[str] = frozenset({"succeeded"})
    job_ids: tuple[str, ...] | None = None
    replays: list[tuple[str, ...]] = field(default_factory=list)
    unknown: int = 0
    strange: list[str] = field(default_factory=list)
    cancels: list[int | None] = field(default_factory=list)


@dataclass(frozen=True)
class Stored:
    """A picture in the store, by its bytes."""

    key: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything there is to know once nothing moves any more.

    `calls` is the vendor's ledger; `seen` what a watcher was told of each job, in that order;
    `served` the hash of what `content_url` answers; `in_flight` bounds the calls that were open
    when something was killed.
    """

    asked: Sequence[Asked]
    jobs: Sequence[Resource]
    images: Sequence[Resource]
    calls: Sequence[Resource]
    stored: Sequence[Stored]
    records: Mapping[str, Resource]
    served: Mapping[str, str]
    seen: Mapping[str, Sequence[Resource]]
    in_flight: int


def violations(facts: Facts) -> list[str]:
    """What was promised and is not so; empty is what everybody hopes for."""
    rules: tuple[Callable[[Facts], Iterator[str]], ...] = (
        _answers_known,
        _nothing_lost,
        _nothing_unexpected,
        _ended_rightly,
        _pictures_once,
        _bytes_true,
        _paid_once,
        _bills_true,
        _records_agree,
        _seen_in_order,
    )
    return [f"{rule.__name__.strip('_')}: {what}" for rule in rules for what in rule(facts)]


def _answers_known(facts: Facts) -> Iterator[str]:
    for asked in facts.asked:
        yield from (f"{asked.tag} ({asked.kind}): {answer}" for answer in asked.strange)


def _nothing_lost(facts: Facts) -> Iterator[str]:
    listed = Counter(job["id"] for job in facts.jobs)
    for asked in facts.asked:
        for replay in asked.replays:
            if replay != asked.job_ids:
                yield f"{asked.tag}: repeated under its key it is {replay}, not {asked.job_ids}"
        for job_id in asked.job_ids or ():
            if listed[job_id] != 1:
                yield f"{asked.tag}: {job_id} was accepted and is there {listed[job_id]} times"


def _nothing_unexpected(facts: Facts) -> Iterator[str]:
    by_tag = _by_tag(facts.jobs)
    known = {asked.tag: asked for asked in facts.asked}
    for tag, jobs in by_tag.items():
        asked = known.get(tag)
        ids = {job["id"] for job in jobs}
        if asked is None:
            yield f"nobody asked for {sorted(ids)}"
        elif len(ids) > asked.size:
            yield f"{tag}: {asked.size} asked for, {len(ids)} made"
        elif asked.job_ids is not None and not ids <= set(asked.job_ids):
            yield f"{tag}: the client knows of {asked.job_ids}, not of {sorted(ids)}"


def _ended_rightly(facts: Facts) -> Iterator[str]:
    by_tag = _by_tag(facts.jobs)
    for asked in facts.asked:
        for job in by_tag.get(asked.tag, ()):
            status, name = job["status"], f"{asked.tag} ({job['id']})"
            if not job["done"]:
                yield f"{name} never ended: {status}"
            elif 200 in asked.cancels and asked.size == 1 and status != "canceled":
                yield f"{name} was reported canceled and is {status}"
            elif status == "canceled":
                if not asked.cancels:
                    yield f"{name} is canceled and nobody asked for that"
                elif 409 in asked.cancels and asked.size == 1:
                    yield f"{name} was reported as beyond canceling and is canceled"
            elif status not in asked.ends and not _lost_twice(job):
                yield f"{name} ended {status}: {job['error']}"


def _lost_twice(job: Resource) -> bool:
    """A job may fail because the worker died each time that its paid call was in the air."""
    lost = Counter(i for a in job["attempts"] if a["outcome"] == "lost" for i in a["indexes"])
    code = job["error"] and job["error"]["code"]
    return code == "worker_lost" and max(lost.values(), default=0) >= TWICE


def _pictures_once(facts: Facts) -> Iterator[str]:
    listed = Counter((image["job_id"], image["index"]) for image in facts.images)
    yield from (f"{where} is listed {n} times" for where, n in listed.items() if n > 1)
    produced = {image["id"] for job in facts.jobs for image in job["images"]}
    if missing := produced - {image["id"] for image in facts.images}:
        yield f"of jobs, but in no list: {sorted(missing)}"
    if extra := {image["id"] for image in facts.images} - produced:
        yield f"listed, but of no job: {sorted(extra)}"
    wanted = {asked.tag: asked.images for asked in facts.asked}
    for job in facts.jobs:
        indexes = [image["index"] for image in job["images"]]
        if len(set(indexes)) != len(indexes):
            yield f"{job['id']} has pictures twice: {indexes}"
        if job["status"] == "succeeded" and len(indexes) != wanted.get(_tag(job)):
            yield f"{job['id']} succeeded with {indexes} of {wanted.get(_tag(job))}"


def _bytes_true(facts: Facts) -> Iterator[str]:
    there = {stored.key: stored.sha256 for stored in facts.stored}
    named: set[str] = set()
    for image in (image for job in facts.jobs for image in job["images"]):
        prefix = f"jobs/{image['job_id']}/images/{image['index']}-{image['sha256'][:16]}."
        keys = [key for key in there if key.startswith(prefix)]
        named.update(keys)
        if [there[key] for key in keys] != [image["sha256"]]:
            yield f"{image['id']}: in the store under {keys} with other bytes, or not at all"
        if facts.served.get(image["id"]) != image["sha256"]:
            yield f"{image['id']}: what is served is not what was stored"
    yield from (f"{key} belongs to nobody" for key in sorted(set(there) - named))


def _paid_once(facts: Facts) -> Iterator[str]:
    paid = [call for call in facts.calls if call["paid"]]
    payable = sum(a.size for a in facts.asked if not a.free)
    if len(paid) > payable + facts.in_flight:
        yield f"{len(paid)} calls paid for {payable} jobs and {facts.in_flight} calls in flight"
    # A free call has the same id whoever makes it again (ADR 9).
    twice = [call for call, n in Counter(call["call_id"] for call in paid).items() if n > 1]
    yield from (f"the call {call} was made twice" for call in twice)
    attempts = {a["id"]: (job["id"], a) for job in facts.jobs for a in job["attempts"]}
    for call in facts.calls:
        job_id, attempt = attempts.get(call["call_id"], (None, None))
        if attempt is None and call["paid"]:
            yield f"a call was paid that is on no bill: {dict(call)}"
        elif attempt is not None and job_id != call["job_id"]:
            yield f"{call['call_id']} is billed to another job"
    for job in facts.jobs:
        ended = Counter(
            index
            for a in job["attempts"]
            if a["outcome"] == "succeeded" and Decimal(a["cost"]["amount"] or 0)
            for index in a["indexes"]
        )
        if max(ended.values(), default=0) > 1:
            yield f"{job['id']}: the same picture was bought twice though its call was answered"


def _bills_true(facts: Facts) -> Iterator[str]:
    charged = {call["call_id"]: Decimal(call["amount"]) for call in facts.calls}
    for job in facts.jobs:
        known = [a for a in job["attempts"] if a["cost"]["status"] == "exact"]
        for attempt in known:
            amount = Decimal(attempt["cost"]["amount"])
            if amount != charged.get(attempt["id"], Decimal()):
                yield f"{attempt['id']} is billed {amount}, charged {charged.get(attempt['id'])}"
        unknown = [a for a in job["attempts"] if a["cost"]["status"] != "exact"]
        for attempt in unknown:
            if attempt["outcome"] not in ("lost", "failed", "canceled"):
                yield f"{attempt['id']} {attempt['outcome']} at a cost nobody knows"
        total = sum((Decimal(a["cost"]["amount"]) for a in known), Decimal())
        amount = job["cost"]["amount"]
        if unknown and amount is not None:
            yield f"{job['id']} says {amount} though a call's cost is unknown"
        if not unknown and (amount is None or Decimal(amount) != total):
            yield f"{job['id']} says {amount}, its attempts {total}"


def _records_agree(facts: Facts) -> Iterator[str]:
    for job in facts.jobs:
        record = facts.records.get(job["id"])
        outcome = record and record["outcome"]
        if not outcome:
            yield f"{job['id']} is {job['status']} without an outcome in its record"
        elif outcome["status"] != job["status"]:
            yield f"{job['id']} is {job['status']}, its record says {outcome['status']}"
        for attempt in job["attempts"]:
            if attempt["outcome"] == "open":
                yield f"{job['id']} has ended and its call {attempt['id']} has not"


def _seen_in_order(facts: Facts) -> Iterator[str]:
    for job in facts.jobs:
        seen = facts.seen.get(job["id"], ())
        versions = [one["version"] for one in seen]
        if any(later < earlier for earlier, later in pairwise(versions)):
            yield f"{job['id']} went back in time: {versions}"
        if not versions or versions[-1] < job["version"]:
            yield f"{job['id']} is version {job['version']}, watchers saw {versions[-3:]}"
        ends = [*(one for one in seen if one["done"]), job]
        if any(_end_of(one) != _end_of(job) for one in ends):
            yield f"{job['id']} ended more than once: {[_end_of(one) for one in ends]}"
        pictures = [{image["id"] for image in one["images"]} for one in ends]
        if any(not later <= earlier for earlier, later in pairwise(pictures)):
            yield f"{job['id']} got pictures after its end: {pictures}"


def _end_of(job: Resource) -> str:
    return json.dumps([job["status"], job["error"]], sort_keys=True)


def _tag(job: Resource) -> str:
    return str(job["metadata"].get(TAG))


def _by_tag(jobs: Iterable[Resource]) -> dict[str, list[Resource]]:
    found: dict[str, list[Resource]] = defaultdict(list)
    for job in jobs:
        found[_tag(job)].append(job)
    return found
