"""What grows: firs, broad-leaved trees, palms, grass and flowers."""

import numpy as np

from atelier_worker.painter.canvas import (
    Points,
    Rng,
    chance,
    ellipse,
    moved,
    poly,
    rect,
    smooth,
    strip,
)
from atelier_worker.painter.figures import Figure, draw
from atelier_worker.painter.land import depth, height
from atelier_worker.painter.palette import Colour, mix, rgb, shade
from atelier_worker.painter.sky import Spot, Stage

_SNOW = rgb("#f3f7fc")


def _conifer(rng: Rng, x: float, y: float, tall: float) -> tuple[list[Points], list[Points]]:
    """The boughs of a fir rooted at x, y, and the snow that would lie on them."""
    tiers = int(rng.integers(5, 8))
    boughs = [rect(x - tall * 0.018, y - tall * 0.12, tall * 0.036, tall * 0.12)]
    snow = []
    for k in range(tiers):
        top = y - tall * (1 - 0.85 * k / tiers)
        low = y - tall * (0.92 - (k + 1.15) / tiers * 0.88)
        half = tall * (0.055 + 0.2 * (k + 1) / tiers) * rng.uniform(0.85, 1.1)
        left, right = low + rng.uniform(-0.02, 0.02, 2) * tall
        waist, middle = half * 0.45, (top + low) / 2
        spread = (x + waist, middle, x + half, right, x, low - tall * 0.025, x - half, left)
        boughs.append(poly(x, top, *spread, x - waist, middle))
        rim = (x - half * 0.35, low - tall * 0.035, x + half * 0.1, top + tall * 0.07)
        snow.append(poly(x, top, x - waist, middle, x - half, left, *rim))
    return boughs, snow


def firs(g: Stage, line: Points, tall: float, t: float, *, gap: float = 0.3) -> None:
    """A row of firs along a skyline, at depth `t`."""
    trees: list[Points] = []
    white: list[Points] = []
    x = -0.02
    while x < g.wide + 0.02:
        size = tall * g.rng.uniform(0.55, 1.15)
        boughs, snow = _conifer(g.rng, x, height(line, x) + 0.012, size)
        trees, white = trees + boughs, white + snow
        x += tall * gap * g.rng.uniform(0.5, 1.6)
    _dress(g, trees, white, t)


def fir(g: Stage, x: float, y: float, tall: float, t: float) -> None:
    _dress(g, *_conifer(g.rng, x, y, tall), t)


def _dress(g: Stage, boughs: list[Points], snow: list[Points], t: float) -> None:
    colour = depth(g, t)
    g.c.fill(boughs, mix(colour, g.p.sky[0], 0.12 * t), to=mix(colour, g.p.haze, 0.12 * (1 - t)))
    if g.wintry:
        g.c.fill(snow, mix(mix(_SNOW, g.p.sky[1], 0.15 + 0.3 * g.p.dark), colour, 0.15), alpha=0.9)


def broadleaf(g: Stage, at: Spot, tall: float, leaf: Colour, t: float = 1.0) -> None:
    """A round-crowned tree: trunk, boughs, and three depths of foliage."""
    c, rng, (x, y) = g.c, g.rng, at
    bark = mix(shade(rgb("#3d2b26"), 0.6 if g.p.dark else 1.0), g.p.haze, 0.55 * (1 - t))
    tops = [(rng.uniform(-0.2, 0.2), rng.uniform(0.5, 0.72)) for _ in range(4)]
    limbs = [poly(0, 0, 0.01, 0.25, u * 0.6, v * 0.75, u, v) * (tall, -tall) for u, v in tops]
    paths = [smooth(moved(limb, x, y), closed=False) for limb in limbs]
    c.fill([strip(path, 0.06 * tall, 0.02 * tall) for path in paths], bark)
    many = 1.0 if tall > 0.3 else 0.55  # noqa: PLR2004 - a small crown needs fewer tufts
    for shift, count, tone in ((0.0, 26, 0.74), (-0.02, 24, 0.92), (-0.045, 18, 1.08)):
        blobs = []
        for _ in range(int(count * many)):
            a, d = rng.uniform(0, 2 * np.pi), rng.random() ** 0.5
            r = tall * rng.uniform(0.045, 0.1) / many**0.4
            u, v = np.cos(a) * d * 0.3 + shift, 0.7 + np.sin(a) * d * 0.22 - shift * 1.3
            blobs.append(ellipse(x + u * tall, y - v * tall, r, r * 0.85)[::2])
        hue = mix(shade(leaf, tone), g.p.light, 0.0 if g.p.dark else max(0.0, tone - 1) * 1.6)
        c.fill(blobs, mix(hue, g.p.haze, 0.5 * (1 - t)))


def palm(g: Stage, x: float, y: float, *, tall: float, colour: Colour) -> None:
    rng, u = g.rng, np.linspace(0, 1, 14)
    lean = rng.uniform(-0.35, 0.35)
    spine = np.stack([x + lean * tall * u**2, y - tall * u], axis=1)
    leaves = [strip(spine, tall * 0.06, tall * 0.03)]
    for a in np.linspace(-0.35, np.pi + 0.35, 9) + rng.normal(0, 0.08, 9):
        fall = 0.62 * u**2.4 - np.sin(a) * u * 0.95
        arc = np.stack([np.cos(a) * u, fall], axis=1) * tall * rng.uniform(0.34, 0.46)
        leaves.append(strip(spine[-1] + arc, *(tall * 0.07 * np.sin(np.pi * (0.06 + u * 0.93)))))
    g.c.fill(leaves, colour)


def flower(g: Stage, at: Spot, r: float, colour: Colour, kind: str) -> None:
    """A blossom: "daisy", "poppy" or "tulip"."""
    heart = shade(rgb("#f2b632"), 0.7 if g.p.dark else 1.0)
    draw(Figure(g, *at, r, r, studio=True), kind, {"petal": colour, "heart": heart})


def tuft(g: Stage, x: float, y: float, tall: float) -> None:
    """A clump of grass, sometimes with a flower."""
    rng, p = g.rng, g.p
    blades = []
    for k in np.linspace(-0.7, 0.7, 9) + rng.normal(0, 0.1, 9):
        foot, tip = x + k * tall * 0.25, (x + k * tall * 0.8, y - tall * (1 - 0.5 * abs(k)))
        blades.append(poly(foot - tall * 0.06, y, *tip, foot + tall * 0.06, y))
    g.c.fill(blades, mix(p.near, p.ground, rng.uniform(0.25, 0.6)))
    if chance(rng, 0.4) and not g.wintry:
        hue = g.pick(p.leaves) if g.seasonal else mix(p.light, p.haze, 0.2)
        flower(g, (x, y - tall), tall * 0.22, hue, "daisy")


def grass(g: Stage, y: float, t: float, count: int, colour: Colour) -> None:
    """A band of single blades about `y`, longer where `t` is nearer."""
    rng, blades = g.rng, []
    for _ in range(count):
        x, foot = rng.uniform(-0.02, 1.02) * g.wide, y + rng.uniform(-0.03, 0.03)
        tall, lean = (0.012 + 0.06 * t) * rng.uniform(0.5, 1.2), rng.normal(0, 0.012 * t)
        blades.append(poly(x - 0.003 * t, foot, x + lean, foot - tall, x + 0.003 * t, foot))
    g.c.fill(blades, colour)
