"""Who may draw a request, in which order; and what a model makes of its parameters."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_core.contracts.catalogue import Capabilities, Catalogue, Model, catalogue
from atelier_core.contracts.chain import chain
from atelier_core.contracts.fit import can_draw, fitted, shortfalls
from atelier_core.domain.request import Fallback, ImageRequest
from atelier_core.domain.values import Money

SHIPPED = catalogue()


def model(name: str, *aliases: str, auto: str = "yes", **can: Any) -> Model:
    capabilities = {
        "min_side": 256,
        "max_side": 2048,
        "sizes": ("1024x1024",),
        "aspect_ratios": ("1:1",),
        "max_n": 1,
        "seed": True,
        "negative_prompt": True,
        "styles": False,
        "output_formats": ("png",),
        **can,
    }
    return Model.model_validate(
        {
            "id": name,
            "name": name,
            "provider": name.partition("/")[0],
            "aliases": aliases,
            "capabilities": Capabilities.model_validate(capabilities),
            "price": Money.exactly("0.01"),
            "auto": auto,
        }
    )


BOOK = Catalogue(
    dated="2026-01-01",
    models=(
        model("ada/flux", "flux", seed=False),
        model("ada/big", max_side=4096),
        model("bob/flux", "flux", steps=(1, 4)),
        model("bob/pixie", "pixie"),
        model("cid/fox"),
        model("demo/painter", "painter", auto="alone"),
        model("fake/paid", "fake", auto="never"),
    ),
    styles=(),
)
ALL = frozenset(m.provider for m in BOOK.models)


def ids(on: frozenset[str] = ALL, **asked: Any) -> list[str]:
    request = ImageRequest.model_validate({"prompt": "a fox", **asked})
    return [m.id for m in chain(request, BOOK, on)]


def test_auto_means_every_model_and_takes_turns_between_providers() -> None:
    assert ids() == ["ada/flux", "bob/flux", "cid/fox", "ada/big", "bob/pixie"]


def test_the_demo_painter_draws_only_where_there_is_nothing_else() -> None:
    assert ids(frozenset({"demo", "fake"})) == ["demo/painter"]
    assert ids(frozenset({"demo", "cid"})) == ["cid/fox"]
    assert ids(size="4096x4096", on=frozenset({"demo", "cid"})) == []
    assert ids(providers={"order": ["cid", "demo"]})[:2] == ["cid/fox", "demo/painter"]
    assert ids(providers={"allow": ["demo"]}) == ["demo/painter"]
    assert "demo/painter" not in ids(model="flux", providers={"fallback": "any"})


def test_models_for_tests_are_meant_only_by_name() -> None:
    assert ids(frozenset({"fake"})) == []
    assert ids(model="fake") == ["fake/paid"]
    assert ids(providers={"allow": ["fake"]}) == ["fake/paid"]


def test_an_alias_stays_with_its_model() -> None:
    assert ids(model="flux") == ["ada/flux", "bob/flux"]
    assert ids(model="flux", providers={"fallback": "none"}) == ["ada/flux"]
    assert ids(model="flux", providers={"fallback": "none"}, on=frozenset({"bob"})) == ["bob/flux"]
    assert ids(model="flux", providers={"fallback": "any"}) == [
        "ada/flux",
        "bob/flux",
        "cid/fox",
        "ada/big",
        "bob/pixie",
    ]


def test_one_model_stays_alone_unless_asked() -> None:
    assert ids(model="bob/flux") == ["bob/flux"]
    assert ids(model="bob/flux", providers={"fallback": "same_model"}) == ["bob/flux", "ada/flux"]
    assert ids(model="bob/flux", providers={"fallback": "any"})[0] == "bob/flux"
    away = ALL - {"bob"}
    assert ids(away, model="bob/flux") == []
    assert ids(away, model="bob/flux", providers={"fallback": "same_model"}) == ["ada/flux"]


def test_a_name_that_means_nothing_is_drawn_by_nobody() -> None:
    assert ids(model="none/such", providers={"fallback": "any"}) == []


def test_auto_may_be_held_to_the_model_it_chose() -> None:
    assert ids(providers={"fallback": "none"}) == ["ada/flux"]
    assert ids(providers={"fallback": "same_model"}) == ["ada/flux", "bob/flux"]


def test_providers_are_ordered_allowed_and_denied() -> None:
    assert ids(providers={"order": ["cid", "bob"]}) == [
        "cid/fox",
        "bob/flux",
        "bob/pixie",
        "ada/flux",
        "ada/big",
    ]
    assert ids(providers={"allow": ["bob"]}) == ["bob/flux", "bob/pixie"]
    assert ids(providers={"deny": ["bob", "ada"]}) == ["cid/fox"]
    assert ids(providers={"allow": ["bob"], "deny": ["bob"]}) == []
    assert ids(model="flux", providers={"order": ["bob"]}) == ["bob/flux", "ada/flux"]


def test_who_honours_more_comes_first_but_not_against_an_order() -> None:
    assert ids(model="flux", seed=7) == ["bob/flux", "ada/flux"]
    assert ids(seed=7)[0] == "ada/big"
    assert ids(model="flux", seed=7, providers={"order": ["ada"]}) == ["ada/flux", "bob/flux"]


def test_only_who_can_draw_the_size_is_asked() -> None:
    assert ids(size="4096x2048") == ["ada/big"]
    assert ids(size="128x128") == []


@pytest.mark.parametrize(
    ("asked", "drawn"),
    [
        ({"size": "1024x1024"}, True),
        ({"size": "1000x1000"}, True),
        ({"size": "1024x1152"}, False),
        ({"aspect_ratio": "3:2"}, True),
        ({"aspect_ratio": "16:9"}, False),
        ({"size": "256x256"}, False),
    ],
)
def test_fixed_sizes_are_asked_for_only_what_is_near_them(
    asked: dict[str, str], *, drawn: bool
) -> None:
    fixed = model(
        "one/fixed",
        fixed_sizes=True,
        sizes=("1024x1024", "1536x1024"),
        aspect_ratios=("1:1", "3:2"),
        min_side=1000,
        max_side=1536,
    )
    assert can_draw(ImageRequest.model_validate({"prompt": "a fox", **asked}), fixed) is drawn


@pytest.mark.parametrize(
    ("asked", "drawn", "adjusted"),
    [
        ({}, True, {}),
        ({"aspect_ratio": "9:21"}, True, {}),
        ({"size": "1536x1536"}, True, {}),
        ({"size": "512x512"}, True, {"size": "parameter_adjusted"}),
        ({"size": "1344x768"}, True, {"size": "parameter_adjusted"}),
        ({"size": "2048x512"}, False, {"size": "parameter_adjusted"}),
    ],
)
def test_a_model_that_is_asked_for_shapes_only_says_so(
    asked: dict[str, str], *, drawn: bool, adjusted: dict[str, str]
) -> None:
    [core] = catalogue().find("stability/core")
    assert can_draw(ImageRequest.model_validate({"prompt": "a fox", **asked}), core) is drawn
    assert missed(core, **asked) == adjusted


@pytest.mark.parametrize(
    ("size", "drawn", "said"),
    [
        ("1024x1024", True, ""),
        ("3840x2160", True, ""),
        ("512x512", True, "816x816"),
        ("1000x1000", True, "992x992"),
        ("3840x3840", True, "2880x2880"),
        ("2048x512", False, "2048x688"),
    ],
)
def test_a_model_whose_sizes_have_a_rule_says_what_it_draws_instead(
    size: str, *, drawn: bool, said: str
) -> None:
    [openai] = catalogue().find("openai/gpt-image-2")
    asked = ImageRequest(prompt="a fox", size=size)
    assert can_draw(asked, openai) is drawn
    found = {short.code: short.detail for short in shortfalls(asked, openai)}
    assert found == (
        {"parameter_adjusted": f"GPT Image 2 draws {said}, the nearest that it can."}
        if said
        else {}
    )


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("a1111/default", "1001x765", "1000x768"),
        ("a1111/sd15", "2048x64", ""),
        ("a1111/default", "68x76", "64x80"),
        ("comfyui/default", "1001x765", "1000x768"),
        ("comfyui/default", "4096x64", ""),
        ("comfyui/default", "4096x4091", "4096x4088"),
        ("replicate/black-forest-labs/flux-1.1-pro", "1000x700", "992x704"),
        ("replicate/black-forest-labs/flux-1.1-pro", "1440x256", ""),
        ("replicate/black-forest-labs/flux-1.1-pro", "271x305", "256x320"),
        ("replicate/black-forest-labs/flux-1.1-pro", "1440x1440", ""),
    ],
)
def test_a_model_that_knows_only_multiples_says_to_which_it_rounds(
    name: str, size: str, said: str
) -> None:
    """However far a small picture's shape moves by that: it is less than a step."""
    [model] = catalogue().find(name)
    asked = ImageRequest(prompt="a fox", size=size)
    assert can_draw(asked, model)
    found = [(short.code, short.detail) for short in shortfalls(asked, model)]
    detail = f"{model.name} draws {said}, the nearest that it can."
    assert found == ([("parameter_adjusted", detail)] if said else [])


def missed(of: Model, **asked: Any) -> dict[str, str]:
    request = ImageRequest.model_validate({"prompt": "a fox", **asked})
    return {short.name: short.code for short in shortfalls(request, of)}


def test_what_is_not_honoured_is_said() -> None:
    plain = model("a/b", seed=False, negative_prompt=False, fixed_sizes=True)
    assert missed(plain) == {}
    assert missed(
        plain,
        size="1000x1000",
        negative_prompt="rain",
        seed=7,
        steps=20,
        guidance=3.5,
        quality="high",
        output_format="webp",
    ) == {
        "size": "parameter_adjusted",
        "negative_prompt": "parameter_ignored",
        "seed": "parameter_ignored",
        "steps": "parameter_ignored",
        "guidance": "parameter_ignored",
        "quality": "parameter_ignored",
        "output_format": "parameter_ignored",
    }


def test_numbers_are_brought_within_what_a_model_takes() -> None:
    rich = model("a/b", steps=(2, 4), guidance=(1.0, 10.0), qualities=("low", "high"))
    within = {"steps": 3, "guidance": 2.5, "quality": "high"}
    assert missed(rich, **within) == {}
    asked = ImageRequest(prompt="a fox", steps=50, guidance=0, quality="max")
    taken = fitted(asked, rich)
    assert (taken.steps, taken.guidance, taken.quality) == (4, 1.0, None)
    [steps, guidance, quality] = shortfalls(asked, rich)
    assert steps.code == guidance.code == "parameter_adjusted"
    assert steps.detail == "The most that a/b takes is 4; the job runs with that."
    assert guidance.detail == "The least that a/b takes is 1; the job runs with that."
    assert quality.code == "parameter_ignored"


NAMES = st.sampled_from(sorted({m.provider for m in SHIPPED.models}))
CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "order": st.lists(NAMES, max_size=4),
        "allow": st.lists(NAMES, min_size=1, max_size=6),
        "deny": st.lists(NAMES, max_size=4),
        "fallback": st.sampled_from(["none", "same_model", "any"]),
    },
)
MODELS = st.sampled_from(["auto", "flux-dev", "flux-schnell", "sdxl", "compatible/own"]) | (
    st.sampled_from([m.id for m in SHIPPED.models])
)
REQUESTS = st.fixed_dictionaries(
    {"prompt": st.just("a fox"), "model": MODELS},
    optional={
        "size": st.sampled_from(["512x512", "1024x1024", "1365x1024", "2048x2048", "4000x4000"]),
        "seed": st.integers(0, 9),
        "steps": st.integers(1, 500),
        "guidance": st.floats(0, 50),
        "quality": st.sampled_from(["low", "max"]),
        "providers": CHOICES,
    },
).map(ImageRequest.model_validate)
ON = st.frozensets(NAMES)


@given(REQUESTS, ON)
def test_a_chain_has_only_who_may_and_can_and_nobody_twice(
    request: ImageRequest, on: frozenset[str]
) -> None:
    found = chain(request, SHIPPED, on)
    assert len({m.id for m in found}) == len(found)
    for each in found:
        assert each.provider in on
        assert can_draw(request, each)
        if request.providers:
            assert each.provider not in request.providers.deny
            assert each.provider in (request.providers.allow or on)
    if request.providers and request.providers.fallback is Fallback.NONE:
        assert len(found) <= 1
    if request.model in {m.id for m in SHIPPED.models} and request.providers is None:
        assert [m.id for m in found] in ([request.model], [])


@given(REQUESTS, ON, ON)
def test_a_provider_that_comes_or_goes_changes_nothing_between_the_others(
    request: ImageRequest, on: frozenset[str], more: frozenset[str]
) -> None:
    """Whoever sees fewer providers (another worker, a moment later) goes the same way."""
    few = [m.id for m in chain(request, SHIPPED, on)]
    many = [m.id for m in chain(request, SHIPPED, on | more)]
    goes_on = not (request.providers and request.providers.fallback) or (
        request.providers.fallback is Fallback.ANY
    )
    stand_in = few == ["demo/painter"]
    if goes_on and not stand_in:
        kept = [name for name in many if name in few]
        assert kept == few


@given(REQUESTS, ON)
def test_nothing_is_dropped_that_is_not_warned_of(
    request: ImageRequest, on: frozenset[str]
) -> None:
    for each in chain(request, SHIPPED, on):
        named = {short.name for short in shortfalls(request, each)}
        taken = fitted(request, each)
        assert (taken.steps == request.steps) is ("steps" not in named)
        assert (taken.guidance == request.guidance) is ("guidance" not in named)
        assert (taken.quality == request.quality) is ("quality" not in named)
