"""Thumbnails and blurhashes. Slow (tens of milliseconds): called in a process of its own."""

from dataclasses import dataclass
from io import BytesIO
from math import ceil, pi

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from atelier_core.domain.media import READERS, BadImageError, inspect

SMALL = 320
_TALLEST = 4  # times the width: no thumbnail of a tower is a megapixel
_QUALITY = 80
_METHOD = 0  # a third of the time of method 4 for a tenth more bytes
_GRID = 32  # pixels a side that the blurhash is made of
_COMPONENTS = (4, 3)
_DARK = 0.04045  # up to there sRGB is linear
_ORIENTATION = 0x0112  # EXIF
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = frozenset(_TURNS[value] for value in (5, 6, 7, 8))
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"


@dataclass(frozen=True)
class Derived:
    """`thumb_320` is a WebP file at most 320 pixels wide."""

    thumb_320: bytes
    blurhash: str


def derive(data: bytes) -> Derived:
    """What the gallery shows before and instead of the picture.

    Raises:
        BadImageError: it is no picture we take, or it does not decode.
    """
    small = _shrunk(data, SMALL)
    grid = _flat(small).resize((_GRID, _GRID), Image.Resampling.BOX)
    return Derived(thumb_320=_webp(small), blurhash=blurhash(np.asarray(grid)))


def thumbnail(data: bytes, width: int) -> bytes:
    """A WebP file at most `width` pixels wide, never larger than the picture, turned upright.

    Raises:
        BadImageError: it is no picture we take, or it does not decode.
    """
    return _webp(_shrunk(data, width))


def blurhash(pixels: NDArray[np.uint8]) -> str:
    """The hash (blurha.sh, 4 by 3 components) of sRGB pixels of shape (height, width, 3)."""
    across, down = _COMPONENTS
    height, width, _ = pixels.shape
    share = pixels / 255.0
    bent = ((share + 0.055) / 1.055) ** 2.4
    linear = np.where(share <= _DARK, share / 12.92, bent)
    wave_x = np.cos(pi * np.outer(np.arange(across), np.arange(width)) / width)
    wave_y = np.cos(pi * np.outer(np.arange(down), np.arange(height)) / height)
    factors = np.einsum("jy,ix,yxc->jic", wave_y, wave_x, linear) / (width * height)
    factors *= 2.0
    factors[0, 0] /= 2.0
    mean, waves = factors[0, 0], factors.reshape(-1, 3)[1:]

    peak = float(np.abs(waves).max())
    scale = max(0, min(82, int(peak * 166 - 0.5)))
    limit = (scale + 1) / 166
    rooted = np.sign(waves) * np.sqrt(np.abs(waves) / limit)
    steps = np.clip(np.floor(rooted * 9 + 9.5), 0, 18).astype(int)
    red, green, blue = (_srgb(float(value)) for value in mean)
    return (
        _base83((across - 1) + (down - 1) * 9, 1)
        + _base83(scale, 1)
        + _base83((red << 16) + (green << 8) + blue, 4)
        + "".join(_base83(int(r * 361 + g * 19 + b), 2) for r, g, b in steps)
    )


def _srgb(linear: float) -> int:
    linear = max(0.0, min(1.0, linear))
    dark = linear <= _DARK / 12.92
    return int((linear * 12.92 if dark else 1.055 * linear ** (1 / 2.4) - 0.055) * 255 + 0.5)


def _base83(value: int, length: int) -> str:
    return "".join(_DIGITS[value // 83**place % 83] for place in reversed(range(length)))


def _shrunk(data: bytes, width: int) -> Image.Image:
    """The picture decoded, upright, in RGB or RGBA, at most `width` wide."""
    info = inspect(data)
    try:
        with READERS[info.content_type](BytesIO(data)) as opened:
            turn = _TURNS.get(_orientation(opened))
            scale = min(1.0, width / (info.height if turn in _ON_ITS_SIDE else info.width))
            tall = info.width if turn in _ON_ITS_SIDE else info.height
            scale = min(scale, width * _TALLEST / tall)
            target = (ceil(info.width * scale), ceil(info.height * scale))
            opened.draft("RGB", (target[0] * 2, target[1] * 2))
            picture = _plain(opened)
            if picture.size != target:
                picture = picture.resize(target, Image.Resampling.LANCZOS, reducing_gap=2.0)
            return picture if turn is None else picture.transpose(turn)
    except MemoryError as exc:
        raise BadImageError("The picture needs too much memory to decode.") from exc
    except Exception as exc:
        # Decoders raise whatever they stumble on; all of it is about these bytes.
        raise BadImageError("The picture does not decode.") from exc


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - damaged metadata are no reason to show nothing
        return 1


def _plain(picture: Image.Image) -> Image.Image:
    """In 8 bits a channel, RGB, or RGBA if anything in it is transparent."""
    if picture.mode == "I;16":  # converting clips at 255: nearly everything would be white
        levels: NDArray[np.uint16] = np.asarray(picture)
        picture = Image.fromarray((levels >> 8).astype(np.uint8))
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    return picture.convert("RGB")


def _flat(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    under = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(under, picture).convert("RGB")


def _webp(picture: Image.Image) -> bytes:
    out = BytesIO()
    clean = picture.copy()
    clean.info = {}
    clean.save(out, "WEBP", quality=_QUALITY, method=_METHOD)
    return out.getvalue()
