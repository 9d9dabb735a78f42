"""The stage of a picture: its colours as hour and weather let them be seen, and its drawings."""

import re
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np

from atelier_worker.painter.canvas import (  # isort: skip
    Canvas, Colour, Points, Rng, ellipse, mix, rect, rgb, shade, smooth, strip,
)  # fmt: skip
from atelier_worker.painter.scene import DATA, Scene, table

Colours = dict[str, Colour]
Spots = Iterable[Sequence[float]] | Points  # x, y and a size
_FLAGS = re.compile(r"([~^|@%-])([\d.,]*)")


@cache
def _part(line: str) -> tuple[str, str, dict[str, str], list[Points]]:
    """One line of a drawing: its colour, the colour at its foot, its flags and its polygons."""
    head, _, body = line.partition(" : ")
    colours, _, marks = head.partition(" ")
    colour, _, foot = colours.partition(">")
    flags, outlines = dict(_FLAGS.findall(marks)), list[Points]()
    for shape in body.split("; "):
        kind, *numbers = shape.split()
        if kind in ("o", "r"):
            points = (ellipse if kind == "o" else rect)(*map(float, numbers))
        else:
            points = np.array([pair.split() for pair in shape.split(",")], float)
        if "^" in flags:
            points = np.concatenate([points, points[::-1] * (-1, 1)])
        if "-" in flags:
            points = strip(smooth(points, closed=False), *map(float, flags["-"].split(",")))
        elif "~" in flags:
            points = smooth(points)
        outlines += [points, points * (-1, 1)] if "|" in flags else [points]
    return colour, foot, flags, outlines


class Stage:
    """Where to draw, what, in which colours, with which dice: the words decide, the seed varies."""

    def __init__(self, canvas: Canvas, scene: Scene, rng: Rng) -> None:
        self.c, self.scene, self.rng, self.wide = canvas, scene, rng, canvas.wide
        self.scale = min(1.0, canvas.wide * 1.1)  # of figures, on a narrow canvas
        self.sun, self._lift = canvas.wide * rng.uniform(0.25, 0.75), rng.uniform(-0.08, 0.08)
        self._looks = {name: str(rng.choice(kinds)) for name, kinds in table("variants").items()}
        hours, place = table("hours"), scene.place
        likely = [h for h in hours.get(place, hours["other"]) if h not in scene.without]
        time = scene.time or str(rng.choice(likely or ["day"]))
        time = "night" if self.has("moon", "space", "neon") and not scene.time else time
        weather = next((k for k in ("neon", "rain") if self.has(k)), time)
        season = next((s for s in ("autumn", "spring") if self.has(s)), "")
        snow, self.time, self.dark = self.has("snow"), time, time == "night"
        self.leafy = bool(season) or (not snow and rng.integers(4) == 0)
        sky = self.choice("skies", "snow" if snow and weather == "day" else weather)
        if weather == "rain" and time != "day":
            sky = [mix(a, b, 0.55) for a, b in zip(sky, self.choice("skies", time), strict=False)]
        light, *tones = table("lights")["rain" if weather == "rain" and time == "day" else time]
        *lamp, share = map(float, tones)

        def seen(colour: Colour, lamp: Sequence[float] = lamp, share: float = share) -> Colour:
            colour = mix(colour * lamp, sky[1], share)
            for rank, hue in enumerate(map(rgb, scene.colours)):  # the first takes the most
                light = 0.25 + 0.75 * (colour.mean() + 20) / (hue.mean() + 20)
                colour = mix(colour, np.clip(hue * light, 0, 255), 0.75 - 0.2 * rank)
            return colour

        far, near, ground = self.choice("lands", place, "mountain")
        leaves = self.choice("leaves", season, place, "other")
        for name in ("autumn", "spring", "snow"):
            if self.has(name):
                tints = zip((far, near, ground), self.choice("lands", name), strict=True)
                far, near, ground = (mix(own, tint, 0.7) for own, tint in tints)
        self.light, self.skies = rgb(light), [seen(one, (1, 1, 1), 0) for one in sky]
        self.leaves = [*map(seen, leaves)]
        self.greens = self.leaves if season else [*map(seen, self.choice("leaves", "other"))]
        self.far, self.near, self.ground = map(seen, (far, near, ground))
        self.wet = seen(mix(self.choice("lands", "water")[0], sky[1], 0.1 + 0.15 * self.dark))
        self.haze = mix(self.skies[-1], self.skies[-2], 0.6 if time == "sunset" else 0.15)
        self.lamp = mix(sky[1], self.light, 0.5) if time == "day" else rgb("ffd27a")
        own = {name: one for name, one in vars(self).items() if isinstance(one, np.ndarray)}
        self._colours = {name: rgb(code) for name, (code,) in table("paints").items()} | own

    def has(self, *names: str) -> bool:
        """Whether the prompt names one of these places, seasons, weathers or lights."""
        return not self.scene.named.isdisjoint(names)

    def choice(self, section: str, *names: str) -> list[Colour]:
        """One of the sets of colours the data has for the first of the names it knows."""
        lines = dict(line.split(" ", 1) for line in DATA[section])
        codes = str(self.rng.choice(next(lines[n] for n in names if n in lines).split("|")))
        return [rgb(code) for code in codes.split()]

    def spots(self, many: float, x: float, y: float) -> Points:
        """So many points of a square canvas (more of a wide one), over x widths and y heights."""
        return self.rng.random((int(many * max(self.wide, 0.5)), 2)) * (x * self.wide, y)

    def level(self, y: float) -> float:
        """A height that rises and falls with the horizon of this picture."""
        return y + self._lift * (1 - y)

    def depth(self, t: float) -> Colour:
        """Land colour from the horizon (0) to one's feet (1): the air takes its share."""
        far = mix(self.haze, self.far, 0.45 + 0.55 * min(1, t * 2))
        return mix(far, self.near, max(0, t * 2 - 1))

    def _colour(self, code: str, own: Colours) -> Colour:
        """Of `fur/white:.1*.8`: fur, a tenth white, shaded; `!` leaves out the scene's light."""
        base, _, dim = code.lstrip("!").partition("*")
        name, _, blend = base.partition("/")
        other, _, amount = blend.partition(":")
        colours, sky = self._colours | own, self.skies
        colour = mix(colours[name], colours[other], float(amount)) if blend else colours[name]
        colour = shade(colour, float(dim)) if dim else colour
        if code.startswith("!") or self.scene.place == "portrait":
            return colour
        return shade(mix(colour, sky[1], 0.28), 0.8) if self.dark else mix(colour, sky[-1], 0.12)

    def draw(self, name: str, at: Points, size: Points, own: Colours, thin: float = 1) -> None:
        """Draw a drawing: its 0 0 at a point of the stage, its unit so large across and down."""
        for line in DATA[name]:
            if line.startswith("="):
                _, other, *numbers = line.format_map(self._looks).split()
                x, y, w, h, alpha = [
                    *map(float, numbers),
                    *[0.0, 0.0, 1.0, 1.0, 1.0][len(numbers) :],
                ]
                self.draw(other, at + size * (x, y), size * (w, h), own, thin * alpha)
                continue
            colour, foot, flags, outlines = _part(line)
            self.c.fill(
                [points * size + at for points in outlines], self._colour(colour, own),
                to=self._colour(foot or colour, own),
                alpha=float(flags.get("@", 1)) * thin, soft=float(flags.get("%", 0)) * size[1],
            )  # fmt: skip

    def plant(self, name: str, spots: Spots, leaves: Sequence[Colour], **own: Colour) -> None:
        """Many of one drawing, each at x, y and so tall, in one of the `leaves`; all at once."""
        tiles, parts = [], [_part(line) for line in DATA[name]]
        kinds = [[self._colour(one[0], own | {"leaf": leaf}) for one in parts] for leaf in leaves]
        for x, y, tall in spots:
            colours = kinds[self.rng.integers(len(kinds))]
            size = tall * self.rng.choice((-1, 1)), tall
            for (*_, outlines), colour in zip(parts, colours, strict=True):
                tiles += [(outline * size + (x, y), colour) for outline in outlines]
        self.c.mosaic(tiles)

    def subject(self, name: str, x: float, y: float, part: float) -> None:
        """A figure with its feet at x, y, so large beside its own size, in colours of its own."""
        tall, *spec = table("looks")[name]
        pairs = zip(spec[::2], spec[1::2], strict=True)
        own = {thing: rgb(str(self.rng.choice(codes.split(",")))) for thing, codes in pairs}
        if self.scene.subject_colour:
            own[spec[0]] = rgb(self.scene.subject_colour)
        size = float(tall) * part * self.scale * np.array([self.rng.choice((-1, 1)), 1])
        self.draw(name, np.array([x * self.wide, self.level(y)]), size, own)
