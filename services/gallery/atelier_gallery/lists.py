"""Lists: what may be asked of them, and the cursors that carry on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends, Query
from pydantic import AwareDatetime, BaseModel, StringConstraints

from atelier_core.contracts.catalogue import catalogue
from atelier_core.contracts.problems import Code, FieldError, Problem
from atelier_core.domain.image import Image
from atelier_core.domain.job import Job
from atelier_core.domain.outcome import JobStatus
from atelier_core.domain.values import is_id
from atelier_core.http.headers import decode_cursor, encode_cursor
from atelier_gallery.ports import ImageFilter, JobFilter, Page, Place
from atelier_gallery.words import words_of

PAGE, MOST = 50, 100
NO_WORD = "∅"  # what is not found in any text
ALTERNATIVES = 100  # values of one parameter

D = TypeVar("D", Job, Image)

_Text = Annotated[str, StringConstraints(max_length=200)]
Texts = Annotated[tuple[_Text, ...], Query(max_length=ALTERNATIVES)]
Flags = Annotated[tuple[bool, ...], Query(max_length=2)]
Instant = Annotated[AwareDatetime | None, Query(description="RFC 3339")]


class JobList(BaseModel):
    """A page of jobs; `next_cursor` is null on the last one."""

    object: Literal["list"] = "list"
    items: list[Job]
    next_cursor: str | None


class ImageList(BaseModel):
    """A page of images; `next_cursor` is null on the last one."""

    object: Literal["list"] = "list"
    items: list[Image]
    next_cursor: str | None


class Common:
    """The parameters that both lists have."""

    def __init__(
        self,
        *,
        limit: Annotated[int, Query(ge=1, le=MOST)] = PAGE,
        cursor: Annotated[str | None, Query(max_length=500)] = None,
        order: Literal["desc", "asc"] = "desc",
        tag: Texts = (),
        model: Texts = (),
        provider: Texts = (),
        batch: Texts = (),
        character: Texts = (),
        created_after: Instant = None,
        created_before: Instant = None,
    ) -> None:
        if character:
            detail = "This version does not have it yet."
            raise Problem(
                Code.UNSUPPORTED_PARAMETER,
                f"?character: {detail}",
                errors=(FieldError("?character", detail),),
            )
        self.limit, self.cursor, self.ascending = limit, cursor, order == "asc"
        self.filters: dict[str, Any] = {
            "tags": tag,
            "models": tuple(name for asked in model for name in _model_names(asked)),
            "providers": provider,
            "batches": batch,
            "created_after": created_after,
            "created_before": created_before,
        }

    def page(self, where: JobFilter | ImageFilter) -> Page:
        """Where the cursor says that the last page ended; one more tells whether there is a next.

        Raises:
            Problem: invalid_cursor.
        """
        after = None
        if self.cursor is not None:
            created_at, name = decode_cursor(self.cursor, self._mark(where), parts=2)
            after = _place(created_at, name)
        return Page(limit=self.limit + 1, after=after, ascending=self.ascending)

    def cursor_after(self, found: Sequence[D], where: JobFilter | ImageFilter) -> str | None:
        """For the page after this one, `found` having one more than it shows if there is one."""
        if len(found) <= self.limit:
            return None
        last = found[self.limit - 1]
        position = (round(last.created_at.timestamp() * 1000), last.id)
        return encode_cursor(position, self._mark(where))

    def _mark(self, where: JobFilter | ImageFilter) -> Mapping[str, Any]:
        return {"of": type(where).__name__, "ascending": self.ascending, **asdict(where)}


CommonParameters = Annotated[Common, Depends()]


def job_filter(
    common: CommonParameters, *, status: Annotated[tuple[JobStatus, ...], Query()] = ()
) -> JobFilter:
    return JobFilter(**common.filters, statuses=status)


def image_filter(
    common: CommonParameters,
    *,
    job: Texts = (),
    q: Annotated[str | None, Query(max_length=400, description="Words of the prompt")] = None,
    trashed: Flags = (),
    favorite: Flags = (),
) -> ImageFilter:
    words = words_of(q or "")
    if q and not q.isspace() and not words:
        words = (NO_WORD,)
    return ImageFilter(
        **common.filters,
        jobs=job,
        words=words,
        trashed=trashed or (False,),
        favorite=favorite,
    )


def _model_names(asked: str) -> tuple[str, ...]:
    """`asked` itself, and if it is an alias, the models that may have drawn for it."""
    return (asked, *(model.id for model in catalogue().models if asked in model.aliases))


def _place(created_at: Any, name: Any) -> Place:
    try:
        place = Place(datetime.fromtimestamp(created_at / 1000, UTC), str(name))
    except (TypeError, ValueError, OverflowError, OSError):
        place = None
    if place is None or not is_id(place.id):
        raise Problem(Code.INVALID_CURSOR, "This cursor is not of this list and these filters.")
    return place
