"""Which bytes are a picture we take. Decided by their structure; no pixel is decoded."""

from dataclasses import dataclass
from io import BytesIO

from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from atelier_core.domain.containers import (
    BadImageError,
    content_type_of,
    jpeg_segments,
    png_chunks,
    webp_chunks,
    webp_frame_size,
)

__all__ = [
    "MAX_BYTES",
    "MAX_FRAMES",
    "MAX_PIXELS",
    "READERS",
    "BadImageError",
    "MediaInfo",
    "inspect",
]

MAX_BYTES = 64 * 1024 * 1024
MAX_PIXELS = 50_000_000
MAX_FRAMES = 8

# The classes themselves, not `Image.open`: it would look for other formats inside these.
READERS: dict[str, type[ImageFile]] = {
    "image/png": PngImageFile,
    "image/jpeg": JpegImageFile,
    "image/webp": WebPImageFile,
}
_NOT_FRAMES = frozenset({0xC4, 0xC8, 0xCC})  # among the JPEG markers 0xC0 to 0xCF


@dataclass(frozen=True)
class MediaInfo:
    """What the header says; `width` and `height` in pixels as stored (before any rotation)."""

    content_type: str
    width: int
    height: int
    frames: int


def inspect(data: bytes) -> MediaInfo:
    """The type and size of a picture we take: PNG, JPEG or WebP, whole, within the limits.

    Raises:
        BadImageError: it is none; the sentence says why.
    """
    if not data:
        raise BadImageError("There is no picture: the data are empty.")
    if len(data) > MAX_BYTES:
        raise BadImageError(f"The picture is larger than {MAX_BYTES >> 20} MiB.")
    kind = content_type_of(data)
    if kind is None:
        raise BadImageError(_what_it_is(data[:512]))
    width, height, frames = {
        "image/png": _png,
        "image/jpeg": _jpeg,
        "image/webp": _webp,
    }[kind](data)
    if width < 1 or height < 1:
        raise BadImageError("The picture has no width or no height.")
    if width * height * frames > MAX_PIXELS:
        raise BadImageError(
            f"The picture has {width} by {height} pixels"
            f"{f' in {frames} frames' if frames > 1 else ''}; {MAX_PIXELS:,} are the most."
        )
    if frames > MAX_FRAMES:
        raise BadImageError(f"The picture has {frames} frames; {MAX_FRAMES} are the most.")
    _second_opinion(kind, data, (width, height))
    return MediaInfo(kind, width, height, frames)


def _what_it_is(head: bytes) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "This is a web page, not a picture."
    if text.startswith((b"{", b"[")):
        return "This is JSON, not a picture."
    if text.startswith((b"<?xml", b"<svg")):
        return "This is XML or SVG; only PNG, JPEG and WebP are taken."
    if head.startswith((b"GIF8", b"BM", b"II*\0", b"MM\0*")) or head[4:8] == b"ftyp":
        return "This is another kind of picture; only PNG, JPEG and WebP are taken."
    return "This is not a PNG, JPEG or WebP picture."


def _png(data: bytes) -> tuple[int, int, int]:
    width = height = 0
    frames, pixels = 1, False
    for chunk in png_chunks(data):
        body = data[chunk.body : min(chunk.tail, chunk.body + 13)]
        if chunk.kind == b"IHDR" and len(body) == 13:  # noqa: PLR2004 - length of an IHDR
            width, height = int.from_bytes(body[:4]), int.from_bytes(body[4:8])
        elif chunk.kind == b"acTL" and not pixels:
            frames = max(1, int.from_bytes(body[:4]))
        pixels = pixels or chunk.kind == b"IDAT"
    if not pixels:
        raise BadImageError("The PNG file has no picture in it.")
    return width, height, frames


def _jpeg(data: bytes) -> tuple[int, int, int]:
    width = height = 0
    for segment in jpeg_segments(data):
        marker = segment.kind[0]
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:  # noqa: PLR2004 - SOF0 to SOF15
            head = data[segment.body : min(segment.tail, segment.body + 5)]
            height, width = int.from_bytes(head[1:3]), int.from_bytes(head[3:5])
    if data.rfind(b"\xff\xd9", segment.end) < 0:
        raise BadImageError("The JPEG file is cut off.")
    return width, height, 1


def _webp(data: bytes) -> tuple[int, int, int]:
    size: tuple[int, int] | None = None
    frames, pixels = 0, False
    for chunk in webp_chunks(data):
        if chunk.kind in {b"VP8X", b"VP8L", b"VP8 "}:
            found = webp_frame_size(chunk.kind, data[chunk.body : min(chunk.tail, chunk.body + 10)])
            if found is None:
                raise BadImageError("The WebP file is damaged.")
            # Each frame counts: a small canvas must not hide a large picture.
            size = max(size or found, found, key=lambda wh: wh[0] * wh[1])
            pixels = pixels or chunk.kind != b"VP8X"
        frames += chunk.kind == b"ANMF"
    if size is None or not (pixels or frames):
        raise BadImageError("The WebP file has no picture in it.")
    return *size, max(1, frames)


def _second_opinion(kind: str, data: bytes, size: tuple[int, int]) -> None:
    """What Pillow would refuse when the thumbnail is made is refused here already."""
    try:
        with READERS[kind](BytesIO(data)) as picture:
            found = picture.size
            picture.verify()
    except Exception as exc:
        # Pillow raises whatever its parsers stumble on; all of it is about these bytes.
        raise BadImageError(f"The {kind[6:].upper()} file is damaged.") from exc
    if found != size:
        raise BadImageError("The file gives two sizes for one picture.")
