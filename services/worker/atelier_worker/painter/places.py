"""The layers of other places: sea, city, space, abstract pictures and portraits."""

import numpy as np

from atelier_worker.painter.canvas import (  # isort: skip
    WHITE, Colour, ellipse, mix, noise2, poly, ramp, rect, rgb, shade, smooth,
)  # fmt: skip
from atelier_worker.painter.land import Land, under
from atelier_worker.painter.scene import DATA


class Picture(Land):
    """Everything a picture is made of: every layer is a method that the data calls by name."""

    def lay(self, place: str) -> None:
        """Paint the layers of a place, back to front."""
        for layer in ";".join(DATA[place]).split(";"):
            name, *values = layer.split()
            getattr(self, name)(*(v if v[0].isalpha() else float(v) for v in values))

    def put(self, name: str, x: float, y: float, size: float, odds: float = 1) -> None:
        """A drawing or a variant of it; at size 1 as wide as the canvas, at x = -1 by the sun."""
        variant = str(self.rng.choice([key for key in DATA if key.startswith(name)]))
        wide, tall = (self.wide, 1.0) if size == 1 else (size * self.scale, size * self.scale)
        if self.rng.random() < odds:
            sign, x = self.rng.choice((-1, 1)), self.sun if x < 0 else x * self.wide
            self.draw(variant, np.array([x, self.level(y)]), np.array([wide * sign, tall]), {})

    def waves(self, horizon: float) -> None:
        """Swells from the horizon to our feet, nearly trochoids: steep crests, broad troughs."""
        bright = mix(self.wet, rgb("5fd0d8"), 0.3 - 0.2 * self.dark)
        horizon, rough = self.level(horizon), 1.7 if self.has("rain") else 1.0
        for t in np.linspace(0.11, 1, 9):
            line = self.skyline(horizon + (1.0 - horizon) * t**1.4, 0.02, 3)
            shift, thin = self.skyline(0, -3, 1.5)[:, 1], self.skyline(0, -1, 14)[:, 1]
            phase = line[:, 0] * (11 - 7 * t) + shift + self.rng.uniform(0, 6)
            line[:, 1] -= 0.055 * t * rough * (1 - np.abs(np.sin(phase))) ** 1.2
            deep = mix(mix(self.wet, self.skies[-2], 0.22 * (1 - t)), shade(self.wet, 0.6), t * 0.6)
            body = under(line, min(1.02, line[:, 1].max() + 0.1 + 0.06 * t))
            self.c.fill([body], mix(deep, bright, 0.75), to=deep, alpha=0.9)
            thick = (0.002 + 0.013 * t) * (0.1 + thin) * np.cos(phase) ** 2 * rough
            crest = np.concatenate([line, (line + np.outer(thick, (0, 1)))[::-1]])
            self.c.fill([crest], mix(WHITE, self.haze, 0.35), alpha=0.85)

    def towers(self, foot: float, tall: float, t: float) -> None:
        """A row of buildings, higher towards the middle, with lit windows and neon signs."""
        rng, foot, colour, x = self.rng, self.level(foot), self.depth(t), -0.03
        middle, share = self.wide * rng.uniform(0.35, 0.65), 0.45 * t
        panes = [mix(self.lamp, colour, part) for part in (0.15, 0.55)]
        quay, blocks, lights = rect(-0.1, foot - 0.006, self.wide + 0.2, 0.012), [], []
        while x < self.wide + 0.03:
            w, off = rng.uniform(0.04, 0.1) * (0.6 + tall), (x - middle) / self.wide
            h = tall * (0.35 + 0.65 * np.exp(-6 * off**2)) * rng.uniform(0.5, 1.1)
            top, roof = np.array([x, foot - h]), DATA["roofs"][rng.integers(5)].split()
            blocks += [rect(0, 0, w, h + 0.02) + top, poly(*map(float, roof)) * w + top]
            cells = rng.random((int(h / 0.0155), int((w - 0.008) / 0.0125)))
            for row, column in np.argwhere(cells < share):
                pane = rect(0.006 + column * 0.0125, 0.012 + row * 0.0155, 0.0075, 0.009) + top
                lights.append((pane, panes[rng.integers(2)]))
            x += w + rng.uniform(0, 0.01)
        self.c.fill([quay, *blocks], colour, to=mix(colour, self.haze, 0.35))
        self.c.mosaic(lights)
        for block in blocks[::2] if t == 1 and self.has("neon") else ():
            (x, y), high = block.min(axis=0), np.ptp(block[:, 1])
            tube = self.choice("lands", "tubes")[0]
            self.c.glow(x + 0.05, y + high / 2, high * 1.2, tube, 0.5)
            self.draw("sign", np.array([x + 0.03, y]), np.array([0.03, high * 0.8]), {"tube": tube})

    def galaxy(self) -> None:
        """Coloured gas, two logarithmic arms about a bright heart seen at a slant, and stars."""
        rng, (size, x, y) = self.rng, self.c.grid(384)
        u, v, turn = (x - self.wide / 2) / self.scale, (y - 0.48) / self.scale, rng.uniform(0, 3)
        u, v = u * np.cos(turn) - v * np.sin(turn), (u * np.sin(turn) + v * np.cos(turn)) * 1.9
        gas = [noise2(rng, size, (k * self.wide, k), 5) for k in (3, 3, 3, 9)]
        r, wind = np.hypot(u, v) + 1e-3, 2 * np.arctan2(v, u) + (gas[3] - 0.5) * 5
        arms = 0.5 + 0.5 * np.cos(wind - 7.5 * np.log(r + 0.06))
        glow = np.exp(-r * 5.2) * (0.15 + 1.5 * arms**2 * (0.35 + gas[3]))
        heart = np.exp(-r * 13) * 1.25 + np.clip(glow - 0.3, 0, 1) * 0.8
        clouds = [*(np.clip(n - 0.42, 0, 1) ** 1.5 * 2.6 for n in gas[:3]), glow * 2.2, heart]
        own = [*map(rgb, self.scene.colours)] or rng.permutation(self.choice("lands", "gas"))
        picture = ramp((mix(self.skies[0], rgb("03040e"), 0.7), self.skies[1]), gas[0] - 0.2)
        for cloud, hue in zip(clouds, [*np.resize(own, (4, 3)), rgb("ffeccd")], strict=True):
            picture += (hue - picture) * np.clip(cloud, 0, 0.92)[..., None]
        self.c.field(picture)
        self.stars(1)

    def abstract(self) -> None:
        """Cut paper or tiles; colours of the prompt replace the first of the set."""
        ground, *rest = self.choice("grounds", "abstract")
        for hue in map(rgb, reversed(self.scene.colours)):
            rest = [hue, shade(hue, 0.6), mix(hue, WHITE, 0.5), *rest]
        ground = mix(ground, rgb("10142c"), 0.9 if self.scene.time == "night" else 0)
        self.c.field(np.array([[ground]], np.float32))
        (self.tiles if self.scene.entropy[1] % 2 else self.paper)([ground, *rest[:4]])

    def paper(self, colours: list[Colour]) -> None:
        """Sheets of cut paper with soft shadows, one over the other, and a disc."""
        disc = smooth(ellipse(self.rng.uniform(0.25, 0.75) * self.wide, 0.27, 0.16 * self.scale))
        sheets = [under(self.skyline(0.34 + 0.14 * k, 0.3, 0.9), 1.1) for k in range(6)]
        for k, sheet in enumerate((sheets[0], disc, *sheets[1:])):
            self.c.fill([sheet - (0, 0.012)], rgb("140f1e"), alpha=0.42, soft=0.016)
            self.c.fill([sheet], colours[1 + k % 4], to=shade(colours[1 + k % 4], 0.9))

    def tiles(self, colours: list[Colour]) -> None:
        """Quarter circles, rings, bars and dots, edge to edge."""
        down = int(self.rng.choice((2, 3, 5)))
        across = max(1, round(self.wide * down))
        size = np.array([self.wide / across, 1 / down])
        for k in range(down * across):
            back, front, third, *_ = self.rng.permutation(colours)
            own = {"back": back, "front": front, "third": third}
            at, turn = size * (k // down + 0.5, k % down + 0.5), self.rng.choice((-1, 1), 2)
            self.draw(f"tile-{self.rng.integers(5)}", at, size * turn, own)

    def backdrop(self) -> None:
        """Behind a portrait: a ground with a disc, and rays or leaves about it."""
        back, disc = self.choice("grounds", "portrait")
        for hue in map(rgb, self.scene.colours[:1]):
            back, disc = hue, mix(hue, rgb("fff5e1"), 0.6)
        back = mix(back, rgb("10142c"), 0.8 if self.scene.time == "night" else 0)
        self.c.field(np.array([[back], [shade(back, 0.8)]], np.float32))
        at, size = np.array([self.wide / 2, 0.42]), np.array([self.scale, self.scale])
        self.draw(f"backdrop-{self.rng.integers(2)}", at, size, {"back": back, "disc": disc})
