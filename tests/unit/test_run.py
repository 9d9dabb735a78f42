from hypothesis import given
from hypothesis import strategies as st

from atelier_core.domain.run import Call, CallOutcome, merge_calls
from atelier_core.domain.values import now

AT = now()
calls = st.lists(
    st.builds(
        Call,
        id=st.sampled_from("abc"),
        provider=st.just("p"),
        model=st.just("m"),
        indexes=st.just((0,)),
        prompt_as_sent=st.just("x"),
        sent_at=st.just(AT),
        provider_job_id=st.sampled_from([None, "theirs"]),
        outcome=st.sampled_from(CallOutcome),
    ),
    max_size=6,
)


@given(calls, calls)
def test_nothing_known_is_forgotten(known: list[Call], news: list[Call]) -> None:
    merged = {call.id: call for call in merge_calls(known, news)}
    assert set(merged) == {call.id for call in known} | {call.id for call in news}
    for call in (*known, *news):
        assert merged[call.id].outcome.rank >= call.outcome.rank


@given(calls, calls)
def test_merging_again_changes_nothing(known: list[Call], news: list[Call]) -> None:
    once = merge_calls(known, news)
    assert merge_calls(once, news) == once


def test_a_known_end_replaces_lost_and_lost_replaces_open() -> None:
    call = Call(id="a", provider="p", model="m", indexes=(0,), prompt_as_sent="x", sent_at=AT)
    lost = call.model_copy(update={"outcome": CallOutcome.LOST})
    good = call.model_copy(update={"outcome": CallOutcome.SUCCEEDED})
    assert merge_calls([call], [lost]) == (lost,)
    assert merge_calls([lost], [good]) == (good,)
    assert merge_calls([good], [lost, call]) == (good,)


def test_the_vendors_job_id_is_kept() -> None:
    call = Call(id="a", provider="p", model="m", indexes=(0,), prompt_as_sent="x", sent_at=AT)
    theirs = call.model_copy(update={"provider_job_id": "theirs"})
    assert merge_calls([call], [theirs]) == (theirs,)
