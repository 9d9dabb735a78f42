"""Colours, shapes, noise, and the canvas they are laid on, back to front.

Lengths are in canvas heights, so a picture of another size is the same picture.
"""

from collections.abc import Sequence
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Colour = NDArray[np.float64]  # sRGB, 0..255
Points = NDArray[np.float64]  # (n, 2)
Field = NDArray[np.floating[Any]]
Rng = np.random.Generator
WHITE = np.full(3, 255.0)
_BILINEAR, _NEAREST = Image.Resampling.BILINEAR, Image.Resampling.NEAREST
_TURN = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_SMALL = 100_000  # pixels of a shape; a smaller one is drawn with more care


def rgb(code: str) -> Colour:
    return np.array(list(bytes.fromhex(code)), float)


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """`a` at 0, `b` at 1."""
    return a + (b - a) * t


def shade(colour: Colour, factor: float) -> Colour:
    """Darker below 1, lighter above."""
    return np.minimum(colour * factor, 255)


def ramp(stops: Sequence[Colour], t: Field) -> Field:
    """Colours (…, 3) along the stops for every `t` in 0..1."""
    at = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(t, at, channel) for channel in np.transpose(stops)], axis=-1)


def poly(*xy: float) -> Points:
    """A polygon from its corners, x and y in turn."""
    return np.array(xy, float).reshape(-1, 2)


def rect(x: float, y: float, w: float, h: float) -> Points:
    return poly(x, y, x + w, y, x + w, y + h, x, y + h)


def ellipse(x: float, y: float, rx: float, ry: float | None = None, turn: float = 0) -> Points:
    u, v = np.cos(_TURN) * rx, np.sin(_TURN) * (rx if ry is None else ry)
    c, s = np.cos(turn), np.sin(turn)
    return np.stack([x + u * c - v * s, y + u * s + v * c], axis=1)


def smooth(points: Points, *, closed: bool = True) -> Points:
    """A Catmull-Rom curve through the points."""
    some = [points[-1:], points, points[:2]] if closed else [points[:1], points, points[-1:]]
    p0, p1, p2, p3 = (np.concatenate(some)[k : k + len(points) - 1 + closed] for k in range(4))
    t = np.linspace(0, 1, 7, endpoint=False)[:, None, None]
    bend = 2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * p1 - p0 - 3 * p2 + p3)
    curve = (p1 + 0.5 * t * (p2 - p0 + t * bend)).swapaxes(0, 1).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, points[-1:]])


def strip(spine: Points, *widths: float) -> Points:
    """A ribbon along a spine; its widths are spread evenly from one end to the other."""
    at, along = np.linspace(0, 1, len(widths)), np.gradient(spine, axis=0)
    wide = np.interp(np.linspace(0, 1, len(spine)), at, widths)[:, None] / 2
    side = along[:, ::-1] * (-1, 1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9) * wide
    return np.concatenate([spine + side, (spine - side)[::-1]])


def noise2(rng: Rng, size: tuple[int, int], cells: tuple[float, float], octaves: int = 4) -> Field:
    """Cloudy noise about 0..1 of (width, height) pixels, `cells` features across and down."""
    total = np.zeros(size[::-1], np.float32)
    for k in range(octaves):
        w, h = (min(int(c * 2**k) + 2, 2 * n) for c, n in zip(cells, size, strict=True))
        layer = Image.fromarray(rng.random((h, w), np.float32))
        total += np.asarray(layer.resize(size, Image.Resampling.BICUBIC)) * 0.5**k
    return total / (2 - 2 * 0.5**octaves)


def image_of(values: Field) -> Image.Image:
    """An image of values 0..255: (h, w) or (h, w, 3)."""
    return Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8))


class Canvas:
    def __init__(self, width: int, height: int) -> None:
        self.size, self.height, self.wide = (width, height), height, width / height
        self.image = Image.new("RGB", self.size)

    def grid(self, across: int = 256) -> tuple[tuple[int, int], Field, Field]:
        """A coarse grid over the canvas: its size, and x (1, w) and y (h, 1) of its cells."""
        w, h = (max(8, across * side // max(self.size)) for side in self.size)
        x = (np.arange(w, dtype=np.float32) + 0.5) / w * self.wide
        return (w, h), x[None], ((np.arange(h, dtype=np.float32) + 0.5) / h)[:, None]

    def field(self, colours: Field) -> None:
        """Cover the canvas with colours (h, w, 3) of any resolution."""
        self.image = image_of(colours).resize(self.size, Image.Resampling.BICUBIC)

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """Light fading from a point to nothing at about `radius`."""
        self.fill([ellipse(x, y, radius / 3)], colour, alpha=strength, soft=radius / 2)

    def fill(
        self, shapes: Sequence[Points], colour: Colour, *,
        to: Colour | None = None, alpha: float = 1.0, soft: float = 0.0,
    ) -> None:  # fmt: skip
        """Fill polygons, antialiased: `to` is the colour at their foot, `soft` blurs the edge."""
        x0, y0, w, h = self._box(shapes, 1 + 2 * soft * self.height)
        if w <= 0 or h <= 0:
            return
        large = w * h > _SMALL
        k = (0.25 if large else 1) if soft else 2 if large else 4
        mask = Image.new("L", (ceil(w * k), ceil(h * k)))
        self._draw(mask, shapes, [round(255 * alpha)] * len(shapes), (x0, y0), k)
        blur = ImageFilter.GaussianBlur(float(soft * self.height * k * 0.6))
        mask = mask.filter(blur).resize((w, h), _BILINEAR) if soft else mask.reduce(int(k))
        ys = np.concatenate(shapes)[:, 1] * self.height
        t = (np.arange(y0, y0 + h) - ys.min())[:, None, None] / max(1.0, np.ptp(ys))
        ink = image_of(mix(colour, colour if to is None else to, t))
        self.image.paste(ink.resize((w, h), _NEAREST), (x0, y0), mask)

    def mosaic(self, tiles: Sequence[tuple[Points, Colour]]) -> None:
        """Fill polygons each in a colour of its own, one over the other, antialiased at once."""
        shapes = [shape for shape, _ in tiles]
        x0, y0, w, h = self._box(shapes)
        if w > 0 and h > 0:
            k, inks = 2 if w * h > _SMALL else 4, [tuple(map(round, c.tolist())) for _, c in tiles]
            part = self.image.crop((x0, y0, x0 + w, y0 + h))
            part = part.resize((w * k, h * k), _NEAREST)
            self._draw(part, shapes, inks, (x0, y0), k)
            self.image.paste(part.reduce(k), (x0, y0))

    def _box(self, shapes: Sequence[Points], margin: float = 1) -> tuple[int, int, int, int]:
        """Left, top, width and height of the pixels that shapes span on the canvas."""
        points = np.concatenate(shapes or [np.full((1, 2), -1.0)]) * self.height
        (x0, y0), (x1, y1) = points.min(axis=0) - margin, points.max(axis=0) + margin
        left, top = max(0, floor(x0)), max(0, floor(y0))
        return left, top, min(self.size[0], ceil(x1)) - left, min(self.height, ceil(y1)) - top

    def _draw(
        self, image: Image.Image, shapes: Sequence[Points], inks: Sequence[int | tuple[int, ...]],
        origin: tuple[int, int], k: float,
    ) -> None:  # fmt: skip
        draw, stop = ImageDraw.Draw(image), 0
        flat = ((np.concatenate(shapes) * self.height - origin) * k - 0.5).ravel().tolist()
        for shape, ink in zip(shapes, inks, strict=True):
            start, stop = stop, stop + shape.size
            draw.polygon(flat[start:stop], fill=ink)
