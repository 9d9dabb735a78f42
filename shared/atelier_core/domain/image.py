"""An image with a life of its own: found, rated, put in the trash, purged."""

from typing import Any

from atelier_core.domain.job import Job
from atelier_core.domain.outcome import ProducedImage
from atelier_core.domain.values import Time


class Image(ProducedImage):
    """The resource of `/v1/images`; `version` grows by one with every change."""

    owner: str
    batch_id: str | None
    prompt: str
    model: str | None
    provider: str | None
    tags: tuple[str, ...] = ()
    favorite: bool = False
    rating: int | None = None
    blurhash: str | None = None
    error: str | None = None
    trashed_at: Time | None = None
    version: int = 1

    def changed(self, **changes: Any) -> "Image":
        """The next version with `changes` applied."""
        return self.model_copy(update={**changes, "version": self.version + 1})


def images_of(job: Job) -> tuple[Image, ...]:
    """Version 1 of the image documents that a snapshot of a job calls for."""
    drawn_by = {index: a for a in job.attempts if a.outcome == "succeeded" for index in a.indexes}
    return tuple(
        Image(
            **dict(produced),
            owner=job.owner,
            batch_id=job.batch.id if job.batch else None,
            prompt=job.request.prompt,
            model=attempt.model if (attempt := drawn_by.get(produced.index)) else job.model,
            provider=attempt.provider if attempt else job.provider,
            tags=job.tags,
        )
        for produced in job.images
    )
