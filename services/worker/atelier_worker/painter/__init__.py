"""The demo painter: pictures made from a prompt and a seed, with no model, key or network.

Pure: numpy and Pillow in, pixels out. The words choose the place, the hour, the weather, the
figure and the colours; the seed varies everything else.
"""

from collections.abc import Callable
from math import sqrt

import numpy as np
from PIL import Image, ImageFilter

from atelier_worker.painter.canvas import Canvas
from atelier_worker.painter.finish import encode, vignette
from atelier_worker.painter.palette import choose
from atelier_worker.painter.places import PLACES
from atelier_worker.painter.sky import Stage, weather
from atelier_worker.painter.styles import STYLES
from atelier_worker.painter.subjects import backdrop, person, subject
from atelier_worker.painter.words import read

__all__ = ["encode", "paint"]

_MOST = 1024 * 1024  # pixels drawn; a larger picture is drawn at this size and scaled up


def paint(
    prompt: str,
    *,
    seed: int,
    width: int,
    height: int,
    style: str | None = None,
    negative_prompt: str | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Image.Image:
    """An RGB picture of exactly `width` by `height` pixels.

    The same arguments give the same pixels on the same versions of numpy and Pillow. Any text is
    a prompt. `style` is one of `STYLES`; another changes nothing. `on_progress` hears shares of
    the work, rising to 1.0, on the calling thread.
    """
    tell = on_progress or (lambda _: None)
    scene = read(prompt, seed=seed, style=style, negative=negative_prompt)
    rng = np.random.default_rng(scene.entropy)
    shrink = min(1.0, sqrt(_MOST / (width * height)))
    canvas = Canvas(max(1, round(width * shrink)), max(1, round(height * shrink)))
    stage = Stage(canvas, scene, choose(scene, rng), rng)
    tell(0.05)
    if scene.place == "portrait":
        _portrait(stage)
    else:
        x, y = PLACES[scene.place](stage)
        tell(0.55)
        subject(stage, x, y)
    weather(stage)
    tell(0.75)
    # A style has dice of its own: choosing another never moves what the picture shows.
    finish = STYLES.get(scene.style)
    image = (
        finish(canvas.image, np.random.default_rng(scene.entropy[1]))
        if finish
        else vignette(canvas.image, 0.25)
    )
    if image.size != (width, height):
        sharp = Image.Resampling.NEAREST if scene.style == "pixel-art" else Image.Resampling.BICUBIC
        image = image.resize((width, height), sharp)
    tell(1.0)
    return image


def _portrait(stage: Stage) -> None:
    """Someone close, before a plain ground or before the place the prompt names, out of focus."""
    also = [name for name in PLACES if name in stage.scene.also and name != "abstract"]
    if also:
        PLACES[also[0]](stage)
        blur = ImageFilter.GaussianBlur(stage.c.height * 0.012)
        stage.c.image = stage.c.image.filter(blur)
    else:
        backdrop(stage)
    if stage.scene.subject:
        subject(stage, stage.wide / 2, 1.0)
    else:
        person(stage)
