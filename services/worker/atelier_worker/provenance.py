"""Where a picture comes from, written into its file without touching a pixel.

| in | Atelier's JSON | for A1111-style readers | for everybody else |
|---|---|---|---|
| PNG | iTXt `atelier` | tEXt or iTXt `parameters` | iTXt `XML:com.adobe.xmp` |
| JPEG | COM `atelier…` | EXIF UserComment | APP1 XMP |
| WebP | chunk `ATLR` | EXIF UserComment | chunk `XMP ` |

What stands there under these names is replaced; all other metadata stay, an EXIF block of somebody
else included (then without our UserComment).
"""

import json
from typing import Any

from pydantic import Field, ValidationError

from atelier_core.domain.containers import BadImageError, content_type_of
from atelier_core.domain.values import Time, Value
from atelier_worker.provenance_jpeg import embed_in_jpeg, read_from_jpeg
from atelier_worker.provenance_png import embed_in_png, read_from_png
from atelier_worker.provenance_text import Texts, a1111, xmp
from atelier_worker.provenance_webp import embed_in_webp, read_from_webp

_NOT_OURS = "Only PNG, JPEG and WebP files can say where they come from."


class Provenance(Value):
    """How a picture came to be. `prompt_as_sent` is what the provider got; `model` is the
    catalogue's id, with the provider's name in it.
    """

    prompt: str
    negative_prompt: str | None = None
    prompt_as_sent: str | None = None
    model: str
    provider: str
    seed: int | None = None
    width: int
    height: int
    style: str | None = None
    parameters: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    provider_request_id: str | None = None
    job_id: str
    created_at: Time


def embed(data: bytes, provenance: Provenance) -> bytes:
    """The same picture, its pixels' bytes unchanged, with its provenance in it.

    Raises:
        BadImageError: not a PNG, JPEG or WebP file, or a damaged one.
    """
    fields: dict[str, Any] = provenance.model_dump(mode="json")
    texts = Texts(
        # Escaped to ASCII, it comes back as it was through whatever copies text between files.
        json=json.dumps(fields).encode(),
        parameters=a1111(fields),
        xmp=xmp(fields),
        short_xmp=lambda: xmp({**fields, "prompt": None}),
    )
    match content_type_of(data):
        case "image/png":
            return embed_in_png(data, texts)
        case "image/jpeg":
            return embed_in_jpeg(data, texts)
        case "image/webp":
            return embed_in_webp(data, texts)
    raise BadImageError(_NOT_OURS)


def read(data: bytes) -> Provenance | None:
    """What `embed` wrote; None if the file does not say.

    Raises:
        BadImageError: not a PNG, JPEG or WebP file, or a damaged one.
    """
    match content_type_of(data):
        case "image/png":
            text = read_from_png(data)
        case "image/jpeg":
            text = read_from_jpeg(data)
        case "image/webp":
            text = read_from_webp(data)
        case _:
            raise BadImageError(_NOT_OURS)
    try:
        return Provenance.model_validate_json(text) if text else None
    except ValidationError:
        return None
