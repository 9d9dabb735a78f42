"""The canvas and the shapes drawn on it.

Lengths are in canvas heights: y runs from 0 (top) to 1, x from 0 to `wide`. The same picture at
another size is therefore the same picture.
"""

from collections.abc import Sequence
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from atelier_worker.painter.palette import Colour, Field

Points = NDArray[np.float64]
Rng = np.random.Generator
# Pixels of a mask, and how much finer it is drawn than shown: a small shape needs more.
_OVERSAMPLING = ((200_000, 2), (20_000, 3), (0, 4))
_TURN = np.linspace(0, 2 * np.pi, 48, endpoint=False)
_CIRCLE = np.cos(_TURN), np.sin(_TURN)


def chance(rng: Rng, p: float) -> bool:
    return bool(rng.random() < p)


def poly(*xy: float) -> Points:
    """A polygon from its corners, x and y in turn."""
    return np.array(xy, float).reshape(-1, 2)


def rect(x: float, y: float, w: float, h: float) -> Points:
    return poly(x, y, x + w, y, x + w, y + h, x, y + h)


def ellipse(x: float, y: float, rx: float, ry: float | None = None, turn: float = 0) -> Points:
    u, v = _CIRCLE[0] * rx, _CIRCLE[1] * (rx if ry is None else ry)
    c, s = np.cos(turn), np.sin(turn)
    return np.stack([x + u * c - v * s, y + u * s + v * c], axis=1)


def smooth(points: Points, steps: int = 8, *, closed: bool = True) -> Points:
    """A Catmull-Rom curve through the points."""
    if closed:
        p0, p1, p2, p3 = (np.roll(points, k, axis=0) for k in (1, 0, -1, -2))
    else:
        ends = np.concatenate([points[:1], points, points[-1:]])
        p0, p1, p2, p3 = ends[:-3], ends[1:-2], ends[2:-1], ends[3:]
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    curve = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
        + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )  # fmt: skip
    curve = curve.swapaxes(0, 1).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, points[-1:]])


def moved(points: Points, dx: float, dy: float) -> Points:
    return np.add(points, (dx, dy), dtype=np.float64)


def mirror(half: Points) -> Points:
    """A symmetric outline from its right half, listed from top to bottom."""
    return np.concatenate([half, half[::-1] * (-1, 1)])


def strip(spine: Points, *widths: float) -> Points:
    """A ribbon along a spine; its widths are spread evenly from one end to the other."""
    n = len(spine)
    wide = np.interp(np.linspace(0, 1, n), np.linspace(0, 1, len(widths)), widths)
    along = np.gradient(spine, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    side = normal * (wide / 2)[:, None]
    return np.concatenate([spine + side, (spine - side)[::-1]])


def noise1(rng: Rng, x: Points, scale: float, octaves: int = 4, gain: float = 0.5) -> Points:
    """Smooth noise about 0..1 along `x`, `scale` features per canvas height."""
    total, weight = np.zeros_like(x), 0.0
    for k in range(octaves):
        at = (x - x.min()) * scale * 2**k
        lattice = rng.random(int(at.max()) + 3)
        i, f = at.astype(int), at % 1
        f = f * f * (3 - 2 * f)
        total += (lattice[i] * (1 - f) + lattice[i + 1] * f) * gain**k
        weight += gain**k
    return total / weight


def noise2(rng: Rng, size: tuple[int, int], cells: tuple[float, float], octaves: int = 4) -> Field:
    """Cloudy noise about 0..1 of (width, height) pixels, `cells` features across and down."""
    w, h = size
    total, weight = np.zeros((h, w), np.float32), 0.0
    for k in range(octaves):
        grid = [min(int(c * 2**k) + 2, 2 * n) for c, n in zip(cells, size, strict=True)]
        layer = Image.fromarray(rng.random((grid[1], grid[0]), np.float32))
        total += np.asarray(layer.resize(size, Image.Resampling.BICUBIC)) * 0.5**k
        weight += 0.5**k
    return total / weight


class Canvas:
    """An RGB image that shapes and fields are laid on, back to front."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height, self.wide = width, height, width / height
        self.image = Image.new("RGB", (width, height))

    def grid(self, across: int = 256) -> tuple[tuple[int, int], Field, Field]:
        """A coarse grid over the canvas: its size, and x and y at every cell."""
        longest = max(self.width, self.height)
        w, h = (max(8, across * side // longest) for side in (self.width, self.height))
        x = (np.arange(w, dtype=np.float32) + 0.5) / w * self.wide
        y = (np.arange(h, dtype=np.float32) + 0.5) / h
        return (w, h), np.broadcast_to(x, (h, w)), np.broadcast_to(y[:, None], (h, w))

    def field(self, colours: Field) -> None:
        """Cover the canvas with colours (h, w, 3) of any resolution."""
        small = Image.fromarray(np.clip(colours + 0.5, 0, 255).astype(np.uint8))
        size = (self.width, self.height)
        self.image = small.resize(size, Image.Resampling.BICUBIC)

    def veil(self, colour: Colour, alpha: Field) -> None:
        """Lay one colour over everything, as thick as `alpha` (h, w) in 0..1 says."""
        mask = Image.fromarray((np.clip(alpha, 0, 1) * 255).astype(np.uint8))
        size = (self.width, self.height)
        flat = Image.new("RGB", size, _bytes(colour))
        self.image.paste(flat, (0, 0), mask.resize(size, Image.Resampling.BILINEAR))

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """Light fading from a point to nothing at `radius`."""
        h = self.height
        box = [floor((x - radius) * h), floor((y - radius) * h)]
        side = max(2, ceil(2 * radius * h))
        u = np.linspace(-1, 1, 96, dtype=np.float32)
        d = np.sqrt(u[:, None] ** 2 + u[None, :] ** 2)
        alpha = np.clip(1 - d, 0, 1) ** 2.2 * strength
        mask = Image.fromarray((alpha * 255).astype(np.uint8))
        # Only the part that is on the canvas is ever scaled up.
        left, top = max(0, box[0]), max(0, box[1])
        right, low = min(self.width, box[0] + side), min(h, box[1] + side)
        if right <= left or low <= top:
            return
        k = 96 / side
        x0, y0 = box
        part = ((left - x0) * k, (top - y0) * k, (right - x0) * k, (low - y0) * k)
        size = (right - left, low - top)
        mask = mask.resize(size, Image.Resampling.BILINEAR, box=part)
        self.image.paste(Image.new("RGB", size, _bytes(colour)), (left, top), mask)

    def fill(
        self,
        shapes: Sequence[Points],
        colour: Colour,
        *,
        to: Colour | None = None,
        alpha: float = 1.0,
        soft: float = 0.0,
        paint: Image.Image | None = None,
    ) -> None:
        """Fill polygons, antialiased.

        `to` is the colour at their foot, `soft` blurs the edge; `paint`, a picture as large as the
        canvas, shows through instead of the colour.
        """
        if not shapes:
            return
        pixels = [shape * self.height for shape in shapes]
        low = np.min([p.min(axis=0) for p in pixels], axis=0) - 1 - 2 * soft * self.height
        high = np.max([p.max(axis=0) for p in pixels], axis=0) + 1 + 2 * soft * self.height
        x0, y0 = max(0, floor(low[0])), max(0, floor(low[1]))
        w, h = min(self.width, ceil(high[0])) - x0, min(self.height, ceil(high[1])) - y0
        if w <= 0 or h <= 0:
            return
        k = 1 / 4 if soft else next(k for area, k in _OVERSAMPLING if w * h > area)
        mask = Image.new("L", (ceil(w * k), ceil(h * k)))
        draw = ImageDraw.Draw(mask)
        for p in pixels:
            draw.polygon(((p - (x0, y0)) * k - 0.5).ravel().tolist(), fill=round(255 * alpha))
        if soft:
            mask = mask.filter(ImageFilter.BoxBlur(soft * self.height * k))
            mask = mask.filter(ImageFilter.BoxBlur(soft * self.height * k / 2))
            mask = mask.resize((w, h), Image.Resampling.BILINEAR)
        else:
            mask = mask.reduce(int(k))
        if paint is not None:
            layer = paint.crop((x0, y0, x0 + w, y0 + h))
        elif to is None:
            layer = Image.new("RGB", (w, h), _bytes(colour))
        else:
            t = (np.arange(h) + y0 - low[1]) / max(1.0, high[1] - low[1])
            rows = np.array(colour) * (1 - t[:, None]) + np.array(to) * t[:, None]
            column = Image.fromarray(np.clip(rows[:, None], 0, 255).astype(np.uint8))
            layer = column.resize((w, h), Image.Resampling.NEAREST)
        self.image.paste(layer, (x0, y0), mask)


def _bytes(colour: Colour) -> tuple[int, int, int]:
    r, g, b = (min(255, max(0, round(v))) for v in colour)
    return (r, g, b)
