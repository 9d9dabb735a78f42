"""What the painter understands of a prompt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_worker.painter.places import PLACES
from atelier_worker.painter.words import SUBJECTS, read


@pytest.mark.parametrize(
    ("prompt", "place", "time", "subject"),
    [
        ("a lighthouse by the sea at night", "sea", "night", "lighthouse"),
        ("a red fox in a snowy forest", "forest", "", "fox"),
        ("neon city in rain", "city", "", ""),
        ("Castles on the MOUNTAINS, sunset", "mountain", "sunset", "castle"),
        ("portrait of a woman in a garden", "portrait", "", ""),
        ("🦊 🌲", "forest", "", "fox"),
        ("sunset over a desert with cacti", "desert", "sunset", ""),
    ],
)
def test_words_become_a_scene(prompt, place, time, subject):
    scene = read(prompt, seed=1)
    assert (scene.place, scene.time, scene.subject) == (place, time, subject)


def test_a_colour_belongs_to_the_figure_it_stands_before():
    scene = read("a red fox under a blue sky", seed=1)
    assert scene.subject_colour
    assert len(scene.colours) == 1


def test_a_style_does_not_move_the_picture():
    plain, inked = read("sea", seed=1), read("sea", seed=1, style="ink")
    assert plain.entropy == inked.entropy
    assert inked.style == "ink"


def test_a_forbidden_word_is_not_read():
    assert "rain" not in read("city in rain", seed=1, negative="rain, people").also


@given(st.text(), st.integers(), st.text())
def test_every_text_is_a_scene_that_can_be_painted(prompt, seed, negative):
    scene = read(prompt, seed=seed, negative=negative)
    assert scene.place in {*PLACES, "portrait"}
    assert scene.subject in {"", *SUBJECTS}
    assert scene == read(prompt, seed=seed, negative=negative)
