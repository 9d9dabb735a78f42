"""The demo painter: the same words make the same bytes, and the words are visible in the pixels."""

import hashlib
import subprocess
import sys
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from atelier_worker.painter import encode, paint
from atelier_worker.painter.styles import STYLES

SEEDS = range(1, 5)
WORDS = [
    "sea", "forest", "city", "night", "portrait", "abstract", "mountain", "desert", "sunset",
    "winter", "rain", "moon", "galaxy", "fox", "castle", "lighthouse", "boat", "autumn", "island",
    "garden", "lake", "spring", "cyberpunk", "cat",
]  # fmt: skip
WEIRD = [
    "", " ", "?!…—/\\'\"<>{}", "🦊🌲❄️", "ثعلب أحمر في الغابة", "红狐狸", "\u202eevil", "a" * 4000,
    "sea " * 1000, "../../etc/passwd", "<script>alert(1)</script>", "\x00\x1b[31m", "\ud800", "%s %n",
]  # fmt: skip


@cache
def small(prompt: str, seed: int = 1, **options) -> Image.Image:
    return paint(prompt, seed=seed, width=256, height=256, **options)


@cache
def afar(prompt: str, seed: int) -> np.ndarray:
    return np.asarray(small(prompt, seed).resize((16, 16), Image.Resampling.BOX), float)


def mean(prompt: str, seed: int, **options) -> np.ndarray:
    return np.asarray(small(prompt, seed, **options), float).mean(axis=(0, 1))


def distance(a: Image.Image, b: Image.Image) -> float:
    """Mean difference of two pictures seen from afar, in levels of 255."""
    far = [np.asarray(one.resize((16, 16), Image.Resampling.BOX), float) for one in (a, b)]
    return float(np.abs(far[0] - far[1]).mean())


def digest(prompt: str, seed: int, style: str | None) -> str:
    picture = paint(prompt, seed=seed, width=256, height=256, style=style)
    return hashlib.sha256(encode(picture, "png")).hexdigest()


@pytest.mark.parametrize("style", [None, "watercolor", "oil-painting", "low-poly"])
def test_same_words_and_seed_make_the_same_bytes(style):
    assert digest("a red fox", 7, style) == digest("a red fox", 7, style)


def test_another_process_makes_the_same_bytes():
    script = (
        "import hashlib; from atelier_worker.painter import encode, paint;"
        "i = paint('a lighthouse by the sea', seed=5, width=256, height=256);"
        "print(hashlib.sha256(encode(i, 'png')).hexdigest())"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.strip() == digest("a lighthouse by the sea", 5, None)


@pytest.mark.parametrize("word", WORDS)
def test_another_seed_makes_another_picture(word):
    pictures = [afar(word, seed) for seed in SEEDS]
    apart = [np.abs(a - b).mean() for a, b in combinations(pictures, 2)]
    assert min(apart) > 2
    assert max(apart) > 10


@pytest.mark.parametrize("seed", SEEDS)
def test_another_word_makes_another_picture(seed):
    apart = {
        (a, b): np.abs(afar(a, seed) - afar(b, seed)).mean() for a, b in combinations(WORDS, 2)
    }
    assert {pair: gap for pair, gap in apart.items() if gap < 4} == {}


def test_unknown_words_make_varied_pictures():
    pictures = [small(word) for word in ("zorp", "quux", "blivet", "frobnicate", "xyzzy")]
    assert min(distance(a, b) for a, b in combinations(pictures, 2)) > 6


@pytest.mark.parametrize("seed", SEEDS)
def test_the_sea_is_bluer_than_the_desert(seed):
    sea, desert = mean("sea", seed), mean("desert", seed)
    assert sea[2] - sea[0] > desert[2] - desert[0] + 30


@pytest.mark.parametrize("place", ["city", "forest", "sea", "mountain", "lake"])
def test_night_is_darker_than_day(place):
    for seed in SEEDS:
        night, day = mean(f"{place} at night", seed), mean(f"{place} at noon", seed)
        assert night.sum() < day.sum() * 0.7


@pytest.mark.parametrize("prompt", ["abstract", "mountain", "sea", "portrait"])
def test_a_colour_word_leads_the_palette(prompt):
    for seed in SEEDS:
        red, blue = mean(f"red {prompt}", seed), mean(f"blue {prompt}", seed)
        assert red[0] - red[2] > blue[0] - blue[2] + 20


def test_a_colour_before_a_figure_is_the_colour_of_the_figure():
    red, white = small("a red fox in a forest"), small("a white fox in a forest")
    sky = (0, 0, 256, 60)
    assert distance(red.crop(sky), white.crop(sky)) < 12
    body = (110, 150, 146, 240)
    difference = np.asarray(white.crop(body), float) - np.asarray(red.crop(body), float)
    assert difference[..., 2].mean() > 25


def test_snow_is_whiter_and_rain_is_greyer():
    for seed in SEEDS:
        assert mean("forest in winter", seed).sum() > mean("forest at noon", seed).sum()
        rain, day = mean("sea in rain", seed), mean("sea at noon", seed)
        assert rain.sum() < day.sum()


def test_what_the_negative_prompt_names_is_left_out():
    assert small("sea in rain", negative_prompt="rain").tobytes() != small("sea in rain").tobytes()
    for seed in SEEDS:
        lit = mean("city", seed, negative_prompt="night, sunset, dawn").sum()
        assert lit > mean("city at night", seed).sum() * 1.3


@pytest.mark.parametrize("prompt", WEIRD)
def test_any_text_is_a_prompt(prompt):
    picture = small(prompt)
    assert (picture.size, picture.mode) == ((256, 256), "RGB")
    assert np.asarray(picture).std() > 5


@pytest.mark.parametrize(
    ("width", "height"), [(256, 256), (256, 2048), (2048, 256), (257, 511), (1024, 768), (1, 1)]
)
@pytest.mark.parametrize("prompt", ["sea", "portrait of a woman", "neon city in rain"])
def test_sizes_are_exact(prompt, width, height):
    for style in (None, "oil-painting"):
        picture = paint(prompt, seed=3, width=width, height=height, style=style)
        assert picture.size == (width, height)


def test_every_word_is_drawn_on_narrow_and_wide_canvases():
    for word in WORDS:
        for size in ((96, 512), (512, 96)):
            assert paint(word, seed=2, width=size[0], height=size[1]).size == size


def test_a_size_changes_the_detail_and_not_the_picture():
    for word in ("lake", "portrait", "castle"):
        one, other = (paint(word, seed=4, width=n, height=n) for n in (256, 768))
        assert distance(one, other) < 8


def test_every_style_looks_different():
    assert set(STYLES) == {
        "photographic", "cinematic", "watercolor", "oil-painting", "ink", "line-art", "pixel-art",
        "pastel", "neon", "vintage", "low-poly", "anime",
    }  # fmt: skip
    plain = small("boat on a lake at sunset", seed=2)
    styled = {name: small("boat on a lake at sunset", seed=2, style=name) for name in STYLES}
    for name, picture in styled.items():
        assert picture.size == plain.size
        assert np.abs(np.asarray(picture, float) - np.asarray(plain, float)).mean() > 4, name
    for a, b in combinations(styled.values(), 2):
        assert np.abs(np.asarray(a, float) - np.asarray(b, float)).mean() > 4


@pytest.mark.parametrize(
    ("words", "style"),
    [("watercolour", "watercolor"), ("pixel art", "pixel-art"), ("line art", "line-art"),
     ("oil painting", "oil-painting"), ("ink drawing", "ink")],
)  # fmt: skip
def test_a_style_named_in_the_prompt_is_honoured(words, style):
    named = small(f"{words} sea")
    assert named.tobytes() == small(f"{words} sea", style=style).tobytes()
    assert named.tobytes() != small("sea").tobytes()


def test_an_unknown_style_changes_nothing():
    assert small("sea", style="no such style").tobytes() == small("sea").tobytes()


def test_progress_rises_to_one():
    heard: list[float] = []
    small("forest", on_progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert len(heard) >= 3


@pytest.mark.parametrize(
    ("output_format", "name"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")]
)
def test_files_are_of_the_format_asked_for(tmp_path, output_format, name):
    picture = small("sea")
    data = encode(picture, output_format)
    assert data == encode(picture, output_format)
    (tmp_path / "picture").write_bytes(data)
    with Image.open(tmp_path / "picture") as read:
        assert (read.format, read.size, read.mode) == (name, (256, 256), "RGB")
        if name == "PNG":
            assert read.convert("RGB").tobytes() == picture.tobytes()


@pytest.mark.parametrize("word", ["sea", "abstract", "galaxy", "neon city in rain"])
def test_a_full_size_file_stays_small(word):
    assert len(encode(paint(word, seed=2, width=1024, height=1024), "png")) < 1_500_000
