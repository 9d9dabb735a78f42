"""People: a head and shoulders in flat colours, never the same twice."""

import numpy as np

from atelier_worker.painter.canvas import chance, ellipse, mirror, poly, shape, smooth, strip
from atelier_worker.painter.palette import mix, rgb, shade
from atelier_worker.painter.sky import Stage
from atelier_worker.painter.subjects import Figure

_SKINS = ("#f6d3b8", "#eab893", "#d69a6f", "#a86b45", "#7a4a30", "#5a3524")
_HAIRS = ("#241a1c", "#4a2c20", "#8a4a28", "#c98a3f", "#b5432e", "#6b6470", "#2c2f52", "#d98aa0")
_CLOTHES = ("#2f4f78", "#a8433a", "#e0a03f", "#3f7a68", "#5a3f78", "#e9e2d4", "#2b2d38")
_GROUNDS = ("f2b84b e4572e", "7fb7be d3f3ee", "e07a5f f4d6b8", "3d5a80 98c1d9", "84a98c dfe8c8",
            "6d597a e8a598", "f4a6a0 ffe3c8", "2a9d8f f0d58a")  # fmt: skip
_WHITE = (255.0, 255.0, 255.0)


def backdrop(g: Stage) -> None:
    """Colour, a large disc, and leaves about it."""
    c, rng = g.c, g.rng
    back, disc = (rgb("#" + code) for code in str(rng.choice(_GROUNDS)).split())
    if g.scene.colours:
        back = rgb(g.scene.colours[0])
        disc = mix(back, (255, 245, 225), 0.6)
    if g.scene.time == "night":
        back, disc = shade(mix(back, rgb("#101a4a"), 0.7), 0.6), rgb("#f3e6c0")
    c.fill(
        [poly(-1, -0.05, g.wide + 1, -0.05, g.wide + 1, 1.05, -1, 1.05)], back, to=shade(back, 0.8)
    )
    c.fill([ellipse(g.wide / 2, 0.42, 0.37 * g.scale)], disc)
    kind = int(rng.integers(0, 3))
    for k in range(12):
        a = np.pi * (0.72 + 1.56 * k / 11) + rng.normal(0, 0.06)
        x, y = g.wide / 2 + np.cos(a) * 0.43 * g.scale, 0.46 + np.sin(a) * 0.43 * g.scale
        if kind == 0:
            long = rng.uniform(0.1, 0.17)
            leaf = ellipse(x, y, long, long * 0.3, a + rng.normal(0, 0.5))
            c.fill([leaf], mix(shade(back, 0.62), rgb("#2f6f5a"), 0.5))
            vein = np.array(
                [
                    [x - np.cos(a) * long * 0.7, y - np.sin(a) * long * 0.7],
                    [x + np.cos(a) * long * 0.7, y + np.sin(a) * long * 0.7],
                ]
            )
            c.fill([strip(vein, 0.004, 0.002)], disc, alpha=0.5)
        elif kind == 1:
            ray = np.array([[x, y], [x + np.cos(a) * 0.5, y + np.sin(a) * 0.5]])
            c.fill([strip(ray, 0.02, 0.07)], mix(back, disc, 0.35))
        else:
            c.fill(
                [
                    ellipse(
                        x + rng.normal(0, 0.05), y + rng.normal(0, 0.05), rng.uniform(0.01, 0.045)
                    )
                ],
                mix(back, disc, rng.uniform(0.2, 0.8)),
            )


def person(g: Stage) -> None:
    """A head and shoulders in the middle of the canvas."""
    rng = g.rng
    f = Figure(g, g.wide / 2, 0.04 + 0.03 * float(rng.random()), g.scale)
    # Portraits are lit by a lamp, not by the scene.
    skin, hair, cloth = (rgb(str(rng.choice(s))) for s in (_SKINS, _HAIRS, _CLOTHES))
    if g.scene.colours:
        cloth = mix(rgb(g.scene.colours[-1]), rgb("#402030"), 0.25)
    style = int(rng.integers(0, 6))  # bob, long, bun, short, curls, braid
    shadow = shade(mix(skin, rgb("#8a2f3a"), 0.22), 0.82)
    hair_dark = shade(hair, 0.7)
    if style in (0, 1, 5):
        foot = {0: 0.5, 1: 0.82, 5: 0.46}[style]
        f.draw(
            hair_dark,
            smooth(
                mirror(
                    poly(
                        0,
                        0.115,
                        0.15,
                        0.15,
                        0.2,
                        0.29,
                        0.2,
                        foot - 0.1,
                        0.17,
                        foot,
                        0.06,
                        foot + 0.01,
                        0,
                        foot,
                    )
                ),
                6,
            ),
        )
    elif style == 4:
        knots = [
            ellipse(0.2 * np.cos(a) * 1.02, 0.31 + 0.21 * np.sin(a), 0.075)
            for a in np.linspace(2.6, 6.9, 15)
        ]
        f.draw(hair_dark, *knots, ellipse(0, 0.3, 0.2))
    elif style == 2:
        f.draw(hair_dark, ellipse(0.02, 0.105, 0.085, 0.075))
        f.draw(hair, ellipse(0.01, 0.095, 0.07, 0.058))
    body = smooth(
        mirror(shape("0 0.66, 0.09 0.66, 0.2 0.7, 0.33 0.76, 0.4 0.88, 0.43 1.1, 0 1.1")), 6
    )
    f.draw(cloth, body, to=shade(cloth, 0.75))
    f.draw(
        shade(cloth, 0.78),
        shape("0.09 0.665, 0.2 0.7, 0.28 0.73, 0.33 0.77, 0.385 0.86, 0.41 1.1, 0.13 1.1, 0.1 0.8"),
        alpha=0.45,
    )
    f.draw(skin, mirror(shape("0 0.42, 0.078 0.42, 0.074 0.6, 0.105 0.665, 0.07 0.73, 0 0.765")))
    f.draw(
        shadow,
        smooth(shape("-0.077 0.5, 0 0.545, 0.077 0.49, 0.075 0.58, 0.02 0.625, -0.06 0.575"), 5),
    )
    collar = int(rng.integers(0, 3))
    if collar == 0:
        fold = shape("0 0.79, 0.085 0.64, 0.13 0.66, 0.1 0.8, 0.04 0.86")
        f.draw(mix(cloth, _WHITE, 0.35), fold, fold * (-1, 1))
    elif collar == 1:
        f.draw(
            shade(cloth, 0.85),
            smooth(mirror(shape("0 0.585, 0.082 0.575, 0.11 0.67, 0 0.705")), 5),
        )
    f.draw(
        skin, ellipse(0.152, 0.335, 0.026, 0.04, 0.15), ellipse(-0.152, 0.335, 0.026, 0.04, -0.15)
    )
    jaw = rng.uniform(0.095, 0.12)
    half = poly(
        0,
        0.125,
        0.1,
        0.14,
        0.15,
        0.23,
        0.15,
        0.34,
        jaw + 0.02,
        0.44,
        jaw * 0.62,
        0.51,
        0.03,
        0.54,
        0,
        0.543,
    )
    f.draw(skin, smooth(mirror(half), 6))
    side = smooth(
        poly(
            0.0,
            0.13,
            0.1,
            0.14,
            0.15,
            0.23,
            0.15,
            0.34,
            jaw + 0.02,
            0.44,
            jaw * 0.62,
            0.51,
            0.02,
            0.543,
            0.055,
            0.47,
            0.085,
            0.36,
            0.075,
            0.22,
        ),
        5,
    )
    f.draw(shadow, side, alpha=0.32)
    _features(f, skin, shadow, hair)
    _fringe(f, style, hair, hair_dark)
    if style == 5:
        for k in range(7):
            f.draw(
                hair if k % 2 else hair_dark,
                ellipse(0.17 + 0.012 * k, 0.5 + 0.055 * k, 0.042 - 0.002 * k, 0.038),
            )
        f.draw(rgb("#e0a03f"), ellipse(0.25, 0.885, 0.022))
    extra = int(rng.integers(0, 4))
    if extra == 0:
        for x in (-0.062, 0.062):
            ring = ellipse(x, 0.325, 0.05, 0.044)
            f.draw(rgb("#2a2430"), strip(np.concatenate([ring, ring[:1]]), 0.008))
        f.draw(rgb("#2a2430"), strip(poly(-0.014, 0.318, 0.014, 0.318), 0.008))
    elif extra == 1:
        f.draw(
            rgb("#f2c14e"), ellipse(0.16, 0.405, 0.016, 0.022), ellipse(-0.16, 0.405, 0.016, 0.022)
        )
    elif extra == 2 and style != 3:
        for k in range(6):
            a = k * np.pi / 3
            f.draw(
                rgb("#f7ede2"), ellipse(-0.13 + 0.028 * np.cos(a), 0.18 + 0.028 * np.sin(a), 0.02)
            )
        f.draw(rgb("#f2b632"), ellipse(-0.13, 0.18, 0.017))


def _features(
    f: Figure,
    skin: tuple[float, float, float],
    shadow: tuple[float, float, float],
    hair: tuple[float, float, float],
) -> None:
    """Eyes, brows, nose, lips and a little blush."""
    rng, ink = f.g.rng, rgb("#2a1a1e")
    f.draw(
        rgb("#e0605a"),
        ellipse(0.09, 0.41, 0.034, 0.024),
        ellipse(-0.09, 0.41, 0.034, 0.024),
        alpha=0.3,
        soft=0.012,
    )
    iris = rgb(str(rng.choice(["#4a2f20", "#3f6f8a", "#4f7a4a", "#6a5030"])))
    asleep = chance(rng, 0.2)
    arch = rng.uniform(-0.006, 0.01)
    for side in (-1, 1):
        s = np.array([side, 1.0])
        if asleep:
            lid = smooth(shape("0.03 0.325, 0.062 0.345, 0.1 0.322"), 6, closed=False)
            f.draw(ink, strip(lid, 0.005, 0.011) * s)
        else:
            f.draw(
                rgb("#fdf8f2"),
                smooth(
                    shape(
                        "0.028 0.331, 0.05 0.312, 0.078 0.31, 0.1 0.326, 0.075 0.342, 0.045 0.342"
                    ),
                    5,
                )
                * s,
            )
            f.draw(iris, ellipse(0.064, 0.326, 0.0175) * s)
            f.draw(ink, ellipse(0.064, 0.326, 0.0095) * s)
            f.draw(_WHITE, ellipse(0.064 - 0.006 * side, 0.32, 0.005) * s)
            lid = smooth(shape("0.025 0.331, 0.05 0.31, 0.078 0.307, 0.106 0.32"), 6, closed=False)
            f.draw(ink, strip(lid, 0.003, 0.012) * s)
        brow = smooth(poly(0.026, 0.283, 0.06, 0.27 - arch, 0.108, 0.284 - arch), 6, closed=False)
        f.draw(shade(hair, 0.7), strip(brow, 0.013, 0.005) * s)
    f.draw(
        shadow,
        smooth(
            shape(
                "0.006 0.33, 0.012 0.39, 0.028 0.415, 0.012 0.427, -0.012 0.424, -0.004 "
                "0.412, 0.004 0.4"
            ),
            5,
        ),
        alpha=0.65,
    )
    lip = mix(rgb(str(rng.choice(["#b5443f", "#c2646a", "#9a4a44"]))), skin, 0.25)
    grin = rng.uniform(-0.002, 0.008)
    f.draw(
        shade(lip, 0.82),
        smooth(
            poly(
                -0.048,
                0.468 - grin,
                -0.015,
                0.458,
                0,
                0.462,
                0.015,
                0.458,
                0.048,
                0.468 - grin,
                0.02,
                0.473,
                -0.02,
                0.473,
            ),
            5,
        ),
    )
    f.draw(
        lip,
        smooth(
            poly(
                -0.044,
                0.469 - grin,
                -0.02,
                0.473,
                0.02,
                0.473,
                0.044,
                0.469 - grin,
                0.022,
                0.487,
                0,
                0.491,
                -0.022,
                0.487,
            ),
            5,
        ),
    )


def _fringe(
    f: Figure, style: int, hair: tuple[float, float, float], dark: tuple[float, float, float]
) -> None:
    """The hair that falls over the brow."""
    rng = f.g.rng
    part = 1 if chance(rng, 0.5) else -1
    s = np.array([part, 1.0])
    if style == 3:
        cap = shape(
            "-0.165 0.32, -0.175 0.2, -0.12 0.1, 0 0.062, 0.12 0.085, 0.18 0.18, 0.167 "
            "0.32, 0.145 0.24, 0.07 0.205, -0.04 0.215, -0.125 0.235"
        )
    elif style == 4:
        f.draw(
            hair, *(ellipse(-0.13 + 0.065 * k, 0.165 + 0.018 * abs(k - 2), 0.055) for k in range(5))
        )
        return
    else:
        low = 0.45 if style in (0, 1) else 0.3
        cap = poly(
            -0.178,
            low,
            -0.19,
            0.26,
            -0.13,
            0.12,
            0.0,
            0.085,
            0.13,
            0.11,
            0.19,
            0.24,
            0.183,
            low,
            0.15,
            0.33,
            0.125,
            0.24,
            0.055,
            0.165,
            -0.02,
            0.235,
            -0.12,
            0.265,
            -0.152,
            0.34,
        )
    f.draw(hair, smooth(cap, 6) * s, to=mix(hair, dark, 0.4))
    shine = smooth(shape("-0.12 0.19, -0.05 0.125, 0.05 0.12"), 8, closed=False) * s
    f.draw(mix(hair, _WHITE, 0.4), strip(shine, 0.001, 0.01, 0.014, 0.01, 0.001), alpha=0.55)
