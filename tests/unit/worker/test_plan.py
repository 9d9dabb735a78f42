"""What is still to be drawn, when to stop trying, and how a job ends."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_core.contracts.catalogue import Model, catalogue
from atelier_core.domain.outcome import JobError, JobStatus, ProducedImage
from atelier_core.domain.request import ImageRequest, OnBlocked
from atelier_core.domain.run import Call, CallOutcome, Gap
from atelier_core.domain.values import Money, now
from atelier_worker.plan import Share, confined_to, free_somewhere, outcome_of, pause, plan
from atelier_worker.ports import WAITING, Fault

AT = now()


def call(outcome: CallOutcome, code: str | None = None, **changes: Any) -> Call:
    plain: dict[str, Any] = {
        "id": f"{outcome}-{code}",
        "provider": "fake",
        "model": "fake/paid",
        "indexes": (0,),
        "prompt_as_sent": "a fox",
        "sent_at": AT,
        "outcome": outcome,
        "error": JobError(code=code, detail="so it was") if code else None,
    }
    return Call(**(plain | changes))


def at(model: Model, outcome: CallOutcome, code: str | None = None, **changes: Any) -> Call:
    """A call to `model`: what failed there may have cost something, unless it was refused."""
    refused = code in {Fault.RATE_LIMITED, Fault.OVERLOADED, Fault.AUTH, Fault.MODEL_UNAVAILABLE}
    cost = Money.exactly("0") if model.free or refused else Money.unknown()
    return call(outcome, code, provider=model.provider, model=model.id, cost=cost, **changes)


PAID, FREE = catalogue().find("fake/paid")[0], catalogue().find("fake/free")[0]
TWIN = PAID.model_copy(update={"id": "fake/twin"})
THIRD = PAID.model_copy(update={"id": "fake/third"})
LOST = (CallOutcome.LOST, None)
DONE = (CallOutcome.SUCCEEDED, None)
MAYBE = st.sampled_from([LOST, DONE, *((CallOutcome.FAILED, fault) for fault in Fault)])


def no(code: str) -> tuple[CallOutcome, str]:
    return CallOutcome.FAILED, code


def test_nothing_done_is_all_to_draw() -> None:
    assert plan(range(5), [], (), chain=(PAID, TWIN)).draw == (
        Share((0, 1, 2, 3, 4), (PAID, TWIN)),
    )


def test_what_is_stored_is_not_drawn_again() -> None:
    calls = [at(PAID, *LOST, indexes=(0, 1, 2))]
    assert plan(range(3), calls, {1}, chain=(PAID,)).draw == (Share((0, 2), (PAID,)),)


def test_a_vendors_call_is_waited_for_not_repeated() -> None:
    queued = call(CallOutcome.OPEN, provider_job_id="v-1", indexes=(0, 1))
    found = plan(range(3), [queued], (), chain=(PAID,))
    assert (found.resume, found.draw) == ((queued,), (Share((2,), (PAID,)),))
    assert plan((2,), [queued], (), chain=(PAID,)).resume == (), "others wait for it"


@pytest.mark.parametrize(
    ("calls", "model", "code"),
    [
        ([no(Fault.RATE_LIMITED)] * 100, PAID, None),
        ([no(Fault.OVERLOADED)] * 100, FREE, None),
        ([no(Fault.TIMEOUT)], PAID, None),
        ([no(Fault.TIMEOUT)] * 2, PAID, Fault.TIMEOUT),
        ([no(Fault.TIMEOUT), no(Fault.TRANSPORT)], PAID, Fault.TRANSPORT),
        ([no(Fault.TIMEOUT)] * 4, FREE, None),
        ([no(Fault.TIMEOUT)] * 5, FREE, "attempts_exhausted"),
        ([LOST], PAID, None),
        ([LOST, LOST], PAID, "worker_lost"),
        ([LOST, no(Fault.RATE_LIMITED)], PAID, None),
        ([no(Fault.RATE_LIMITED), LOST, no(Fault.TRANSPORT)], PAID, Fault.TRANSPORT),
        ([no(Fault.TIMEOUT), LOST, no(Fault.RATE_LIMITED)], PAID, "worker_lost"),
        ([LOST] * 4, FREE, None),
        ([LOST] * 5, FREE, "worker_lost"),
        ([DONE], PAID, None),  # answered, and its bytes went with a worker
        ([DONE, LOST], PAID, "worker_lost"),
        ([(CallOutcome.SUCCEEDED, Fault.BAD_RESPONSE)], PAID, Fault.BAD_RESPONSE),
        ([no(Fault.MODERATED)], PAID, Fault.MODERATED),
        ([no(Fault.MODERATED)], FREE, Fault.MODERATED),
        ([no(Fault.AUTH)], PAID, Fault.AUTH),
        ([no("storage_failed")], PAID, "storage_failed"),
    ],
)
def test_when_a_picture_is_given_up_by_the_only_model(
    calls: list[tuple[CallOutcome, str | None]], model: Model, code: str | None
) -> None:
    found = plan(range(1), [at(model, *each) for each in calls], (), chain=(model,))
    assert (found.failed[0].code if found.failed else None) == code
    assert bool(found.draw) == (code is None)


@pytest.mark.parametrize(
    ("calls", "left"),
    [
        ([], [PAID, TWIN, FREE]),
        ([(PAID, *no(Fault.AUTH))], [TWIN, FREE]),
        ([(PAID, *no(Fault.MODEL_UNAVAILABLE)), (TWIN, *no(Fault.AUTH))], [FREE]),
        ([(PAID, *no(Fault.RATE_LIMITED))], [PAID, TWIN, FREE]),
        ([(PAID, *no(Fault.TIMEOUT))], [TWIN, FREE, PAID]),
        ([(PAID, *LOST)], [PAID, TWIN, FREE]),
        ([(PAID, *no(Fault.TIMEOUT)), (TWIN, *no(Fault.TRANSPORT))], [FREE]),
        ([(PAID, *no(Fault.BAD_RESPONSE)), (TWIN, *no(Fault.BAD_RESPONSE))], [FREE]),
        ([(PAID, *no(Fault.TIMEOUT)), (TWIN, *LOST)], [FREE]),
        ([(PAID, *no(Fault.MODERATED))], []),
        ([(PAID, *no("storage_failed"))], []),
        ([(FREE, *no(Fault.TIMEOUT))] * 5, []),
    ],
)
def test_which_models_are_left_for_a_picture(
    calls: list[tuple[Model, CallOutcome, str | None]], left: list[Model]
) -> None:
    found = plan(range(1), [at(*each) for each in calls], (), chain=(PAID, TWIN, FREE))
    assert [model for share in found.draw for model in share.models] == left


def test_a_blocked_prompt_goes_on_only_when_that_was_asked_for() -> None:
    calls = [at(PAID, *no(Fault.MODERATED))]
    models = (PAID, TWIN)
    stopped = plan(range(1), calls, (), chain=models)
    assert (stopped.draw, stopped.failed[0].code) == ((), Fault.MODERATED)
    going_on = plan(range(1), calls, (), chain=models, on_blocked=OnBlocked.TRY_NEXT)
    assert going_on.draw == (Share((0,), (TWIN,)),)
    calls.append(at(TWIN, *no(Fault.MODERATED)))
    blocked = plan(range(1), calls, (), chain=models, on_blocked=OnBlocked.TRY_NEXT)
    assert (blocked.draw, blocked.failed[0].code) == ((), Fault.MODERATED)


def test_each_picture_of_a_call_has_its_own_reason() -> None:
    blocked, missing = JobError(code=Fault.MODERATED, detail="no"), JobError(code="x", detail="no")
    gaps = (Gap(index=1, error=blocked), Gap(index=2, error=missing))
    mixed = at(PAID, *no(Fault.MODERATED), indexes=(0, 1, 2), gaps=gaps)
    found = plan(range(3), [mixed], {0}, chain=(PAID, TWIN))
    assert found.draw == (Share((2,), (TWIN,)),), "the blocked one is asked of no other model"
    assert found.failed == {1: blocked}
    gone = plan(range(1), [mixed], (), chain=(PAID, TWIN))
    assert gone.draw == (Share((0,), (PAID, TWIN)),), "it was there, and its bytes are gone"


def test_what_was_moderated_is_shown_to_no_provider_that_has_not_seen_it() -> None:
    elsewhere = TWIN.model_copy(update={"id": "else/twin", "provider": "else"})
    blocked = at(PAID, *no(Fault.MODERATED), indexes=(0,))
    failed = at(PAID, *no(Fault.BAD_RESPONSE), indexes=(1,))
    chain = (PAID, elsewhere)
    assert confined_to([failed], OnBlocked.STOP) is None
    assert confined_to([blocked, failed], OnBlocked.STOP) == {"fake"}
    stopped = plan(range(3), [blocked, failed], (), chain=(PAID,))
    assert stopped.draw == (Share((2,), (PAID,)),)
    assert {i: error.code for i, error in stopped.failed.items()} == {
        0: Fault.MODERATED,
        1: Fault.BAD_RESPONSE,
    }
    seen = at(elsewhere, *LOST, indexes=(2,))
    assert confined_to([blocked, failed, seen], OnBlocked.STOP) == {"fake", "else"}
    assert plan((1,), [blocked, failed, seen], (), chain=chain).draw == (Share((1,), (elsewhere,)),)
    assert confined_to([blocked, failed], OnBlocked.TRY_NEXT) is None
    on = plan(range(3), [blocked, failed], (), chain=chain, on_blocked=OnBlocked.TRY_NEXT)
    assert on.draw == (Share((0, 1), (elsewhere,)), Share((2,), chain))


@pytest.mark.parametrize(
    ("wanted", "free"),
    [
        ({"model": "auto"}, True),
        ({"model": "fake/free"}, True),
        ({"model": "fake/paid"}, False),
        ({"model": "fake/paid", "providers": {"fallback": "any"}}, True),
        ({"model": "auto", "providers": {"allow": ["openai"]}}, False),
    ],
)
def test_what_no_worker_draws_for_nothing_was_not_drawn_without_a_record(
    wanted: dict[str, Any], free: bool
) -> None:
    request = ImageRequest.model_validate({"prompt": "a fox", "size": "512x512"} | wanted)
    assert free_somewhere(request, catalogue()) == free


def test_pictures_that_went_different_ways_are_asked_for_apart() -> None:
    calls = [at(PAID, *no(Fault.AUTH), indexes=(1, 2)), at(PAID, *LOST, indexes=(0, 3))]
    found = plan(range(4), calls, (), chain=(PAID, TWIN))
    assert found.draw == (Share((0, 3), (PAID, TWIN)), Share((1, 2), (TWIN,)))


def test_a_picture_that_nobody_may_draw_says_so() -> None:
    assert plan(range(1), [], (), chain=()).failed[0].code == Fault.MODEL_UNAVAILABLE


@given(st.lists(MAYBE, max_size=40), st.permutations([PAID, TWIN, THIRD, FREE]), st.booleans())
def test_no_story_pays_more_than_twice_in_vain_or_never_ends(
    story: list[tuple[CallOutcome, str | None]], chain: list[Model], stop: bool
) -> None:
    """Each call goes to the first model that is left, and ends as the story says."""
    on_blocked = OnBlocked.STOP if stop else OnBlocked.TRY_NEXT
    calls: list[Call] = []
    for step, ending in enumerate(story):
        found = plan(range(1), calls, (), chain=chain, on_blocked=on_blocked)
        assert bool(found.draw) != bool(found.failed)
        if not found.draw:
            break
        model = found.draw[0].models[0]
        calls.append(at(model, *ending).model_copy(update={"id": str(step)}))
    counted = [c for c in calls if not c.error or c.error.code not in WAITING]
    assert sum(c.cost.amount is None for c in counted) <= 2
    assert len(counted) <= 4 + 5, "each model fails for good once, or five calls in all by chance"
    blocked = [c.error is not None and c.error.code == Fault.MODERATED for c in calls]
    assert not stop or not any(blocked[:-1])


@pytest.mark.parametrize(
    ("failures", "at_least", "later", "seconds"),
    [
        (0, 0, False, 5),
        (0, 0, True, 5),
        (1, 0, True, 5),
        (2, 0, True, 30),
        (3, 0, False, 30),
        (100, 0, True, 600),
        (1, 45, False, 45),
        (7, 1, False, 600),
    ],
)
def test_pauses_grow_and_keep_what_was_asked(
    failures: int, at_least: float, later: bool, seconds: float
) -> None:
    calls = [call(CallOutcome.SUCCEEDED), *[call(*no(Fault.RATE_LIMITED))] * failures]
    assert pause(calls, at_least=at_least, later=later).total_seconds() == seconds


def test_refusals_of_ten_pictures_or_by_three_providers_are_one() -> None:
    ten = [call(*no(Fault.RATE_LIMITED), indexes=(index,)) for index in range(10)]
    assert pause(ten, at_least=0, later=False).total_seconds() == 5
    three = [at(model, *no(Fault.OVERLOADED)) for model in (PAID, TWIN, THIRD)]
    assert pause(three, at_least=0, later=False).total_seconds() == 5


def image(index: int) -> ProducedImage:
    return ProducedImage(
        id=f"i{index}",
        job_id="j",
        index=index,
        seed=1,
        width=1,
        height=1,
        content_type="image/png",
        bytes=1,
        sha256="0" * 64,
        created_at=AT,
    )


BLOCKED = JobError(code=Fault.MODERATED, detail="no")
BROKEN = JobError(code=Fault.BAD_RESPONSE, detail="no")


@pytest.mark.parametrize(
    ("have", "errors", "status", "code"),
    [
        ((1, 0), {}, JobStatus.SUCCEEDED, None),
        ((1,), {0: BLOCKED}, JobStatus.PARTIALLY_SUCCEEDED, Fault.MODERATED),
        ((), {0: BLOCKED, 1: BLOCKED}, JobStatus.BLOCKED, Fault.MODERATED),
        ((), {0: BLOCKED, 1: BROKEN}, JobStatus.FAILED, Fault.MODERATED),
        ((), {1: BLOCKED, 0: BROKEN}, JobStatus.FAILED, Fault.BAD_RESPONSE),
    ],
)
def test_how_a_job_ends(
    have: tuple[int, ...], errors: dict[int, JobError], status: JobStatus, code: str | None
) -> None:
    outcome = outcome_of(2, [image(i) for i in have], errors, at=AT)
    assert outcome.status is status
    assert (outcome.error.code if outcome.error else None) == code
    assert [i.index for i in outcome.images] == sorted(have)
