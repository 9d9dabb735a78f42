"""Provenance goes into the file and comes back, and the picture stays what it was."""

import json
import re
import struct
import zlib
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from atelier_core.domain.containers import jpeg_segments, png_chunks, webp_chunks
from atelier_core.domain.media import BadImageError, inspect
from atelier_worker.provenance import Provenance, embed, read

FORMATS = ("PNG", "JPEG", "WEBP")
TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
NS = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "iptc": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}
PLAIN = Provenance(
    prompt="a red fox, in snow",
    negative_prompt="blurry, text",
    prompt_as_sent="a red fox, in snow, watercolor",
    model="demo/painter-1",
    provider="demo",
    seed=4242,
    width=64,
    height=48,
    style="watercolor",
    parameters={"steps": 20, "guidance": 7.5, "hd": True, "note": 'a, "b": c'},
    provider_request_id="req_1",
    job_id="0190b7c4-0000-7000-8000-000000000000",
    created_at=datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
)


def picture(mode: str = "RGB") -> Image.Image:
    y, x = np.mgrid[:48, :64]
    rgb = np.stack([x * 4, y * 5, (x ^ y) % 256], axis=-1).astype(np.uint8)
    return Image.fromarray(rgb).convert(mode)


def encoded(kind: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    out = BytesIO()
    picture(mode).save(out, kind, **options)
    return out.getvalue()


def pixels(data: bytes) -> list[tuple[str, bytes]]:
    image = Image.open(BytesIO(data))
    frames = []
    for frame in range(getattr(image, "n_frames", 1)):
        image.seek(frame)
        frames.append((image.mode, image.tobytes()))
    return frames


def compressed(data: bytes) -> bytes:
    """The bytes that the pixels are stored in, found without Pillow and without our writers."""
    if data.startswith(b"\x89PNG"):
        return b"".join(re.findall(rb"IDAT.*?(?=....IEND)", data, re.DOTALL))
    if data.startswith(b"\xff\xd8"):
        return data[data.index(b"\xff\xda") :]
    at = re.search(rb"VP8[ L]", data)
    assert at
    size = struct.unpack_from("<I", data, at.end())[0]
    return data[at.start() : at.end() + 4 + size]


def packet(data: bytes) -> ET.Element:
    image = Image.open(BytesIO(data))
    image.load()
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    assert found is not None
    text = found.decode() if isinstance(found, bytes) else found
    return ET.fromstring(text.strip("\ufeff\0"))


def a1111_of(data: bytes) -> str:
    image = Image.open(BytesIO(data))
    if image.format == "PNG":
        return str(image.info["parameters"])
    comment = image.getexif().get_ifd(0x8769)[0x9286]
    assert comment.startswith(b"UNICODE\0")
    return str(comment[8:].decode("utf-16-be"))


def parse_a1111(text: str) -> tuple[str, str, dict[str, str]]:
    """As the readers of that form do it: the last line holds the settings."""
    *lines, last = text.strip().split("\n")
    settings = re.findall(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)', last)
    assert len(settings) >= 3
    prompt, _, negative = "\n".join(lines).partition("\nNegative prompt: ")
    return prompt, negative, dict(settings)


@pytest.mark.parametrize("kind", FORMATS)
def test_it_comes_back_and_the_pixels_stay(kind: str) -> None:
    before = encoded(kind)
    after = embed(before, PLAIN)
    assert read(before) is None
    assert read(after) == PLAIN
    assert pixels(after) == pixels(before)
    assert compressed(after) == compressed(before)
    assert inspect(after) == inspect(before)
    assert len(after) < len(before) + 4500


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "P", {"transparency": 0}),
        ("PNG", "RGBA", {}),
        ("PNG", "L", {}),
        ("PNG", "1", {}),
        ("JPEG", "L", {}),
        ("JPEG", "CMYK", {}),
        ("JPEG", "RGB", {"progressive": True, "optimize": True}),
        ("WEBP", "RGB", {"lossless": True}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("WEBP", "RGBA", {}),
    ],
)
def test_every_kind_of_file(kind: str, mode: str, options: dict[str, Any]) -> None:
    before = encoded(kind, mode, **options)
    after = embed(before, PLAIN)
    assert read(after) == PLAIN
    assert pixels(after) == pixels(before)


def test_transparency_survives_the_new_webp_header() -> None:
    out = BytesIO()
    image = picture("RGBA")
    image.putalpha(picture("L"))
    image.save(out, "WEBP", lossless=True)
    after = embed(out.getvalue(), PLAIN)
    assert pixels(after) == pixels(out.getvalue())
    assert Image.open(BytesIO(after)).mode == "RGBA"


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animations_keep_their_frames(kind: str) -> None:
    frames = [picture(), ImageOps.invert(picture())]
    out = BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], lossless=True)
    after = embed(out.getvalue(), PLAIN)
    assert len(pixels(after)) == 2
    assert pixels(after) == pixels(out.getvalue())
    assert read(after) == PLAIN


@pytest.mark.parametrize("kind", FORMATS)
def test_everybody_can_see_that_it_is_made(kind: str) -> None:
    root = packet(embed(encoded(kind), PLAIN))
    assert [e.text for e in root.iter(f"{{{NS['iptc']}}}DigitalSourceType")] == [TRAINED]
    assert [e.text for e in root.iter(f"{{{NS['iptc']}}}AISystemUsed")] == ["demo/painter-1"]
    assert [e.text for e in root.iter(f"{{{NS['iptc']}}}AIPromptInformation")] == [PLAIN.prompt]
    assert [e.text for e in root.iterfind(".//dc:description//rdf:li", NS)] == [PLAIN.prompt]
    assert [e.text for e in root.iter(f"{{{NS['xmp']}}}CreateDate")] == ["2026-01-02T03:04:05.678Z"]


@pytest.mark.parametrize("kind", FORMATS)
def test_stable_diffusion_readers_understand_it(kind: str) -> None:
    prompt, negative, settings = parse_a1111(a1111_of(embed(encoded(kind), PLAIN)))
    assert (prompt, negative) == (PLAIN.prompt, PLAIN.negative_prompt)
    assert settings == {
        "Steps": "20",
        "CFG scale": "7.5",
        "Seed": "4242",
        "Size": "64x48",
        "Model": "demo/painter-1",
        "Provider": "demo",
        "Style": "watercolor",
        "hd": "True",
        "note": json.dumps('a, "b": c'),
        "Version": "Atelier",
    }


def test_what_is_not_known_is_not_said() -> None:
    bare = PLAIN.model_copy(
        update={"negative_prompt": None, "seed": None, "style": None, "parameters": {}}
    )
    prompt, negative, settings = parse_a1111(a1111_of(embed(encoded(), bare)))
    assert (prompt, negative) == (PLAIN.prompt, "")
    assert list(settings) == ["Size", "Model", "Provider", "Version"]


HOSTILE = [
    '<script>alert("1")</script> & ]]> <?xpacket end="w"?> </rdf:RDF> %s {0} ${x}',
    "a\nNegative prompt: b\nSteps: 1, Sampler: x, Seed: 2",
    "emoji 🦊👩‍👩‍👧‍👦🏳️‍🌈 and Zürich",
    "שועל אדום في الثلج \u202ereversed\u202c",
    "controls \x01\x02\x1b[31m\x7f\x85\t\r\n end",
    "../../etc/passwd\\..\\x",
    "🦊" * 4000,
    "&" * 4000,
    "\x01" * 4000,
    "\ufffe\uffff\ufeff\u2028",
    "é" * 4000,
]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("prompt", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_prompts(kind: str, prompt: str) -> None:
    hostile = PLAIN.model_copy(
        update={"prompt": prompt, "negative_prompt": prompt[::-1], "prompt_as_sent": prompt + "!"}
    )
    before = encoded(kind)
    after = embed(before, hostile)
    assert read(after) == hostile
    assert pixels(after) == pixels(before)
    assert inspect(after) == inspect(before)
    root = packet(after)  # well-formed, whatever was typed
    assert [e.text for e in root.iter(f"{{{NS['iptc']}}}DigitalSourceType")] == [TRAINED]
    Image.open(BytesIO(after)).getexif()


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FORMATS), st.text(min_size=1, max_size=200), st.text(max_size=50))
def test_any_text_comes_back(kind: str, prompt: str, model: str) -> None:
    any_text = PLAIN.model_copy(update={"prompt": prompt, "model": model})
    after = embed(encoded(kind), any_text)
    assert read(after) == any_text
    packet(after)


@pytest.mark.parametrize("kind", FORMATS)
def test_writing_again_replaces(kind: str) -> None:
    once = embed(encoded(kind), PLAIN)
    other = PLAIN.model_copy(update={"prompt": "another", "prompt_as_sent": None, "seed": 1})
    twice = embed(once, other)
    assert read(twice) == other
    assert b"red fox" not in twice
    assert "red fox".encode("utf-16-be") not in twice
    assert embed(twice, PLAIN) == once


def test_a_png_of_another_program_keeps_the_rest() -> None:
    def text(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    data = encoded("PNG", dpi=(300, 300))
    theirs = (
        text(b"tEXt", b"parameters\0old parameters")
        + text(b"zTXt", b"atelier\0\0" + zlib.compress(b"old"))
        + text(b"tEXt", b"workflow\0keep me")
        + text(b"caBX", b"a manifest of the provider")
    )
    after = embed(data[:33] + theirs + data[33:], PLAIN)
    names = [
        after[c.body : c.tail].split(b"\0")[0]
        for c in png_chunks(after)
        if c.kind[1:] in {b"EXt", b"TXt"}
    ]
    assert sorted(names) == [b"XML:com.adobe.xmp", b"atelier", b"parameters", b"workflow"]
    assert b"old parameters" not in after
    assert b"a manifest of the provider" in after
    assert Image.open(BytesIO(after)).info["dpi"][0] == pytest.approx(300, abs=0.1)
    assert read(after) == PLAIN


@pytest.mark.parametrize("kind", FORMATS)
def test_foreign_exif_and_colour_profiles_stay(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "An Artist"
    before = encoded(kind, exif=exif.tobytes(), icc_profile=b"profile" * 50)
    after = Image.open(BytesIO(embed(before, PLAIN)))
    assert after.getexif()[0x0112] == 6
    assert after.getexif()[0x013B] == "An Artist"
    assert after.info["icc_profile"] == b"profile" * 50
    assert read(embed(before, PLAIN)) == PLAIN


def test_jpeg_segments_stand_where_readers_look() -> None:
    data = encoded("JPEG", comment=b"a comment of theirs", icc_profile=b"x" * 100_000)
    after = embed(data, PLAIN)
    kinds = [segment.kind for segment in jpeg_segments(after)]
    assert kinds[:4] == [b"\xe0", b"\xe1", b"\xe1", b"\xfe"]
    assert b"a comment of theirs" in after
    assert Image.open(BytesIO(after)).info["icc_profile"] == b"x" * 100_000


def test_webp_chunks_stand_in_the_order_of_the_format() -> None:
    kinds = [chunk.kind for chunk in webp_chunks(embed(encoded("WEBP"), PLAIN))]
    assert kinds == [b"VP8X", b"VP8 ", b"EXIF", b"XMP ", b"ATLR"]


@pytest.mark.parametrize("data", [b"", b"<html>", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\x04\0\0\0WEBP"])  # fmt: skip
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(BadImageError):
        embed(data, PLAIN)


@pytest.mark.parametrize("kind", FORMATS)
def test_what_others_wrote_under_our_name_is_nothing(kind: str) -> None:
    after = embed(encoded(kind), PLAIN).replace(b'"prompt": "a', b'"prompt": {a')
    assert read(after) is None


@settings(max_examples=300, deadline=1000)
@given(st.sampled_from(FORMATS), st.data())
def test_damaged_files_never_raise_anything_else(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(embed(encoded(kind), PLAIN))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    for act in (read, lambda bytes_: embed(bytes_, PLAIN)):
        try:
            act(bytes(damaged[: data.draw(st.integers(1, len(damaged)))]))
        except BadImageError as error:
            assert str(error)  # noqa: PT017 - either is fine, nothing else is
