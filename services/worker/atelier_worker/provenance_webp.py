"""Provenance in WebP: chunks after the picture."""

import struct

from atelier_core.domain.containers import BadImageError, webp_chunks, webp_frame_size
from atelier_worker.provenance_text import OUR_EXIF, Texts, exif

_OURS = b"ATLR"
_FLAG_ALPHA, _FLAG_EXIF, _FLAG_XMP = 0x10, 0x08, 0x04
_LOSSLESS_ALPHA = 0x10  # in the fifth byte of a VP8L chunk
_EXIF_PREFIX = b"Exif\0\0"  # some writers put it, wrongly, before the block


def embed_in_webp(data: bytes, texts: Texts) -> bytes:
    """The file in its extended form (VP8X), with EXIF, XMP and our chunk at the end."""
    header: bytes | None = None
    kept: list[bytes] = []
    others: list[bytes] = []
    foreign_exif: bytes | None = None
    for chunk in webp_chunks(data):
        body = data[chunk.body : chunk.tail]
        if chunk.kind == b"VP8X":
            header = body
        elif chunk.kind == b"EXIF":
            if not body.removeprefix(_EXIF_PREFIX).startswith(OUR_EXIF):
                foreign_exif = body
        elif chunk.kind in {b"VP8 ", b"VP8L", b"ICCP", b"ANIM", b"ANMF", b"ALPH"}:
            header = header or _extended(chunk.kind, body[:10])
            kept.append(_chunk(chunk.kind, body))
        elif chunk.kind not in {b"XMP ", _OURS}:
            others.append(_chunk(chunk.kind, body))
    if header is None or len(header) < 10:  # noqa: PLR2004 - length of a VP8X
        raise BadImageError("The WebP file is damaged.")
    flags = header[0] | _FLAG_EXIF | _FLAG_XMP
    chunks = [
        _chunk(b"VP8X", bytes((flags,)) + header[1:]),
        *kept,
        _chunk(b"EXIF", foreign_exif or exif(texts.parameters)),
        _chunk(b"XMP ", texts.xmp),
        *others,
        _chunk(_OURS, texts.json),
    ]
    content = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def read_from_webp(data: bytes) -> bytes | None:
    for chunk in webp_chunks(data):
        if chunk.kind == _OURS:
            return data[chunk.body : chunk.tail]
    return None


def _extended(kind: bytes, head: bytes) -> bytes | None:
    """The VP8X header of a file that had none."""
    size = webp_frame_size(kind, head)
    if size is None:
        return None
    alpha = kind == b"VP8L" and bool(head[4] & _LOSSLESS_ALPHA)
    width, height = (side - 1 for side in size)
    return (
        bytes((_FLAG_ALPHA if alpha else 0, 0, 0, 0))
        + width.to_bytes(3, "little")
        + height.to_bytes(3, "little")
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
