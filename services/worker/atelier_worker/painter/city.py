"""The city: rows of towers over the water they stand by, and its neon signs."""

import numpy as np

from atelier_worker.painter.canvas import Points, chance, ellipse, poly, rect
from atelier_worker.painter.land import depth, range_, water
from atelier_worker.painter.palette import Colour, mix, rgb
from atelier_worker.painter.sky import Spot, Stage, sky

_WHITE = (255.0, 255.0, 255.0)
_TUBES = tuple(map(rgb, ("#ff3fa4", "#2ff0ff", "#ffd23f", "#9a4fff", "#4fff9a")))


def city(g: Stage) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    ground = rng.uniform(0.74, 0.82)
    sky(g, ground)
    lit = {"night": 0.42, "sunset": 0.3, "dawn": 0.16, "day": 0.55}[p.time]
    if g.has("mountain"):
        range_(g, ground, 0.5, 0.2)
    blocks: list[Points] = []
    rows = ((0.5, 0.15, 0.08), (0.56, 0.45, lit * 0.7), (0.42, 0.75, lit), (0.22, 1.0, lit * 1.1))
    for tall, t, share in rows:
        blocks = towers(g, ground, tall, depth(g, t), share)
        mist = ellipse(g.wide / 2, ground, g.wide, 0.07)
        c.fill([mist], p.haze, alpha=0.3 * (1 - t) + 0.1, soft=0.05)
    if g.has("neon"):
        signs(g, blocks, ground)
    water(g, ground, calm=0.75)
    quay = depth(g, 1)
    c.fill([rect(-0.1, ground - 0.006, g.wide + 0.2, 0.012)], quay)
    if g.scene.subject not in ("", "boat", "dragon"):
        c.fill([rect(-0.1, 0.9, g.wide + 0.2, 0.2)], mix(quay, p.haze, 0.25), to=quay)
    if p.dark:
        for x in np.arange(0.03, g.wide, 0.09):
            c.glow(x, ground - 0.012, 0.03, p.lamp, 0.9)
    return g.wide * rng.uniform(0.4, 0.6), 0.97


def towers(g: Stage, foot: float, tall: float, colour: Colour, lit: float) -> list[Points]:
    """A row of buildings, higher towards the middle, `lit` of their windows; their outlines."""
    rng, p = g.rng, g.p
    blocks: list[Points] = []
    roofs: list[Points] = []
    windows: list[Points] = []
    x, middle = -0.03, g.wide * rng.uniform(0.35, 0.65)
    while x < g.wide + 0.03:
        w = rng.uniform(0.04, 0.1) * (0.6 + tall)
        bell = 0.35 + 0.65 * np.exp(-(((x - middle) / (0.4 * g.wide)) ** 2))
        h = tall * bell * rng.uniform(0.5, 1.1)
        top = foot - h
        blocks.append(rect(x, top, w, h + 0.02))
        roofs += _roof(int(rng.integers(0, 6)), x, top, w, h)
        spots = np.argwhere(rng.random((int(h / 0.0155), int((w - 0.008) / 0.0125))) < lit)
        for row, col in spots:
            windows.append(
                rect(x + 0.006 + col * 0.0125, top + 0.012 + row * 0.0155, 0.0075, 0.009)
            )
        x += w + (rng.uniform(0, 0.02) if chance(rng, 0.4) else 0)
    g.c.fill(blocks + roofs, colour, to=mix(colour, p.haze, 0.35))
    glass = p.lamp if p.time in ("night", "sunset") else mix(p.sky[1], _WHITE, 0.35)
    dim = [chance(rng, 0.5) for _ in windows]
    for some, share in ((True, 0.15), (False, 0.55)):
        panes = [pane for pane, d in zip(windows, dim, strict=True) if d is some]
        g.c.fill(panes, mix(glass, colour, share))
    return blocks


def _roof(kind: int, x: float, top: float, w: float, h: float) -> list[Points]:
    match kind:
        case 0:
            return [rect(x + w * 0.47, top - h * 0.22, w * 0.06, h * 0.25)]
        case 1:
            ledge = rect(x + w * 0.18, top - h * 0.07, w * 0.64, h * 0.1)
            return [ledge, rect(x + w * 0.36, top - h * 0.13, w * 0.28, h * 0.1)]
        case 2:
            return [poly(x, top, x + w, top, x + w, top - w * 0.5)]
        case 3:
            return [poly(x + w * 0.1, top, x + w * 0.9, top, x + w * 0.5, top - w * 1.1)]
    return []


def signs(g: Stage, blocks: list[Points], ground: float) -> None:
    """Neon boards on the front row of buildings."""
    rng = g.rng
    for block in blocks:
        (x, top), colour = block.min(axis=0), g.pick(_TUBES)
        w, tall = rng.uniform(0.018, 0.034), rng.uniform(0.08, 0.2)
        y = min(ground - tall - 0.02, top - 0.06 + rng.random() * max(0, ground - top - tall))
        g.c.glow(x + w, y + tall / 2, tall * 1.3, colour, 0.55)
        g.c.fill([rect(x, y, w, tall)], mix(colour, (10, 5, 30), 0.55))
        steps = y + tall * (0.06 + 0.15 * np.arange(6))
        bars = [rect(x + w * 0.2, step, w * 0.6, tall * 0.09) for step in steps]
        g.c.fill(bars, mix(colour, _WHITE, 0.35))
