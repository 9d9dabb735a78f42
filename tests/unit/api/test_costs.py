"""What a submission would cost: never zero where it is not known."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_api.costs import CostRange, asking, bounds, by_quality, total
from atelier_api.dry import dry_run, step
from atelier_api.offer import offer
from atelier_core.contracts.catalogue import Model, catalogue
from atelier_core.domain.request import ImageRequest
from atelier_core.domain.values import CostStatus

BOOK = catalogue()
ALL = frozenset(model.provider for model in BOOK.models)


def ask(**parameters: Any) -> ImageRequest:
    return ImageRequest.model_validate({"prompt": "a fox", **parameters})


def named(name: str) -> Model:
    return BOOK.find(name)[0]


def cost(low: str | None, high: str | None = None, *, currency: str = "USD") -> CostRange:
    status = CostStatus.EXACT if low else CostStatus.UNKNOWN
    return CostRange(min=low, max=high or low, currency=currency, status=status)


def test_a_step_counts_calls_words_and_money() -> None:
    fal = step(ask(n=3, style="ink", quality="high"), named("fal/fal-ai/flux/dev"), BOOK)
    assert (fal.provider, fal.calls) == ("fal", 3)
    assert fal.prompt_as_sent == "a fox, ink wash drawing on warm paper"
    assert fal.ignored == ("quality",)
    assert (fal.cost.min, fal.cost.max, fal.cost.status) == ("0.075", "0.075", "estimated")
    demo = step(ask(n=3, style="ink"), named("demo/painter"), BOOK)
    assert (demo.calls, demo.prompt_as_sent, demo.cost.max) == (1, "a fox", "0")


def test_quality_decides_where_it_does() -> None:
    openai = named("gpt-image-1.5")

    def price(**parameters: Any) -> tuple[str | None, str | None]:
        found = asking(ask(**parameters), openai)
        return found.min, found.max

    assert price(quality="low", n=2) == ("0.018", "0.026")
    assert price() == ("0.009", "0.2"), "the vendor chooses"
    assert price(quality="max") == price(), "not known there, so the vendor chooses"
    large = asking(ask(quality="high", size="3072x2048"), named("gpt-image-2"))
    assert (large.min, large.max) == ("0.211", "0.844"), "four times the area"
    assert by_quality(openai)["high"].max == "0.2"
    assert by_quality(named("demo")) == {}


def test_size_decides_where_it_does() -> None:
    dev = named("fal/fal-ai/flux/dev")
    assert asking(ask(size="1024x1024"), dev).max == "0.025"
    assert asking(ask(aspect_ratio="16:9"), dev).max == "0.025"
    large = asking(ask(n=2, size="2048x2048"), dev)
    assert (large.min, large.max) == ("0.2", "0.2"), "four megapixels each"
    assert asking(ask(size="1440x1440"), named("replicate/black-forest-labs/flux-1.1-pro")).max == (
        "0.04"
    )


@pytest.mark.parametrize(
    ("size", "price"), [("1376x768", "0.067"), ("2048x2048", "0.101"), ("4096x4096", "0.151")]
)
def test_a_price_may_be_that_of_a_class_of_sizes(size: str, price: str) -> None:
    assert asking(ask(size=size), named("gemini/gemini-3.1-flash-image")).max == price


def test_unknown_is_never_zero() -> None:
    unknown = asking(ask(n=4), named("compatible/default"))
    assert (unknown.min, unknown.max, unknown.status) == (None, None, CostStatus.UNKNOWN)
    job = bounds([cost("0.04"), unknown])
    assert (job.min, job.max, job.status) == (None, None, CostStatus.UNKNOWN)
    assert total([cost("0"), cost("0")]).max == "0"


def test_a_job_costs_between_the_cheapest_and_twice_the_dearest() -> None:
    steps = [cost("0.04"), cost("0.02"), cost("0.03", "0.05")]
    job = bounds(steps)
    assert (job.min, job.max) == ("0.02", "0.1")
    assert bounds([cost("0")]).max == "0"


@pytest.mark.parametrize("parts", [[cost("1"), cost(None)], [cost("1"), cost("1", currency="EUR")]])
def test_what_has_no_sum_is_unknown(parts: list[CostRange]) -> None:
    assert (total(parts).min, total(parts).status) == (None, CostStatus.UNKNOWN)


def test_sums_are_exact_decimals() -> None:
    assert total([cost("0.1"), cost("0.2")]).min == "0.3"
    estimated = CostRange(min="2", max="2", currency="USD", status=CostStatus.ESTIMATED)
    assert total([cost("1"), estimated]).status is CostStatus.ESTIMATED


REQUESTS = st.builds(
    ask,
    model=st.sampled_from(["auto", *(m.id for m in BOOK.models if m.auto != "never")]),
    n=st.integers(1, 10),
    quality=st.none() | st.sampled_from(["low", "high", "max"]),
    providers=st.fixed_dictionaries({"fallback": st.sampled_from(["none", "any"])}),
)


@given(st.lists(REQUESTS, min_size=1, max_size=4))
def test_a_dry_run_adds_up(requests: list[ImageRequest]) -> None:
    dry = dry_run([(r, offer(r, book=BOOK, providers=ALL)) for r in requests], BOOK)
    for job in dry.jobs:
        assert job.chain
        known = [s.cost for s in job.chain if s.cost.max is not None]
        assert (job.cost.max is None) is (len(known) < len(job.chain))
        if job.cost.max is not None and job.cost.min is not None:
            assert all(Decimal(c.max or 0) <= Decimal(job.cost.max) for c in known)
            assert all(Decimal(c.min or 0) >= Decimal(job.cost.min) for c in known)
    if all(job.cost.max is not None for job in dry.jobs):
        assert Decimal(dry.cost.max or "NaN") == sum(Decimal(j.cost.max or 0) for j in dry.jobs)
    else:
        assert dry.cost.status is CostStatus.UNKNOWN
