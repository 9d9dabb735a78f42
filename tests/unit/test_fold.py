"""Whatever the order and however often the events of a story come, the job ends the same."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_core.contracts.events import ImageDerived
from atelier_core.domain.image import images_of
from atelier_core.domain.job import Job, accept, purge
from atelier_core.domain.outcome import JobError, JobStatus
from atelier_core.domain.run import CallOutcome
from atelier_core.domain.values import Money, child_id
from atelier_gallery.fold import JobEvent, derived, fold, split
from gallery_stories import (
    OWNER,
    accepted,
    at,
    batch_requested,
    call,
    deferred,
    ended,
    picture,
    requested,
    started,
)

JOB = accepted(n=2, job_id="01890a5d-ac96-774b-bcce-b302099a8057", created_at=at(0))
CONVERGES = (
    *("status", "done", "images", "attempts", "cost", "error", "started_at", "finished_at"),
    *("progress", "model", "provider", "prompt_as_sent"),
)
STORIES: dict[str, tuple[JobEvent, ...]] = {
    "deferred, taken over, drawn": (
        requested(JOB),
        deferred(JOB, 1),
        started(JOB, 2, call("a", CallOutcome.OPEN)),
        started(JOB, 3, call("a", CallOutcome.LOST), call("b", CallOutcome.OPEN, sent_at=at(5))),
        ended(
            JOB,
            *(picture(JOB, i) for i in range(2)),
            calls=(call("a", CallOutcome.LOST), call("b", indexes=(0, 1), sent_at=at(5))),
        ),
    ),
    "canceled, then a late bill": (
        requested(JOB),
        started(JOB, 1, call("a", CallOutcome.OPEN)),
        ended(JOB, status=JobStatus.CANCELED, at=at(4), calls=(call("a", CallOutcome.OPEN),)),
        ended(JOB, status=JobStatus.CANCELED, at=at(4), calls=(call("a", CallOutcome.CANCELED),)),
    ),
    "canceled, and nobody knows what its call costs": (
        requested(JOB),
        started(JOB, 1, call("a", CallOutcome.OPEN)),
        ended(JOB, status=JobStatus.CANCELED, at=at(4), calls=(call("a", CallOutcome.OPEN),)),
    ),
    "partly drawn": (
        requested(JOB),
        started(JOB, 1, call("a", CallOutcome.OPEN)),
        deferred(JOB, 2, call("a", CallOutcome.FAILED, cost=Money.exactly("0"))),
        ended(
            JOB,
            picture(JOB, 1),
            status=JobStatus.PARTIALLY_SUCCEEDED,
            error=JobError(code="provider_timeout", detail="It took too long."),
            calls=(
                call("a", CallOutcome.FAILED, cost=Money.exactly("0")),
                call("b", indexes=(1,), sent_at=at(8)),
            ),
        ),
    ),
    "still waiting": (
        requested(JOB),
        started(JOB, 1, call("a", CallOutcome.OPEN)),
        deferred(JOB, 2, call("a", CallOutcome.FAILED)),
        started(JOB, 3),
        deferred(JOB, 4),
    ),
    "half drawn, waiting, half drawn again": (
        requested(JOB),
        started(JOB, 1, call("a", CallOutcome.OPEN)),
        started(JOB, 1, call("a", CallOutcome.OPEN), finished=1),
        deferred(JOB, 2, call("a", CallOutcome.LOST)),
        started(JOB, 3, call("b", CallOutcome.OPEN, sent_at=at(5))),
        started(JOB, 3, call("b", CallOutcome.OPEN, sent_at=at(5)), finished=1),
    ),
    "half drawn, then failed": (
        requested(JOB),
        started(JOB, 1, call("a", CallOutcome.OPEN), finished=1),
        ended(
            JOB,
            status=JobStatus.FAILED,
            error=JobError(code="worker_lost", detail="It was lost."),
            calls=(call("a", CallOutcome.LOST),),
        ),
    ),
}


def told(events: Sequence[JobEvent], job: Job | None = None) -> Job:
    for event in events:
        job = fold(job, event) or job
    assert job is not None
    return job


def shown(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in CONVERGES}


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[str, list[JobEvent]]:
    name = draw(st.sampled_from(sorted(STORIES)))
    events = STORIES[name]
    again = draw(st.lists(st.sampled_from(events), max_size=4))
    return name, draw(st.permutations([*events, *again]))


@given(shuffled())
def test_every_order_and_repetition_ends_the_same(story: tuple[str, list[JobEvent]]) -> None:
    name, events = story
    assert shown(told(events)) == shown(told(STORIES[name]))


def test_an_open_call_costs_nothing_yet_and_something_unknown_once_the_job_is_done() -> None:
    *before, end = STORIES["canceled, and nobody knows what its call costs"]
    assert told(before).cost == Money.exactly("0")
    assert told([*before, end]).cost == Money.unknown()
    billed = call("a", CallOutcome.CANCELED, cost=Money.exactly("0.01"))
    bill = ended(JOB, status=JobStatus.CANCELED, at=at(4), calls=(billed,))
    assert told([*before, end, bill]).cost == Money.exactly("0.01")


@given(shuffled())
def test_a_version_counts_the_changes_and_time_never_goes_back(
    story: tuple[str, list[JobEvent]],
) -> None:
    job: Job | None = None
    for event in story[1]:
        after = fold(job, event)
        if job is None:
            assert after is not None
        elif after is not None:
            assert after.version == job.version + 1
            assert after.updated_at >= job.updated_at
        job = after or job


@given(shuffled(), st.data())
def test_a_purged_image_never_comes_back(
    story: tuple[str, list[JobEvent]], data: st.DataObject
) -> None:
    name, late = story
    job = told(STORIES[name])
    if not job.images:
        return
    gone = data.draw(st.sampled_from(job.images))
    after = purge(job, gone.id, at=at(99))
    assert after is not None
    again = told(late, after)
    assert gone.id not in {image.id for image in again.images}
    assert gone.id not in {image.id for image in images_of(again)}
    assert again.images == after.images


def test_any_event_may_be_the_first() -> None:
    for event in STORIES["partly drawn"]:
        job = told([event])
        assert (job.request, job.owner, job.created_at) == (JOB.request, OWNER, at(0))


def test_the_first_snapshot_is_the_202_answer() -> None:
    assert told([requested(JOB)]) == accept(JOB)


def test_a_deferral_before_any_call_is_still_queued() -> None:
    assert told([requested(JOB), deferred(JOB, 1)]).status is JobStatus.QUEUED
    assert told(STORIES["still waiting"]).status is JobStatus.RETRYING


def test_progress_is_what_is_finished_and_never_goes_back() -> None:
    events = STORIES["half drawn, waiting, half drawn again"]
    seen = [told(events[: count + 1]).progress for count in range(len(events))]
    assert seen == [0, 0, 0.5, 0.5, 0.5, 0.5]
    failed = told(STORIES["half drawn, then failed"])
    assert (failed.progress, failed.done) == (0, True)


def test_a_late_bill_raises_cost_and_version_but_nothing_else() -> None:
    events = STORIES["canceled, then a late bill"]
    before = told(events[:3])
    bill = ended(JOB, picture(JOB), calls=(call("a"),))
    after = told([bill], before)
    assert (after.status, after.images, after.error) == (JobStatus.CANCELED, (), None)
    assert after.cost == Money.exactly("0.04")
    assert after.version == before.version + 1


def test_a_batch_is_the_request_of_each_of_its_jobs() -> None:
    batch = batch_requested(3)
    parts = split(batch)
    assert [part.job_id for part in parts] == [child_id(batch.batch_id, i) for i in range(3)]
    jobs = [told([part]) for part in parts]
    assert [job.batch and (job.batch.index, job.batch.size) for job in jobs] == [
        (0, 3),
        (1, 3),
        (2, 3),
    ]
    assert [job.request.prompt for job in jobs] == ["fox 0", "fox 1", "fox 2"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_what_was_derived_converges(order: tuple[int, ...]) -> None:
    [image] = images_of(told([ended(JOB, picture(JOB))]))
    common = {"owner": OWNER, "job_id": JOB.id, "image_id": image.id}
    events = [
        ImageDerived(**common, blurhash="LEHV6nWB"),
        ImageDerived(**common, error="It cannot be decoded."),
        ImageDerived(**common, blurhash="LEHV6nWB"),
    ]
    for index in order:
        image = derived(image, events[index]) or image
    assert (image.blurhash, image.error) == ("LEHV6nWB", None)
