"""Styles: one finished picture rendered another way."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from atelier_worker.painter.canvas import Rng, noise2
from atelier_worker.painter.finish import (
    BICUBIC,
    Picture,
    bloom,
    blur,
    curve,
    edges,
    grey,
    lifted,
    texture,
    vignette,
    wobble,
)  # fmt: skip


def photographic(image: Picture, rng: Rng) -> Picture:
    film = (0, 64, 128, 192, 255), (6, 54, 130, 204, 252)
    return vignette(texture(curve(bloom(image, 0.35), film), rng, 220, 0.1), 0.35)


def cinematic(image: Picture, _: Rng) -> Picture:
    teal = (
        ((0, 90, 255), (0, 78, 255)),
        ((0, 128, 255), (8, 124, 240)),
        ((0, 128, 255), (30, 132, 205)),
    )
    image = vignette(curve(bloom(image, 0.4), *teal), 0.5)
    w, h = image.size
    bar = round(min(h * 0.11, max(h * 0.05, (h - w / 2.39) / 2)))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, w, bar), fill=(4, 4, 6))
    draw.rectangle((0, h - bar, w, h), fill=(4, 4, 6))
    return image


def watercolor(image: Picture, rng: Rng) -> Picture:
    w, h = image.size
    soft = wobble(image, rng, 14, 0.012).filter(ImageFilter.BoxBlur(h * 0.0015))
    light = curve(ImageEnhance.Color(soft).enhance(1.35), ((0, 120, 255), (62, 176, 255)))
    rims = ImageChops.multiply(light, grey(lifted(edges(soft, 0.002, 3.0), 165)))
    # Where pigment ran thin the paper shows.
    n = noise2(rng, (96, 96), (4, 4), 4)
    thin = Image.fromarray((np.clip(n - 0.45, 0, 1) * 420).clip(0, 150).astype(np.uint8))
    paper = Image.new("RGB", (w, h), (251, 248, 240))
    wash = Image.composite(paper, rims, thin.resize((w, h), BICUBIC))
    u = np.linspace(0, 1, 96, dtype=np.float32)
    margin = np.minimum(u, 1 - u)
    ragged = np.minimum(margin[:, None], margin) - 0.03 - (n.T - 0.5) * 0.06
    mask = Image.fromarray((np.clip(ragged * 40, 0, 1) * 255).astype(np.uint8))
    sheet = Image.composite(wash, paper, mask.resize((w, h), BICUBIC))
    return texture(sheet, rng, 90, 0.12)


def oil(image: Picture, rng: Rng) -> Picture:
    """Strokes along the contours, from broad to fine, on a picture of half the size."""
    w, h = max(8, image.width * 5 // 8), max(8, image.height * 5 // 8)
    canvas = ImageEnhance.Color(image.resize((w, h), Image.Resampling.BOX)).enhance(1.25)
    colours, short = np.asarray(canvas), min(w, h)
    calm = canvas.convert("L").resize((max(4, w // 4), max(4, h // 4)), Image.Resampling.BOX)
    gy, gx = np.gradient(np.asarray(calm.filter(ImageFilter.GaussianBlur(3)), np.float32))
    angle = np.arctan2(gy, gx) + np.pi / 2
    draw = ImageDraw.Draw(canvas)
    for long, thick, count in ((0.05, 0.016, 1500), (0.028, 0.009, 3800), (0.014, 0.006, 3800)):
        x, y = rng.random(count) * w, rng.random(count) * h
        col, row = x.astype(int), y.astype(int)
        tone = np.clip(colours[row, col] + rng.normal(0, 7, (count, 1)), 0, 255).astype(int)
        near = np.minimum(row // 4, angle.shape[0] - 1), np.minimum(col // 4, angle.shape[1] - 1)
        a = angle[near] + rng.normal(0, 0.25, count)
        dx, dy = np.cos(a) * long * short / 2, np.sin(a) * long * short / 2
        ends = np.stack([x - dx, y - dy, x + dx, y + dy], axis=1).tolist()
        for line, colour in zip(ends, tone.tolist(), strict=True):
            draw.line(line, fill=tuple(colour), width=max(1, round(thick * short)))
    relief = canvas.convert("L").filter(ImageFilter.EMBOSS)
    return ImageChops.soft_light(canvas, grey(relief)).resize(image.size, BICUBIC)


def ink(image: Picture, rng: Rng) -> Picture:
    grey = ImageOps.autocontrast(wobble(image, rng, 20, 0.006).convert("L"), cutoff=2)
    wash = grey.filter(ImageFilter.MedianFilter(5)).point(
        [min(255, 112 + (v // 52) * 42) for v in range(256)]
    )
    lines = edges(image, 0.002, 9.0)
    tone = ImageChops.multiply(wash.filter(ImageFilter.GaussianBlur(image.height * 0.002)), lines)
    paper = ImageOps.colorize(tone, (24, 24, 34), (246, 240, 226), mid=(122, 120, 124))
    return texture(paper, rng, 60, 0.12)


def line_art(image: Picture, _: Rng) -> Picture:
    tint = ImageEnhance.Color(image).enhance(0.8)
    pale = curve(tint, ((0, 255), (236, 254)))
    lines = edges(image, 0.0015, 14.0)
    return ImageChops.multiply(pale, grey(lifted(lines, 30)))


def pixel_art(image: Picture, _: Rng) -> Picture:
    w, h = image.size
    cell = max(2, round(min(w, h) / 112))
    small = image.resize((max(8, w // cell), max(8, h // cell)), Image.Resampling.BOX)
    small = ImageEnhance.Contrast(ImageEnhance.Color(small).enhance(1.3)).enhance(1.1)
    few = small.quantize(28, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return few.convert("RGB").resize((w, h), Image.Resampling.NEAREST)


def pastel(image: Picture, rng: Rng) -> Picture:
    soft = curve(ImageEnhance.Color(image).enhance(0.75), ((0, 128, 255), (92, 188, 255)))
    warm = curve(soft, ((0, 255), (8, 255)), ((0, 255), (0, 250)), ((0, 255), (6, 250)))
    return texture(warm, rng, 150, 0.22)


def neon(image: Picture, _: Rng) -> Picture:
    colour = ImageEnhance.Color(blur(image, 0.004)).enhance(2.6)
    glowing = curve(colour, ((0, 60, 255), (50, 110, 255)))
    lines = ImageOps.invert(edges(image, 0.0018, 12.0))
    tubes = ImageChops.multiply(glowing, grey(lines))
    halo = curve(blur(tubes, 0.012), ((0, 90, 255), (0, 200, 255)))
    dim = curve(
        ImageEnhance.Color(image).enhance(1.5),
        *(((0, 255), (v, t)) for v, t in ((10, 70), (4, 48), (26, 105))),
    )
    return ImageChops.screen(ImageChops.screen(dim, halo), tubes)


def vintage(image: Picture, rng: Rng) -> Picture:
    faded = ImageEnhance.Color(image).enhance(0.45)
    curves = (
        ((0, 128, 255), (52, 150, 250)),
        ((0, 128, 255), (38, 128, 232)),
        ((0, 128, 255), (34, 98, 188)),
    )
    grained = texture(texture(curve(faded, *curves), rng, 200, 0.2), rng, 4, 0.15)
    framed = vignette(grained, 0.55)
    edge = round(min(image.size) * 0.03)
    return ImageOps.expand(
        framed.crop((edge, edge, image.width - edge, image.height - edge)), edge, (240, 228, 204)
    )


def low_poly(image: Picture, rng: Rng) -> Picture:
    w, h = image.size
    step = min(w, h) / 38
    nx, ny = round(w / step) + 1, round(h / step) + 1
    gx, gy = np.meshgrid(np.linspace(0, w, nx), np.linspace(0, h, ny))
    jitter = rng.uniform(-0.42, 0.42, (2, ny, nx)) * step
    jitter[0, :, [0, -1]] = 0
    jitter[1, [0, -1], :] = 0
    points = np.stack([gx + jitter[0], gy + jitter[1]], axis=-1)
    small = image.resize((max(4, w // 4), max(4, h // 4)), Image.Resampling.BOX)
    tones = np.asarray(small.filter(ImageFilter.MedianFilter(5)))
    out = Image.new("RGB", (w, h))
    draw = ImageDraw.Draw(out)
    for row in range(ny - 1):
        for col in range(nx - 1):
            a, b, c, d = (
                points[row, col],
                points[row, col + 1],
                points[row + 1, col + 1],
                points[row + 1, col],
            )
            halves = ((a, b, c), (a, c, d)) if (row + col) % 2 else ((a, b, d), (b, c, d))
            for k, corners in enumerate(halves):
                x, y = np.mean(corners, axis=0)
                tone = tones[
                    min(int(y / 4), tones.shape[0] - 1), min(int(x / 4), tones.shape[1] - 1)
                ]
                fill = tuple(int(min(255, v * (0.96 + 0.09 * k))) for v in tone)
                draw.polygon([tuple(p) for p in corners], fill=fill)
    return ImageEnhance.Color(out).enhance(1.15)


def anime(image: Picture, _: Rng) -> Picture:
    flat = ImageEnhance.Color(image).enhance(1.45)
    cel = curve(
        ImageOps.posterize(flat.filter(ImageFilter.MedianFilter(3)), 4),
        ((0, 128, 240), (14, 146, 255)),
    )
    mixed = Image.blend(flat, cel, 0.65)
    lines = lifted(edges(image, 0.001, 5.0), 90)
    return bloom(ImageChops.multiply(mixed, grey(lines)), 0.4)


STYLES: dict[str, Callable[[Picture, Rng], Picture]] = {
    "photographic": photographic, "cinematic": cinematic, "watercolor": watercolor,
    "oil-painting": oil, "ink": ink, "line-art": line_art, "pixel-art": pixel_art,
    "pastel": pastel, "neon": neon, "vintage": vintage, "low-poly": low_poly, "anime": anime,
}  # fmt: skip
