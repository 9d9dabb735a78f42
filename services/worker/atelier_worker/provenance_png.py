"""Provenance in PNG: text chunks after the header."""

import struct
import zlib

from atelier_core.domain.containers import PNG_MAGIC, Part, png_chunks
from atelier_worker.provenance_text import Texts

_OURS = "atelier"
_A1111 = "parameters"
_XMP = "XML:com.adobe.xmp"
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_REPLACED = frozenset(name.encode() for name in (_OURS, _A1111, _XMP))
_UNCOMPRESSED = b"\0\0"
_LONGEST_NAME = 79


def embed_in_png(data: bytes, texts: Texts) -> bytes:
    """The file with our chunks after IHDR and without earlier ones of their names."""
    parts = [PNG_MAGIC]
    for chunk in png_chunks(data):
        if chunk.kind not in _TEXTS or _name(data, chunk) not in _REPLACED:
            parts.append(data[chunk.start : chunk.end])
        if chunk.kind == b"IHDR":
            parts += [
                _text(_A1111, texts.parameters),
                _itxt(_OURS, texts.json),
                _itxt(_XMP, texts.xmp),
            ]
    parts.append(data[chunk.end :])
    return b"".join(parts)


def read_from_png(data: bytes) -> bytes | None:
    for chunk in png_chunks(data):
        if chunk.kind == b"iTXt" and _name(data, chunk) == _OURS.encode():
            flags = chunk.body + len(_OURS) + 1
            if data[flags : flags + 2] != _UNCOMPRESSED:
                return None
            # Language and translated name, both ended by NUL, stand before the text.
            return data[flags + 2 : chunk.tail].split(b"\0", 2)[-1]
    return None


def _name(data: bytes, chunk: Part) -> bytes:
    return data[chunk.body : min(chunk.tail, chunk.body + _LONGEST_NAME + 1)].partition(b"\0")[0]


def _text(name: str, text: str) -> bytes:
    """Latin-1 where it can be, for old readers; else UTF-8."""
    try:
        return _chunk(b"tEXt", name.encode() + b"\0" + text.encode("latin-1"))
    except UnicodeEncodeError:
        return _itxt(name, text.encode(errors="replace"))


def _itxt(name: str, text: bytes) -> bytes:
    return _chunk(b"iTXt", name.encode() + b"\0" + _UNCOMPRESSED + b"\0\0" + text)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", zlib.crc32(kind + body))
