"""The bytes of images: as they were produced, or smaller."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from starlette.responses import RedirectResponse, Response

from atelier_core.contracts.problems import Code, not_found
from atelier_core.domain.image import Image
from atelier_core.domain.outcome import THUMB_WIDTHS, image_key
from atelier_core.http.app import new_router
from atelier_core.http.describe import problems
from atelier_core.ports import BlobStore
from atelier_gallery import thumbs as thumbnails
from atelier_gallery.image_routes import found_in
from atelier_gallery.media import disposition, headers_of, part_of, unchanged
from atelier_gallery.ports import ImageStore
from atelier_gallery.streamed import StreamedBlob
from atelier_gallery.thumbs import Thumbs

MediaMode = Literal["proxy", "redirect"]

SIGNED_FOR = 3600  # seconds a redirect leads somewhere
_REDIRECT = f"private, max-age={SIGNED_FOR - 600}"

IfNoneMatch = Annotated[str | None, Header(include_in_schema=False)]
Bytes: dict[int | str, dict[str, Any]] = {
    200: {"description": "The bytes.", "content": {"image/*": {}}}
}


def media_routes(
    *, images: ImageStore, blobs: BlobStore, thumbs: Thumbs, mode: MediaMode
) -> APIRouter:
    router = new_router(tags=["images"])
    find = Depends(found_in(images))

    @router.get(
        "/v1/images/{image_id}/content",
        operation_id="getImageContent",
        response_class=Response,
        responses={**Bytes, **problems(Code.NOT_FOUND, Code.RANGE_NOT_SATISFIABLE)},
    )
    async def read_content(
        image: Annotated[Image, find],
        *,
        download: Annotated[bool, Query(description="Answer it as a file to save")] = False,
        wanted: Annotated[str | None, Header(alias="range", include_in_schema=False)] = None,
        if_range: Annotated[str | None, Header(include_in_schema=False)] = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """The picture as it was produced."""
        etag = f'"{image.sha256}"'
        named = {"Content-Disposition": disposition(image, download=download)}
        headers: Mapping[str, str] = {**headers_of(etag, image.content_type), **named}
        if unchanged(if_none_match, etag):
            return Response(status_code=304, headers=dict(headers))
        key = image_key(image)
        if mode == "redirect":
            filename = named["Content-Disposition"].split('"')[1] if download else None
            url = await blobs.presign(key, seconds=SIGNED_FOR, filename=filename)
            if url is not None:
                return RedirectResponse(url, 302, {"Cache-Control": _REDIRECT})
        ranged = wanted if if_range in (None, etag) else None
        part = part_of(ranged, size=image.bytes)
        return StreamedBlob(blobs, key, size=image.bytes, part=part, headers=headers)

    @router.get(
        "/v1/images/{image_id}/thumbs/{width}",
        operation_id="getImageThumb",
        response_class=Response,
        responses={**Bytes, **problems(Code.NOT_FOUND)},
    )
    async def read_thumb(
        image: Annotated[Image, find], width: str, if_none_match: IfNoneMatch = None
    ) -> Response:
        """A WebP of 320 or 960 pixels' width, derived when it is first asked for."""
        if width not in map(str, THUMB_WIDTHS):
            raise not_found("There are no thumbnails of this width")
        etag = f'"{image.sha256[:32]}-{width}"'
        headers = dict(headers_of(etag, thumbnails.TYPE))
        if unchanged(if_none_match, etag):
            return Response(status_code=304, headers=headers)
        return Response(await thumbs.get(image, int(width)), headers=headers)

    return router
