"""What is above and in front of a place: sky, stars, sun and moon, rain, snow, fog, lightning."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from atelier_worker.painter.canvas import Canvas, Points, Rng, chance, ellipse, noise2, poly, strip
from atelier_worker.painter.palette import Palette, mix, ramp, rgb, shade
from atelier_worker.painter.words import Scene

_WHITE = (255.0, 255.0, 255.0)
Spot = tuple[float, float]  # where a figure's feet are


T = TypeVar("T")


@dataclass(frozen=True)
class Stage:
    """One picture in the making: where to draw, what, in which colours, with which dice."""

    c: Canvas
    scene: Scene
    p: Palette
    rng: Rng

    @property
    def wide(self) -> float:
        return self.c.wide

    @property
    def scale(self) -> float:
        """Of figures: they shrink where the canvas is narrow."""
        return min(1.0, self.c.wide * 1.1)

    def has(self, *names: str) -> bool:
        """Whether the prompt names one of these places, seasons, weathers or lights."""
        return any(name == self.scene.place or name in self.scene.also for name in names)

    @property
    def wintry(self) -> bool:
        return self.has("snow", "winter")

    @property
    def seasonal(self) -> bool:
        return self.has("autumn", "spring")

    @property
    def gloomy(self) -> bool:
        return self.has("storm", "rain")

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self.rng.integers(len(options)))]


def sky(g: Stage, horizon: float, *, low: bool = False) -> float:
    """Sky down to the horizon; returns the x of the sun or moon (`low`: near the horizon)."""
    c, p, rng = g.c, g.p, g.rng
    x0 = g.wide * rng.uniform(0.25, 0.75)
    low = low or p.time in ("sunset", "dawn")
    y0 = horizon * (rng.uniform(0.66, 0.86) if low else rng.uniform(0.22, 0.42))
    size, x, y = c.grid()
    t = np.clip(y / horizon, 0, 1)
    colours = ramp(p.sky, t**1.1)
    near = np.exp(-np.sqrt((x - x0) ** 2 + (y - y0) ** 2) * 3)[..., None]
    colours = colours + (np.array(p.light, np.float32) - colours) * near * (0.3 if p.dark else 0.5)
    n = noise2(rng, size, (2.2 * g.wide, 6), 5)
    fall = np.diff(n, axis=0, append=n[-1:])
    lit = np.clip(0.5 + fall * (-22 if y0 > horizon / 2 else 22), 0, 1)
    cover = np.clip((n - (0.4 if g.gloomy else 0.53)) * 5, 0, 1) * np.clip(1.25 - t, 0, 1)
    top = p.sky[0] if p.dark or g.gloomy else p.sky[1]
    cloud = ramp((mix(top, p.haze, 0.25), mix(p.sky[-2], p.light, 0.0 if p.dark else 0.6)), lit)
    cover *= 0.35 if p.dark and not g.gloomy else 0.85
    c.field(colours + (cloud - colours) * cover[..., None] + rng.random((*n.shape, 1)) * 0.9)
    if p.dark and not g.gloomy:
        if g.has("space"):
            nebula(g, 0.7)
        stars(g, horizon, int(260 * g.wide) + 40)
    if not g.gloomy:
        disc(g, x0, y0)
    return x0


def disc(g: Stage, x: float, y: float) -> None:
    """The sun, or the moon: large when the prompt names it, a crescent on some nights."""
    c, p = g.c, g.p
    r = 0.055 * g.scale * float(g.rng.uniform(0.8, 1.25)) * (2.3 if g.has("moon") else 1)
    c.glow(x, y, r * 7, p.light if p.dark else mix(p.light, p.sky[-1], 0.3), 0.55)
    c.glow(x, y, r * 2.6, p.light, 0.7)
    if not p.dark:
        c.fill([ellipse(x, y, r)], mix(p.light, _WHITE, 0.6))
        return
    c.fill([ellipse(x, y, r)], p.light, to=shade(p.light, 0.93))
    spots = [(-0.3, -0.25, 0.26), (0.25, 0.1, 0.2), (-0.15, 0.4, 0.16), (0.4, -0.35, 0.12)]
    marks = [ellipse(x + u * r, y + v * r, k * r) for u, v, k in spots]
    c.fill(marks, shade(p.light, 0.88), alpha=0.55, soft=r * 0.06)


def stars(g: Stage, horizon: float, count: int) -> None:
    rng, c = g.rng, g.c
    size = 0.0009 * max(1.0, 512 / c.height)
    for share, k, alpha in ((0.62, 0.8, 0.6), (0.3, 1.3, 0.85), (0.08, 2.2, 1.0)):
        n = int(count * share)
        xs, ys = rng.random(n) * g.wide, rng.random(n) ** 1.3 * horizon
        r = size * k
        dots = [poly(x - r, y, x, y - r, x + r, y, x, y + r) for x, y in zip(xs, ys, strict=True)]
        c.fill(dots, (255, 250, 235), alpha=alpha)
    for _ in range(4):
        c.glow(rng.random() * g.wide, rng.random() * horizon * 0.8, 0.02, (220, 230, 255), 0.9)


def nebula(g: Stage, strength: float) -> None:
    """Coloured clouds of gas along a slanting band."""
    rng, (size, x, y) = g.rng, g.c.grid()
    slope, middle = rng.uniform(-0.6, 0.6), rng.uniform(0.35, 0.55)
    band = np.exp(-((y - middle - slope * (x - g.wide / 2)) ** 2) * 14)
    hues = rng.permutation(np.array([rgb(h) for h in ("#e0559a", "#3f6fe8", "#2cc0b8", "#f0a050")]))
    tints = g.scene.colours
    for k, hue in enumerate(hues[:3]):
        colour = rgb(tints[k % len(tints)]) if tints else tuple(float(v) for v in hue)
        n = noise2(rng, size, (3 * g.wide, 3), 6)
        wisps = np.clip((n - 0.42) * 3.2, 0, 1) ** 1.5
        g.c.veil((colour[0], colour[1], colour[2]), wisps * (0.25 + band * 0.9) * strength)
    n = noise2(rng, size, (4 * g.wide, 4), 6)
    g.c.veil((255, 240, 225), np.clip(n - 0.45, 0, 1) * band * 1.8 * strength)


def weather(g: Stage) -> None:
    """Whatever falls or drifts between the picture and the eye."""
    c, rng, p = g.c, g.rng, g.p
    if g.has("fog"):
        size, _, y = c.grid(96)
        n = noise2(rng, size, (2 * g.wide, 8))
        c.veil(mix(p.haze, _WHITE, 0.25), np.clip((n - 0.25) * 1.3, 0, 0.75) * np.clip(y * 2, 0, 1))
    if g.has("storm"):
        bolt(g)
    if g.gloomy:
        rain(g)
    if g.has("snow"):
        flakes = ((260, 0.0028, 0.8, 0), (60, 0.006, 0.9, 0), (14, 0.014, 0.7, 0.006))
        for count, r, alpha, soft in flakes:
            spots = rng.random((int(count * max(g.wide, 0.5)), 2)) * (g.wide, 1)
            discs = [ellipse(x, y, r * rng.uniform(0.6, 1.3))[::4] for x, y in spots]
            c.fill(discs, _WHITE, alpha=alpha, soft=soft)


def rain(g: Stage) -> None:
    rng, slant = g.rng, g.rng.uniform(-0.25, 0.25)
    for count, length, thick, alpha in ((240, 0.05, 0.0012, 0.3), (110, 0.11, 0.002, 0.38)):
        drops = []
        for _ in range(int(count * max(g.wide, 0.5))):
            x, y = rng.uniform(-0.1, 1.1) * g.wide, rng.uniform(-0.1, 1)
            long = length * rng.uniform(0.6, 1.2)
            tip = x + slant * long
            drops.append(poly(x, y, x + thick, y, tip + thick, y + long, tip, y + long))
        g.c.fill(drops, mix(g.p.haze, _WHITE, 0.6), alpha=alpha)


def bolt(g: Stage) -> None:
    """Lightning from the clouds to the horizon, with two branches."""
    rng, x = g.rng, g.wide * g.rng.uniform(0.2, 0.8)
    g.c.glow(x, 0.2, 0.7, (205, 215, 255), 0.55)

    def branch(start: Spot, end: float, lean: float, thick: float) -> Points:
        x, y = start
        n = 14
        ys = np.linspace(y, end, n)
        xs = x + np.cumsum(rng.normal(lean, 0.016, n))
        return strip(np.stack([xs, ys], axis=1), thick, thick * 0.25)

    trunk = branch((x, 0.0), 0.56, 0.0, 0.008)
    forks = [
        branch((trunk[k, 0], trunk[k, 1]), trunk[k, 1] + 0.2, lean, 0.004)
        for k, lean in ((4, 0.012), (7, -0.014))
    ]
    g.c.fill([trunk, *forks], (190, 200, 255), alpha=0.6, soft=0.008)
    g.c.fill([trunk, *forks], (250, 250, 255))
    if chance(rng, 0.5):
        g.c.fill([branch((g.wide - x, 0.0), 0.45, 0.004, 0.004)], (235, 235, 255), alpha=0.7)
