"""Provenance as the texts that other programs read."""

import json
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

CREATED_BY_AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_A1111_NAMES = {"steps": "Steps", "guidance": "CFG scale", "quality": "Quality"}
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2
_PREFIX = b"UNICODE\0"
_SOFTWARE = b"Atelier\0"


@dataclass(frozen=True)
class Texts:
    """All that is written."""

    json: bytes
    parameters: str
    xmp: bytes
    short_xmp: Callable[[], bytes]
    """For where the prompt does not fit, which is rare."""


def a1111(fields: Mapping[str, Any]) -> str:
    """Prompt, negative prompt and one line of settings, as Stable Diffusion web UIs write them."""
    given = dict(fields["parameters"])
    settings = {shown: given.pop(name) for name, shown in _A1111_NAMES.items() if name in given}
    settings["Seed"] = fields["seed"]
    settings["Size"] = f"{fields['width']}x{fields['height']}"
    settings["Model"] = fields["model"]
    settings["Provider"] = fields["provider"]
    settings["Style"] = fields["style"]
    settings |= given
    settings["Version"] = "Atelier"
    line = ", ".join(
        f"{name}: {_quoted(value)}" for name, value in settings.items() if value is not None
    )
    negative = fields["negative_prompt"]
    middle = f"\nNegative prompt: {negative}" if negative else ""
    return f"{fields['prompt']}{middle}\n{line}".replace("\0", "\ufffd")


def _quoted(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if set(text) & set(',:"\n') else text


def xmp(fields: Mapping[str, Any]) -> bytes:
    """An XMP packet: made by a trained model (IPTC), by which, and from which prompt."""
    prompt = fields["prompt"]
    described = (
        ""
        if prompt is None
        else f"""
   <dc:description>
    <rdf:Alt><rdf:li xml:lang="x-default">{_xml(prompt)}</rdf:li></rdf:Alt>
   </dc:description>
   <Iptc4xmpExt:AIPromptInformation>{_xml(prompt)}</Iptc4xmpExt:AIPromptInformation>"""
    )
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
   <Iptc4xmpExt:DigitalSourceType>{CREATED_BY_AI}</Iptc4xmpExt:DigitalSourceType>
   <Iptc4xmpExt:AISystemUsed>{_xml(fields["model"])}</Iptc4xmpExt:AISystemUsed>
   <xmp:CreatorTool>Atelier</xmp:CreatorTool>
   <xmp:CreateDate>{fields["created_at"]}</xmp:CreateDate>{described}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode(errors="replace")


def _xml(text: str) -> str:
    """Escaped, and without the characters that XML cannot hold."""
    return escape(_NOT_IN_XML.sub("\ufffd", text))


def exif(text: str) -> bytes:
    """A TIFF block with `text` as UserComment, as A1111 writes JPEG and WebP; begins as `OUR_EXIF`.

    Layout: header, IFD0 (Software, pointer to the Exif IFD), Exif IFD (UserComment), the comment.
    """
    comment = _PREFIX + text.encode("utf-16-be", errors="replace")
    return OUR_EXIF + _ifd((0x9286, 7, len(comment), _EXIF_IFD + _IFD_SIZE)) + comment


def _ifd(*entries: tuple[int, int, int, int]) -> bytes:
    packed = b"".join(struct.pack(">HHII", *entry) for entry in entries)
    return struct.pack(">H", len(entries)) + packed + bytes(4)


_IFD_SIZE = 2 + 12 + 4  # of one entry
_SOFTWARE_AT = 8 + _IFD_SIZE + 12
_EXIF_IFD = _SOFTWARE_AT + len(_SOFTWARE)
OUR_EXIF = (
    b"MM\0*\0\0\0\x08"
    + _ifd((0x0131, 2, len(_SOFTWARE), _SOFTWARE_AT), (0x8769, 4, 1, _EXIF_IFD))
    + _SOFTWARE
)
