"""Figures that stand in a place: animals, a robot, a dragon, buildings and a boat.

Drawn in units of their own height with the feet at 0, 0; `Figure` puts them on the canvas.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from atelier_worker.painter.canvas import Points, ellipse, mirror, poly, rect, shape, smooth, strip
from atelier_worker.painter.palette import Colour, mix, rgb, shade
from atelier_worker.painter.sky import Stage

_WHITE = (255.0, 255.0, 255.0)
_INK = rgb("#231a20")


@dataclass(frozen=True)
class Figure:
    """A place and size on the stage for shapes given in a figure's own units."""

    g: Stage
    x: float
    y: float
    tall: float
    flip: int = 1

    def draw(
        self,
        colour: Colour,
        *shapes: Points,
        to: Colour | None = None,
        alpha: float = 1.0,
        soft: float = 0.0,
    ) -> None:
        put = [s * (self.tall * self.flip, self.tall) + (self.x, self.y) for s in shapes]
        self.g.c.fill(
            put,
            self.lit(colour),
            to=self.lit(to) if to else None,
            alpha=alpha,
            soft=soft * self.tall,
        )

    def lit(self, colour: Colour) -> Colour:
        """A figure's own colour in the light of the scene."""
        p = self.g.p
        if p.dark:
            return shade(mix(colour, p.sky[1], 0.28), 0.8)
        return mix(colour, p.sky[-1], 0.12)

    def glow(self, x: float, y: float, r: float, colour: Colour, strength: float) -> None:
        at = self.x + x * self.tall * self.flip
        self.g.c.glow(at, self.y + y * self.tall, r * self.tall, colour, strength)


@dataclass(frozen=True)
class _Coat:
    fur: str
    pale: str
    dark: str
    eye: str
    ears: tuple[float, ...]  # half outline: inner foot, tip, outer foot
    tail: float  # thickness, 0 for none
    cheek: float  # width of the face


_COATS = {
    "fox": _Coat("#dd6427", "#fff3e2", "#3a1d16", "#3a2410", (0.05, -0.86, 0.2, -1.1, 0.25, -0.78), 0.2, 0.3),
    "wolf": _Coat("#7d8696", "#eef0f2", "#2c313b", "#d8a62c", (0.05, -0.87, 0.16, -1.09, 0.23, -0.8), 0.19, 0.29),
    "cat": _Coat("#4a4653", "#f4eee8", "#2a2730", "#8fd06a", (0.06, -0.87, 0.19, -1.03, 0.25, -0.76), 0.075, 0.265),
    "rabbit": _Coat("#c9a98a", "#fdf6ee", "#5a4336", "#2c1c18", (0.02, -0.86, 0.1, -1.32, 0.16, -0.82), 0.0, 0.23),
    "bear": _Coat("#7a5034", "#d9b48c", "#35221a", "#1e1412", (0.1, -0.88, 0.2, -0.99, 0.26, -0.82), 0.0, 0.29),
}  # fmt: skip


def animal(f: Figure, kind: str) -> None:
    """A sitting animal facing us."""
    coat, rng = _COATS[kind], f.g.rng
    own = f.g.scene.subject_colour
    cats = ("#4a4653", "#d98b3f", "#8d8a92", "#e9e2d8", "#5f4a3c")
    fur = rgb(own or (str(rng.choice(cats)) if kind == "cat" else coat.fur))
    pale, dark = mix(rgb(coat.pale), fur, 0.06), mix(rgb(coat.dark), shade(fur, 0.35), 0.5)
    f.draw((10, 10, 20), ellipse(0.06, 0.0, 0.42, 0.05), alpha=0.35, soft=0.03)
    if coat.tail:
        u = np.linspace(0, 1, 5)
        path = smooth(
            np.array([[0.1, -0.05], [0.34, -0.05], [0.47, -0.17], [0.45, -0.38], [0.36, -0.52]]),
            8,
            closed=False,
        )
        bush = (
            np.interp(
                np.linspace(0, 1, len(path)),
                u,
                [0.5, 0.8, 1.0, 0.95, 0.1 if coat.tail > 0.15 else 0.75],
            )
            * coat.tail
        )
        f.draw(shade(fur, 0.86), strip(path, *bush))
        if coat.tail > 0.15:
            f.draw(pale, strip(path[-13:], *bush[-13:]))
        elif kind == "cat":
            f.draw(shade(fur, 0.86), ellipse(*path[-1], 0.03))
    if kind == "rabbit":
        f.draw(pale, ellipse(0.24, -0.09, 0.08))
    body = smooth(mirror(shape("0 -0.66, 0.13 -0.6, 0.19 -0.38, 0.26 -0.14, 0.23 -0.01, 0 0")), 6)
    f.draw(fur, body, to=shade(fur, 0.8))
    f.draw(shade(fur, 0.78), ellipse(0.19, -0.045, 0.09, 0.05), ellipse(-0.19, -0.045, 0.09, 0.05))
    f.draw(pale, smooth(mirror(shape("0 -0.62, 0.1 -0.54, 0.11 -0.4, 0.06 -0.28, 0 -0.22")), 6))
    for side in (-1, 1):
        leg = smooth(
            shape("0.02 -0.34, 0.11 -0.32, 0.105 -0.1, 0.12 -0.005, 0.025 -0.005, 0.03 -0.1"), 6
        ) * (side, 1)
        f.draw(mix(fur, pale, 0.12), leg, to=dark if kind in ("fox", "bear") else shade(fur, 0.72))
    face(f, kind, coat, fur, pale, dark)


def face(f: Figure, kind: str, coat: _Coat, fur: Colour, pale: Colour, dark: Colour) -> None:
    k, rng = coat.cheek, f.g.rng
    a = np.array(coat.ears).reshape(-1, 2)
    for side in (-1, 1):
        if kind == "bear":
            f.draw(fur, ellipse(side * 0.19, -0.88, 0.085))
            f.draw(dark, ellipse(side * 0.19, -0.88, 0.05))
            continue
        bulge = (a[0] + a[1]) / 2 + (-0.03, 0), (a[1] + a[2]) / 2 + (0.03, 0)
        ear = np.array([a[0], bulge[0], a[1], bulge[1], a[2]])
        inner = (ear - ear.mean(axis=0)) * 0.58 + ear.mean(axis=0) + (0, 0.015)
        if kind == "rabbit":
            ear, inner = smooth(ear, 6), smooth(inner, 6)
        f.draw(fur if kind != "wolf" else shade(fur, 0.85), ear * (side, 1))
        f.draw(
            dark if kind in ("fox", "wolf") else mix(pale, rgb("#e89a9a"), 0.6), inner * (side, 1)
        )
    pointed = kind in ("fox", "wolf")
    chin = -0.53 if pointed else -0.56
    half = poly(
        0,
        -0.9,
        0.13,
        -0.88,
        0.22,
        -0.8,
        k,
        -0.69,
        0.2 if not pointed else 0.17,
        -0.6,
        0.07,
        chin - 0.015,
        0,
        chin,
    )
    f.draw(mix(fur, _WHITE, 0.07), smooth(mirror(half), 6), to=fur)
    if pointed:
        cheeks = smooth(
            poly(
                k * 0.97,
                -0.69,
                0.15,
                -0.735,
                0.055,
                -0.665,
                0.0,
                -0.63,
                0.0,
                chin,
                0.07,
                chin - 0.015,
                0.17,
                -0.6,
            ),
            5,
        )
        f.draw(pale, cheeks, cheeks * (-1, 1))
        f.draw(
            shade(fur, 0.9), mirror(shape("0 -0.9, 0.025 -0.8, 0.05 -0.66, 0.03 -0.58, 0 -0.57"))
        )
        f.draw(_INK, ellipse(0, -0.555, 0.036, 0.027))
        f.draw(_WHITE, ellipse(-0.01, -0.565, 0.011, 0.006), alpha=0.6)
    else:
        f.draw(
            pale,
            ellipse(0.045, -0.625, 0.07, 0.052),
            ellipse(-0.045, -0.625, 0.07, 0.052),
            ellipse(0, -0.59, 0.05, 0.035),
        )
        f.draw(
            _INK if kind == "bear" else rgb("#d8787c"),
            smooth(mirror(shape("0 -0.67, 0.03 -0.668, 0.02 -0.645, 0 -0.632")), 4),
        )
        smile = smooth(
            shape("-0.05 -0.602, -0.022 -0.592, 0 -0.62, 0.022 -0.592, 0.05 -0.602"),
            6,
            closed=False,
        )
        f.draw(_INK, strip(smile, 0.008))
    r = 0.045 if kind in ("cat", "rabbit") else 0.03
    for side in (-1, 1):
        at = side * 0.115, -0.735
        f.draw(_INK, ellipse(*at, r * 1.15, r * 1.1, side * 0.2))
        f.draw(rgb(coat.eye), ellipse(*at, r * 0.9, r * 0.88))
        f.draw(_INK, ellipse(*at, r * (0.32 if kind == "cat" else 0.6), r * 0.78))
        f.draw(_WHITE, ellipse(at[0] + r * 0.3, at[1] - r * 0.35, r * 0.28))
        if kind == "cat":
            hair = [
                strip(
                    np.array([[side * 0.1, -0.62 + d], [side * 0.33, -0.65 + d * 3.2]]),
                    0.006,
                    0.002,
                )
                for d in (0, 0.02, 0.04)
            ]
            f.draw(_WHITE, *hair, alpha=0.8)
    if kind == "cat" and rng.random() < 0.6:  # noqa: PLR2004 - a share of cats is striped
        bars = [mirror(shape("0 -0.895, 0.012 -0.89, 0 -0.82"))] + [
            poly(s * 0.05, -0.89, s * 0.075, -0.885, s * 0.045, -0.825) for s in (-1, 1)
        ]
        f.draw(shade(fur, 0.65), *bars)


def robot(f: Figure) -> None:
    """A friendly machine with a lit face."""
    rng = f.g.rng
    own = f.g.scene.subject_colour
    shell = rgb(own or str(rng.choice(["#e8e4da", "#6fa3b8", "#e0a048", "#c96a5a", "#8a93a6"])))
    steel, eye = rgb("#4a5262"), rgb(str(rng.choice(["#4ff0ff", "#ffcf4a", "#7dff9a"])))

    def plate(x: float, y: float, w: float, h: float) -> Points:
        r = min(w, h) * 0.3
        return smooth(
            poly(
                x + r,
                y,
                x + w - r,
                y,
                x + w,
                y + r,
                x + w,
                y + h - r,
                x + w - r,
                y + h,
                x + r,
                y + h,
                x,
                y + h - r,
                x,
                y + r,
            ),
            4,
        )

    f.draw((10, 10, 20), ellipse(0, 0, 0.36, 0.045), alpha=0.4, soft=0.03)
    for side in (-1, 1):
        s = np.array([side, 1.0])
        f.draw(steel, rect(0.075, -0.24, 0.06, 0.2) * s)
        f.draw(shade(shell, 0.8), plate(0.04, -0.08, 0.15, 0.08) * s)
        arm = smooth(shape("0.24 -0.5, 0.33 -0.42, 0.34 -0.27"), 8, closed=False) * s
        f.draw(steel, strip(arm, 0.05))
        f.draw(shell, ellipse(0.25, -0.51, 0.065) * s, plate(0.285, -0.32, 0.11, 0.12) * s)
    f.draw(steel, rect(-0.05, -0.63, 0.1, 0.1), rect(-0.012, -1.06, 0.024, 0.12))
    f.draw(shell, plate(-0.22, -0.57, 0.44, 0.36), to=shade(shell, 0.72))
    f.draw(shade(shell, 0.6), plate(-0.13, -0.49, 0.26, 0.2))
    f.draw(
        eye, *(rect(-0.09 + 0.065 * k, -0.36 - 0.03 * k, 0.04, 0.04 + 0.03 * k) for k in range(3))
    )
    f.draw(steel, plate(-0.3, -0.86, 0.08, 0.14), plate(0.22, -0.86, 0.08, 0.14))
    f.draw(mix(shell, _WHITE, 0.15), plate(-0.26, -0.97, 0.52, 0.37), to=shade(shell, 0.82))
    f.draw(rgb("#141a26"), plate(-0.205, -0.91, 0.41, 0.25))
    c = f.g.c
    for side in (-1, 1):
        f.glow(side * 0.095, -0.8, 0.14, eye, 0.75)
        c.fill(
            [ellipse(side * 0.095, -0.8, 0.042, 0.05) * f.tall + (f.x, f.y)], mix(eye, _WHITE, 0.35)
        )
    mouth = smooth(shape("-0.06 -0.715, 0 -0.695, 0.06 -0.715"), 6, closed=False)
    f.draw(eye, strip(mouth, 0.014))
    f.glow(0, -1.07, 0.14, eye, 0.8)
    f.draw(eye, ellipse(0, -1.07, 0.035))


def dragon(f: Figure) -> None:
    """A dragon on the wing, seen from the side."""
    skin = rgb(
        f.g.scene.subject_colour
        or str(f.g.rng.choice(["#8a2436", "#1f5a4c", "#35306e", "#2a2430"]))
    )
    web = mix(skin, rgb("#e8905a"), 0.35)
    spine = smooth(
        shape(
            "-0.95 0.1, -0.72 0.3, -0.42 0.22, -0.12 0.06, 0.16 0, 0.36 -0.14, 0.46 "
            "-0.34, 0.62 -0.42"
        ),
        9,
        closed=False,
    )
    u = np.linspace(0, 1, len(spine))
    width = np.interp(u, [0, 0.25, 0.5, 0.66, 0.85, 1], [0.004, 0.05, 0.14, 0.17, 0.085, 0.075])
    for lean, tone in ((0.2, 0.62), (-0.1, 1.0)):
        root = np.array([0.1, -0.03])
        tips = np.array([[-0.05, -0.88], [-0.5, -0.62], [-0.62, -0.2]]) + (lean, 0.05 * (tone < 1))
        edge = [root + (0.1, 0), np.array([0.2 + lean, -0.5]), tips[0]]
        for a, b in zip(tips[:-1], tips[1:], strict=True):
            edge += [(a + b) / 2 * 0.8 + root * 0.2 + np.array([0.05, 0.0]), b]
        wing = np.array([*edge, root - (0.24, -0.1)])
        f.draw(shade(web, tone), wing, to=shade(skin, tone))
        wrist = edge[1]
        bones = [
            strip(np.array([wrist, (wrist + tip) / 2 + (0, -0.03), tip]), 0.03, 0.02, 0.004)
            for tip in tips
        ]
        f.draw(shade(skin, tone * 0.75), *bones, strip(np.array([root, wrist]), 0.06, 0.03))
    f.draw(skin, strip(spine, *width), to=shade(skin, 0.7))
    f.draw(
        mix(skin, rgb("#f2c98a"), 0.5), strip(spine[20:-6] + (0.01, 0.028), *(width[20:-6] * 0.38))
    )
    fins = [
        poly(x - 0.03, y, x - 0.03, y - 0.06, x + 0.03, y) - (0, w * 0.4)
        for (x, y), w in zip(spine[12:-4:5], width[12:-4:5], strict=True)
    ]
    f.draw(
        shade(skin, 0.7),
        *fins,
        shape("-0.95 0.1, -1.06 -0.02, -0.97 0.02, -0.9 -0.02, -0.9 0.16"),
    )
    legs = [
        smooth(
            poly(
                x, 0.06, x + 0.1, 0.16, x + 0.02, 0.25, x + 0.09, 0.3, x - 0.02, 0.27, x - 0.03, 0.1
            ),
            4,
        )
        for x in (-0.18, 0.12)
    ]
    f.draw(shade(skin, 0.8), *legs)
    head = shape(
        "0.54 -0.48, 0.5 -0.62, 0.6 -0.52, 0.58 -0.66, 0.68 -0.51, 0.78 -0.46, 0.9 "
        "-0.41, 0.91 -0.37, 0.8 -0.36, 0.72 -0.35, 0.86 -0.3, 0.72 -0.29, 0.6 -0.34"
    )
    f.draw(skin, head)
    f.draw(rgb("#ffd84a"), ellipse(0.69, -0.445, 0.018, 0.012))
    f.glow(0.95, -0.34, 0.16, rgb("#ff9a3a"), 0.7)


def castle(f: Figure) -> None:
    """Towers with pointed roofs behind a wall, on a rise of ground."""
    g, rng = f.g, f.g.rng
    stone = rgb(g.scene.subject_colour or str(rng.choice(["#b9aa9a", "#a3a3b2", "#c4b08e"])))
    roof = rgb(str(rng.choice(["#a8433a", "#3f5f94", "#5a4a86", "#3a7a78"])))
    base = np.stack(
        [np.linspace(-0.85, 0.85, 40), 0.24 - 0.26 * np.cos(np.linspace(-1.5, 1.5, 40)) ** 0.7],
        axis=1,
    )
    f.draw(
        mix(g.p.near, g.p.ground, 0.25),
        np.concatenate([base, [[0.85, 0.4], [-0.85, 0.4]]]),
        to=g.p.near,
    )
    spec = [
        (-0.4, 0.42, 0.1),
        (0.4, 0.46, 0.1),
        (-0.19, 0.62, 0.12),
        (0.22, 0.7, 0.11),
        (0.0, 0.86, 0.15),
    ]
    panes, lamps = [], g.p.time != "day"
    for x, tall, w in [*spec[2:], *spec[:2]]:
        tall *= rng.uniform(0.9, 1.1)
        f.draw(stone, rect(x - w / 2, -tall, w, tall + 0.02), to=shade(stone, 0.8))
        f.draw(shade(stone, 0.68), rect(x + w * 0.12, -tall, w * 0.38, tall + 0.02), alpha=0.6)
        f.draw(shade(stone, 0.9), rect(x - w * 0.6, -tall - 0.03, w * 1.2, 0.04))
        f.draw(
            roof,
            poly(
                x - w * 0.68, -tall - 0.03, x, -tall - 0.03 - w * 1.75, x + w * 0.68, -tall - 0.03
            ),
        )
        f.draw(
            shade(roof, 0.7),
            poly(x, -tall - 0.03 - w * 1.75, x + w * 0.68, -tall - 0.03, x + w * 0.1, -tall - 0.03),
        )
        flag = -tall - 0.03 - w * 1.75
        f.draw(shade(stone, 0.4), rect(x - 0.004, flag - 0.07, 0.008, 0.08))
        f.draw(
            mix(roof, rgb("#ffd23f"), 0.5),
            poly(x, flag - 0.07, x + 0.08, flag - 0.05, x, flag - 0.025),
        )
        panes += [
            rect(x - 0.014, -tall + 0.06 + 0.13 * k, 0.028, 0.05) for k in range(int(tall / 0.2))
        ]
    f.draw(
        stone,
        rect(-0.42, -0.24, 0.84, 0.28),
        *(rect(-0.42 + 0.07 * k, -0.275, 0.04, 0.05) for k in range(12)),
        to=shade(stone, 0.75),
    )
    f.draw(shade(stone, 0.35), rect(-0.055, -0.12, 0.11, 0.14), ellipse(0, -0.12, 0.055))
    put = [s * f.tall + (f.x, f.y) for s in panes]
    g.c.fill(put, g.p.lamp if lamps else f.lit(shade(stone, 0.4)))


def lighthouse(f: Figure) -> None:
    """A banded tower on rocks; its beams show when the light is low."""
    g = f.g
    band = rgb(
        g.scene.subject_colour or str(g.rng.choice(["#c8362e", "#c8362e", "#2a5f94", "#2b2f3a"]))
    )
    if g.p.time != "day" or g.has("storm", "fog", "rain"):
        for side, wide in ((1, 0.2), (-1, 0.14)):
            beam = poly(0, -0.95, side * 3, -0.98 - wide, side * 3, -0.9 + wide * 0.4, 0, -0.91)
            g.c.fill([beam * f.tall + (f.x, f.y)], (255, 240, 190), alpha=0.42, soft=0.004)
    rock = smooth(
        shape("-0.62 0.14, -0.42 -0.02, -0.2 -0.06, 0.05 -0.09, 0.26 -0.04, 0.44 0.03, 0.66 0.15"),
        6,
        closed=False,
    )
    f.draw(
        shade(mix(g.p.near, rgb("#5a5560"), 0.4), 0.85),
        np.concatenate([rock, [[0.6, 0.19], [-0.6, 0.19]]]),
        to=shade(g.p.near, 0.6),
    )
    f.draw(rgb("#f4efe6"), rect(0.12, -0.2, 0.2, 0.14), to=rgb("#cfc8bf"))
    f.draw(band, shape("0.09 -0.2, 0.22 -0.3, 0.35 -0.2"))

    def at(y: float) -> float:
        return 0.062 + 0.055 * (1 + y) ** 1.2

    for k in range(6):
        top, low = -0.86 + 0.135 * k, -0.86 + 0.135 * (k + 1)
        ring = poly(-at(top), top, at(top), top, at(low), low, -at(low), low)
        colour = rgb("#f7f3ea") if k % 2 else band
        f.draw(colour, ring)
        f.draw(
            shade(colour, 0.72),
            poly(at(top) * 0.2, top, at(top), top, at(low), low, at(low) * 0.2, low),
            alpha=0.6,
        )
    f.draw(_INK, rect(-0.09, -0.885, 0.18, 0.028))
    f.glow(0, -0.93, 0.4, (255, 236, 170), 0.85)
    g.c.fill([rect(-0.045, -0.975, 0.09, 0.09) * f.tall + (f.x, f.y)], (255, 246, 205))
    f.draw(band, shape("-0.065 -0.975, 0 -1.06, 0.065 -0.975"), ellipse(0, -1.06, 0.014))


def boat(f: Figure) -> None:
    """A small sailing boat and its reflection."""
    sail = rgb(f.g.scene.subject_colour or str(f.g.rng.choice(["#fbf3e4", "#f2d9a8", "#e86a4a"])))
    hull = rgb(str(f.g.rng.choice(["#7a3a2a", "#24466a", "#f0ece2"])))
    for way, alpha in ((-0.62, 0.3), (1, 1.0)):
        s = np.array([1, way])
        f.draw(
            sail,
            smooth(shape("0 -0.98, 0.09 -0.7, 0.31 -0.24, 0.01 -0.22"), 5) * s,
            to=shade(sail, 0.86),
            alpha=alpha,
        )
        f.draw(
            shade(sail, 0.9),
            shape("-0.025 -0.9, -0.08 -0.5, -0.25 -0.24, -0.025 -0.24") * s,
            alpha=alpha,
        )
        f.draw(_INK, rect(-0.012, -1.0, 0.018, 0.9) * s, alpha=alpha)
        f.draw(
            hull,
            smooth(
                shape("-0.36 -0.17, 0 -0.14, 0.42 -0.19, 0.3 -0.02, 0.2 0, -0.22 0, -0.29 -0.02"),
                5,
            )
            * s,
            to=shade(hull, 0.6),
            alpha=alpha,
        )
        f.draw(
            mix(hull, _WHITE, 0.6),
            strip(shape("-0.34 -0.155, 0 -0.125, 0.4 -0.175"), 0.022) * s,
            alpha=alpha,
        )
    f.draw(_WHITE, ellipse(0.02, 0.0, 0.42, 0.014), alpha=0.5)


def house(f: Figure) -> None:
    """A cottage with lit windows and smoke from its chimney."""
    g, rng = f.g, f.g.rng
    wall = rgb(g.scene.subject_colour or str(rng.choice(["#e9d9bd", "#8a5a3c", "#dfe3e2"])))
    roof = rgb(
        "#f3f7fc" if g.has("snow", "winter") else str(rng.choice(["#9c4034", "#4a5668", "#6a4630"]))
    )
    for k in range(6):
        f.draw(
            _WHITE,
            ellipse(0.3 + 0.05 * k + 0.03 * (k % 2), -0.98 - 0.11 * k, 0.05 + 0.016 * k),
            alpha=0.28,
            soft=0.03,
        )
    f.draw((10, 10, 20), ellipse(0, 0, 0.6, 0.04), alpha=0.3, soft=0.03)
    f.draw(shade(wall, 0.6), rect(0.22, -0.88, 0.1, 0.3))
    f.draw(wall, rect(-0.46, -0.46, 0.92, 0.46), to=shade(wall, 0.78))
    f.draw(roof, shape("-0.56 -0.43, -0.36 -0.8, 0.36 -0.8, 0.56 -0.43"), to=shade(roof, 0.75))
    f.draw(shade(wall, 0.4), rect(-0.07, -0.27, 0.14, 0.27))
    for x in (-0.28, 0.28):
        if g.p.time != "day":
            f.glow(x, -0.24, 0.3, g.p.lamp, 0.5)
        f.draw(shade(wall, 0.45), rect(x - 0.09, -0.34, 0.18, 0.19))
        panes = [
            rect(x - 0.075 + 0.08 * i, -0.325 + 0.085 * j, 0.07, 0.075)
            for i in (0, 1)
            for j in (0, 1)
        ]
        g.c.fill(
            [s * f.tall + (f.x, f.y) for s in panes],
            g.p.lamp if g.p.time != "day" else mix(g.p.sky[1], _WHITE, 0.3),
        )


_DRAWN: dict[str, tuple[Callable[[Figure], None], float]] = {
    "robot": (robot, 0.5), "dragon": (dragon, 0.42), "castle": (castle, 0.5),
    "lighthouse": (lighthouse, 0.5), "boat": (boat, 0.3), "house": (house, 0.26),
}  # fmt: skip


def subject(g: Stage, x: float, y: float) -> None:
    """Put the scene's subject where the place has room for it."""
    name = g.scene.subject
    close = g.scene.place in ("portrait", "abstract")
    if name in _COATS:
        tall = 0.74 if close else 0.48
        animal(Figure(g, x, 1.02 if close else y, tall * g.scale, int(g.rng.choice([-1, 1]))), name)
    elif name in _DRAWN:
        draw, tall = _DRAWN[name]
        aloft = name == "dragon"
        draw(
            Figure(
                g,
                g.wide * 0.5 if aloft else x,
                0.42 if aloft else y,
                tall * g.scale * (1.5 if close else 1),
            )
        )
