"""Colours: mixing in OKLab, where the middle of two colours looks like the middle, and palettes."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from atelier_worker.painter.words import Scene

Colour = tuple[float, float, float]  # sRGB, 0..255
Field = NDArray[np.float32]

_TO_LMS = np.array(
    [[0.41222147, 0.53633254, 0.05144599], [0.2119035, 0.6806995, 0.10739696],
     [0.08830246, 0.28171884, 0.62997870]]
)  # fmt: skip
_TO_LAB = np.array(
    [[0.21045426, 0.79361778, -0.00407205], [1.97799850, -2.42859221, 0.45059371],
     [0.02590404, 0.78277177, -0.80867577]]
)  # fmt: skip
_FROM_LAB, _FROM_LMS = np.linalg.inv(_TO_LAB), np.linalg.inv(_TO_LMS)


def rgb(code: str) -> Colour:
    """`#rrggbb` as a colour."""
    return (float(int(code[1:3], 16)), float(int(code[3:5], 16)), float(int(code[5:7], 16)))


def to_lab(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """SRGB (…, 3) in 0..255 to OKLab."""
    linear = np.clip(colours / 255, 0, 1) ** 2.2
    lab: NDArray[np.float64] = np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T
    return lab


def from_lab(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """OKLab (…, 3) to sRGB in 0..255, clipped to what a screen can show."""
    linear = (lab @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T
    return np.asarray(np.clip(linear, 0, 1) ** (1 / 2.2) * 255)


def _colour(lab: NDArray[np.float64]) -> Colour:
    r, g, b = from_lab(lab)
    return (float(r), float(g), float(b))


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """`a` at 0, `b` at 1."""
    return _colour(to_lab(np.array(a)) * (1 - t) + to_lab(np.array(b)) * t)


def shade(colour: Colour, factor: float) -> Colour:
    """Darker below 1, lighter above, the same hue."""
    return _colour(to_lab(np.array(colour)) * (factor, min(factor, 1), min(factor, 1)))


def tint(colour: Colour, target: Colour, amount: float) -> Colour:
    """The hue of `target` on the lightness of `colour`."""
    lab, aim = to_lab(np.array(colour)), to_lab(np.array(target))
    aim[0] = lab[0] * 0.75 + aim[0] * 0.25
    return _colour(lab * (1 - amount) + aim * amount)


def ramp(stops: tuple[Colour, ...], t: Field) -> Field:
    """Colours (…, 3) along the stops for every `t` in 0..1."""
    lab = to_lab(np.array(stops))
    fine = np.linspace(0, 1, 256)
    at = np.linspace(0, 1, len(stops))
    table = from_lab(np.stack([np.interp(fine, at, lab[:, k]) for k in range(3)], axis=-1))
    return table.astype(np.float32)[np.clip(t * 255, 0, 255).astype(np.int16)]


@dataclass(frozen=True)
class Palette:
    """The colours of one picture, already graded for its hour and weather."""

    time: str
    sky: tuple[Colour, ...]  # top to horizon
    light: Colour  # sun or moon
    mid: Colour  # land far away
    near: Colour  # land at hand, dark
    ground: Colour  # the plane one stands on
    water: Colour
    leaves: tuple[Colour, ...]
    lamp: Colour  # windows, beams

    @property
    def haze(self) -> Colour:
        """The colour of distance."""
        return mix(self.sky[-1], self.sky[-2], 0.6 if self.time == "sunset" else 0.15)

    @property
    def dark(self) -> bool:
        return self.time == "night"


_SKIES = {
    "day": ("2f6fb0 7fb6dd d9ecee", "2b7fc4 8fcbe8 fbeed6", "3f9bb8 a0d8d4 f7efcf"),
    "sunset": (
        "2b1b4d a3366e ff8148 ffd27a", "35305e 8f4b86 ec7768 fbcf8c",
        "1f3a5f 76608f f0806a ffe09a", "3a1540 c0395a ff9a4a ffe3a0",
    ),
    "dawn": ("4a6fa5 a9a7cf f4c6c0 fdebcf", "3f7a9a 9cc4c9 f6d8b8 fff0d0", "6a62a0 d09ac0 fbd0b8"),
    "night": (
        "050a1f 0e1f4a 27477d 5f86b0", "0a0718 211648 4a2f78 9a68a8",
        "02101c 063044 14606f 58a89a",
    ),
    "storm": ("141a26 38434f 6d7880 a9aca4", "191826 433f55 77707f b3a8a4"),
    "snow": ("6f8fb4 a9c2d8 e2e8ee f7ece6", "7a86b0 bfc0dc ecdfe6 fdeede"),
    "neon": (
        "0b0420 2a0a52 8a1583 ff4f9a", "04081f 0c2a66 3a3fa8 e04fd0",
        "0a0420 1a1060 0f6a9a 3fe0d8",
    ),
}  # fmt: skip
_LAND = {  # mid, near, ground
    "forest": ("4f9a6b 0c3328 27583a", "6fa05a 17351f 3f6a2c", "3a8f90 08303a 1a5550"),
    "mountain": ("6f86b0 22355a 3f6a52", "8f7fa6 332c55 4f6a4f", "6f98a8 1f3d4a 3f6a58"),
    "desert": ("eab066 93462a e29a4e", "f0bd8c a34a3a e8a468", "e08a4a 7d3320 d4773f"),
    "city": ("6d83a8 1a2444 2a3550", "8c82a6 2a2148 37304f", "6f98a6 15303c 2a444a"),
    "garden": ("8fbf72 2f6a3a 6fae4a", "a8c46a 3a6a2c 86b44a", "6fb892 1d5f4a 4fa068"),
    "sea": ("6a93b4 1d4668 e6cf9c", "7a9fb0 2a4a5a ecd8ac", "7f8fb8 2a3560 e2c8a0"),
}
_WATERS = ("0f5f8f", "0c6a86", "1a4f96", "127a88")
_LEAVES = {
    "autumn": "d8452a f08a2c f6be3c a8321f",
    "spring": "f6a8c4 fbcfdc ee82ac fdeef0",
    "garden": "f0506a f9b83a fdf1e0 b060d8 ff8a5c",
    "": "5fa04a 8fc05a 3f8048 b0cc62",
}
_LAMPS: dict[str, tuple[Colour, float]] = {  # what the light of an hour does to every colour
    "day": ((1.0, 1.0, 1.0), 0.0), "dawn": ((1.0, 0.92, 0.9), 0.08),
    "sunset": ((0.95, 0.68, 0.66), 0.14), "night": ((0.3, 0.4, 0.58), 0.2),
    "storm": ((0.62, 0.66, 0.72), 0.15), "neon": ((0.35, 0.3, 0.6), 0.2),
}  # fmt: skip
_LIKELY = {  # hours the seed may choose; repeated ones are likelier
    "sea": "day day sunset dawn", "city": "night sunset dawn day", "desert": "day sunset dawn",
    "forest": "day dawn day sunset", "space": "night", "island": "day day sunset",
    "garden": "day day dawn", "portrait": "day dawn sunset", "lighthouse": "sunset dawn day",
}  # fmt: skip


def _many(codes: str) -> tuple[Colour, ...]:
    return tuple(rgb("#" + code) for code in codes.split())


def _hour(scene: Scene, rng: np.random.Generator) -> str:
    if scene.time or "moon" in scene.also or "space" in (scene.place, *scene.also):
        return scene.time or "night"
    if "neon" in scene.also:
        return "night"
    likely = _LIKELY.get(scene.place, "day sunset dawn").split()
    likely = [hour for hour in likely if hour not in scene.without] or ["day"]
    return str(rng.choice(likely))


def choose(scene: Scene, rng: np.random.Generator) -> Palette:
    """The palette of a scene: the words decide, the seed varies."""
    also, time = scene.also, _hour(scene, rng)
    kind = next((k for k in ("neon", "storm") if k in also), "storm" if "rain" in also else time)
    if time == "day" and also & {"snow", "winter"}:
        kind = "snow"
    sky = _many(str(rng.choice(_SKIES[kind])))
    if kind == "storm" and time != "day":
        other = _many(_SKIES[time][0])
        sky = tuple(mix(c, other[min(i, len(other) - 1)], 0.55) for i, c in enumerate(sky))
    if "fog" in also:
        sky = tuple(mix(c, mix(sky[-1], (235, 235, 235), 0.3), 0.5) for c in sky)
    home = {"lake": "mountain", "river": "garden", "meadow": "garden", "island": "sea"}
    land = _LAND.get(home.get(scene.place, scene.place), _LAND["mountain"])
    mid, near, ground = _many(str(rng.choice(land)))
    season = next((s for s in ("autumn", "spring") if s in also), "")
    leaves = _many(_LEAVES[season or ("garden" if scene.place == "garden" else "")])
    if season == "autumn":
        mid, ground = mix(mid, leaves[0], 0.4), mix(ground, leaves[1], 0.6)
        near = mix(near, shade(leaves[0], 0.4), 0.5)
    elif season:
        mid, ground = mix(mid, leaves[2], 0.15), mix(ground, rgb("#a4d672"), 0.5)
    if also & {"snow", "winter"}:
        mid, near, ground = (
            mix(mid, rgb("#a8c0d8"), 0.5),
            mix(near, rgb("#2c4560"), 0.6),
            rgb("#eef3fa"),
        )
    water = mix(rgb("#" + str(rng.choice(_WATERS))), sky[1], 0.25 if time != "day" else 0.1)
    lamp, towards = _LAMPS[kind if kind in ("storm", "neon") and time == "day" else time]

    def grade(colour: Colour) -> Colour:
        r, g, b = (own * light for own, light in zip(colour, lamp, strict=True))
        return mix((r, g, b), sky[1], towards)

    light = {"day": "#fff7dc", "dawn": "#fff0d2", "sunset": "#fff0b8", "night": "#fbf4dc"}[time]
    palette = Palette(
        time=time, sky=sky, light=rgb(light), mid=grade(mid), near=grade(near),
        ground=grade(ground), water=grade(water), leaves=tuple(map(grade, leaves)),
        lamp=rgb("#ffd27a"),
    )  # fmt: skip
    return _steer(palette, tuple(rgb(code) for code in scene.colours))


def _steer(palette: Palette, wanted: tuple[Colour, ...]) -> Palette:
    """Lead a palette to the colours the prompt names: the first takes the most."""
    for rank, colour in enumerate(wanted):

        def lead(own: Colour, *, by: float = 0.72 - 0.2 * rank, to: Colour = colour) -> Colour:
            return tint(own, to, by)

        palette = replace(
            palette, sky=tuple(map(lead, palette.sky)), mid=lead(palette.mid),
            near=lead(palette.near), ground=lead(palette.ground), water=lead(palette.water),
            leaves=tuple(map(lead, palette.leaves)), light=lead(palette.light, by=0.3),
        )  # fmt: skip
    return palette
