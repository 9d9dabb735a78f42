"""What the painter understands of a prompt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_worker.painter import paint
from atelier_worker.painter.scene import PLACES, SUBJECTS, read


@pytest.mark.parametrize(
    ("prompt", "place", "time", "subject"),
    [
        ("a lighthouse by the sea at night", "sea", "night", "lighthouse"),
        ("a red fox in a snowy forest", "forest", "", "fox"),
        ("neon city in rain", "city", "", ""),
        ("Castles on the MOUNTAINS, sunset", "mountain", "sunset", "castle"),
        ("portrait of a woman in a garden", "portrait", "", "person"),
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
    plain, inked = read("sea", seed=1), read("ink sea", seed=1)
    assert plain.entropy == inked.entropy
    assert (plain.style, inked.style) == ("", "ink")


def test_a_forbidden_word_is_not_read():
    assert "rain" not in read("city in rain", seed=1, negative="rain, people").named


@given(st.text(), st.integers(), st.text())
def test_every_text_is_a_scene_that_can_be_painted(prompt, seed, negative):
    scene = read(prompt, seed=seed, negative=negative)
    assert scene.place in PLACES
    assert scene.subject in {"", "person", *SUBJECTS}
    assert scene == read(prompt, seed=seed, negative=negative)


@pytest.mark.parametrize("place", PLACES)
def test_every_figure_can_stand_in_every_place_at_every_hour(place):
    times, seasons = ("night", "sunset", "dawn", "day") * 2, ("snow", "rain neon", "autumn") * 2
    for subject, time, season in zip((*SUBJECTS, ""), times, seasons, strict=False):
        prompt = f"{subject} {place} {time} {season}"
        assert (read(prompt, seed=1).place, read(prompt, seed=1).time) == (place, time)
        assert paint(prompt, seed=1, width=48, height=48).getextrema() != ((0, 0),) * 3
