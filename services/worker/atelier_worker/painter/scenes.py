"""The places: each lays its parts back to front and says where a figure would stand."""

from collections.abc import Callable

import numpy as np

from atelier_worker.painter import land
from atelier_worker.painter.abstract import abstract
from atelier_worker.painter.canvas import chance, ellipse, noise2, poly, rect, smooth, strip
from atelier_worker.painter.palette import mix, ramp, rgb, shade
from atelier_worker.painter.sky import Stage, nebula, sky, stars

Spot = tuple[float, float]  # where a figure's feet are
_WHITE = (255.0, 255.0, 255.0)


def sea(g: Stage) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    horizon = rng.uniform(0.42, 0.54)
    sun, _ = sky(g, horizon, low=chance(rng, 0.5))
    if g.has("mountain", "island") or chance(rng, 0.35):
        line = land.profile(g, horizon, 0.09, 1.6)
        line[:, 1] += 0.1 * np.clip(np.abs(line[:, 0] - g.wide * rng.choice([0.1, 0.9])), 0, 1)
        c.fill([land.under(line, horizon)], land.depth(g, 0.25), to=land.depth(g, 0.1))
    land.water(g, horizon, calm=0.35)
    bright = mix(p.water, rgb("#5fd0d8"), 0.12 if p.dark else 0.34)
    rough = 1.9 if g.has("storm") else 1.0
    x = land.across(g)
    for k in range(9):
        t = (k + 1) / 9
        y = horizon + (1.0 - horizon) * t**1.4
        tall = 0.055 * t * rough
        # Trochoid-like crests: steep tops, broad troughs.
        phase = x * (11 - 7 * t) + 3 * land.noise1(rng, x, 1.5, 2) + rng.uniform(0, 6)
        crest = y - tall * (1 - np.abs(np.sin(phase))) ** 1.2 - 0.02 * land.noise1(rng, x, 3, 2)
        line = np.stack([x, crest], axis=1)
        deep = mix(mix(p.water, p.sky[-2], 0.22 * (1 - t)), shade(p.water, 0.6), t * 0.6)
        crown = mix(deep, bright, 0.75)
        c.fill([land.under(line, min(1.02, y + 0.1 + 0.06 * t))], crown, to=deep, alpha=0.9)
        thick = (0.002 + 0.013 * t) * (0.1 + land.noise1(rng, x, 14, 2)) * np.cos(phase) ** 2
        foam = np.concatenate([line, (line + np.stack([0 * x, thick * rough], axis=1))[::-1]])
        c.fill([foam], mix(_WHITE, p.haze, 0.3 if not p.dark else 0.55), alpha=0.85)
        if k % 2:
            c.fill([foam + (0.03, 0.012 + 0.012 * t)], bright, alpha=0.45)
    if not g.has("storm"):
        land.glitter(g, sun, horizon, 0.93)
    afloat = g.scene.subject in ("", "boat", "lighthouse", "dragon")
    if not afloat or (not g.has("storm") and not p.dark and chance(rng, 0.4)):
        beach(g)
    return g.wide * (0.28 if sun > g.wide / 2 else 0.72), horizon + 0.15 if afloat else 0.97


def beach(g: Stage) -> None:
    """Sand in the corner of the picture, with the edge of the last wave on it."""
    x = land.across(g)
    side = x if chance(g.rng, 0.5) else g.wide - x
    y = 0.8 + 0.16 * side / g.wide + 0.03 * np.sin(side * 4) + 0.02 * land.noise1(g.rng, x, 3)
    line = np.stack([x, y], axis=1)
    sand = g.p.ground
    g.c.fill([land.under(line - (0, 0.045))], mix(g.p.water, _WHITE, 0.35), alpha=0.45)
    g.c.fill([land.under(line - (0, 0.016))], mix(_WHITE, g.p.haze, 0.15), alpha=0.9)
    g.c.fill([land.under(line)], shade(sand, 0.85), to=sand)
    g.c.fill([land.under(line + (0, 0.03))], sand, to=mix(sand, g.p.light, 0.35))


def island(g: Stage) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    horizon = rng.uniform(0.5, 0.58)
    sun, _ = sky(g, horizon)
    middle = g.wide * rng.uniform(0.42, 0.58)
    half = 0.4 * min(1.1, g.wide)
    x = np.linspace(-1, 1, 90)
    hump = np.clip(1 - x**2, 0, 1)
    hill = hump**1.5 * 0.22 * (0.45 + 0.9 * land.noise1(rng, x + 1, 2.5, 4))
    green = mix(p.mid, rgb("#3f8f4f"), 0.5 if not p.dark else 0.15)
    at = np.stack([middle + x * half, horizon + 0.012 - hill], axis=1)
    c.fill(
        [land.under(at * (0.8, 1) + (middle * 0.2, -0.005), horizon + 0.01)],
        mix(green, p.haze, 0.3),
    )
    land.water(g, horizon, calm=0.75)
    if p.time != "night" or chance(rng, 0.5):
        land.glitter(g, sun, horizon)
    base = horizon + 0.03
    shallow = mix(p.water, rgb("#6fe0d0"), 0.5 if not p.dark else 0.15)
    c.fill([ellipse(middle, base + 0.02, half * 1.35, 0.06)], shallow, alpha=0.5, soft=0.02)
    bank = np.stack([middle + x * half * 1.05, base - hump**0.7 * 0.045], axis=1)
    c.fill([np.concatenate([bank, ellipse(middle, base, half * 1.05, 0.022)[:25]])], p.ground)
    bush = np.stack([middle + x * half * 0.85, base - 0.02 - hill * 0.5 - hump * 0.03], axis=1)
    c.fill([np.concatenate([bush, [[middle + half * 0.8, base - 0.02], [middle - half * 0.8, base - 0.02]]])],
           green, to=shade(green, 0.6))  # fmt: skip
    if g.scene.subject not in ("castle", "lighthouse", "house"):
        for spot in (-0.85, -0.7, -0.35, 0.4, 0.72, 0.86):
            at_x = middle + (spot + rng.uniform(-0.1, 0.1)) * half
            land.palm(
                g, at_x, base - 0.015, rng.uniform(0.17, 0.33), mix(p.near, shade(green, 0.5), 0.6)
            )
    return middle, base - 0.03


def lake(g: Stage) -> Spot:
    rng = g.rng
    line = rng.uniform(0.55, 0.63)
    sun, _ = sky(g, line)
    shore(g, line)
    land.water(g, line, calm=0.92)
    land.glitter(g, sun, line)
    bank = land.profile(g, 0.97, 0.07, 2.0)
    bank[:, 1] += 0.06 * np.cos((bank[:, 0] / g.wide - 0.5) * 2)
    g.c.fill([land.under(bank)], mix(land.depth(g, 1), g.p.ground, 0.25))
    tuft = bank[:: max(1, len(bank) // 130)]
    reeds = []
    for x, y in tuft:
        tall, lean = rng.uniform(0.02, 0.085), rng.normal(0, 0.012)
        reeds.append(poly(x - 0.003, y + 0.01, x + lean, y - tall, x + 0.003, y + 0.01))
    g.c.fill(reeds, land.depth(g, 1))
    on_water = g.scene.subject == "boat"
    return g.wide * float(rng.uniform(0.35, 0.65)), line + 0.14 if on_water else 0.98


def shore(g: Stage, line: float) -> None:
    """What stands behind a lake or a river: mountains, then hills with trees."""
    rng = g.rng
    if not g.has("meadow"):
        land.range_(g, line + 0.03, rng.uniform(0.3, 0.42), 0.35)
    for k in range(2):
        far = land.profile(g, line - 0.005 + 0.012 * k, 0.07 - 0.03 * k, 1.8, 4)
        g.c.fill(
            [land.under(far, line + 0.03)], land.depth(g, 0.5 + 0.2 * k), to=land.depth(g, 0.3)
        )
    edge = land.profile(g, line + 0.012, 0.02, 2.0)
    if g.has("autumn", "spring"):
        for x in np.arange(0, g.wide, 0.05) + rng.uniform(-0.02, 0.02):
            leaf = g.p.leaves[int(rng.integers(len(g.p.leaves)))]
            land.broadleaf(g, float(x), line + 0.005, rng.uniform(0.09, 0.16), leaf, 0.8)
    else:
        land.firs(g, edge, 0.11, land.depth(g, 0.85), gap=0.28)


def river(g: Stage) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    line = rng.uniform(0.42, 0.48)
    sky(g, line)
    shore(g, line)
    c.fill([rect(-0.1, line, g.wide + 0.2, 1.1 - line)], mix(p.ground, p.haze, 0.35), to=p.ground)
    u = np.linspace(0, 1, 60)
    bend = np.sin(u**0.55 * 9 + rng.uniform(0, 6)) * (0.05 + 0.2 * u)
    path = np.stack([g.wide * 0.5 + bend * min(1, g.wide), line + (1.05 - line) * u**1.5], axis=1)
    widths = (0.014 + 0.36 * u**1.5) * min(1, g.wide)

    def bed(extra: float) -> land.Points:
        side = np.stack([widths / 2 + extra * (0.2 + u), 0 * u], axis=1)
        return np.concatenate([path + side, (path - side)[::-1]])

    course = [bed(0)]
    for k in range(26):
        v = k / 26
        stripe = [
            ellipse(
                g.wide * rng.random(), line + (1 - line) * v**1.5, 0.2 + 0.3 * v, 0.004 + 0.02 * v
            )
        ]
        c.fill(stripe, mix(p.ground, p.light if k % 2 else p.near, 0.22), alpha=0.35)
    c.fill([bed(0.035)], mix(p.ground, p.light, 0.3), alpha=0.6)
    c.fill([bed(0.014)], mix(p.near, p.ground, 0.35))
    # The mirror is drawn whole and shows only inside the course.
    plain = c.image
    c.image = plain.copy()
    land.water(g, line, calm=0.8)
    c.fill(course, p.haze, alpha=0.15)
    wet, c.image = c.image, plain
    size = (c.width, c.height)
    mask = land.Image.new("L", size)
    stencil = type(c)(*size)
    stencil.fill(course, _WHITE)
    mask = stencil.image.convert("L")
    c.image.paste(wet, (0, 0), mask)
    for v in np.sort(rng.random(int(60 * max(0.5, g.wide)))) ** 0.8:
        y, x = line + (1 - line) * v**1.5, float(rng.random() * g.wide)
        gap = abs(x - np.interp(y, path[:, 1], path[:, 0])) - np.interp(y, path[:, 1], widths) / 2
        if gap > 0.05 + 0.05 * v:
            tuft(g, x, y, 0.02 + 0.075 * v)
    return g.wide * 0.2, 0.93


def tuft(g: Stage, x: float, y: float, tall: float) -> None:
    """A clump of grass, sometimes with a flower."""
    rng, p = g.rng, g.p
    lean = np.linspace(-0.7, 0.7, 9) + rng.normal(0, 0.1, 9)
    blades = [poly(x + k * tall * 0.25 - tall * 0.06, y, x + k * tall * 0.8, y - tall * (1 - 0.5 * abs(k)),
                   x + k * tall * 0.25 + tall * 0.06, y) for k in lean]  # fmt: skip
    g.c.fill(blades, mix(p.near, p.ground, float(rng.uniform(0.25, 0.6))))
    if chance(rng, 0.4) and not g.has("snow", "winter"):
        hue = (
            p.leaves[int(rng.integers(len(p.leaves)))]
            if g.has("spring", "autumn")
            else mix(p.light, p.haze, 0.2)
        )
        land.flower(g, x, y - tall, tall * 0.22, hue, 0)


def forest(g: Stage) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    sun, _ = sky(g, 0.62)
    c.glow(sun, 0.45, 0.75, mix(p.light, p.haze, 0.3), 0.3 if p.dark else 0.65)
    leafy = g.has("autumn", "spring") or (not g.has("winter", "snow") and chance(rng, 0.25))
    for k in range(4):
        t = k / 4
        line = land.profile(g, 0.56 + 0.085 * k, 0.05, 1.6)
        colour, tall = land.depth(g, t), 0.2 + 0.09 * k
        grove(g, line, tall, t, leafy=leafy)
        floor = mix(colour, p.ground, 0.35 + 0.12 * k)
        c.fill([land.under(line, 1.02)], floor, to=mix(floor, p.haze, 0.35))
        c.fill([ellipse(g.wide / 2, land.height(line, g.wide / 2) + 0.03, g.wide, 0.035)],
               p.haze, alpha=0.34, soft=0.025)  # fmt: skip
    line = land.profile(g, 0.9, 0.05, 1.6)
    c.fill(
        [land.under(line)], mix(p.ground, p.light, 0.08), to=shade(mix(p.ground, p.near, 0.35), 0.8)
    )
    if not p.dark and not g.has("rain", "storm"):
        rays(g, sun)
    for _ in range(0 if g.has("winter", "snow") else int(46 * max(0.5, g.wide))):
        tuft(
            g,
            float(rng.random() * g.wide),
            float(rng.uniform(0.89, 1.03)),
            float(rng.uniform(0.025, 0.065)),
        )
    if leafy:
        fallen = rng.random((int(150 * g.wide), 2)) * (g.wide, 0.14) + (0, 0.87)
        for k, hue in enumerate(p.leaves):
            c.fill(
                [
                    ellipse(x, y, 0.004 + 0.008 * (y - 0.85) * 8, 0.004, rng.random())
                    for x, y in fallen[k::4]
                ],
                hue,
            )
    for side in (0.0, g.wide):
        for at, y in zip(side + rng.uniform(-0.13, 0.13, 3), (0.95, 0.99, 1.04), strict=True):
            if abs(at - g.wide / 2) > 0.3 * g.wide:
                tree(g, float(at), y, float(rng.uniform(0.6, 0.88)), 1.0, leafy=leafy)
    if p.dark:
        for x, y in rng.random((22, 2)) * (g.wide, 0.4) + (0, 0.55):
            c.glow(x, y, float(rng.uniform(0.008, 0.02)), (235, 255, 150), 0.95)
    return g.wide * 0.5, 0.95


def grove(g: Stage, line: land.Points, tall: float, t: float, *, leafy: bool) -> None:
    """A row of the trees of this forest."""
    if not leafy:
        land.firs(g, line + (0, 0.03), tall, land.depth(g, t), gap=0.2)
        return
    for x in np.arange(-0.02, g.wide + 0.05, tall * 0.36) + g.rng.uniform(-0.04, 0.04):
        tree(
            g,
            float(x),
            land.height(line, float(x)) + 0.02,
            tall * g.rng.uniform(0.75, 1.1),
            t,
            leafy=True,
        )


def tree(g: Stage, x: float, y: float, tall: float, t: float, *, leafy: bool) -> None:
    if leafy:
        leaf = g.p.leaves[int(g.rng.integers(len(g.p.leaves)))]
        land.broadleaf(g, x, y, tall, leaf, 0.4 + 0.6 * t)
        return
    boughs, snow = land.conifer(g.rng, x, y, tall)
    g.c.fill(boughs, mix(land.depth(g, t), g.p.sky[0], 0.15), to=land.depth(g, t))
    if g.has("winter", "snow"):
        g.c.fill(snow, mix(_WHITE, g.p.sky[1], 0.25), alpha=0.9)


def rays(g: Stage, x: float) -> None:
    """Shafts of light falling between trees."""
    for _ in range(5):
        far, thick = g.rng.normal(0, 0.5), g.rng.uniform(0.03, 0.09)
        shaft = poly(x - 0.01, 0.1, x + 0.01, 0.1, x + far + thick, 1.0, x + far - thick, 1.0)
        g.c.fill([shaft], mix(g.p.light, g.p.haze, 0.3), alpha=0.16, soft=0.02)


def city(g: Stage) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    ground = rng.uniform(0.74, 0.82)
    sky(g, ground)
    lit = {"night": 0.42, "sunset": 0.3, "dawn": 0.16, "day": 0.55}[p.time]
    if g.has("mountain"):
        land.range_(g, ground, 0.5, 0.2)
    rows = ((0.5, 0.15, 0.08), (0.56, 0.45, lit * 0.7), (0.42, 0.75, lit), (0.22, 1.0, lit * 1.1))
    blocks = []
    for tall, t, share in rows:
        blocks = land.towers(g, ground, tall, land.depth(g, t), share)
        c.fill(
            [ellipse(g.wide / 2, ground, g.wide, 0.07)],
            p.haze,
            alpha=0.3 * (1 - t) + 0.1,
            soft=0.05,
        )
    if g.has("neon"):
        signs(g, blocks, ground)
    land.water(g, ground, calm=0.75)
    c.fill([rect(-0.1, ground - 0.006, g.wide + 0.2, 0.012)], land.depth(g, 1))
    if g.scene.subject not in ("", "boat", "dragon"):
        c.fill(
            [rect(-0.1, 0.9, g.wide + 0.2, 0.2)],
            mix(land.depth(g, 1), p.haze, 0.25),
            to=land.depth(g, 1),
        )
    if p.dark:
        for x in np.arange(0.03, g.wide, 0.09):
            c.glow(float(x), ground - 0.012, 0.03, p.lamp, 0.9)
    return g.wide * float(rng.uniform(0.4, 0.6)), 0.97


def signs(g: Stage, blocks: list[land.Points], ground: float) -> None:
    """Neon tubes and boards on the front row of buildings."""
    rng, hues = g.rng, [rgb(h) for h in ("#ff3fa4", "#2ff0ff", "#ffd23f", "#9a4fff", "#4fff9a")]
    for block in blocks:
        x, top = block.min(axis=0)
        colour = hues[int(rng.integers(len(hues)))]
        w, tall = rng.uniform(0.018, 0.034), rng.uniform(0.08, 0.2)
        y = min(ground - tall - 0.02, top + 0.015 + rng.random() * max(0, ground - top - tall))
        g.c.glow(x + w, y + tall / 2, tall * 1.3, colour, 0.55)
        g.c.fill([rect(x, y, w, tall)], mix(colour, (10, 5, 30), 0.55))
        bars = [
            rect(x + w * 0.2, y + tall * (0.06 + 0.15 * k), w * 0.6, tall * 0.09) for k in range(6)
        ]
        g.c.fill(bars, mix(colour, _WHITE, 0.35))


def mountain(g: Stage) -> Spot:
    rng = g.rng
    sky(g, 0.66)
    land.range_(g, 0.78, rng.uniform(0.4, 0.5), 0.2)
    land.range_(g, 0.84, rng.uniform(0.24, 0.34), 0.5)
    lines = land.ridges(g, 0.7, 0.95, 3, rise=0.12)
    land.firs(g, lines[-2] + (0, 0.03), 0.09, land.depth(g, 0.8), gap=0.35)
    front = land.profile(g, 0.96, 0.1, 1.4)
    white = 0.85 if g.has("snow", "winter") else 0.3
    g.c.fill(
        [land.under(front)],
        mix(land.depth(g, 1), g.p.ground, white),
        to=mix(land.depth(g, 1), g.p.ground, white - 0.3),
    )
    if not g.scene.subject:
        land.firs(g, front + (0, 0.02), 0.2, land.depth(g, 1), gap=0.5)
    return g.wide * float(rng.uniform(0.4, 0.6)), land.height(front, g.wide / 2) + 0.01


def desert(g: Stage) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    sky(g, 0.56)
    mesa = land.profile(g, 0.55, 0.14, 2.5, 2)
    mesa[:, 1] = 0.55 - np.round((0.55 - mesa[:, 1]) / 0.05) * 0.05
    c.fill([land.under(mesa, 0.62)], land.depth(g, 0.3), to=land.depth(g, 0.15))
    x = land.across(g)
    for k in range(5):
        t = k / 4
        y = 0.56 + 0.36 * t
        top = rng.uniform(0.1, 0.9) * g.wide
        # A dune: up to a sharp crest, then down in its own shadow.
        crest = np.exp(-np.abs(x - top) * (2.4 - 1.2 * t)) + 0.35 * land.noise1(rng, x, 1.6, 2)
        line = np.stack([x, y - crest * (0.08 + 0.07 * t)], axis=1)
        sand = mix(p.haze, p.ground, 0.45 + 0.55 * t)
        c.fill([land.under(line)], mix(sand, p.light, 0.25), to=shade(sand, 0.8))
        peak_y = land.height(line, top)
        u = np.linspace(0, 1, 24)
        spine = np.stack(
            [top + 0.22 * (0.5 + t) * np.sin(u * 2.2) - 0.12 * u, peak_y + (1.02 - peak_y) * u],
            axis=1,
        )
        lee = np.concatenate([line[x >= top], [[g.wide + 0.1, 1.02]], spine[::-1]])
        c.fill([lee], mix(p.near, sand, 0.35), to=mix(sand, p.near, 0.25), alpha=0.8)
    if not g.scene.subject and chance(rng, 0.75):
        for _ in range(int(rng.integers(1, 4))):
            cactus(
                g,
                float(rng.uniform(0.08, 0.92) * g.wide),
                float(rng.uniform(0.84, 0.95)),
                rng.uniform(0.12, 0.26),
            )
    return g.wide * float(rng.uniform(0.35, 0.65)), 0.9


def cactus(g: Stage, x: float, y: float, tall: float) -> None:
    w = tall * 0.16
    parts = []
    arms = [
        ((0, 0), (0, -1.0)),
        ((0, -0.4), (0.32, -0.42), (0.34, -0.78)),
        ((0, -0.28), (-0.3, -0.3), (-0.32, -0.62)),
    ]
    for arm in arms:
        path = smooth(np.array(arm) * tall + (x, y), 10, closed=False)
        parts += [
            strip(path, w if len(arm) == 2 else w * 0.7),
            ellipse(*path[-1], w / 2 if len(arm) == 2 else w * 0.35),
        ]
    g.c.fill(parts, mix(g.p.near, rgb("#2f5f3f"), 0.5 if not g.p.dark else 0.1))


def meadow(g: Stage, *, flowers: float = 0.5) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    horizon, snowy = rng.uniform(0.5, 0.58), g.has("snow", "winter")
    sky(g, horizon)
    if g.has("mountain") or chance(rng, 0.4):
        land.range_(g, horizon + 0.04, 0.26, 0.25)
    for k in range(3):
        line = land.profile(g, horizon + 0.05 * k + 0.03, 0.1, 1.2, 3)
        hill = mix(land.depth(g, 0.35 + 0.15 * k), p.ground, 0.35 + 0.2 * k)
        c.fill([land.under(line)], mix(hill, p.light, 0.12), to=hill)
        if snowy:
            land.firs(g, line + (0, 0.02), 0.07 + 0.04 * k, land.depth(g, 0.5 + 0.2 * k), gap=0.8)
        for _ in range(0 if snowy or not k else 3):
            x = float(rng.uniform(0.02, 0.98) * g.wide)
            leaf = p.leaves[int(rng.integers(len(p.leaves)))]
            leaf = leaf if g.has("autumn", "spring") else p.near
            land.broadleaf(g, x, land.height(line, x) + 0.008, 0.06 + 0.05 * k, leaf, 0.75)
    c.fill([land.under(line + (0, 0.03))], p.ground, to=shade(p.ground, 0.55))
    if g.has("spring", "autumn") or (g.scene.place == "meadow" and not snowy and chance(rng, 0.6)):
        leaf = p.leaves[0] if g.has("spring", "autumn") else mix(p.ground, p.near, 0.45)
        x = g.wide * float(rng.choice([0.22, 0.78]))
        land.broadleaf(g, x, 0.84, 0.62 * g.scale, leaf)
    for row in range(5):
        t = (row + 1) / 5
        y = horizon + 0.16 + (0.92 - horizon) * t**1.5 * 0.85
        blades = []
        for _ in range(int((12 if snowy else 110) * max(0.4, g.wide))):
            x, dy = rng.uniform(-0.02, 1.02) * g.wide, rng.uniform(-0.03, 0.03)
            tall, lean = (0.012 + 0.06 * t) * rng.uniform(0.5, 1.2), rng.normal(0, 0.012 * t)
            blades.append(
                poly(x - 0.003 * t, y + dy, x + lean, y + dy - tall, x + 0.003 * t, y + dy)
            )
        c.fill(
            blades,
            mix(p.ground, p.near, 0.25 + 0.45 * t) if row % 2 else mix(p.ground, p.light, 0.2),
        )
        for _ in range(0 if snowy else int((22 - 14 * t) * flowers * max(0.5, g.wide) * 2)):
            x, dy = float(rng.uniform(0, 1) * g.wide), float(rng.uniform(-0.04, 0.04))
            r = (0.008 + 0.052 * t**1.8) * rng.uniform(0.75, 1.2) * min(1, 0.5 + flowers)
            stem, lean = r * 2.6, r * rng.normal(0, 0.4)
            root = np.array(
                [[x + lean, y + dy + stem], [x + lean * 0.3, y + dy + stem / 2], [x, y + dy]]
            )
            c.fill([strip(root, r * 0.16)], mix(p.near, p.ground, 0.4))
            hue = (
                p.leaves[int(rng.integers(len(p.leaves)))]
                if g.has("garden", "spring")
                else (
                    p.leaves[row % len(p.leaves)] if chance(rng, 0.2) else mix(_WHITE, p.haze, 0.25)
                )
            )
            land.flower(g, x, y + dy, r, hue, int(rng.integers(0, 3)))
    return g.wide * float(rng.uniform(0.4, 0.6)), 0.93


def garden(g: Stage) -> Spot:
    return meadow(g, flowers=1.0)


def space(g: Stage) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    size, x, y = c.grid(512)
    deep = mix(p.sky[0], (3, 4, 14), 0.75)
    c.field(ramp((deep, shade(p.sky[1], 0.7), deep), np.clip(x / g.wide * 0.7 + y * 0.3, 0, 1)))
    galaxy = g.has("galaxy") or (not g.has("planet") and chance(rng, 0.5))
    nebula(g, 0.45 if galaxy else 1.0)
    stars(g, 1.0, int(520 * g.wide))
    if galaxy:
        cx, cy, turn = g.wide * rng.uniform(0.42, 0.58), rng.uniform(0.42, 0.55), rng.uniform(0, 3)
        u, v = (x - cx) / g.scale, (y - cy) / g.scale
        u, v = u * np.cos(turn) - v * np.sin(turn), (u * np.sin(turn) + v * np.cos(turn)) * 1.9
        r = np.sqrt(u * u + v * v) + 1e-3
        n = noise2(rng, size, (9 * g.wide, 9), 5)
        arms = 0.5 + 0.5 * np.cos(2 * np.arctan2(v, u) - 7.5 * np.log(r + 0.06) + (n - 0.5) * 5)
        glow = np.exp(-r * 5.2) * (0.15 + 1.5 * arms**2 * (0.35 + n))
        hue = (
            p.leaves[0]
            if g.scene.colours
            else rgb(str(rng.choice(["#6f8fff", "#c86fe8", "#4fc8e8"])))
        )
        c.veil(hue, np.clip(glow * 2.2, 0, 0.92))
        c.veil(
            (255, 236, 205), np.clip(np.exp(-r * 13) * 1.25 + np.clip(glow - 0.3, 0, 1) * 0.8, 0, 1)
        )
    else:
        planet(
            g,
            g.wide * rng.uniform(0.3, 0.7),
            rng.uniform(0.4, 0.62),
            rng.uniform(0.17, 0.27) * g.scale,
        )
    return g.wide * 0.5, 0.9


def planet(g: Stage, x: float, y: float, r: float) -> None:
    """A banded planet with a night side, perhaps ringed, and a small moon."""
    c, rng = g.c, g.rng
    hues = (
        "#e8a860 #8f4a3a #f6dcae",
        "#5fa8e0 #1f3f8a #d0ecff",
        "#d878b0 #5f2f7a #ffd8e0",
        "#68c8a8 #1f5a68 #e4fbe8",
    )
    first, second, third = (rgb(h) for h in str(rng.choice(hues)).split())
    ringed, tilt = chance(rng, 0.6), rng.uniform(-0.5, 0.5)
    c.glow(x, y, r * 1.9, first, 0.5)
    n = 320
    v, u = (np.mgrid[0:n, 0:n].astype(np.float32) + 0.5) / n * 2 - 1
    warp = noise2(rng, (n, n), (4, 9), 5) - 0.5
    bands = np.sin((v * np.cos(tilt) + u * np.sin(tilt)) * 9 + warp * 5) * 0.5 + 0.5
    z = np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
    light = np.clip((-0.62 * u - 0.5 * v + 0.6 * z) * 1.25, 0.035, 1.15)[..., None]
    face = ramp((second, first, third), bands * 0.75 + warp * 0.6 + 0.1) * light
    side = max(4, round(2 * r * c.height))
    ball = land.Image.fromarray(np.clip(face, 0, 255).astype(np.uint8)).resize((side, side))
    round_ = np.clip((1 - np.sqrt(u * u + v * v)) * n / 2, 0, 1)
    mask = land.Image.fromarray((round_ * 255).astype(np.uint8)).resize((side, side))
    outer, inner = (np.tile(ellipse(x, y, r * o, r * o * 0.3, tilt), (2, 1)) for o in (2.1, 1.45))
    rings = [np.concatenate([outer[k : k + 25], inner[k : k + 25][::-1]]) for k in (24, 0)]
    if ringed:
        c.fill(rings[:1], third, alpha=0.75)
    c.image.paste(ball, (round((x - r) * c.height), round((y - r) * c.height)), mask)
    if ringed:
        c.fill(rings[1:], third, alpha=0.8)
    small = r * 0.16
    c.fill([ellipse(x + r * 1.6, y - r * 1.15, small)], mix(third, (200, 200, 210), 0.5))
    c.fill(
        [ellipse(x + r * 1.6 + small * 0.4, y - r * 1.15 + small * 0.3, small * 0.75)],
        (15, 15, 30),
        alpha=0.55,
        soft=small * 0.3,
    )


PLACES: dict[str, Callable[[Stage], Spot]] = {
    "sea": sea, "island": island, "lake": lake, "river": river, "forest": forest, "city": city,
    "mountain": mountain, "desert": desert, "meadow": meadow, "garden": garden, "space": space,
    "abstract": abstract,
}  # fmt: skip
