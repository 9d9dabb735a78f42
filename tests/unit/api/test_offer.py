"""Which models may draw, what is not honoured, and why nobody can."""

import pytest

from atelier_api.body import BatchPrompt, CreateBatch, CreateJob, Providers
from atelier_api.offer import enabled, offer
from atelier_api.once import fingerprint
from atelier_core.contracts.catalogue import Capabilities, Catalogue, Model, Style, catalogue
from atelier_core.contracts.problems import Code, Problem
from atelier_core.domain.request import ImageRequest
from atelier_core.domain.values import Money
from atelier_core.http.body import parse_json


def model(name: str, *, price: Money | None = None, **can: object) -> Model:
    capabilities = {
        "min_side": 256,
        "max_side": 1024,
        "sizes": (),
        "aspect_ratios": (),
        "max_n": 4,
        "seed": True,
        "negative_prompt": True,
        "styles": True,
        "output_formats": ("png",),
        **can,
    }
    return Model(
        id=name,
        name=name,
        provider=name.split("/", maxsplit=1)[0],
        aliases=("any",),
        capabilities=Capabilities.model_validate(capabilities),
        price=price or Money.exactly("0.04"),
        auto="never" if name.startswith("fake/") else "yes",
    )


BOOK = Catalogue(
    dated="2026-01-01",
    models=(
        model("plain/one", seed=False, negative_prompt=False, styles=False, qualities=("low",)),
        model("wide/two", max_side=2048, price=Money.unknown()),
        model("fake/three"),
    ),
    styles=(Style(id="ink", name="Ink", description="", suffix="in ink"),),
)
ALL = enabled(BOOK, ["plain", "wide", "fake"])


def ask(**parameters: object) -> ImageRequest:
    return ImageRequest.model_validate({"prompt": "a fox", "model": "any", **parameters})


def test_providers_for_tests_are_offered_only_by_name() -> None:
    assert enabled(BOOK, None) == {"plain", "wide"}
    assert enabled(BOOK, ()) == {"plain", "wide"}
    assert enabled(BOOK, ["fake", "unheard of"]) == {"fake"}


def test_the_best_fitting_model_comes_first() -> None:
    assert [m.id for m in offer(ask(), book=BOOK, providers=ALL).models] == [
        "plain/one",
        "wide/two",
        "fake/three",
    ]
    large = offer(ask(size="2048x512"), book=BOOK, providers=ALL)
    assert [m.id for m in large.models] == ["wide/two"]
    auto = offer(ask(model="auto"), book=BOOK, providers=ALL)
    assert [m.id for m in auto.models] == ["plain/one", "wide/two"]


def test_what_is_not_honoured_is_a_warning() -> None:
    found = offer(
        ask(model="plain/one", negative_prompt="x", seed=1, output_format="webp", style="ink"),
        book=BOOK,
        providers=ALL,
    )
    assert [w.pointer for w in found.warnings] == ["/negative_prompt", "/seed", "/output_format"]
    assert {w.code for w in found.warnings} == {"parameter_ignored"}
    assert offer(ask(), book=BOOK, providers=ALL).warnings == ()


def test_who_is_on_is_asked_and_warned_about() -> None:
    seeded = ask(seed=7, model="auto")
    assert [w.pointer for w in offer(seeded, book=BOOK, providers=ALL, on={"plain"}).warnings] == [
        "/seed"
    ]
    nobody = offer(seeded, book=BOOK, providers=ALL, on={"other"})
    assert (nobody.on, [m.id for m in nobody.models]) == (False, ["wide/two", "plain/one"])
    known = offer(seeded, book=BOOK, providers={"plain"}, on={"plain", "wide"})
    assert [m.id for m in known.models] == ["plain/one"], "only what the operator offers"
    assert offer(seeded, book=BOOK, providers=ALL).on, "nothing was heard yet"


@pytest.mark.parametrize(
    ("parameters", "code", "pointer"),
    [
        ({"model": "plain"}, Code.MODEL_NOT_FOUND, "/p/model"),
        ({"model": "none/such"}, Code.MODEL_NOT_FOUND, "/p/model"),
        ({"size": "4096x4096"}, Code.UNSUPPORTED_PARAMETER, "/p/size"),
        ({"size": "16x512"}, Code.UNSUPPORTED_PARAMETER, "/p/size"),
        ({"aspect_ratio": "40:1"}, Code.UNSUPPORTED_PARAMETER, "/p/aspect_ratio"),
        ({"style": "none"}, Code.INVALID_REQUEST, "/p/style"),
        ({"quality": "best"}, Code.INVALID_REQUEST, "/p/quality"),
        ({"start_deadline": 61, "deadline": 60}, Code.INVALID_REQUEST, "/p/start_deadline"),
        ({"start_deadline": 24 * 3600 + 1}, Code.INVALID_REQUEST, "/p/start_deadline"),
        ({"providers": {"order": ["wide", "x"]}}, Code.INVALID_REQUEST, "/p/providers/order/1"),
        ({"providers": {"allow": ["x"]}}, Code.INVALID_REQUEST, "/p/providers/allow/0"),
        ({"providers": {"deny": ["x"]}}, Code.INVALID_REQUEST, "/p/providers/deny/0"),
        (
            {"providers": {"deny": ["plain", "wide", "fake"]}},
            Code.UNSUPPORTED_PARAMETER,
            "/p/providers",
        ),
        (
            {"model": "plain/one", "providers": {"allow": ["wide"]}},
            Code.UNSUPPORTED_PARAMETER,
            "/p/providers",
        ),
    ],
)
def test_what_nobody_can_do(parameters: dict[str, object], code: Code, pointer: str) -> None:
    with pytest.raises(Problem) as caught:
        offer(ask(**parameters), book=BOOK, providers=ALL, at="/p")
    assert (caught.value.code, caught.value.errors[0].pointer) == (code, pointer)


def test_the_widest_bounds_are_told() -> None:
    with pytest.raises(Problem) as caught:
        offer(ask(model="auto", size="4096x4096"), book=BOOK, providers=ALL)
    assert caught.value.detail == "/size: No model draws that: sides have 256 to 2048 pixels."


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("gpt-image-2", "sides have 512 to 3840 pixels, one at most 3 times the other."),
        ("replicate/black-forest-labs/flux-1.1-pro", "sides have 256 to 1440 pixels."),
        (
            "stable-image-core",
            "1536x1536, and the shapes 1:1, 5:4, 4:5, 3:2, 2:3, 16:9, 9:16, 21:9, 9:21.",
        ),
    ],
)
def test_it_is_told_which_shapes_are_drawn(name: str, why: str) -> None:
    with pytest.raises(Problem) as caught:
        offer(
            ask(model=name, size="2048x512"),
            book=catalogue(),
            providers=["openai", "replicate", "stability"],
        )
    assert caught.value.detail is not None
    assert caught.value.detail.endswith(why)


def test_entries_win_over_what_is_shared() -> None:
    body = CreateBatch(
        prompts=("a", BatchPrompt(prompt="b", size="512x512", tags=())),
        aspect_ratio="1:1",
        n=3,
        tags=("t",),
    )
    one, two = body.jobs()
    assert (one.prompt, one.aspect_ratio, one.size, one.n, one.tags) == (
        "a",
        "1:1",
        None,
        3,
        ("t",),
    )
    assert (two.prompt, two.aspect_ratio, two.size, two.n, two.tags) == (
        "b",
        None,
        "512x512",
        3,
        (),
    )


def test_an_entry_chooses_its_own_providers() -> None:
    shared = Providers(order=("fal",), fallback="any")
    own = Providers(deny=("fal",))
    body = CreateBatch(
        prompts=("a", BatchPrompt(prompt="b", providers=own, steps=4)),
        providers=shared,
        steps=8,
        quality="high",
    )
    one, two = body.jobs()
    assert (one.providers, one.steps, one.quality) == (shared, 8, "high")
    assert (two.providers, two.steps, two.quality) == (own, 4, "high"), "whole, not mixed"


def test_fingerprints_see_meaning_only() -> None:
    def of(raw: bytes) -> str:
        return fingerprint([parse_json(raw, CreateJob)], "key")

    same = of(b'{"prompt": "a", "n": 1, "metadata": {"x": "1", "y": "2"}}')
    assert of(b'{"metadata":{"y":"2","x":"1"},"prompt":"a"}') == same
    assert of(b'{"prompt": "a"}') != same
    assert of(b'{"prompt": "a", "tags": ["x", "y"]}') != of(b'{"prompt": "a", "tags": ["y", "x"]}')


def test_a_batch_means_its_jobs() -> None:
    def of(raw: bytes) -> str:
        return fingerprint(parse_json(raw, CreateBatch).jobs(), "key")

    one = of(b'{"prompts": [{"prompt": "a", "n": 1}], "n": 4}')
    assert of(b'{"prompts": ["a"], "n": 4}') != one, "four pictures are not one"
    assert of(b'{"prompts": ["a"]}') == one
    assert of(b'{"prompts": ["a", "a"]}') != one
