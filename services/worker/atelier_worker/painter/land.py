"""The parts landscapes are made of: ridges, peaks, water, trees, towers and flowers."""

import numpy as np
from PIL import Image

from atelier_worker.painter.canvas import (
    Points,
    Rng,
    chance,
    ellipse,
    mirror,
    noise1,
    noise2,
    poly,
    rect,
    shape,
    smooth,
    strip,
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
    return mix(far, g.p.mid, t * 2) if t < 0.5 else mix(g.p.mid, g.p.near, t * 2 - 1)


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
    if low - top < 4:
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


def conifer(rng: Rng, x: float, y: float, tall: float) -> tuple[list[Points], list[Points]]:
    """A fir rooted at x, y: its boughs, and the snow that would lie on them."""
    tiers = int(rng.integers(5, 8))
    boughs = [rect(x - tall * 0.018, y - tall * 0.12, tall * 0.036, tall * 0.12)]
    snow = []
    for k in range(tiers):
        top = y - tall * (1 - 0.85 * k / tiers)
        low = y - tall * (0.92 - (k + 1.15) / tiers * 0.88)
        half = tall * (0.055 + 0.2 * (k + 1) / tiers) * rng.uniform(0.85, 1.1)
        left, right = rng.uniform(-0.02, 0.02, 2) * tall
        boughs.append(
            poly(x, top, x + half * 0.45, (top + low) / 2 + left, x + half, low + right,
                 x, low - tall * 0.025, x - half, low + left, x - half * 0.45, (top + low) / 2)
        )  # fmt: skip
        snow.append(
            poly(x, top, x - half * 0.45, (top + low) / 2, x - half, low + left,
                 x - half * 0.35, low - tall * 0.035, x + half * 0.1, top + tall * 0.07)
        )  # fmt: skip
    return boughs, snow


def firs(g: Stage, line: Points, tall: float, colour: Colour, *, gap: float = 0.3) -> None:
    """A row of firs along a skyline."""
    trees: list[Points] = []
    white: list[Points] = []
    x = -0.02
    while x < g.wide + 0.02:
        size = tall * g.rng.uniform(0.55, 1.15)
        boughs, snow = conifer(g.rng, x, height(line, x) + 0.012, size)
        trees, white = trees + boughs, white + snow
        x += tall * gap * g.rng.uniform(0.5, 1.6)
    g.c.fill(trees, colour, to=mix(colour, g.p.haze, 0.12))
    if g.has("winter", "snow"):
        g.c.fill(white, mix(_SNOW, colour, 0.25), alpha=0.9)


def broadleaf(g: Stage, x: float, y: float, tall: float, leaf: Colour, t: float = 1.0) -> None:
    """A round-crowned tree: trunk, boughs, and three depths of foliage."""
    c, rng = g.c, g.rng
    bark = mix(rgb("#3d2b26"), g.p.haze, 0.55 * (1 - t))
    bark = shade(bark, 0.6) if g.p.dark else bark
    tops = [(rng.uniform(-0.2, 0.2), rng.uniform(0.5, 0.72)) for _ in range(4)]
    limbs = [(np.array([[0, 0], [0.01, 0.25], [u * 0.6, v * 0.75], [u, v]]), 0.06) for u, v in tops]
    wood = [
        strip(smooth(path * (tall, -tall) + (x, y), closed=False), w * tall, w * 0.3 * tall)
        for path, w in limbs
    ]
    c.fill(wood, bark)
    for shift, count, tone in ((0.0, 26, 0.74), (-0.02, 24, 0.92), (-0.045, 18, 1.08)):
        blobs = []
        for _ in range(count):
            a, d = rng.uniform(0, 2 * np.pi), rng.random() ** 0.5
            r = tall * rng.uniform(0.045, 0.1)
            u, v = np.cos(a) * d * 0.3 + shift, 0.7 + np.sin(a) * d * 0.22 - shift * 1.3
            blobs.append(ellipse(x + u * tall, y - v * tall, r, r * 0.85)[::2])
        hue = mix(shade(leaf, tone), g.p.light, 0.0 if g.p.dark else max(0.0, tone - 1) * 1.6)
        c.fill(blobs, mix(hue, g.p.haze, 0.5 * (1 - t)))


def palm(g: Stage, x: float, y: float, tall: float, colour: Colour) -> None:
    lean = g.rng.uniform(-0.35, 0.35)
    u = np.linspace(0, 1, 14)
    spine = np.stack([x + lean * tall * u**2, y - tall * u], axis=1)
    leaves = [strip(spine, tall * 0.06, tall * 0.03)]
    head = spine[-1]
    for a in np.linspace(-0.35, np.pi + 0.35, 9) + g.rng.normal(0, 0.08, 9):
        reach = tall * g.rng.uniform(0.34, 0.46)
        arc = head + np.stack(
            [np.cos(a) * reach * u, -np.sin(a) * reach * u * 0.95 + reach * 0.62 * u**2.4], axis=1
        )
        leaves.append(strip(arc, *(tall * 0.07 * np.sin(np.pi * np.clip(u + 0.06, 0, 1)) + 1e-4)))
    g.c.fill(leaves, colour)


def towers(g: Stage, foot: float, tall: float, colour: Colour, lit: float) -> list[Points]:
    """A row of buildings with windows, higher towards the middle; returns their outlines."""
    rng, p = g.rng, g.p
    blocks, extras, windows, x = [], [], [], -0.03
    middle = g.wide * rng.uniform(0.35, 0.65)
    while x < g.wide + 0.03:
        w = rng.uniform(0.04, 0.1) * (0.6 + tall)
        h = (
            tall
            * (0.35 + 0.65 * np.exp(-(((x - middle) / (0.4 * g.wide)) ** 2)))
            * rng.uniform(0.5, 1.1)
        )
        top = foot - h
        blocks.append(rect(x, top, w, h + 0.02))
        kind = int(rng.integers(0, 6))
        if kind == 0:
            extras.append(rect(x + w * 0.47, top - h * 0.22, w * 0.06, h * 0.25))
        elif kind == 1:
            extras += [
                rect(x + w * 0.18, top - h * 0.07, w * 0.64, h * 0.1),
                rect(x + w * 0.36, top - h * 0.13, w * 0.28, h * 0.1),
            ]
        elif kind == 2:
            extras.append(poly(x, top, x + w, top, x + w, top - w * 0.5))
        elif kind == 3:
            extras.append(poly(x + w * 0.1, top, x + w * 0.9, top, x + w * 0.5, top - w * 1.1))
        pane, storey = 0.0075, 0.0155
        for row in range(int((h - 0.02) / storey)):
            for col in range(int((w - 0.008) / 0.0125)):
                if chance(rng, lit):
                    windows.append(
                        rect(x + 0.006 + col * 0.0125, top + 0.012 + row * storey, pane, 0.009)
                    )
        x += w + (rng.uniform(0, 0.02) if chance(rng, 0.4) else 0)
    g.c.fill(blocks + extras, colour, to=mix(colour, p.haze, 0.35))
    glass = p.lamp if p.time in ("night", "sunset") else mix(p.sky[1], _WHITE, 0.35)
    half = len(windows) // 2
    rng.shuffle(windows)
    g.c.fill(windows[:half], mix(glass, colour, 0.15))
    g.c.fill(windows[half:], mix(glass, colour, 0.55))
    return blocks


def flower(g: Stage, x: float, y: float, r: float, colour: Colour, kind: int) -> None:
    """A blossom at x, y: a daisy, a tulip or a poppy."""
    c, rng = g.c, g.rng
    if kind == 1:
        cup = mirror(shape("0 -0.75, 0.28 -0.45, 0.55 -1, 0.72 -0.2, 0.4 0.55, 0 0.7"))
        c.fill([smooth(cup, 5) * r + (x, y)], colour, to=shade(colour, 0.8))
        leaf = mirror(shape("0 -1, 0.3 -0.3, 0.22 0.4, 0 0.65"))
        c.fill([smooth(leaf, 5) * r + (x, y)], mix(colour, _WHITE, 0.22))
        return
    n = 12 if kind == 0 else 6
    turn = rng.uniform(0, 1)
    long, broad = (0.5, 0.2) if kind == 0 else (0.48, 0.46)
    petals = []
    for k in range(n):
        a = 2 * np.pi * k / n + turn
        petals.append(
            ellipse(x + np.cos(a) * r * 0.55, y + np.sin(a) * r * 0.5, r * long, r * broad, a)
        )
    c.fill(petals[::2], shade(colour, 0.88))
    c.fill(petals[1::2], colour)
    heart = rgb("#f2b632") if kind == 0 else rgb("#3a2030")
    c.fill([ellipse(x, y, r * 0.3)], shade(heart, 0.7 if g.p.dark else 1.0))
    c.fill([ellipse(x - r * 0.06, y - r * 0.07, r * 0.18)], mix(heart, _WHITE, 0.25), alpha=0.7)
