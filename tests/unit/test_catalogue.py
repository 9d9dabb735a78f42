"""The catalogue as it ships, and how names are looked up in it."""

from collections import Counter
from decimal import Decimal

import pytest

from atelier_core.contracts.catalogue import catalogue
from atelier_core.domain.values import CostStatus

BOOK = catalogue()


def test_every_model_is_there_once() -> None:
    assert set(Counter(model.id for model in BOOK.models).values()) == {1}
    assert all(model.id.startswith(f"{model.provider}/") for model in BOOK.models)


@pytest.mark.parametrize("model", BOOK.models, ids=lambda model: model.id)
def test_what_a_model_can_do_fits_together(model) -> None:
    can = model.capabilities
    assert 1 <= can.max_n <= 10
    assert can.sizes
    for size in can.sizes:
        assert all(can.min_side <= int(side) <= can.max_side for side in size.split("x")), size
    for ratio in can.aspect_ratios:
        assert all(int(part) > 0 for part in ratio.split(":"))
    assert (model.price.amount is None) == (model.price.status is CostStatus.UNKNOWN)
    if model.price.amount is not None:
        assert Decimal(model.price.amount) >= 0
    if model.size_prices:
        assert model.price_at(1024, 1024) == model.price
    if model.tokens is not None:
        assert model.price.status is not CostStatus.EXACT, "tokens decide"
        assert all(Decimal(rate) >= 0 for rate in dict(model.tokens).values())


def test_any_model_of_ones_own_server_has_a_name() -> None:
    [model] = BOOK.find("compatible/black-forest-labs/FLUX.1-schnell")
    [default] = BOOK.find("compatible/default")
    assert model.id == "compatible/black-forest-labs/FLUX.1-schnell"
    assert model.name == "black-forest-labs/FLUX.1-schnell"
    assert (model.provider, model.aliases) == ("compatible", ())
    assert model.capabilities == default.capabilities


@pytest.mark.parametrize("name", ["compatible/", "compatible", "openai/dall-e-2", "fake/x", "x/y"])
def test_nothing_else_is_made_up(name: str) -> None:
    assert all(model in BOOK.models for model in BOOK.find(name))
    assert len(BOOK.find(name)) == (name == "compatible")
