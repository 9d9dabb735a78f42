"""The layers of landscapes, each laid over those before it; depths go from 0 (far) to 1."""

import numpy as np
from PIL import Image

from atelier_worker.painter.canvas import (  # isort: skip
    WHITE, Colour, Points, ellipse, image_of, mix, noise2, poly, ramp, rgb, shade, strip,
)  # fmt: skip
from atelier_worker.painter.stage import Spots, Stage


def under(line: Points, foot: float = 1.02) -> Points:
    """The land below a skyline."""
    return np.concatenate([line, [[line[-1, 0], foot], [line[0, 0], foot]]])


class Land(Stage):
    def skyline(self, y: float, rise: float, scale: float) -> Points:
        """A line across the canvas (n, 2), `rise` high at most above `y`."""
        n = max(220, int(220 * self.wide))
        bumps = noise2(self.rng, (n, 1), (scale * self.wide, 1), 5)[0]
        return np.stack([np.linspace(-0.06, self.wide + 0.06, n), y - rise * bumps], axis=1)

    def sky(self, horizon: float) -> None:
        c, gloomy, low = self.c, self.has("rain"), self.time in ("sunset", "dawn")
        horizon = self.level(horizon)
        y0 = horizon * (self.rng.uniform(0.66, 0.86) if low else self.rng.uniform(0.25, 0.5))
        size, x, y = c.grid()
        t = np.clip(y / horizon, 0, 1) + 0 * x
        near = np.exp(-np.hypot(x - self.sun, y - y0) * 3)[..., None] * (0.5 - 0.2 * self.dark)
        colours = ramp(self.skies, t**1.1) * (1 - near) + self.light * near
        n = noise2(self.rng, size, (2.2 * self.wide, 6), 5)
        lit = np.diff(n, axis=0, append=n[-1:]) * (-22 if low else 22) + 0.5
        cover = np.clip((n - (0.4 if gloomy else 0.53)) * 5, 0, 1) * np.clip(1.25 - t, 0, 1)
        shady = mix(self.skies[0 if self.dark or gloomy else 1], self.haze, 0.25)
        bright = mix(self.skies[-2], self.light, 0.0 if self.dark else 0.6)
        clouds, dense = ramp((shady, bright), lit), 0.35 if self.dark and not gloomy else 0.85
        c.field(colours + (clouds - colours) * cover[..., None] * dense)
        if gloomy:
            return
        if self.dark:
            self.stars(horizon)
        r = 0.055 * self.scale * self.rng.uniform(0.8, 1.25) * (2.3 if self.has("moon") else 1)
        c.glow(self.sun, y0, r * 7, mix(self.light, self.skies[-1], 0.3 - 0.3 * self.dark), 0.55)
        c.glow(self.sun, y0, r * 2.6, self.light, 0.7)
        self.draw("moon" if self.dark else "sun", np.array([self.sun, y0]), np.array([r, r]), {})

    def stars(self, horizon: float) -> None:
        for many, k in ((180, 0.8), (80, 1.3), (20, 2.2)):
            r, spots = k * 0.0009 * max(1.0, 512 / self.c.height), self.spots(many, 1, horizon)
            dots = [poly(x - r, y, x, y - r, x + r, y, x, y + r) for x, y in spots]
            self.c.fill(dots, WHITE, alpha=0.4 + 0.27 * k)
        for x, y in self.spots(5, 1, horizon * 0.8):
            self.c.glow(x, y, 0.02, WHITE, 0.8)

    def peaks(self, foot: float, tall: float, t: float) -> None:
        """Mountains side by side, the highest in front."""
        sun, stone, top = mix(self.light, self.skies[-2], 0.3), self.depth(t), self.skies[0]
        cap = mix(mix(WHITE, self.light, 0.4), top, 0.12 + 0.15 * self.dark)
        frost, sunny = 0.5 * self.has("snow"), mix(stone, sun, 0.4 - 0.25 * self.dark)
        own = {"cap": cap, "lit": mix(sunny, cap, frost)}
        own["dark"] = mix(mix(stone, top, 0.3), cap, frost / 2)
        many = max(2, round(2.6 * self.wide) + 1)
        for k in (order := self.rng.permutation(many)):
            high = tall * self.scale * (1 if k == order[-1] else self.rng.uniform(0.5, 0.78))
            size = np.array([high * self.rng.uniform(0.75, 1.05), high])
            at = np.array([(k + self.rng.uniform(0.25, 0.75)) / many * self.wide, self.level(foot)])
            self.draw(f"peak-{self.rng.integers(2)}", at, size, own)

    def hill(self, y: float, rise: float, t: float, tall: float = 0, gap: float = 0.3) -> None:
        """Land to the foot of the canvas, with trees so tall on its skyline."""
        line, x, spots = self.skyline(self.level(y), rise, 1.6), -0.02, []
        while tall and x < self.wide + 0.02:
            at = float(np.interp(x, *line.T))
            spots.append((x, at + 0.02, tall * self.rng.uniform(0.6, 1.15)))
            x += tall * gap * (1 + 0.5 * self.leafy) * self.rng.uniform(0.5, 1.5)
        self.trees(spots, t)
        land = mix(self.depth(t), self.ground, 0.85 if self.has("snow") else 0.2 + 0.5 * t)
        self.c.fill([under(line)], land, to=mix(land, self.haze, 0.4 * (1 - t)))

    def trees(self, spots: Spots, t: float) -> None:
        """Trees, each at x, y and so tall: round crowns or firs."""
        leaf, far = self.depth(t), 0.45 * (1 - t)
        if self.leafy:
            bark = mix(shade(rgb("3d2b26"), 0.6 if self.dark else 1.0), self.haze, far)
            leaves = [mix(one, self.haze, far) for one in self.greens]
            self.plant("tree", spots, leaves, bark=bark)
        else:
            white = mix(mix(WHITE, self.skies[1], 0.2 + 0.3 * self.dark), leaf, 0.15)
            self.plant("fir", spots, [leaf], snow=white if self.has("snow") else leaf)

    def thicket(self, y: float) -> None:
        """Trees near by at both edges; at night, fireflies between them."""
        xs = np.resize((0, self.wide), 6) + self.rng.uniform(-0.08, 0.08, 6) * self.scale
        tall = self.rng.uniform(0.55, 0.8, 6) * self.scale
        self.trees(np.stack([xs, y + 0.02 * np.arange(6), tall], axis=1), 1)
        for x, v in self.spots(22 if self.dark else 0, 1, 0.4):
            self.c.glow(x, v + 0.55, 0.015, rgb("ebff96"), 0.95)

    def grow(self, name: str, many: float, y: float, tall: float, *leaves: Colour) -> None:
        """So many of a plant about `y`, about so tall."""
        xs, ys = self.spots(many, 1, 0.07).T
        sizes = tall * self.rng.uniform(0.7, 1.2, len(xs))
        self.plant(name, zip(xs, y + np.sort(ys), sizes, strict=True), leaves or (self.near,))

    def meadow(self, top: float, bloom: float) -> None:
        """Grass from `top` to our feet, with a share of flowers in it."""
        grass = [mix(self.ground, self.near, part) for part in (0.2, 0.4, 0.6)]
        for k in np.linspace(0, 1, 6) if not self.has("snow") else ():
            y = top + (1 - top) * k**1.3
            self.grow("tuft", 40 - 20 * k, y, 0.01 + 0.09 * (y - 0.5), *grass)
            for kind in ("daisy", "poppy", "tulip"):
                r = 0.006 + 0.2 * max(0, y - 0.55) ** 1.8
                self.grow(kind, (18 - 10 * k) * bloom, y, r, *self.leaves)

    def water(self, line: float, calm: float) -> None:
        """Water from `line` down: a rippled mirror of what stands above, rough (0) to calm (1)."""
        c, top = self.c, round(self.level(line) * self.c.height)
        w, h = max(8, c.size[0] // 2), max(4, (c.height - top) // 2)
        above = np.asarray(c.image.crop((0, 2 * top - c.height, c.size[0], top)).resize((w, h)))
        t = np.linspace(0, 1, h, dtype=np.float32)[:, None]
        n = (noise2(self.rng, (w, h), (2.5 * self.wide, 46), 2) - 0.5) * (0.25 + t) * (1.25 - calm)
        rows = np.clip(h - 1 - np.arange(h)[:, None] - n * h * 0.5, 0, h - 1).astype(int)
        body = ramp((mix(self.wet, self.skies[-2], 0.35), self.wet, shade(self.wet, 0.62)), t**0.7)
        keep = (0.35 + 0.5 * calm) * (1 - 0.45 * t[..., None])
        mixed = body + (above[rows, np.arange(w)] - body) * keep
        waves = image_of(mixed + n[..., None] * 60 * (1.2 - calm))
        c.image.paste(
            waves.resize((c.size[0], max(1, c.height - top)), Image.Resampling.BICUBIC), (0, top)
        )

    def weather(self) -> None:
        """Whatever falls between the picture and the eye."""
        slant, hue = self.rng.uniform(-0.25, 0.25), mix(self.haze, WHITE, 0.6)
        for long in (0.05, 0.1) if self.has("rain") else ():
            feet = self.spots(150, 1.2, 1.2) - (0.1 * self.wide, 0.1)
            drops = [strip(poly(x, y, x + slant * long, y + long), long / 40) for x, y in feet]
            self.c.fill(drops, hue, alpha=0.36)
        for many, r in ((260, 0.003), (60, 0.006), (14, 0.011)) if self.has("snow") else ():
            discs = [ellipse(x, y, r) for x, y in self.spots(many, 1, 1)]
            self.c.fill(discs, WHITE, alpha=0.8)
