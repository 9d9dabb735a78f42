"""Places of water: the sea, an island, a lake, a river."""

import numpy as np

from atelier_worker.painter.canvas import Points, chance, ellipse, moved, noise1, poly, rect
from atelier_worker.painter.land import across, depth, glitter, profile, range_, under, water
from atelier_worker.painter.palette import mix, rgb, shade
from atelier_worker.painter.plants import broadleaf, firs, palm, tuft
from atelier_worker.painter.sky import Spot, Stage, sky

_WHITE = (255.0, 255.0, 255.0)


def sea(g: Stage) -> Spot:
    p, rng = g.p, g.rng
    horizon = rng.uniform(0.42, 0.54)
    sun = sky(g, horizon, low=chance(rng, 0.5))
    if g.has("mountain", "island") or chance(rng, 0.35):
        line = profile(g, horizon, 0.09, 1.6)
        line[:, 1] += 0.1 * np.clip(np.abs(line[:, 0] - g.wide * rng.choice([0.1, 0.9])), 0, 1)
        g.c.fill([under(line, horizon)], depth(g, 0.25), to=depth(g, 0.1))
    water(g, horizon, calm=0.35)
    for k in range(9):
        wave(g, horizon, (k + 1) / 9, glint=bool(k % 2))
    if not g.has("storm"):
        glitter(g, sun, horizon, 0.93)
    afloat = g.scene.subject in ("", "boat", "lighthouse", "dragon")
    if not afloat or (not g.has("storm") and not p.dark and chance(rng, 0.4)):
        beach(g)
    return g.wide * (0.28 if sun > g.wide / 2 else 0.72), horizon + 0.15 if afloat else 0.97


def wave(g: Stage, horizon: float, t: float, *, glint: bool) -> None:
    """One swell across the canvas, from the horizon (t = 0) to our feet (1)."""
    c, p, rng, x = g.c, g.p, g.rng, across(g)
    rough = 1.9 if g.has("storm") else 1.0
    bright = mix(p.water, rgb("#5fd0d8"), 0.12 if p.dark else 0.34)
    y = horizon + (1.0 - horizon) * t**1.4
    # Nearly trochoids: steep crests, broad troughs.
    phase = x * (11 - 7 * t) + 3 * noise1(rng, x, 1.5, 2) + rng.uniform(0, 6)
    swell = 0.055 * t * rough * (1 - np.abs(np.sin(phase))) ** 1.2
    line = np.stack([x, y - swell - 0.02 * noise1(rng, x, 3, 2)], axis=1)
    deep = mix(mix(p.water, p.sky[-2], 0.22 * (1 - t)), shade(p.water, 0.6), t * 0.6)
    body = under(line, min(1.02, y + 0.1 + 0.06 * t))
    c.fill([body], mix(deep, bright, 0.75), to=deep, alpha=0.9)
    thick = (0.002 + 0.013 * t) * (0.1 + noise1(rng, x, 14, 2)) * np.cos(phase) ** 2 * rough
    foam = np.concatenate([line, (line + np.stack([0 * x, thick], axis=1))[::-1]])
    c.fill([foam], mix(_WHITE, p.haze, 0.3 if not p.dark else 0.55), alpha=0.85)
    if glint:
        c.fill([moved(foam, 0.03, 0.012 + 0.012 * t)], bright, alpha=0.45)


def beach(g: Stage) -> None:
    """Sand in the corner of the picture, with the edge of the last wave on it."""
    x, sand = across(g), g.p.ground
    side = x if chance(g.rng, 0.5) else g.wide - x
    y = 0.8 + 0.16 * side / g.wide + 0.03 * np.sin(side * 4) + 0.02 * noise1(g.rng, x, 3)
    line = np.stack([x, y], axis=1)
    g.c.fill([under(moved(line, 0, -0.045))], mix(g.p.water, _WHITE, 0.35), alpha=0.45)
    g.c.fill([under(moved(line, 0, -0.016))], mix(_WHITE, g.p.haze, 0.15), alpha=0.9)
    g.c.fill([under(line)], shade(sand, 0.85), to=sand)
    g.c.fill([under(moved(line, 0, 0.03))], sand, to=mix(sand, g.p.light, 0.35))


def island(g: Stage) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    horizon = rng.uniform(0.5, 0.58)
    sun = sky(g, horizon)
    middle, half = g.wide * rng.uniform(0.42, 0.58), 0.4 * min(1.1, g.wide)
    u = np.linspace(-1, 1, 90)
    hump = np.clip(1 - u**2, 0, 1)
    hill = hump**1.5 * 0.22 * (0.45 + 0.9 * noise1(rng, u + 1, 2.5, 4))
    green = mix(p.mid, rgb("#3f8f4f"), 0.5 if not p.dark else 0.15)
    back = np.stack([middle + u * half * 0.8, horizon + 0.007 - hill], axis=1)
    c.fill([under(back, horizon + 0.01)], mix(green, p.haze, 0.3))
    water(g, horizon, calm=0.75)
    glitter(g, sun, horizon)
    base = horizon + 0.03
    shallow = mix(p.water, rgb("#6fe0d0"), 0.5 if not p.dark else 0.15)
    c.fill([ellipse(middle, base + 0.02, half * 1.35, 0.06)], shallow, alpha=0.5, soft=0.02)
    bank = np.stack([middle + u * half * 1.05, base - hump**0.7 * 0.045], axis=1)
    c.fill([np.concatenate([bank, ellipse(middle, base, half * 1.05, 0.022)[:25]])], p.ground)
    bush = np.stack([middle + u * half * 0.85, base - 0.02 - hill * 0.5 - hump * 0.03], axis=1)
    c.fill([under(bush, base - 0.02)], green, to=shade(green, 0.6))
    if g.scene.subject not in ("castle", "lighthouse", "house"):
        leaf = mix(p.near, shade(green, 0.5), 0.6)
        for spot in (-0.85, -0.7, -0.35, 0.4, 0.72, 0.86):
            x = middle + (spot + rng.uniform(-0.1, 0.1)) * half
            palm(g, x, base - 0.015, tall=rng.uniform(0.17, 0.33), colour=leaf)
    return middle, base - 0.03


def lake(g: Stage) -> Spot:
    rng = g.rng
    line = rng.uniform(0.55, 0.63)
    sun = sky(g, line)
    shore(g, line)
    water(g, line, calm=0.92)
    glitter(g, sun, line)
    bank = profile(g, 0.97, 0.07, 2.0)
    bank[:, 1] += 0.06 * np.cos((bank[:, 0] / g.wide - 0.5) * 2)
    g.c.fill([under(bank)], mix(depth(g, 1), g.p.ground, 0.25))
    reeds = []
    for x, y in bank[:: max(1, len(bank) // 130)]:
        tip = (x + rng.normal(0, 0.012), y - rng.uniform(0.02, 0.085))
        reeds.append(poly(x - 0.003, y + 0.01, *tip, x + 0.003, y + 0.01))
    g.c.fill(reeds, depth(g, 1))
    afloat = g.scene.subject == "boat"
    return g.wide * rng.uniform(0.35, 0.65), line + 0.14 if afloat else 0.98


def shore(g: Stage, line: float) -> None:
    """What stands behind a lake or a river: mountains, then hills with trees."""
    rng = g.rng
    if not g.has("meadow"):
        range_(g, line + 0.03, rng.uniform(0.3, 0.42), 0.35)
    for k in range(2):
        far = profile(g, line - 0.005 + 0.012 * k, 0.07 - 0.03 * k, 1.8, 4)
        g.c.fill([under(far, line + 0.03)], depth(g, 0.5 + 0.2 * k), to=depth(g, 0.3))
    if not g.seasonal:
        firs(g, profile(g, line + 0.012, 0.02, 2.0), 0.11, 0.85, gap=0.28)
        return
    for x in np.arange(0, g.wide, 0.05) + rng.uniform(-0.02, 0.02):
        broadleaf(g, (x, line + 0.005), rng.uniform(0.09, 0.16), g.pick(g.p.leaves), 0.8)


def river(g: Stage) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    line = rng.uniform(0.42, 0.48)
    sky(g, line)
    shore(g, line)
    c.fill([rect(-0.1, line, g.wide + 0.2, 1.1 - line)], mix(p.ground, p.haze, 0.35), to=p.ground)
    for k in range(26):
        v = k / 26
        at = (g.wide * rng.random(), line + (1 - line) * v**1.5)
        stripe = ellipse(*at, 0.2 + 0.3 * v, 0.004 + 0.02 * v)
        c.fill([stripe], mix(p.ground, p.light if k % 2 else p.near, 0.22), alpha=0.35)
    u, narrow = np.linspace(0, 1, 60), min(1, g.wide)
    bend = np.sin(u**0.55 * 9 + rng.uniform(0, 6)) * (0.05 + 0.2 * u) * narrow
    path = np.stack([g.wide * 0.5 + bend, line + (1.05 - line) * u**1.5], axis=1)
    half = (0.007 + 0.18 * u**1.5) * narrow

    def bed(extra: float) -> Points:
        side = np.stack([half + extra * (0.2 + u), 0 * u], axis=1)
        return np.concatenate([path + side, (path - side)[::-1]])

    c.fill([bed(0.035)], mix(p.ground, p.light, 0.3), alpha=0.6)
    c.fill([bed(0.014)], mix(p.near, p.ground, 0.35))
    # The mirror is drawn whole and shows only inside the bed.
    plain = c.image.copy()
    water(g, line, calm=0.8)
    mirror, c.image = c.image, plain
    c.fill([bed(0)], p.water, paint=mirror)
    for v in np.sort(rng.random(int(60 * max(0.5, g.wide)))) ** 0.8:
        x, y = rng.random() * g.wide, line + (1 - line) * v**1.5
        bank = np.interp(y, path[:, 1], half) + 0.05 + 0.05 * v
        if abs(x - np.interp(y, path[:, 1], path[:, 0])) > bank:
            tuft(g, x, y, 0.02 + 0.075 * v)
    return g.wide * 0.2, 0.93
