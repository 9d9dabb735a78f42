"""Places on land: forest, mountain, desert, meadow and garden."""

import numpy as np

from atelier_worker.painter.canvas import Points, chance, ellipse, moved, noise1, poly, strip
from atelier_worker.painter.figures import Figure, draw
from atelier_worker.painter.land import across, depth, height, profile, range_, ridges, under
from atelier_worker.painter.palette import mix, rgb, shade
from atelier_worker.painter.plants import broadleaf, fir, firs, flower, grass, tuft
from atelier_worker.painter.sky import Spot, Stage, sky

_WHITE = (255.0, 255.0, 255.0)


def forest(g: Stage) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    sun = sky(g, 0.62)
    c.glow(sun, 0.45, 0.75, mix(p.light, p.haze, 0.3), 0.3 if p.dark else 0.65)
    leafy = g.seasonal or (not g.wintry and chance(rng, 0.25))
    for k in range(4):
        t, tall = k / 4, 0.2 + 0.09 * k
        line = profile(g, 0.56 + 0.085 * k, 0.05, 1.6)
        _grove(g, line, tall, t, leafy=leafy)
        floor = mix(depth(g, t), p.ground, 0.35 + 0.12 * k)
        c.fill([under(line)], floor, to=mix(floor, p.haze, 0.35))
        mist = ellipse(g.wide / 2, height(line, g.wide / 2) + 0.03, g.wide, 0.035)
        c.fill([mist], p.haze, alpha=0.34, soft=0.025)
    _clearing(g, sun, leafy=leafy)
    return g.wide * 0.5, 0.95


def _clearing(g: Stage, sun: float, *, leafy: bool) -> None:
    """The ground before the trees, with two or three of them standing close."""
    c, p, rng = g.c, g.p, g.rng
    floor = shade(mix(p.ground, p.near, 0.35), 0.8)
    c.fill([under(profile(g, 0.9, 0.05, 1.6))], mix(p.ground, p.light, 0.08), to=floor)
    if not p.dark and not g.gloomy:
        _rays(g, sun)
    for _ in range(0 if g.wintry else int(46 * max(0.5, g.wide))):
        tuft(g, rng.random() * g.wide, rng.uniform(0.89, 1.03), rng.uniform(0.025, 0.065))
    if leafy:
        fallen = rng.random((int(150 * g.wide) + 8, 2)) * (g.wide, 0.14) + (0, 0.87)
        for k, hue in enumerate(p.leaves):
            c.fill([ellipse(x, y, y * 0.06 - 0.045, 0.004) for x, y in fallen[k::4]], hue)
    for side in (0.0, g.wide):
        for x, y in zip(side + rng.uniform(-0.13, 0.13, 3), (0.95, 0.99, 1.04), strict=True):
            if abs(x - g.wide / 2) > 0.3 * g.wide:
                _tree(g, x, y, rng.uniform(0.6, 0.88), 1.0, leafy=leafy)
    if p.dark and not g.wintry:
        for x, y in rng.random((22, 2)) * (g.wide, 0.4) + (0, 0.55):
            c.glow(x, y, rng.uniform(0.008, 0.02), (235, 255, 150), 0.95)


def _grove(g: Stage, line: Points, tall: float, t: float, *, leafy: bool) -> None:
    """A row of the trees of this forest."""
    if not leafy:
        firs(g, moved(line, 0, 0.03), tall, t, gap=0.2)
        return
    for x in np.arange(-0.02, g.wide + 0.05, tall * 0.36) + g.rng.uniform(-0.04, 0.04):
        size = tall * g.rng.uniform(0.75, 1.1)
        _tree(g, x, height(line, x) + 0.02, size, t, leafy=True)


def _tree(g: Stage, x: float, y: float, tall: float, t: float, *, leafy: bool) -> None:
    if leafy:
        broadleaf(g, (x, y), tall, g.pick(g.p.leaves), 0.4 + 0.6 * t)
    else:
        fir(g, x, y, tall, t)


def _rays(g: Stage, x: float) -> None:
    """Shafts of light falling between trees."""
    for _ in range(5):
        far, thick = x + g.rng.normal(0, 0.5), g.rng.uniform(0.03, 0.09)
        shaft = poly(x - 0.01, 0.1, x + 0.01, 0.1, far + thick, 1.0, far - thick, 1.0)
        g.c.fill([shaft], mix(g.p.light, g.p.haze, 0.3), alpha=0.16, soft=0.02)


def mountain(g: Stage) -> Spot:
    rng = g.rng
    sky(g, 0.66)
    range_(g, 0.78, rng.uniform(0.4, 0.5), 0.2)
    range_(g, 0.84, rng.uniform(0.24, 0.34), 0.5)
    lines = ridges(g, 0.7, 0.95, 3, rise=0.12)
    firs(g, moved(lines[-2], 0, 0.03), 0.09, 0.8, gap=0.35)
    front, white = profile(g, 0.96, 0.1, 1.4), 0.85 if g.wintry else 0.3
    near, ground = depth(g, 1), g.p.ground
    g.c.fill([under(front)], mix(near, ground, white), to=mix(near, ground, white - 0.3))
    if not g.scene.subject:
        firs(g, moved(front, 0, 0.02), 0.2, 1.0, gap=0.5)
    return g.wide * rng.uniform(0.4, 0.6), height(front, g.wide / 2) + 0.01


def desert(g: Stage) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    sky(g, 0.56)
    mesa = profile(g, 0.55, 0.14, 2.5, 2)
    mesa[:, 1] = 0.55 - np.round((0.55 - mesa[:, 1]) / 0.05) * 0.05
    c.fill([under(mesa, 0.62)], depth(g, 0.3), to=depth(g, 0.15))
    for k in range(5):
        _dune(g, k / 4)
    if not g.scene.subject and chance(rng, 0.75):
        green = mix(p.near, rgb("#2f5f3f"), 0.5 if not p.dark else 0.1)
        for y in np.sort(rng.uniform(0.84, 0.96, rng.integers(1, 4))):
            tall = rng.uniform(0.14, 0.28) * (y * 4 - 2.8)
            turned = tall if chance(rng, 0.5) else -tall
            spot = Figure(g, rng.uniform(0.08, 0.92) * g.wide, y, turned, tall, studio=True)
            draw(spot, "cactus", {"green": green})
    return g.wide * rng.uniform(0.35, 0.65), 0.9


def _dune(g: Stage, t: float) -> None:
    """A dune: up to a sharp crest, then down in its own shadow."""
    c, p, rng, x = g.c, g.p, g.rng, across(g)
    top = rng.uniform(0.1, 0.9) * g.wide
    crest = np.exp(-np.abs(x - top) * (2.4 - 1.2 * t)) + 0.35 * noise1(rng, x, 1.6, 2)
    line = np.stack([x, 0.56 + 0.36 * t - crest * (0.08 + 0.07 * t)], axis=1)
    sand = mix(p.haze, p.ground, 0.45 + 0.55 * t)
    c.fill([under(line)], mix(sand, p.light, 0.25), to=shade(sand, 0.8))
    u, peak = np.linspace(0, 1, 24), height(line, top)
    bend = top + 0.22 * (0.5 + t) * np.sin(u * 2.2) - 0.12 * u
    spine = np.stack([bend, peak + (1.02 - peak) * u], axis=1)
    lee = np.concatenate([line[x >= top], [[g.wide + 0.1, 1.02]], spine[::-1]])
    c.fill([lee], mix(p.near, sand, 0.35), to=mix(sand, p.near, 0.25), alpha=0.8)


def meadow(g: Stage, *, flowers: float = 0.5) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    horizon = rng.uniform(0.5, 0.58)
    sky(g, horizon)
    if g.has("mountain") or chance(rng, 0.4):
        range_(g, horizon + 0.04, 0.26, 0.25)
    for k in range(3):
        line = profile(g, horizon + 0.05 * k + 0.03, 0.1, 1.2, 3)
        hill = mix(depth(g, 0.35 + 0.15 * k), p.ground, 0.35 + 0.2 * k)
        c.fill([under(line)], mix(hill, p.light, 0.12), to=hill)
        if g.wintry:
            firs(g, moved(line, 0, 0.02), 0.07 + 0.04 * k, 0.5 + 0.2 * k, gap=0.8)
            continue
        for x in rng.uniform(0.02, 0.98, 3 if k else 0) * g.wide:
            leaf = g.pick(p.leaves) if g.seasonal else p.near
            broadleaf(g, (x, height(line, x) + 0.008), 0.06 + 0.05 * k, leaf, 0.75)
    c.fill([under(moved(line, 0, 0.03))], p.ground, to=shade(p.ground, 0.75 if g.wintry else 0.55))
    grove = g.scene.place == "meadow" and not g.wintry and chance(rng, 0.6)
    if g.seasonal or grove:
        leaf = p.leaves[0] if g.seasonal else mix(p.ground, p.near, 0.45)
        broadleaf(g, (g.wide * rng.choice([0.22, 0.78]), 0.84), 0.62 * g.scale, leaf)
    for row in range(5):
        t = (row + 1) / 5
        y = horizon + 0.16 + (0.92 - horizon) * t**1.5 * 0.85
        dark, light = mix(p.ground, p.near, 0.25 + 0.45 * t), mix(p.ground, p.light, 0.2)
        many = int((12 if g.wintry else 110) * max(0.4, g.wide))
        grass(g, y, t, many, dark if row % 2 else light)
        if not g.wintry:
            _flowerbed(g, y, t, flowers)
    return g.wide * rng.uniform(0.4, 0.6), 0.93


def _flowerbed(g: Stage, y: float, t: float, share: float) -> None:
    """A row of flowers on their stems."""
    rng, p = g.rng, g.p
    for _ in range(int((44 - 28 * t) * share * max(0.5, g.wide))):
        x, foot = rng.random() * g.wide, y + rng.uniform(-0.04, 0.04)
        r = (0.008 + 0.052 * t**1.8) * rng.uniform(0.75, 1.2) * min(1, 0.5 + share)
        lean = r * rng.normal(0, 0.4)
        stem = poly(x + lean, foot + r * 2.6, x + lean * 0.3, foot + r * 1.3, x, foot)
        g.c.fill([strip(stem, r * 0.16)], mix(p.near, p.ground, 0.4))
        gay = g.has("garden", "spring") or chance(rng, 0.2)
        hue = g.pick(p.leaves) if gay else mix(_WHITE, p.haze, 0.25)
        flower(g, (x, foot), r, hue, g.pick(("daisy", "poppy", "tulip")))


def garden(g: Stage) -> Spot:
    return meadow(g, flowers=1.0)
