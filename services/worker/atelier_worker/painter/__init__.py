"""The demo painter: pictures made from a prompt and a seed, with no model, key or network.

Pure: numpy and Pillow in, pixels out. The words choose the place, the hour, the weather, the
figure and the colours; the seed varies everything else.
"""

from collections.abc import Callable
from io import BytesIO
from math import sqrt
from typing import Literal

import numpy as np
from PIL import Image

from atelier_worker.painter.canvas import Canvas
from atelier_worker.painter.places import Picture
from atelier_worker.painter.scene import read, table
from atelier_worker.painter.styles import STYLES, finish

_MOST = 1024 * 1024  # pixels drawn; a larger picture is drawn at this size and scaled up


def paint(
    prompt: str, *, seed: int, width: int, height: int, style: str | None = None,
    negative_prompt: str | None = None, on_progress: Callable[[float], None] | None = None,
) -> Image.Image:  # fmt: skip
    """An RGB picture of exactly `width` by `height` pixels.

    The same arguments give the same pixels on the same versions of numpy and Pillow. Any text is
    a prompt. `style` is one of `STYLES`; another changes nothing. `on_progress` hears shares of
    the work, rising to 1.0, on the calling thread.
    """
    tell = on_progress or (lambda _: None)
    scene = read(prompt, seed=seed, negative=negative_prompt)
    shrink = min(1.0, sqrt(_MOST / (width * height)))
    canvas = Canvas(max(1, round(width * shrink)), max(1, round(height * shrink)))
    picture = Picture(canvas, scene, np.random.default_rng(scene.entropy))
    tell(0.05)
    picture.lay(scene.place)
    tell(0.55)
    if scene.subject:
        stands = table("stands")
        picture.subject(scene.subject, *map(float, stands.get(scene.place, stands["other"])))
    picture.weather()
    tell(0.75)
    # A style has dice of its own: choosing another never moves what the picture shows.
    name = style if style in STYLES else scene.style
    image = finish(canvas.image, name, np.random.default_rng(scene.entropy[1]))
    if image.size != (width, height):
        sharp = Image.Resampling.NEAREST if name == "pixel-art" else Image.Resampling.BICUBIC
        image = image.resize((width, height), sharp)
    tell(1.0)
    return image


def encode(image: Image.Image, output_format: Literal["png", "jpeg", "webp"]) -> bytes:
    """The bytes of a file: the same for the same pixels, on the same version of the codecs."""
    quality = {"png": {"compress_level": 4}, "jpeg": {"quality": 90}, "webp": {"quality": 88}}
    out = BytesIO()
    image.save(out, output_format, **quality[output_format], method=2)
    return out.getvalue()
