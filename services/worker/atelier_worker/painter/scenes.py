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
    land.glitter(g, sun, horizon, 0.8)
    rough = 1.9 if g.has("storm") else 1.0
    x = land.across(g)
    for k in range(6):
        t = (k + 1) / 6
        y = horizon + (0.98 - horizon) * t**1.5
        tall = 0.055 * t * rough
        # Trochoid-like crests: steep tops, broad troughs.
        phase = x * (9 - 5.5 * t) + 3 * land.noise1(rng, x, 1.5, 2) + rng.uniform(0, 6)
        crest = y - tall * (1 - np.abs(np.sin(phase))) ** 1.2 - 0.02 * land.noise1(rng, x, 3, 2)
        line = np.stack([x, crest], axis=1)
        body = mix(mix(p.water, p.haze, 0.3 * (1 - t)), shade(p.water, 0.55), t * 0.65)
        c.fill([land.under(line, min(1.02, y + 0.22))], mix(body, p.light, 0.2), to=body, alpha=0.93)
        thick = (0.002 + 0.011 * t) * (0.25 + land.noise1(rng, x, 14, 2)) * np.abs(np.cos(phase)) ** 2
        foam = np.concatenate([line, (line + np.stack([0 * x, thick * rough], axis=1))[::-1]])
        c.fill([foam], mix(_WHITE, p.haze, 0.3 if not p.dark else 0.55), alpha=0.85)
    if not g.has("storm") and p.time != "night" and chance(rng, 0.5):
        beach(g)
    return g.wide * (0.28 if sun > g.wide / 2 else 0.72), horizon + 0.13


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
    c.fill([land.under(at * (0.8, 1) + (middle * 0.2, -0.005), horizon + 0.01)], mix(green, p.haze, 0.3))
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
        for _ in range(int(rng.integers(4, 7))):
            at_x = middle + rng.uniform(-0.7, 0.7) * half
            land.palm(g, at_x, base - 0.025, rng.uniform(0.2, 0.34), mix(p.near, shade(green, 0.45), 0.5))
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
    return g.wide * float(rng.uniform(0.35, 0.65)), line + 0.14


def shore(g: Stage, line: float) -> None:
    """What stands behind a lake or a river: mountains, then hills with trees."""
    rng = g.rng
    if not g.has("meadow"):
        land.range_(g, line + 0.03, rng.uniform(0.3, 0.42), 0.35)
    for k in range(2):
        far = land.profile(g, line - 0.005 + 0.012 * k, 0.07 - 0.03 * k, 1.8, 4)
        g.c.fill([land.under(far, line + 0.03)], land.depth(g, 0.5 + 0.2 * k), to=land.depth(g, 0.3))
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
    bend = np.sin(u**0.6 * 8 + rng.uniform(0, 6)) * 0.22 * (0.15 + u)
    path = np.stack([g.wide * 0.5 + bend * min(1, g.wide), line + (1.05 - line) * u**1.35], axis=1)
    widths = (0.012 + 0.42 * u**1.6) * min(1, g.wide)
    course = [strip(path, widths)]
    c.fill([strip(path + (0.006, 0), widths * 1.1 + 0.01)], shade(p.ground, 0.6))
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
    for k in range(46):
        v = float(rng.random() ** 0.7)
        y = line + (1 - line) * v**1.35
        x = float(rng.random() * g.wide)
        gap = abs(x - np.interp(y, path[:, 1], path[:, 0])) - np.interp(y, path[:, 1], widths) * 0.6
        if gap > 0.02 and k % 2:
            bush = [ellipse(x + d, y - 0.01 * v, 0.012 + 0.03 * v, 0.01 + 0.02 * v) for d in (-0.02 * v, 0, 0.02 * v)]
            c.fill(bush, mix(p.ground, p.near, 0.35 + 0.5 * float(rng.random())))
    return g.wide * 0.2, 0.86


def forest(g: Stage) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    sun, _ = sky(g, 0.62)
    c.glow(sun, 0.45, 0.75, mix(p.light, p.haze, 0.3), 0.3 if p.dark else 0.65)
    leafy = g.has("autumn", "spring") or (not g.has("winter", "snow") and chance(rng, 0.25))
    rows = 5
    for k in range(rows):
        t = k / (rows - 1)
        line = land.profile(g, 0.56 + 0.34 * t, 0.05 + 0.05 * t, 1.6)
        colour = land.depth(g, t)
        tall = 0.2 + 0.36 * t
        if k == rows - 1:
            # The last row opens a clearing in the middle of the picture.
            c.fill([land.under(line + (0, 0.0))], p.ground, to=shade(p.ground, 0.7))
            tall = 0.72
        for_row = np.arange(-0.02, g.wide + 0.05, tall * 0.28) if leafy else []
        if not leafy:
            target = line if k < rows - 1 else line + (0, 0.05)
            if k == rows - 1:
                for side in (0.0, g.wide):
                    edge = np.stack([side + rng.uniform(-0.13, 0.13, 3), rng.uniform(0.93, 1.04, 3)], axis=1)
                    for x, y in edge:
                        boughs, snow = land.conifer(rng, x, y, tall * rng.uniform(0.8, 1.2))
                        c.fill(boughs, shade(colour, 0.75), to=colour)
                        if g.has("winter", "snow"):
                            c.fill(snow, mix(_WHITE, p.sky[1], 0.25), alpha=0.9)
            else:
                land.firs(g, target, tall, colour, gap=0.2)
        for x in for_row:
            at = float(x + rng.uniform(-0.04, 0.04))
            if k == rows - 1 and abs(at / g.wide - 0.5) < 0.3:
                continue
            leaf = p.leaves[int(rng.integers(len(p.leaves)))]
            land.broadleaf(g, at, land.height(line, at) + 0.02, tall * rng.uniform(0.75, 1.1), leaf, 0.35 + 0.65 * t)
        if k < rows - 1:
            c.fill([land.under(line, 1.02)], colour, to=mix(colour, p.haze, 0.5))
            c.fill([ellipse(g.wide / 2, land.height(line, g.wide / 2) + 0.06, g.wide, 0.05)],
                   p.haze, alpha=0.3, soft=0.03)  # fmt: skip
    if not p.dark and not g.has("rain", "storm"):
        rays(g, sun)
    return g.wide * 0.5, 0.95


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
        c.fill([ellipse(g.wide / 2, ground, g.wide, 0.07)], p.haze, alpha=0.3 * (1 - t) + 0.1, soft=0.05)
    if g.has("neon"):
        signs(g, blocks, ground)
    land.water(g, ground, calm=0.75)
    c.fill([rect(-0.1, ground - 0.006, g.wide + 0.2, 0.012)], land.depth(g, 1))
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
        y = max(top + 0.01, ground - tall - rng.uniform(0.03, 0.3))
        g.c.glow(x + w, y + tall / 2, tall * 1.3, colour, 0.55)
        g.c.fill([rect(x, y, w, tall)], mix(colour, (10, 5, 30), 0.55))
        bars = [rect(x + w * 0.2, y + tall * (0.06 + 0.15 * k), w * 0.6, tall * 0.09) for k in range(6)]
        g.c.fill(bars, mix(colour, _WHITE, 0.35))


def mountain(g: Stage) -> Spot:
    rng = g.rng
    sky(g, 0.66)
    land.range_(g, 0.78, rng.uniform(0.4, 0.5), 0.2)
    land.range_(g, 0.84, rng.uniform(0.24, 0.34), 0.5)
    lines = land.ridges(g, 0.7, 0.95, 3, rise=0.12)
    land.firs(g, lines[-2] + (0, 0.03), 0.09, land.depth(g, 0.8), gap=0.35)
    front = land.profile(g, 0.96, 0.1, 1.4)
    g.c.fill([land.under(front)], mix(land.depth(g, 1), g.p.ground, 0.3), to=land.depth(g, 1))
    if not g.scene.subject:
        land.firs(g, front + (0, 0.02), 0.2, land.depth(g, 1), gap=0.5)
    return g.wide * float(rng.uniform(0.4, 0.6)), land.height(front, g.wide / 2) + 0.01


def desert(g: Stage) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    sky(g, 0.56)
    mesa = land.profile(g, 0.55, 0.14, 2.5, 2)
    mesa[:, 1] = 0.55 - np.round((0.55 - mesa[:, 1]) / 0.05) * 0.05 + 0.004 * rng.random(len(mesa))
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
        spine = np.stack([top + 0.22 * (0.5 + t) * np.sin(u * 2.2) - 0.12 * u, peak_y + (1.02 - peak_y) * u], axis=1)
        lee = np.concatenate([line[x >= top], [[g.wide + 0.1, 1.02]], spine[::-1]])
        c.fill([lee], mix(p.near, sand, 0.35), to=mix(sand, p.near, 0.25), alpha=0.8)
    if not g.scene.subject and chance(rng, 0.75):
        for _ in range(int(rng.integers(1, 4))):
            cactus(g, float(rng.uniform(0.08, 0.92) * g.wide), float(rng.uniform(0.84, 0.95)), rng.uniform(0.12, 0.26))
    return g.wide * float(rng.uniform(0.35, 0.65)), 0.9


def cactus(g: Stage, x: float, y: float, tall: float) -> None:
    w = tall * 0.16
    parts = []
    arms = [((0, 0), (0, -1.0)), ((0, -0.4), (0.32, -0.42), (0.34, -0.78)), ((0, -0.28), (-0.3, -0.3), (-0.32, -0.62))]
    for arm in arms:
        path = smooth(np.array(arm) * tall + (x, y), 10, closed=False)
        parts += [strip(path, np.full(len(path), w if len(arm) == 2 else w * 0.7)), ellipse(*path[-1], w / 2 if len(arm) == 2 else w * 0.35)]
    g.c.fill(parts, mix(g.p.near, rgb("#2f5f3f"), 0.5 if not g.p.dark else 0.1))


def meadow(g: Stage, *, flowers: float = 0.5) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    horizon = rng.uniform(0.5, 0.58)
    sky(g, horizon)
    if g.has("mountain") or chance(rng, 0.4):
        land.range_(g, horizon + 0.04, 0.26, 0.25)
    for k in range(3):
        line = land.profile(g, horizon + 0.05 * k + 0.03, 0.1, 1.2, 3)
        hill = mix(land.depth(g, 0.35 + 0.15 * k), p.ground, 0.35 + 0.2 * k)
        c.fill([land.under(line)], mix(hill, p.light, 0.12), to=hill)
        for _ in range(3 if k else 0):
            x = float(rng.uniform(0.02, 0.98) * g.wide)
            leaf = p.leaves[int(rng.integers(len(p.leaves)))]
            leaf = leaf if g.has("autumn", "spring") else p.near
            land.broadleaf(g, x, land.height(line, x) + 0.008, 0.06 + 0.05 * k, leaf, 0.75)
    c.fill([land.under(line + (0, 0.03))], p.ground, to=shade(p.ground, 0.55))
    if g.has("spring", "autumn") or (g.scene.place == "meadow" and chance(rng, 0.6)):
        leaf = p.leaves[0] if g.has("spring", "autumn") else mix(p.ground, p.near, 0.45)
        x = g.wide * float(rng.choice([0.22, 0.78]))
        land.broadleaf(g, x, 0.84, 0.62 * g.scale, leaf)
    snowy = g.has("snow", "winter")
    for row in range(5):
        t = (row + 1) / 5
        y = horizon + 0.16 + (0.92 - horizon) * t**1.5 * 0.85
        blades = []
        for _ in range(int(110 * max(0.4, g.wide))):
            x, dy = rng.uniform(-0.02, 1.02) * g.wide, rng.uniform(-0.03, 0.03)
            tall, lean = (0.012 + 0.06 * t) * rng.uniform(0.5, 1.2), rng.normal(0, 0.012 * t)
            blades.append(poly(x - 0.003 * t, y + dy, x + lean, y + dy - tall, x + 0.003 * t, y + dy))
        c.fill(blades, mix(p.ground, p.near, 0.25 + 0.45 * t) if row % 2 else mix(p.ground, p.light, 0.2))
        for _ in range(0 if snowy else int((22 - 14 * t) * flowers * max(0.5, g.wide) * 2)):
            x, dy = float(rng.uniform(0, 1) * g.wide), float(rng.uniform(-0.04, 0.04))
            r = (0.008 + 0.052 * t**1.8) * rng.uniform(0.75, 1.2) * min(1, 0.5 + flowers)
            stem, lean = r * 2.6, r * rng.normal(0, 0.4)
            root = np.array([[x + lean, y + dy + stem], [x + lean * 0.3, y + dy + stem / 2], [x, y + dy]])
            c.fill([strip(root, np.full(3, r * 0.16))], mix(p.near, p.ground, 0.4))
            hue = p.leaves[int(rng.integers(len(p.leaves)))] if g.has("garden", "spring") else (
                p.leaves[row % len(p.leaves)] if chance(rng, 0.2) else mix(_WHITE, p.haze, 0.25))
            land.flower(g, x, y + dy, r, hue, int(rng.integers(0, 3)))
    return g.wide * float(rng.uniform(0.4, 0.6)), 0.93


def garden(g: Stage) -> Spot:
    return meadow(g, flowers=1.0)


def space(g: Stage) -> Spot:
    c, p, rng = g.c, g.p, g.rng
    size, x, y = c.grid(512)
    deep = mix(p.sky[0], (3, 4, 14), 0.75)
    c.field(ramp((deep, shade(p.sky[1], 0.7), deep), np.clip(x / g.wide * 0.7 + y * 0.3, 0, 1)))
    galaxy = chance(rng, 0.5)
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
        hue = p.leaves[0] if g.scene.colours else rgb(str(rng.choice(["#6f8fff", "#c86fe8", "#4fc8e8"])))
        c.veil(hue, np.clip(glow * 2.2, 0, 0.92))
        c.veil((255, 236, 205), np.clip(np.exp(-r * 13) * 1.25 + np.clip(glow - 0.3, 0, 1) * 0.8, 0, 1))
    else:
        planet(g, g.wide * rng.uniform(0.3, 0.7), rng.uniform(0.4, 0.62), rng.uniform(0.17, 0.27) * g.scale)
    return g.wide * 0.5, 0.9


def planet(g: Stage, x: float, y: float, r: float) -> None:
    """A banded planet with a night side, perhaps ringed, and a small moon."""
    c, rng = g.c, g.rng
    hues = ("#e8a860 #8f4a3a #f6dcae", "#5fa8e0 #1f3f8a #d0ecff", "#d878b0 #5f2f7a #ffd8e0", "#68c8a8 #1f5a68 #e4fbe8")
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
    hoop = [np.concatenate([ellipse(x, y, r * o, r * o * 0.3, tilt), ]) for o in (2.1, 1.45)]
    rings = [np.concatenate([a[k : k + 25], b[k : k + 25][::-1]]) for k in (24, 0) for a, b in [[np.roll(h, -k * 0, axis=0) for h in hoop]]]
    if ringed:
        c.fill(rings[:1], third, alpha=0.75)
    c.image.paste(ball, (round((x - r) * c.height), round((y - r) * c.height)), mask)
    if ringed:
        c.fill(rings[1:], third, alpha=0.8)
    small = r * 0.16
    c.fill([ellipse(x + r * 1.6, y - r * 1.15, small)], mix(third, (200, 200, 210), 0.5))
    c.fill([ellipse(x + r * 1.6 + small * 0.4, y - r * 1.15 + small * 0.3, small * 0.75)], (15, 15, 30), alpha=0.55, soft=small * 0.3)


PLACES: dict[str, Callable[[Stage], Spot]] = {
    "sea": sea, "island": island, "lake": lake, "river": river, "forest": forest, "city": city,
    "mountain": mountain, "desert": desert, "meadow": meadow, "garden": garden, "space": space,
    "abstract": abstract,
}  # fmt: skip
