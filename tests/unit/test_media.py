"""Which bytes are taken for pictures, and what is derived from them."""

import struct
import time
import zlib
from contextlib import suppress
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from atelier_core.domain.derive import blurhash, derive, thumbnail
from atelier_core.domain.media import MAX_BYTES, BadImageError, MediaInfo, inspect

FORMATS = ("PNG", "JPEG", "WEBP")


def picture(mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> Image.Image:
    width, height = size
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([x * 255 // width, y * 255 // height, (x ^ y) % 256], axis=-1)
    return Image.fromarray(rgb.astype(np.uint8)).convert(mode)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int, *, idat: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(idat)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def jpeg_of(width: int, height: int) -> bytes:
    data = bytearray(encoded(picture(), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


ANIMATED = [picture(), picture().transpose(Image.Transpose.ROTATE_180)] * 20


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_pictures_are_taken(kind: str, mode: str) -> None:
    data = encoded(picture(mode), kind)
    assert inspect(data) == MediaInfo(f"image/{kind.lower()}", 64, 48, 1)


@pytest.mark.parametrize("options", [{"lossless": True}, {"lossless": False}, {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}])  # fmt: skip
def test_every_kind_of_webp_is_taken(options: dict[str, Any]) -> None:
    assert inspect(encoded(picture("RGBA"), "WEBP", **options)).width == 64


def test_progressive_jpeg_and_trailing_bytes_are_taken() -> None:
    data = encoded(picture(), "JPEG", progressive=True)
    assert inspect(data + b"\0\0trailer").height == 48
    assert inspect(encoded(picture(), "PNG") + b"trailer").height == 48


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_few_frames_are_taken_and_many_are_not(kind: str) -> None:
    few = encoded(ANIMATED[0], kind, save_all=True, append_images=ANIMATED[1:3])
    assert inspect(few).frames == 3
    many = encoded(ANIMATED[0], kind, save_all=True, append_images=ANIMATED[1:])
    with pytest.raises(BadImageError, match="40 frames"):
        inspect(many)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "empty"),
        (b"\n <!DOCTYPE html><html><body>503", "web page"),
        (b'{"error": "no credit"}', "JSON"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (encoded(picture(), "GIF"), "another kind of picture"),
        (encoded(picture(), "BMP"), "another kind of picture"),
        (encoded(picture(), "TIFF"), "another kind of picture"),
        (b"plain text", "not a PNG, JPEG or WebP"),
        (b"\x89PNG\r\n\x1a\n", "cut off"),
        (b"\xff\xd8\xff", "cut off"),
        (b"\xff\xd8\xff\xd9\0\0", "no picture in it"),
        (b"RIFF\xff\xff\xff\xffWEBP", "cut off"),
        (b"RIFF\x04\0\0\0WEBP", "no picture in it"),
        (png_of(0, 10), "no width"),
        (png_of(50_001, 1_000), "pixels"),
        (png_of(2**31 - 1, 2**31 - 1), "pixels"),
        (jpeg_of(65_000, 65_000), "pixels"),
        (bytes(MAX_BYTES + 1), "64 MiB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_refused_and_why(data: bytes, sentence: str) -> None:
    with pytest.raises(BadImageError, match=sentence):
        inspect(data)


@pytest.mark.parametrize("kind", FORMATS)
def test_cut_off_anywhere_is_refused(kind: str) -> None:
    data = encoded(picture(), kind)
    for length in range(0, len(data), max(1, len(data) // 97)):
        with pytest.raises(BadImageError):
            inspect(data[:length])


def test_a_changed_byte_in_a_png_is_noticed() -> None:
    data = bytearray(encoded(picture(), "PNG"))
    data[len(data) // 2] ^= 0x55
    with pytest.raises(BadImageError, match="damaged"):
        inspect(bytes(data))


def test_a_small_canvas_does_not_hide_a_large_webp_frame() -> None:
    """The decoder would reserve memory for what the frame says, not for what the canvas says."""
    data = bytearray(encoded(picture("RGBA"), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"))
    at = data.index(b"VP8 ") if b"VP8 " in data else data.index(b"VP8L")
    if data[at : at + 4] == b"VP8 ":
        data[at + 14 : at + 18] = struct.pack("<HH", 16_000, 16_000)
    else:
        data[at + 9 : at + 13] = struct.pack("<I", 15_999 | 15_999 << 14)
    with pytest.raises(BadImageError, match="16000 by 16000"):
        inspect(bytes(data))


def test_a_zip_bomb_in_a_text_chunk_does_not_blow_up() -> None:
    bomb = b"Comment\0\0" + zlib.compress(bytes(200_000_000))
    data = png_of(8, 8, idat=bytes(8 * 25))
    started = time.process_time()
    with pytest.raises(BadImageError, match="damaged"):
        inspect(data[:33] + png_chunk(b"zTXt", bomb) + data[33:])
    assert time.process_time() - started < 2


def test_millions_of_parts_are_refused_at_once() -> None:
    empty = png_chunk(b"teSt", b"") * 1_000_000
    data = png_of(8, 8, idat=bytes(8 * 25))
    started = time.process_time()
    with pytest.raises(BadImageError, match="too many parts"):
        inspect(data[:33] + empty + data[33:])
    assert time.process_time() - started < 2


EXIF = Image.Exif()
EXIF[0x0112] = 6
SEEDS = [
    *(encoded(picture(), kind) for kind in FORMATS),
    encoded(picture("P"), "PNG"),
    encoded(picture("RGBA"), "WEBP", lossless=True, xmp=b"<x/>", exif=EXIF.tobytes()),
    encoded(picture(), "JPEG", progressive=True, exif=EXIF.tobytes(), dpi=(72, 72)),
    encoded(ANIMATED[0], "WEBP", save_all=True, append_images=ANIMATED[1:3]),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["flip", "cut", "insert", "repeat", "number"])):
            case "flip":
                data[at] ^= draw(st.integers(1, 255))
            case "cut" if len(data) > 20:
                del data[at : at + draw(st.integers(1, 40))]
            case "insert":
                data[at:at] = draw(st.binary(max_size=20))
            case "repeat":
                data[at:at] = data[at : at + 60]
            case _:
                data[at : at + 4] = draw(st.sampled_from([b"\xff" * 4, bytes(4), b"\0\0\0\x01"]))
        if not data:
            break
    return bytes(data)


@settings(max_examples=400, deadline=1000)
@given(mutated())
def test_damaged_files_are_refused_or_taken_never_worse(data: bytes) -> None:
    with suppress(BadImageError):
        info = inspect(data)
        assert 0 < info.width * info.height * info.frames <= 50_000_000


@settings(max_examples=100, deadline=3000)
@given(mutated())
def test_deriving_from_damaged_files_never_raises_anything_else(data: bytes) -> None:
    try:
        derived = derive(data)
    except BadImageError:
        return
    assert opened(derived.thumb_320).format == "WEBP"


# --- thumbnails


@pytest.mark.parametrize("kind", FORMATS)
def test_thumbnails_keep_the_shape(kind: str) -> None:
    thumb = opened(thumbnail(encoded(picture(size=(1600, 1200)), kind), 320))
    assert (thumb.format, thumb.size, thumb.mode) == ("WEBP", (320, 240), "RGB")
    expected = np.asarray(picture(size=(320, 240))).astype(int)
    assert np.abs(np.asarray(thumb).astype(int)[..., :2] - expected[..., :2]).mean() < 6


def test_small_pictures_are_not_blown_up() -> None:
    assert opened(thumbnail(encoded(picture(size=(100, 50))), 320)).size == (100, 50)


@pytest.mark.parametrize("size", [(20_000, 1), (1, 20_000), (300, 20_000)])
def test_extreme_shapes_have_thumbnails(size: tuple[int, int]) -> None:
    thumb = opened(thumbnail(encoded(picture(size=size)), 320))
    assert 1 <= thumb.width <= 320
    assert 1 <= thumb.height <= 1280


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", FORMATS)
def test_thumbnails_are_upright(orientation: int, kind: str) -> None:
    """Red corner: where it must be seen, by the table of the EXIF standard."""
    image = Image.new("RGB", (640, 400), "blue")
    image.paste("red", (0, 0, 160, 100))
    exif = Image.Exif()
    exif[0x0112] = orientation
    thumb = opened(thumbnail(encoded(image, kind, exif=exif.tobytes()), 320))
    across, down = thumb.size
    assert (across, down) == ((320, 200) if orientation < 5 else (320, 512))
    corner = {
        1: (0, 0),
        2: (1, 0),
        3: (1, 1),
        4: (0, 1),
        5: (0, 0),
        6: (1, 0),
        7: (1, 1),
        8: (0, 1),
    }
    for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
        red, _, blue = thumb.getpixel((12 + x * (across - 25), 12 + y * (down - 25)))  # type: ignore[misc]
        assert (red > blue) == ((x, y) == corner[orientation])


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "I;16"])
def test_every_png_mode(mode: str) -> None:
    if mode == "I;16":
        ramp = np.linspace(0, 65535, 640 * 400).reshape(400, 640)
        image = Image.fromarray(ramp.astype(np.uint16))
    else:
        image = picture("RGBA" if mode == "LA" else "RGB", (640, 400)).convert(mode)
    thumb = opened(thumbnail(encoded(image), 320)).convert("L")
    levels = np.asarray(thumb)
    assert thumb.size == (320, 200)
    assert levels.min() < 60
    assert 100 < levels.mean() < 160  # neither all black nor burnt white
    assert levels.max() > 190


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
def test_every_jpeg_mode(mode: str) -> None:
    data = encoded(picture(mode, (640, 400)), "JPEG")
    levels = np.asarray(opened(thumbnail(data, 320)).convert("L")).astype(int)
    expected = np.asarray(picture("L", (320, 200))).astype(int)
    assert np.abs(levels - expected).mean() < 12


def test_transparency_is_kept_in_thumbnails_and_white_in_the_hash() -> None:
    clear = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    derived = derive(encoded(clear))
    assert opened(derived.thumb_320).mode == "RGBA"
    assert derived.blurhash == WHITE
    palette = Image.new("P", (400, 400), 0)
    assert opened(thumbnail(encoded(palette, transparency=0), 320)).mode == "RGBA"


def test_what_does_not_decode_is_refused() -> None:
    with pytest.raises(BadImageError, match="does not decode"):
        derive(png_of(64, 64, idat=b"too short"))


def test_thumbnails_hold_no_metadata_of_the_original() -> None:
    data = encoded(picture(), "JPEG", exif=EXIF.tobytes(), comment=b"secret")
    assert b"EXIF" not in (thumb := thumbnail(data, 320))
    assert b"secret" not in thumb


# --- blurhash: vectors made by the reference implementation in C

WHITE = "L9TSUA~qfQ~q~qoffQoffQfQfQfQ"
VECTORS = [
    ((32, 32), lambda x, y: (x * 0, y * 0, 0), "L00000fQfQfQfQfQfQfQfQfQfQfQ"),
    ((32, 32), lambda x, y: (x * 0 + 255, y * 0 + 255, 255), WHITE),
    ((32, 32), lambda x, y: (x * 8, y * 8, x * y % 256), "LxH2cZ2mwtX3l[WAjve?gFflfTfl"),
    ((32, 32), lambda x, y: ((x ^ y) * 8, (x * 7 + y * 13) % 256, 255 - x * 8), "L.H2sBntevohofE*X7oLf%V^rbn*"),
    ((20, 12), lambda x, y: (x * 12, y * 20, (x + y) * 8), "LnF$Lx2%wzbtqKR.jue:f}fkfQfj"),
]  # fmt: skip


@pytest.mark.parametrize(("size", "paint", "expected"), VECTORS)
def test_blurhash_vectors(size: tuple[int, int], paint: Any, expected: str) -> None:
    y, x = np.mgrid[: size[1], : size[0]]
    pixels = np.stack(np.broadcast_arrays(*paint(x, y)), axis=-1).astype(np.uint8)
    assert blurhash(pixels) == expected


def test_the_hash_is_of_the_picture() -> None:
    red = derive(encoded(Image.new("RGB", (500, 300), "red"))).blurhash
    blue = derive(encoded(Image.new("RGB", (500, 300), "blue"))).blurhash
    assert len(red) == len(blue) == 28
    assert red != blue
