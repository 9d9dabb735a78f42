"""Space: a spiral galaxy or a planet, among coloured gas."""

import numpy as np
from PIL import Image

from atelier_worker.painter.canvas import chance, ellipse, noise2
from atelier_worker.painter.palette import mix, ramp, rgb, shade
from atelier_worker.painter.sky import Spot, Stage, nebula, stars

_WORLDS = (
    "#e8a860 #8f4a3a #f6dcae", "#5fa8e0 #1f3f8a #d0ecff", "#d878b0 #5f2f7a #ffd8e0",
    "#68c8a8 #1f5a68 #e4fbe8",
)  # fmt: skip


def space(g: Stage) -> Spot:
    c, p = g.c, g.p
    _, x, y = c.grid(512)
    deep = mix(p.sky[0], (3, 4, 14), 0.75)
    c.field(ramp((deep, shade(p.sky[1], 0.7), deep), np.clip(x / g.wide * 0.7 + y * 0.3, 0, 1)))
    spiral = g.has("galaxy") or (not g.has("planet") and chance(g.rng, 0.5))
    nebula(g, 0.45 if spiral else 1.0)
    stars(g, 1.0, int(520 * g.wide) + 40)
    (galaxy if spiral else planet)(g)
    return g.wide * 0.5, 0.9


def galaxy(g: Stage) -> None:
    """Two logarithmic arms about a bright heart, seen at a slant."""
    c, rng, (size, x, y) = g.c, g.rng, g.c.grid(512)
    u = (x - g.wide * rng.uniform(0.42, 0.58)) / g.scale
    v, turn = (y - rng.uniform(0.42, 0.55)) / g.scale, rng.uniform(0, 3)
    u, v = u * np.cos(turn) - v * np.sin(turn), (u * np.sin(turn) + v * np.cos(turn)) * 1.9
    r = np.sqrt(u * u + v * v) + 1e-3
    n = noise2(rng, size, (9 * g.wide, 9), 5)
    arms = 0.5 + 0.5 * np.cos(2 * np.arctan2(v, u) - 7.5 * np.log(r + 0.06) + (n - 0.5) * 5)
    glow = np.exp(-r * 5.2) * (0.15 + 1.5 * arms**2 * (0.35 + n))
    hue = g.scene.colours[0] if g.scene.colours else g.pick(("#6f8fff", "#c86fe8", "#4fc8e8"))
    c.veil(rgb(hue), np.clip(glow * 2.2, 0, 0.92))
    heart = np.exp(-r * 13) * 1.25 + np.clip(glow - 0.3, 0, 1) * 0.8
    c.veil((255, 236, 205), np.clip(heart, 0, 1))


def planet(g: Stage) -> None:
    """A banded planet with a night side, perhaps ringed, and a small moon."""
    c, rng = g.c, g.rng
    x, y = g.wide * rng.uniform(0.3, 0.7), rng.uniform(0.4, 0.62)
    r = rng.uniform(0.17, 0.27) * g.scale
    first, second, third = (rgb(code) for code in g.pick(_WORLDS).split())
    ringed, tilt = chance(rng, 0.6), rng.uniform(-0.5, 0.5)
    c.glow(x, y, r * 1.9, first, 0.5)
    n = 320
    u = np.broadcast_to(np.linspace(-1, 1, n, dtype=np.float32), (n, n))
    v = u.T
    warp = noise2(rng, (n, n), (4, 9), 5) - 0.5
    bands = np.sin((v * np.cos(tilt) + u * np.sin(tilt)) * 9 + warp * 5) * 0.5 + 0.5
    z = np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
    light = np.clip((-0.62 * u - 0.5 * v + 0.6 * z) * 1.25, 0.035, 1.15)[..., None]
    face = ramp((second, first, third), bands * 0.75 + warp * 0.6 + 0.1) * light
    side, corner = max(4, round(2 * r * c.height)), ((x - r) * c.height, (y - r) * c.height)
    ball = Image.fromarray(np.clip(face, 0, 255).astype(np.uint8)).resize((side, side))
    paint = c.image.copy()
    paint.paste(ball, (round(corner[0]), round(corner[1])))
    outer, inner = (np.tile(ellipse(x, y, r * o, r * o * 0.3, tilt), (2, 1)) for o in (2.1, 1.45))
    back, front = (np.concatenate([outer[k : k + 25], inner[k : k + 25][::-1]]) for k in (24, 0))
    if ringed:
        c.fill([back], third, alpha=0.75)
    c.fill([ellipse(x, y, r * 0.99)], first, paint=paint)
    if ringed:
        c.fill([front], third, alpha=0.8)
    small, at = r * 0.16, (x + r * 1.6, y - r * 1.15)
    c.fill([ellipse(*at, small)], mix(third, (200, 200, 210), 0.5))
    shadow = ellipse(at[0] + small * 0.4, at[1] + small * 0.3, small * 0.75)
    c.fill([shadow], (15, 15, 30), alpha=0.55, soft=small * 0.3)
