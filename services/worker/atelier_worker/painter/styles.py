"""Styles: one finished picture rendered another way, by the steps the data has for it."""

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from atelier_worker.painter.canvas import Rng, image_of, noise2
from atelier_worker.painter.scene import DATA

_BOX, _BILINEAR = Image.Resampling.BOX, Image.Resampling.BILINEAR
STYLES = dict(line.split(" ", 1) for line in DATA["finishes"])


def finish(image: Image.Image, style: str, rng: Rng) -> Image.Image:
    """The picture in a style; in no style of ours, only a little darker in its corners."""
    easel = _Easel(image, rng)
    for step in STYLES.get(style, "vignette .25").split(";"):
        name, *numbers = step.split()
        getattr(easel, name)(*map(float, numbers))
    return easel.image


class _Easel:
    """Every step is a method that changes `image`; `source` stays as it came."""

    def __init__(self, image: Image.Image, rng: Rng) -> None:
        self.image, self.source, self.rng, self.size = image, image, rng, image.size

    def colour(self, amount: float) -> None:
        self.image = ImageEnhance.Color(self.image).enhance(amount)

    def tones(self, *levels: float) -> None:
        """What dark, middle and light become: for all channels, or for red, green and blue."""
        at, three = np.arange(256), np.resize(levels, (3, 3))
        curves = [np.interp(at, (0, 128, 255), to).round() for to in three]
        self.image = self.image.point(np.concatenate(curves).tolist())

    def posterize(self, bits: float) -> None:
        self.image = ImageOps.posterize(self.image, int(bits))

    def bloom(self, part: float, least: float, gain: float) -> None:
        """Light spreads by a part of the height from what is brighter than `least`."""
        small = self.image.resize([max(4, side // 8) for side in self.size], _BOX)
        bright = small.point([max(0, v - least) * gain for v in range(256)] * 3)
        soft = bright.filter(ImageFilter.GaussianBlur(part * self.size[1] / 8))
        self.image = ImageChops.screen(self.image, soft.resize(self.size, Image.Resampling.BICUBIC))

    def vignette(self, strength: float) -> None:
        u = np.linspace(-1, 1, 64, dtype=np.float32) ** 2
        mask = image_of(np.clip((u[:, None] + u - 0.55) / 1.45, 0, 1) * strength * 255)
        self.image.paste((8, 6, 18), (0, 0), mask.resize(self.size, _BILINEAR))

    def multiply(self, layer: Image.Image) -> None:
        self.image = ImageChops.multiply(self.image, Image.merge("RGB", (layer, layer, layer)))

    def grain(self, cells: float, depth: float) -> None:
        """Cloudy grain, so many cells down the picture."""
        w, h = (max(8, side // 2) for side in self.size)
        n = noise2(self.rng, (w, h), (cells * w / h, cells), 2)
        self.multiply(image_of(255 - np.abs(n - 0.5) * 510 * depth).resize(self.size, _BILINEAR))

    def lines(self, part: float, gain: float, least: float, most: float = 255) -> None:
        """Lines where neighbouring tones of the source differ: `least` there, `most` elsewhere."""
        grey = self.source.convert("L").filter(ImageFilter.GaussianBlur(part * self.size[1]))
        w, steps = max(1, round(self.size[1] * 0.0016)), []
        for x, y in ((w, 0), (0, w)):
            ahead, behind = ImageChops.offset(grey, x, y), ImageChops.offset(grey, -x, -y)
            steps.append(ImageChops.difference(ahead, behind))
        slope = gain if least > most else -gain
        fade = [sorted((least, most + (v - 5) * slope, most))[1] for v in range(256)]
        self.multiply(ImageChops.add(steps[0], steps[1]).point(fade))

    def night(self) -> None:
        """Behind what shines: the source, dark."""
        shining, self.image = self.image, self.source
        self.tones(10, 40, 70, 4, 26, 48, 26, 66, 105)
        self.image = ImageChops.screen(self.image, shining)

    def paper(self) -> None:
        """White shows where pigment ran thin, and about a ragged edge."""
        n, u = noise2(self.rng, (96, 96), (4, 4)), np.linspace(0, 1, 96, dtype=np.float32)
        rim = np.minimum(u, 1 - u)
        ragged = np.clip((np.minimum(rim[:, None], rim) - 0.03 - (n.T - 0.5) * 0.06) * 40, 0, 1)
        keep = image_of(ragged * (255 - np.clip((n - 0.45) * 420, 0, 150)))
        sheet = Image.new("RGB", self.size, (251, 248, 240))
        self.image = Image.composite(self.image, sheet, keep.resize(self.size, _BILINEAR))

    def pixels(self, across: float) -> None:
        cell = max(2, round(min(self.size) / across))
        small = self.image.resize([max(8, side // cell) for side in self.size], _BOX)
        few = small.quantize(28, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        self.image = few.convert("RGB").resize(self.size, Image.Resampling.NEAREST)

    def daubs(self, size: float) -> None:
        """Dabs of thick paint, in relief."""
        rough = np.asarray(self.image.resize([max(8, side // 3) for side in self.size], _BOX))
        noise = self.rng.normal(0, 12, (*rough.shape[:2], 1))
        dabs = image_of(rough + noise).filter(ImageFilter.MedianFilter(int(size)))
        relief = ImageOps.autocontrast(dabs.convert("L").filter(ImageFilter.EMBOSS), 2)
        lit = ImageChops.soft_light(dabs, relief.convert("RGB"))
        self.image = lit.resize(self.size, Image.Resampling.BICUBIC)

    def triangles(self, across: float) -> None:
        nx, ny = (round(side / min(self.size) * across) + 1 for side in self.size)
        at = np.stack(np.meshgrid(np.linspace(0, 1, nx), np.linspace(0, 1, ny)), axis=-1)
        at[1:-1, 1:-1] += self.rng.uniform(-0.4, 0.4, (ny - 2, nx - 2, 2)) / (nx, ny)
        a, b, c, d = at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]
        ends = np.stack([np.stack([a, b, d], 2), np.stack([b, c, d], 2)]).reshape(-1, 3, 2)
        small, draw = self.image.resize((nx * 4, ny * 4), _BOX), ImageDraw.Draw(self.image)
        x, y = (ends.mean(axis=1) * small.size).astype(int).T
        points = (ends * self.size).reshape(-1, 6).tolist()
        for corners, colour in zip(points, np.asarray(small)[y, x].tolist(), strict=True):
            draw.polygon(corners, fill=tuple(colour))

    def frame(self, high: float, wide: float, *colour: float) -> None:
        page = Image.new("RGB", self.size, tuple(map(int, colour)))
        x, y = round(wide * self.size[0]), round(high * self.size[1])
        page.paste(self.image.crop((x, y, self.size[0] - x, self.size[1] - y)), (x, y))
        self.image = page
