"""Pictures of nothing: marbled paint, cut paper, circles and arcs, currents."""

import numpy as np

from atelier_worker.painter.canvas import chance, ellipse, noise1, noise2, poly, rect, strip
from atelier_worker.painter.palette import Colour, mix, ramp, rgb, shade
from atelier_worker.painter.sky import Spot, Stage

_SETS = (
    "f4ede0 e4572e 17bebb ffc914 2e282a", "fdf0d5 c1121f 003049 669bbc f2a541",
    "f7efe5 3d405b e07a5f 81b29a f2cc8f", "0b1f3a f94144 f9c74f 43aa8b f3f0e7",
    "231942 9f5f9f e0b1cb 5e60ce fdf1f7", "f6f1e7 264653 2a9d8f e9c46a e76f51",
    "10002b c77dff ff6d9d ffd166 3a86ff", "edf6f9 006d77 83c5be ffb59a e2725b",
)  # fmt: skip


def _colours(g: Stage) -> list[Colour]:
    """Ground first, then four to work with; colours of the prompt replace the first of those."""
    ground, *rest = (rgb("#" + code) for code in str(g.rng.choice(_SETS)).split())
    named = [rgb(code) for code in g.scene.colours]
    if named:
        shades = [
            c for one in named for c in (one, shade(one, 0.62), mix(one, (255, 250, 240), 0.5))
        ]
        rest = (shades + rest)[:4] if len(named) > 1 else [*shades, rest[2]]
        ground = mix(ground, named[0], 0.25)
    if g.has("night") or (g.p.dark and g.scene.time):
        ground = shade(mix(ground, rgb("#10142c"), 0.85), 0.8)
    return [ground, *rest]


def abstract(g: Stage) -> Spot:
    kind = g.scene.entropy[1] % 4
    (marble, paper, geometry, currents)[kind](g, _colours(g))
    return g.wide * 0.5, 0.92


def marble(g: Stage, colours: list[Colour]) -> None:
    """Paint poured and folded twice into itself, veined along its contours."""
    rng, (size, x, y) = g.rng, g.c.grid(640)
    a, b = (noise2(rng, size, (1.5 * g.wide, 1.5), 3) * 7 for _ in range(2))
    # Sines of sines: every fold is smooth, so no detail is finer than the grid.
    u = np.sin(3.1 * x + a) + 0.7 * np.sin(2.3 * y + b)
    v = np.sin(2.7 * y + a * 0.8 + u * 1.4) + 0.6 * np.sin(1.9 * x - b + u)
    level = 0.5 + 0.5 * np.sin(1.7 * u + 1.9 * v + 0.6 * a)
    slope = np.gradient(1.7 * u + 1.9 * v)
    light = 1 + np.clip((slope[0] + slope[1]) * 2.5, -0.22, 0.22)
    order = [colours[4], colours[1], colours[0], colours[2], colours[3], colours[4]]
    vein = np.exp(-((np.sin((u + v) * 5) / 0.12) ** 2))[..., None]
    paint = ramp(tuple(order), level) * light[..., None]
    g.c.field(paint + (np.array(colours[0]) - paint) * vein * 0.35)


def paper(g: Stage, colours: list[Colour]) -> None:
    """Sheets of cut paper with soft shadows, one over the other, and a disc."""
    c, rng = g.c, g.rng
    c.field(np.array([[colours[0]]], np.float32))
    order = [colours[k] for k in rng.permutation([1, 2, 3, 4, 2, 3])]
    turn = chance(rng, 0.5)
    disc = ellipse(
        g.wide * rng.uniform(0.25, 0.75), rng.uniform(0.2, 0.36), rng.uniform(0.12, 0.2) * g.scale
    )
    x = np.linspace(-0.1, g.wide + 0.1, 160)
    for k, colour in enumerate(order):
        if k == 1:
            c.fill([disc + 0.012], (20, 15, 30), alpha=0.4, soft=0.014)
            c.fill([disc], colours[3])
        y = 0.2 + 0.14 * k + 0.26 * (noise1(rng, x, 1.1, 2) - 0.5) + 0.1 * np.sin(x * 3 + k * 1.7)
        line = np.stack([x if not turn else g.wide - x, y], axis=1)
        sheet = np.concatenate([line, [[line[-1, 0], 1.1], [line[0, 0], 1.1]]])
        c.fill([sheet - (0, 0.012)], (20, 15, 30), alpha=0.42, soft=0.016)
        c.fill([sheet], mix(colour, (255, 255, 255), 0.1), to=shade(colour, 0.9))


def geometry(g: Stage, colours: list[Colour]) -> None:
    """Tiles of quarter circles, rings, bars and dots, some of them grown large."""
    c, rng = g.c, g.rng
    c.field(np.array([[colours[0]]], np.float32))
    step = 1 / int(rng.integers(4, 6))
    across = max(1, round(g.wide / step))
    step_x = g.wide / across
    taken: set[tuple[int, int]] = set()
    for row in range(round(1 / step)):
        for col in range(across):
            if (row, col) in taken:
                continue
            big = chance(rng, 0.22) and row < round(1 / step) - 1 and col < across - 1
            k = 2 if big else 1
            taken |= {(row + i, col + j) for i in range(k) for j in range(k)}
            tile(g, (col * step_x, row * step), (k * step_x, k * step), colours)


def tile(g: Stage, at: Spot, size: Spot, colours: list[Colour]) -> None:
    c, rng, (x, y), (w, h) = g.c, g.rng, at, size
    back, front, third = (colours[k] for k in rng.permutation(5)[:3])
    c.fill([rect(x, y, w + 0.002, h + 0.002)], back)
    middle, corner = (
        (x + w / 2, y + h / 2),
        (x + w * rng.integers(0, 2), y + h * rng.integers(0, 2)),
    )

    def disc(centre: Spot, part: float, colour: Colour) -> None:
        whole = ellipse(*centre, w * part, h * part)
        c.fill([np.clip(whole, (x, y), (x + w, y + h))], colour)

    match int(rng.integers(0, 6)):
        case 0 | 1 as kind:
            for part, colour in ((1.0, front), (0.62, third if kind else back), (0.3, front)):
                disc(corner, part, colour)
        case 2:
            disc(middle, 0.42, front)
            disc(middle, 0.2, third)
        case 3:
            c.fill([rect(x + w * k / 6, y, w / 12, h) for k in range(6)], front)
        case 4:
            c.fill([poly(x, y, x + w, y, x, y + h)], front)
            disc((x + w * 0.3, y + h * 0.3), 0.14, third)
        case _:
            spots = [
                (x + w * (i + 0.5) / 3, y + h * (j + 0.5) / 3) for i in range(3) for j in range(3)
            ]
            c.fill([ellipse(*spot, w * 0.09, h * 0.09)[::2] for spot in spots], front)


def currents(g: Stage, colours: list[Colour]) -> None:
    """Ribbons that follow one invisible flow."""
    c, rng = g.c, g.rng
    dark = chance(rng, 0.5)
    ground = shade(mix(colours[4], rgb("#101426"), 0.7), 0.7) if dark else colours[0]
    c.field(ramp((ground, mix(ground, colours[1], 0.2)), c.grid(64)[2]))
    (w, h), _, _ = c.grid(96)
    # Along the contours of a height map currents never meet.
    down, over = np.gradient(noise2(rng, (w, h), (1.8 * g.wide, 1.8), 2))
    angle = np.arctan2(-over, down)
    count = int(230 * max(0.5, g.wide))
    at = rng.random((count, 2)) * (g.wide * 1.2, 1.2) - 0.1
    paths = [at]
    for _ in range(34):
        col = np.clip(at[:, 0] / g.wide * w, 0, w - 1).astype(int)
        row = np.clip(at[:, 1] * h, 0, h - 1).astype(int)
        a = angle[row, col]
        at = at + np.stack([np.cos(a), np.sin(a)], axis=1) * 0.014
        paths.append(at)
    taper = np.sin(np.linspace(0.02, np.pi - 0.02, len(paths)))
    lines = np.stack(paths, axis=1)
    for k in range(10):
        some = lines[k::10]
        colour = colours[1 + k % 4]
        thick = rng.uniform(0.004, 0.022)
        ribbons = [strip(line, *(taper * thick)) for line in some]
        c.fill(ribbons, mix(colour, (255, 255, 255), 0.15 * (k % 3)), alpha=0.9)
    for _ in range(7):
        drop = ellipse(rng.uniform(0, g.wide), rng.uniform(0, 1), rng.uniform(0.008, 0.03))
        c.fill([drop], colours[int(rng.integers(1, 5))])
