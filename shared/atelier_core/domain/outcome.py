"""How a job ends, and what it leaves."""

from enum import StrEnum
from typing import Literal

from pydantic import computed_field

from atelier_core.domain.values import Time, Value

THUMB_WIDTHS = (320, 960)
EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    FAILED = "failed"
    BLOCKED = "blocked"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def done(self) -> bool:
        """Whether a job in this status can change no more."""
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.RETRYING)


class JobError(Value):
    """Why a job or an attempt did not succeed: a stable code and a sentence for people."""

    code: str
    detail: str
    retryable: bool = False


class ProducedImage(Value):
    """One stored picture, as it was produced; it never changes."""

    id: str
    object: Literal["image"] = "image"
    job_id: str
    index: int
    seed: int | None
    width: int
    height: int
    content_type: str
    bytes: int
    sha256: str
    created_at: Time

    @computed_field  # type: ignore[prop-decorator]
    @property
    def content_url(self) -> str:
        return f"/v1/images/{self.id}/content"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def thumb_urls(self) -> dict[str, str]:
        return {str(width): f"/v1/images/{self.id}/thumbs/{width}" for width in THUMB_WIDTHS}


class Outcome(Value):
    """The end of a job: written once into its run record, first writer wins."""

    status: JobStatus
    error: JobError | None = None
    images: tuple[ProducedImage, ...] = ()
    at: Time


def image_key(image: ProducedImage) -> str:
    """Where the picture's bytes are: the name holds the content, so two results never collide."""
    extension = EXTENSIONS.get(image.content_type, "bin")
    return f"jobs/{image.job_id}/images/{image.index}-{image.sha256[:16]}.{extension}"


def thumb_key(image: ProducedImage, width: int) -> str:
    """Where the WebP thumbnail of `width` pixels is, once derived."""
    return f"jobs/{image.job_id}/thumbs/{image.index}-{image.sha256[:16]}-{width}.webp"
