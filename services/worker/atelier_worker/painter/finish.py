"""How a picture is rendered in the end: styles, and the bytes of a file."""

from collections.abc import Callable
from io import BytesIO
from typing import Literal

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from atelier_worker.painter.canvas import Canvas, Rng, noise2
from atelier_worker.painter.palette import Field

Picture = Image.Image
_BILINEAR, _BICUBIC = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC


def _pixels(image: Picture) -> Field:
    return np.asarray(image, np.float32)


def _image(pixels: Field) -> Picture:
    return Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))


def _curve(image: Picture, *tables: tuple[tuple[float, ...], tuple[float, ...]]) -> Picture:
    """Tone curves per channel: one for all, or three."""
    lut = [round(float(v)) for at, to in tables for v in np.interp(np.arange(256), at, to)]
    return image.point(lut * (3 // len(tables)))


def _blur(image: Picture, part: float) -> Picture:
    """A wide blur, made small and cheap: `part` of the height."""
    w, h = image.size
    small = image.resize((max(4, w // 8), max(4, h // 8)), Image.Resampling.BOX)
    return small.filter(ImageFilter.GaussianBlur(part * h / 8)).resize(image.size, _BICUBIC)


def _bloom(image: Picture, strength: float) -> Picture:
    bright = _curve(_blur(image, 0.02), ((0, 120, 255), (0, 0, 255 * strength)))
    return ImageChops.screen(image, bright)


def vignette(image: Picture, strength: float) -> Picture:
    n = 64
    u = np.linspace(-1, 1, n)
    d = np.clip((u[:, None] ** 2 + u[None, :] ** 2 - 0.55) / 1.45, 0, 1) * strength * 255
    mask = Image.fromarray(d.astype(np.uint8)).resize(image.size, _BILINEAR)
    dark = Image.new("RGB", image.size, (8, 6, 18))
    image.paste(dark, (0, 0), mask)
    return image


def _texture(image: Picture, rng: Rng, cells: float, amount: float) -> Picture:
    """Multiply by cloudy grain; `cells` down the picture."""
    w, h = image.size
    small = (max(8, w // 2), max(8, h // 2))
    n = noise2(rng, small, (cells * w / h, cells), 3)
    grain = np.clip(255 - np.abs(n - 0.5) * 2 * 255 * amount, 0, 255).astype(np.uint8)
    layer = Image.fromarray(grain).resize(image.size, _BILINEAR)
    return ImageChops.multiply(image, Image.merge("RGB", (layer,) * 3))


def _wobble(image: Picture, rng: Rng, cells: float, reach: float) -> Picture:
    """Move every pixel a little, as a brush would: `reach` of the height at most."""
    w, h = image.size
    grid = (max(8, w // 4), max(8, h // 4))
    shift = []
    for _ in range(2):
        n = Image.fromarray(noise2(rng, grid, (cells * w / h, cells), 2) - 0.5)
        shift.append((np.asarray(n.resize((w, h), _BILINEAR)) * 2 * reach * h).astype(np.int32))
    rows = np.clip(np.arange(h)[:, None] + shift[0], 0, h - 1)
    columns = np.clip(np.arange(w)[None, :] + shift[1], 0, w - 1)
    packed = np.asarray(image.convert("RGBX")).view(np.uint32)[..., 0]
    moved = np.ascontiguousarray(packed[rows, columns]).view(np.uint8).reshape(h, w, 4)
    return Image.fromarray(np.ascontiguousarray(moved[..., :3]))


def _edges(image: Picture, part: float, gain: float) -> Picture:
    """Dark lines (L, white ground) where neighbouring tones differ."""
    grey = image.convert("L").filter(ImageFilter.GaussianBlur(part * image.height))
    w = max(1, round(image.height * 0.0016))
    arr = np.asarray(grey, np.int16)
    gx = np.abs(np.roll(arr, -w, 1) - np.roll(arr, w, 1))
    gy = np.abs(np.roll(arr, -w, 0) - np.roll(arr, w, 0))
    gx[:, :w], gx[:, -w:], gy[:w], gy[-w:] = 0, 0, 0, 0
    lines = np.clip(255 - (gx + gy - 5) * gain, 0, 255)
    return Image.fromarray(lines.astype(np.uint8))


def photographic(image: Picture, rng: Rng) -> Picture:
    image = _bloom(image, 0.35)
    curve = (0, 64, 128, 192, 255), (6, 54, 130, 204, 252)
    return vignette(_texture(_curve(image, curve), rng, 220, 0.1), 0.35)


def cinematic(image: Picture, _: Rng) -> Picture:
    teal = (
        ((0, 90, 255), (0, 78, 255)),
        ((0, 128, 255), (8, 124, 240)),
        ((0, 128, 255), (30, 132, 205)),
    )
    image = vignette(_curve(_bloom(image, 0.4), *teal), 0.5)
    w, h = image.size
    bar = round(min(h * 0.11, max(h * 0.05, (h - w / 2.39) / 2)))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, w, bar), fill=(4, 4, 6))
    draw.rectangle((0, h - bar, w, h), fill=(4, 4, 6))
    return image


def watercolor(image: Picture, rng: Rng) -> Picture:
    w, h = image.size
    soft = _wobble(image, rng, 14, 0.012).filter(ImageFilter.MedianFilter(5))
    light = _curve(ImageEnhance.Color(soft).enhance(1.1), ((0, 255), (48, 255)))
    rim = Image.merge("RGB", (_curve_l(_edges(soft, 0.003, 3.0), 150),) * 3)
    wash = _texture(_texture(ImageChops.multiply(light, rim), rng, 5, 0.5), rng, 90, 0.18)
    sheet = np.ones((96, 96), np.float32)
    u = np.linspace(0, 1, 96, dtype=np.float32)
    edge = np.minimum(np.minimum(u, 1 - u)[:, None], np.minimum(u, 1 - u)[None, :])
    sheet = np.clip((edge - 0.028 - (noise2(rng, (96, 96), (9, 9), 3) - 0.5) * 0.07) * 40, 0, 1)
    mask = Image.fromarray((sheet * 255).astype(np.uint8)).resize((w, h), _BICUBIC)
    return Image.composite(wash, Image.new("RGB", (w, h), (250, 246, 238)), mask)


def _curve_l(image: Picture, floor: int) -> Picture:
    return image.point([floor + v * (255 - floor) // 255 for v in range(256)])


def oil(image: Picture, rng: Rng) -> Picture:
    w, h = image.size
    short = min(w, h)
    base = ImageEnhance.Color(image).enhance(1.25).filter(ImageFilter.ModeFilter(3))
    small = base.resize((max(8, w * 256 // short), max(8, h * 256 // short)), Image.Resampling.BOX)
    colours = np.asarray(small)
    gh, gw = colours.shape[:2]
    grey = np.asarray(small.convert("L").filter(ImageFilter.GaussianBlur(4)), np.float32)
    gy, gx = np.gradient(grey)
    angle = np.arctan2(gy, gx) + np.pi / 2
    canvas = Canvas(w, h)
    canvas.image = base.filter(ImageFilter.GaussianBlur(h * 0.004))
    draw = ImageDraw.Draw(canvas.image)
    for long, thick, count in ((0.05, 0.016, 1500), (0.026, 0.009, 4200), (0.013, 0.005, 4200)):
        at = rng.random((count, 2))
        col, row = (at[:, 0] * gw).astype(int), (at[:, 1] * gh).astype(int)
        tone = np.clip(colours[row, col] + rng.normal(0, 7, (count, 1)), 0, 255).astype(int)
        a = angle[row, col] + rng.normal(0, 0.25, count)
        dx, dy = np.cos(a) * long * short / 2, np.sin(a) * long * short / 2
        x, y = at[:, 0] * w, at[:, 1] * h
        ends = np.stack([x - dx, y - dy, x + dx, y + dy], axis=1).tolist()
        for line, colour in zip(ends, tone.tolist(), strict=True):
            draw.line(line, fill=tuple(colour), width=max(1, round(thick * short)))
    painted = canvas.image.filter(ImageFilter.SMOOTH)
    relief = painted.convert("L").filter(ImageFilter.EMBOSS)
    return ImageChops.soft_light(painted, Image.merge("RGB", (relief,) * 3))


def ink(image: Picture, rng: Rng) -> Picture:
    grey = ImageOps.autocontrast(_wobble(image, rng, 20, 0.006).convert("L"), cutoff=2)
    wash = grey.filter(ImageFilter.MedianFilter(5)).point(
        [min(255, 70 + (v // 52) * 46) for v in range(256)]
    )
    lines = _edges(image, 0.002, 9.0)
    tone = ImageChops.multiply(wash.filter(ImageFilter.GaussianBlur(image.height * 0.002)), lines)
    paper = ImageOps.colorize(tone, (24, 24, 34), (246, 240, 226), mid=(122, 120, 124))
    return _texture(paper, rng, 60, 0.12)


def line_art(image: Picture, _: Rng) -> Picture:
    tint = ImageEnhance.Color(image).enhance(0.8)
    pale = _curve(tint, ((0, 255), (236, 254)))
    lines = _edges(image, 0.0015, 14.0)
    return ImageChops.multiply(pale, Image.merge("RGB", (_curve_l(lines, 30),) * 3))


def pixel_art(image: Picture, _: Rng) -> Picture:
    w, h = image.size
    cell = max(2, round(min(w, h) / 112))
    small = image.resize((max(8, w // cell), max(8, h // cell)), Image.Resampling.BOX)
    small = ImageEnhance.Contrast(ImageEnhance.Color(small).enhance(1.3)).enhance(1.1)
    few = small.quantize(28, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return few.convert("RGB").resize((w, h), Image.Resampling.NEAREST)


def pastel(image: Picture, rng: Rng) -> Picture:
    soft = _curve(ImageEnhance.Color(image).enhance(0.75), ((0, 128, 255), (92, 188, 255)))
    warm = _curve(soft, ((0, 255), (8, 255)), ((0, 255), (0, 250)), ((0, 255), (6, 250)))
    return _texture(warm, rng, 150, 0.22)


def neon(image: Picture, _: Rng) -> Picture:
    colour = ImageEnhance.Color(_blur(image, 0.004)).enhance(2.6)
    glowing = _curve(colour, ((0, 60, 255), (50, 110, 255)))
    lines = ImageOps.invert(_edges(image, 0.0018, 12.0))
    tubes = ImageChops.multiply(glowing, Image.merge("RGB", (lines,) * 3))
    halo = _curve(_blur(tubes, 0.012), ((0, 90, 255), (0, 200, 255)))
    dim = _curve(
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
    grained = _texture(_texture(_curve(faded, *curves), rng, 200, 0.2), rng, 4, 0.15)
    framed = vignette(grained, 0.55)
    edge = round(min(image.size) * 0.03)
    return ImageOps.expand(
        framed.crop((edge, edge, image.width - edge, image.height - edge)), edge, (240, 228, 204)
    )


def low_poly(image: Picture, rng: Rng) -> Picture:
    w, h = image.size
    step = min(w, h) / 26
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
    cel = _curve(
        ImageOps.posterize(flat.filter(ImageFilter.MedianFilter(3)), 4),
        ((0, 128, 240), (14, 146, 255)),
    )
    mixed = Image.blend(flat, cel, 0.65)
    lines = _curve_l(_edges(image, 0.001, 5.0), 90)
    return _bloom(ImageChops.multiply(mixed, Image.merge("RGB", (lines,) * 3)), 0.4)


STYLES: dict[str, Callable[[Picture, Rng], Picture]] = {
    "photographic": photographic, "cinematic": cinematic, "watercolor": watercolor,
    "oil-painting": oil, "ink": ink, "line-art": line_art, "pixel-art": pixel_art,
    "pastel": pastel, "neon": neon, "vintage": vintage, "low-poly": low_poly, "anime": anime,
}  # fmt: skip


def encode(image: Picture, output_format: Literal["png", "jpeg", "webp"]) -> bytes:
    """The bytes of a file: the same for the same pixels, on the same version of the codecs."""
    out = BytesIO()
    if output_format == "png":
        image.save(out, "PNG", compress_level=4)
    elif output_format == "jpeg":
        image.save(out, "JPEG", quality=90)
    else:
        image.save(out, "WEBP", quality=88, method=2)
    return out.getvalue()
