"""Images: found, shown, downloaded, put away."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from atelier_core.contracts.problems import Code, not_found
from atelier_core.domain.image import Image
from atelier_core.domain.values import is_id, now
from atelier_core.http.app import new_router
from atelier_core.http.auth import Owner
from atelier_core.http.body import read_nothing
from atelier_core.http.describe import problems
from atelier_gallery.answers import json_answer, list_answer
from atelier_gallery.library import Library
from atelier_gallery.lists import CommonParameters, ImageList, image_filter
from atelier_gallery.ports import ImageFilter, ImageStore
from atelier_gallery.topics import is_young

MAY_BE_NEW = timedelta(days=1)  # an image's id holds the time of its job
LOOKS, BETWEEN = 4, 0.1  # seconds


def found_in(images: ImageStore) -> Callable[..., Awaitable[Image]]:
    """A dependency: the image that the path names.

    A job's end is saved a moment before its images are, so one that may be new is looked for again.
    """

    async def find(image_id: str, owner: Owner) -> Image:
        if is_id(image_id):
            looks = LOOKS if is_young(image_id, now=now(), limit=MAY_BE_NEW) else 1
            for look in range(looks):
                if look:
                    await asyncio.sleep(BETWEEN)
                image = await images.get(image_id, owner=owner)
                if image is not None:
                    return image
        raise not_found("There is no such image")

    return find


def image_routes(*, images: ImageStore, library: Library) -> APIRouter:
    router = new_router(tags=["images"])
    find = Depends(found_in(images))

    @router.get(
        "/v1/images",
        operation_id="listImages",
        response_model=ImageList,
        responses=problems(Code.INVALID_CURSOR, Code.INVALID_REQUEST, Code.UNSUPPORTED_PARAMETER),
    )
    async def list_images(
        owner: Owner,
        common: CommonParameters,
        where: Annotated[ImageFilter, Depends(image_filter)],
    ) -> Response:
        """Images by creation, newest first; those in the trash only if asked for."""
        found = await images.select(owner=owner, where=where, page=common.page(where))
        shown = (image.model_dump_json().encode() for image in found[: common.limit])
        return list_answer(shown, next_cursor=common.cursor_after(found, where))

    @router.get(
        "/v1/images/{image_id}",
        operation_id="getImage",
        response_model=Image,
        responses=problems(Code.NOT_FOUND),
    )
    async def read_image(image: Annotated[Image, find]) -> Response:
        """An image with its own life: its tags, whether it is in the trash."""
        return json_answer(image.model_dump_json())

    @router.delete(
        "/v1/images/{image_id}",
        operation_id="deleteImage",
        response_model=Image,
        responses={
            204: {"description": "Gone for good."},
            **problems(Code.NOT_FOUND, Code.JOB_NOT_DONE, Code.INVALID_REQUEST),
        },
    )
    async def delete_image(image: Annotated[Image, find], *, permanent: bool = False) -> Response:
        """Into the trash; or, with `permanent`, gone for good with its bytes."""
        if permanent:
            await library.purge(image.id, owner=image.owner)
            return Response(status_code=204)
        trashed = await library.trash(image.id, owner=image.owner)
        return json_answer(trashed.model_dump_json())

    @router.post(
        "/v1/images/{image_id}/restore",
        operation_id="restoreImage",
        response_model=Image,
        responses=problems(Code.NOT_FOUND, Code.INVALID_REQUEST),
    )
    async def restore_image(image: Annotated[Image, find], request: Request) -> Response:
        """Out of the trash."""
        await read_nothing(request)
        restored = await library.restore(image.id, owner=image.owner)
        return json_answer(restored.model_dump_json())

    return router
