"""What a caller wants drawn, and the record of its acceptance."""

from enum import StrEnum
from math import sqrt
from typing import Literal

from pydantic import Field

from atelier_core.domain.values import Time, Value, seed_of

DEFAULT_DEADLINE = 24 * 3600  # seconds a job may take from its acceptance
MAX_DEADLINE = 7 * 24 * 3600  # the most that may be asked for
DEFAULT_SIZE = (1024, 1024)


class Priority(StrEnum):
    NORMAL = "normal"
    BACKGROUND = "background"


class Lane(StrEnum):
    """Two queues, so that a thousand pictures for one never keep another's single one waiting."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


class Fallback(StrEnum):
    """Who may draw when the first choice cannot: nobody, the same model elsewhere, anybody."""

    NONE = "none"
    SAME_MODEL = "same_model"
    ANY = "any"


class OnBlocked(StrEnum):
    """What follows when a provider's moderation refuses the prompt."""

    STOP = "stop"
    TRY_NEXT = "try_next"


class ProviderChoice(Value):
    """Whom to ask, by provider name. What is in neither `order` nor `deny` comes after `order`.

    `fallback` null: as the model was named (see `contracts.chain`).
    """

    order: tuple[str, ...] = ()
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    fallback: Fallback | None = None
    on_blocked: OnBlocked = OnBlocked.STOP


class ImageRequest(Value):
    """The parameters as accepted, defaults filled in. Limits are checked where HTTP comes in."""

    prompt: str
    negative_prompt: str | None = None
    n: int = 1
    size: str | None = None
    aspect_ratio: str | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    style: str | None = None
    quality: str | None = None
    output_format: Literal["png", "jpeg", "webp"] = "png"
    model: str = "auto"
    providers: ProviderChoice | None = None
    priority: Priority = Priority.NORMAL
    start_deadline: int | None = None
    deadline: int | None = None

    def dimensions(self) -> tuple[int, int]:
        """Width and height in pixels: the size, or about a megapixel of the aspect ratio."""
        if self.size:
            width, height = self.size.split("x")
            return int(width), int(height)
        if self.aspect_ratio:
            across, down = (int(part) for part in self.aspect_ratio.split(":"))
            area = DEFAULT_SIZE[0] * DEFAULT_SIZE[1]
            return (
                max(64, round(sqrt(area * across / down) / 64) * 64),
                max(64, round(sqrt(area * down / across) / 64) * 64),
            )
        return DEFAULT_SIZE


class BatchRef(Value):
    """A job's place in the submission it came with."""

    id: str
    index: int
    size: int


class RequestWarning(Value):
    """Something asked for that will not be honoured; the job runs all the same."""

    code: str
    pointer: str
    detail: str


class AcceptedJob(Value):
    """Everything known at acceptance; each event about a job carries it, so any may come first."""

    id: str
    owner: str
    batch: BatchRef | None = None
    retried_from: str | None = None
    request: ImageRequest
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = Field(default_factory=dict)
    warnings: tuple[RequestWarning, ...] = ()
    created_at: Time

    @property
    def seed(self) -> int:
        """The seed of the first image; image `i` has `seed + i`."""
        return self.request.seed if self.request.seed is not None else seed_of(self.id)

    @property
    def start_deadline(self) -> float | None:
        """When the first call must have been made, in seconds since the epoch; None: whenever."""
        seconds = self.request.start_deadline
        return None if seconds is None else self.created_at.timestamp() + seconds

    @property
    def deadline(self) -> float:
        """When it must be done, in seconds since the epoch."""
        return self.created_at.timestamp() + (self.request.deadline or DEFAULT_DEADLINE)
