"""What landscapes lie on: skylines, ridges, mountains and water."""

import numpy as np
from PIL import Image

from atelier_worker.painter.canvas import (
    Points,
    ellipse,
    noise1,
    noise2,
)  # fmt: skip
from atelier_worker.painter.palette import Colour, mix, ramp, rgb, shade
from atelier_worker.painter.sky import Stage

_WHITE = (255.0, 255.0, 255.0)
_SNOW = rgb("#f3f7fc")


def across(g: Stage, n: int = 220) -> Points:
    return np.linspace(-0.06, g.wide + 0.06, max(n, int(n * g.wide)))


def profile(g: Stage, y: float, rise: float, scale: float, octaves: int = 4) -> Points:
    """A skyline (n, 2), `rise` high at most above `y`."""
    x = across(g)
    return np.stack([x, y - rise * noise1(g.rng, x, scale, octaves)], axis=1)


def under(line: Points, foot: float = 1.02) -> Points:
    """The land below a skyline."""
    return np.concatenate([line, [[line[-1, 0], foot], [line[0, 0], foot]]])


def height(line: Points, x: float) -> float:
    return float(np.interp(x, line[:, 0], line[:, 1]))


def depth(g: Stage, t: float) -> Colour:
    """Land colour from the horizon (0) to one's feet (1): the air between takes its share."""
    far = mix(g.p.haze, g.p.mid, 0.45)
    return mix(mix(far, g.p.mid, min(1, t * 2)), g.p.near, max(0, t * 2 - 1))


def ridges(g: Stage, top: float, foot: float, n: int, *, rise: float = 0.16) -> list[Points]:
    """Hills one behind the other, misty at their feet; returns their skylines."""
    lines = []
    for k in range(n):
        t = k / max(1, n - 1)
        y = top + (foot - top) * (k + 0.6) / n
        line = profile(g, y, rise * (1 - 0.35 * t), 2.2 + 1.2 * t, 5)
        colour = depth(g, t * 0.9)
        g.c.fill([under(line, min(1.02, y + 0.35))], colour, to=mix(colour, g.p.haze, 0.6))
        lines.append(line)
    return lines


def peak(g: Stage, x: float, foot: float, tall: float, t: float) -> None:
    """A mountain with a sunny side, a shaded side and a cap of snow."""
    c, p, rng = g.c, g.p, g.rng
    half = tall * rng.uniform(0.75, 1.0)
    n = 15
    s = np.linspace(0, 1, n)

    def slope(reach: float, rough: float) -> Points:
        jag = rng.normal(0, rough, (n, 2)) * tall * np.minimum(s, 1 - s)[:, None] * 2
        return np.stack([x + reach * s**1.08, foot - tall * (1 - s)], axis=1) + jag

    left, right, middle = slope(-half, 0.018), slope(half, 0.018), slope(half * 0.12, 0.045)
    warm = mix(p.light, p.sky[-2], 0.6 if p.time == "sunset" else 0.0)
    lit = mix(depth(g, t), warm, 0.15 if p.dark else 0.38)
    dark = mix(depth(g, t), p.sky[0], 0.3)
    haze = mix(lit, p.haze, 0.75)
    c.fill([np.concatenate([left[::-1], right[1:]])], lit, to=haze)
    c.fill([np.concatenate([middle[::-1], right[1:]])], dark, to=mix(dark, p.haze, 0.7))
    for side, colour in ((left, 0.0), (right, 1.0)):
        m = int(n * (0.34 if not g.has("winter", "snow") else 0.6))
        u = np.linspace(1, 0, 9)[1:-1, None]
        hem = side[m] * u + middle[m] * (1 - u)
        hem[:, 1] += np.where(np.arange(7) % 2, -0.06, 0.07) * tall * rng.uniform(0.4, 1.2, 7)
        snow = mix(mix(_SNOW, p.light, 0.4), p.sky[0], 0.12 + 0.33 * colour + 0.15 * p.dark)
        c.fill([np.concatenate([side[: m + 1], hem, middle[m::-1]])], snow, alpha=0.95)


def range_(g: Stage, foot: float, tall: float, t: float) -> None:
    """Mountains side by side, the highest somewhere in the middle."""
    count = max(2, round(2.6 * g.wide) + 1)
    main = g.rng.integers(0, count)
    spots = [(k + 0.5 + g.rng.uniform(-0.25, 0.25)) / count * g.wide for k in range(count)]
    order = sorted(range(count), key=lambda k: (k == main, g.rng.random()))
    for k in order:
        size = 1.0 if k == main else g.rng.uniform(0.5, 0.78)
        peak(g, spots[k], foot, tall * size * min(1, g.wide * 1.4), t)


def water(g: Stage, line: float, *, calm: float = 0.7, foot: float = 1.0) -> None:
    """Water from `line` down: a rippled mirror of what stands above it, as `calm` as 1 or rough."""
    c, p = g.c, g.p
    top, low = round(line * c.height), round(foot * c.height)
    if low <= top:
        return
    w, h = max(8, c.width // 2), max(4, (low - top) // 2)
    above = c.image.crop((0, max(0, top - int((low - top) * 1.0)), c.width, top))
    seen = np.asarray(above.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((w, h)), np.float32)
    t = np.linspace(0, 1, h, dtype=np.float32)[:, None]
    n = noise2(g.rng, (w, h), (2.5 * g.wide, 46), 2) - 0.5
    n = n * (0.25 + t) * (1.25 - calm)
    rows = np.clip(np.arange(h)[:, None] + n * h * 0.5, 0, h - 1).astype(np.intp)
    mirrored = seen[rows, np.arange(w)[None, :]]
    body = ramp((mix(p.water, p.sky[-2], 0.35), p.water, shade(p.water, 0.62)), t**0.7)
    keep = (0.35 + 0.5 * calm) * (1 - 0.45 * t[..., None])
    mixed = body + (mirrored - body) * keep + n[..., None] * 60 * (1.2 - calm)
    image = Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8))
    c.image.paste(image.resize((c.width, low - top), Image.Resampling.BICUBIC), (0, top))


def glitter(g: Stage, x: float, line: float, foot: float = 1.0) -> None:
    """The path of light that a low sun or moon lays on water."""
    rng = g.rng
    t = rng.random(150) ** 1.5
    dashes = []
    for k in np.sort(t):
        spread, long = 0.035 + 0.13 * k, 0.012 + 0.05 * k * rng.random()
        y = line + 0.004 + (foot - line) * k
        dashes.append(ellipse(x + rng.normal(0, 0.5) * spread, y, long, 0.0016 + 0.004 * k)[::3])
    g.c.fill(dashes, mix(g.p.light, _WHITE, 0.3), alpha=0.75)
