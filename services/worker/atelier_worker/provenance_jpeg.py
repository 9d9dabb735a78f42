"""Provenance in JPEG: segments before the picture."""

import struct

from atelier_core.domain.containers import jpeg_segments
from atelier_worker.provenance_text import OUR_EXIF, Texts, exif

_APP0, _APP1, _COM = b"\xe0", b"\xe1", b"\xfe"
_OURS = b"atelier\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXIF = b"Exif\0\0"
_MOST = 65_533  # bytes in one segment


def embed_in_jpeg(data: bytes, texts: Texts) -> bytes:
    """The file with our segments after JFIF and EXIF, where readers look for them."""
    first: list[bytes] = []  # JFIF and EXIF must come first, in this order
    others: list[bytes] = []
    foreign_exif = False
    for segment in jpeg_segments(data):
        content = data[segment.body : segment.body + 100]
        whole = data[segment.start : segment.end]
        if segment.kind == _APP1 and content.startswith(_EXIF):
            if not content.startswith(_EXIF + OUR_EXIF):
                foreign_exif = True
                first.append(whole)
        elif segment.kind == _APP0 and not others:
            first.append(whole)
        elif not (
            (segment.kind == _APP1 and content.startswith(_XMP))
            or (segment.kind == _COM and content.startswith(_OURS))
        ):
            others.append(whole)
    ours: list[bytes] = []
    user_comment = _EXIF + exif(texts.parameters)
    if not foreign_exif and len(user_comment) <= _MOST:
        ours.append(_segment(_APP1, user_comment))
    fits = len(_XMP) + len(texts.xmp) <= _MOST
    ours.append(_segment(_APP1, _XMP + (texts.xmp if fits else texts.short_xmp())))
    piece = _MOST - len(_OURS)
    ours += [
        _segment(_COM, _OURS + texts.json[at : at + piece])
        for at in range(0, len(texts.json), piece)
    ]
    return b"".join([data[:2], *first, *ours, *others, data[segment.end :]])


def read_from_jpeg(data: bytes) -> bytes | None:
    pieces = [
        data[segment.body + len(_OURS) : segment.tail]
        for segment in jpeg_segments(data)
        if segment.kind == _COM and data.startswith(_OURS, segment.body)
    ]
    return b"".join(pieces) or None


def _segment(marker: bytes, content: bytes) -> bytes:
    return b"\xff" + marker + struct.pack(">H", len(content) + 2) + content
