"""What styles are made of (curves, glow, grain, edges), and the bytes of a file."""

from io import BytesIO
from typing import Literal

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from atelier_worker.painter.canvas import Rng, noise2

Picture = Image.Image
BILINEAR, BICUBIC = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC


def grey(layer: Picture) -> Picture:
    """One channel as three, to blend with colours."""
    return Image.merge("RGB", (layer, layer, layer))


def curve(image: Picture, *tables: tuple[tuple[float, ...], tuple[float, ...]]) -> Picture:
    """Tone curves per channel: one for all, or three."""
    lut = [round(float(v)) for at, to in tables for v in np.interp(np.arange(256), at, to)]
    return image.point(lut * (3 // len(tables)))


def blur(image: Picture, part: float) -> Picture:
    """A wide blur, made small and cheap: `part` of the height."""
    w, h = image.size
    small = image.resize((max(4, w // 8), max(4, h // 8)), Image.Resampling.BOX)
    return small.filter(ImageFilter.GaussianBlur(part * h / 8)).resize(image.size, BICUBIC)


def bloom(image: Picture, strength: float) -> Picture:
    bright = curve(blur(image, 0.02), ((0, 120, 255), (0, 0, 255 * strength)))
    return ImageChops.screen(image, bright)


def vignette(image: Picture, strength: float) -> Picture:
    n = 64
    u = np.linspace(-1, 1, n)
    d = np.clip((u[:, None] ** 2 + u[None, :] ** 2 - 0.55) / 1.45, 0, 1) * strength * 255
    mask = Image.fromarray(d.astype(np.uint8)).resize(image.size, BILINEAR)
    dark = Image.new("RGB", image.size, (8, 6, 18))
    image.paste(dark, (0, 0), mask)
    return image


def texture(image: Picture, rng: Rng, cells: float, amount: float) -> Picture:
    """Multiply by cloudy grain; `cells` down the picture."""
    w, h = image.size
    small = (max(8, w // 2), max(8, h // 2))
    n = noise2(rng, small, (cells * w / h, cells), 3)
    grain = np.clip(255 - np.abs(n - 0.5) * 2 * 255 * amount, 0, 255).astype(np.uint8)
    layer = Image.fromarray(grain).resize(image.size, BILINEAR)
    return ImageChops.multiply(image, grey(layer))


def wobble(image: Picture, rng: Rng, cells: float, reach: float) -> Picture:
    """Move every pixel a little, as a brush would: `reach` of the height at most."""
    w, h = image.size
    grid = (max(8, w // 4), max(8, h // 4))
    shift = []
    for _ in range(2):
        n = Image.fromarray(noise2(rng, grid, (cells * w / h, cells), 2) - 0.5)
        shift.append((np.asarray(n.resize((w, h), BILINEAR)) * 2 * reach * h).astype(np.int32))
    rows = np.clip(np.arange(h)[:, None] + shift[0], 0, h - 1)
    columns = np.clip(np.arange(w)[None, :] + shift[1], 0, w - 1)
    packed = np.asarray(image.convert("RGBX")).view(np.uint32)[..., 0]
    moved = np.ascontiguousarray(packed[rows, columns]).view(np.uint8).reshape(h, w, 4)
    return Image.fromarray(np.ascontiguousarray(moved[..., :3]))


def edges(image: Picture, part: float, gain: float) -> Picture:
    """Dark lines (L, white ground) where neighbouring tones differ."""
    grey = image.convert("L").filter(ImageFilter.GaussianBlur(part * image.height))
    w = max(1, round(image.height * 0.0016))
    arr = np.asarray(grey, np.int16)
    gx = np.abs(np.roll(arr, -w, 1) - np.roll(arr, w, 1))
    gy = np.abs(np.roll(arr, -w, 0) - np.roll(arr, w, 0))
    gx[:, :w], gx[:, -w:], gy[:w], gy[-w:] = 0, 0, 0, 0
    lines = np.clip(255 - (gx + gy - 5) * gain, 0, 255)
    return Image.fromarray(lines.astype(np.uint8))


def lifted(image: Picture, floor: int) -> Picture:
    return image.point([floor + v * (255 - floor) // 255 for v in range(256)])


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
