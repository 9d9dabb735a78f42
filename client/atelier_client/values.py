"""The resources as frozen values. Fields that this version does not know stay in `raw`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from atelier_client.errors import ApiError, JobFailed


class Value(BaseModel):
    """Frozen, and tolerant of what newer servers add."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="ignore")


class Resource(Value):
    """Something the server sent, bound to the client that received it."""

    _raw: dict[str, Any] = PrivateAttr(default_factory=dict)
    _client: Any = PrivateAttr(default=None)

    @model_validator(mode="wrap")
    @classmethod
    def _keep(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        value = handler(data)
        if isinstance(data, dict):
            value._raw = data  # noqa: SLF001 - its own
            value._client = info.context  # noqa: SLF001 - its own
        return value

    @classmethod
    def of(cls, data: Mapping[str, Any], client: Any) -> Self:
        """The resource in `data`, as the server sent it; raises ApiError if there is none."""
        try:
            return cls.model_validate(data, context=client)
        except ValidationError as exc:
            where = ".".join(str(part) for part in exc.errors()[0]["loc"])
            raise ApiError(
                f"The answer is not a {cls.__name__.lower()} ({where}); is this an Atelier server?",
                code="unexpected_answer",
                status=200,
            ) from exc

    @property
    def raw(self) -> dict[str, Any]:
        """Exactly what the server sent."""
        return self._raw


class Money(Value):
    """An amount; unknown (None) is never zero."""

    amount: Decimal | None = None
    currency: str = "USD"
    status: str = "unknown"


class Problem(Value):
    """Why a job or an attempt did not succeed."""

    code: str
    detail: str = ""
    retryable: bool = False


class Warned(Value):
    """Something asked for that is not honoured."""

    code: str
    pointer: str = ""
    detail: str = ""


class BatchRef(Value):
    """A job's place in its submission."""

    id: str
    index: int
    size: int


class Attempt(Value):
    """One call to one provider."""

    id: str
    provider: str
    model: str
    outcome: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: Problem | None = None
    http_status: int | None = None
    provider_request_id: str | None = None
    cost: Money = Money()


class ImageData(Resource):
    """A stored picture. `bytes` is its size; what only the gallery knows is None inside a job."""

    id: str
    job_id: str
    index: int
    seed: int | None = None
    width: int
    height: int
    content_type: str
    bytes: int
    sha256: str | None = None
    content_url: str
    thumb_urls: dict[str, str] = Field(default_factory=dict)
    created_at: datetime
    prompt: str | None = None
    model: str | None = None
    provider: str | None = None
    batch_id: str | None = None
    blurhash: str | None = None
    error: Any = None
    tags: tuple[str, ...] = ()
    favorite: bool = False
    rating: int | None = None
    trashed_at: datetime | None = None
    version: int = 1


class JobData(Resource):
    """A snapshot of a job. `done` is what to test; `fractions` is live progress by image index."""

    id: str
    status: str
    done: bool
    version: int
    batch: BatchRef | None = None
    retried_from: str | None = None
    request: dict[str, Any] = Field(default_factory=dict)
    model: str | None = None
    provider: str | None = None
    prompt_as_sent: str | None = None
    progress: float = 0.0
    images: tuple[ImageData, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    cost: Money = Money()
    error: Problem | None = None
    warnings: tuple[Warned, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = Field(default_factory=dict)
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    updated_at: datetime | None = None
    fractions: dict[int, float] = Field(default_factory=dict)

    @property
    def prompt(self) -> str:
        return str(self.request.get("prompt", ""))

    @property
    def n(self) -> int:
        """How many images were asked for."""
        n = self.request.get("n")
        return n if isinstance(n, int) and n > 0 else 1

    @property
    def completion(self) -> float:
        """0 to 1: finished images and the known part of those being drawn."""
        if self.done:
            return 1.0
        drawn = sum(1 for fraction in self.fractions.values() if fraction >= 1)
        begun = sum(fraction for fraction in self.fractions.values() if fraction < 1)
        return min(1.0, max(self.progress, drawn / self.n) + begun / self.n)

    def raise_for_status(self) -> Self:
        """The job itself, if it succeeded or still runs; else raises JobFailed."""
        if not self.done or self.status == "succeeded":
            return self
        error = self.error
        raise JobFailed(
            self.id, self.status, error.code if error else None, error.detail if error else None
        )


class BatchData(Resource):
    """The jobs of one submission, counted. `job_ids` is known only from the submission."""

    id: str
    status: str
    done: bool
    version: int
    size: int
    counts: dict[str, int] = Field(default_factory=dict)
    cost: Money = Money()
    job_ids: tuple[str, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None


class UnhealthyModel(Resource):
    """A model that is left alone although its provider is asked."""

    id: str
    until: datetime | None = None
    error: str | None = None


class Provider(Resource):
    """Where pictures come from: `state` is healthy, limited, unhealthy, off or unknown."""

    id: str
    available: bool
    state: str = "unknown"
    until: datetime | None = None
    limit: int | None = None
    error: str | None = None
    workers: int = 0
    models: tuple[str, ...] = ()
    unhealthy_models: tuple[UnhealthyModel, ...] = ()


J = TypeVar("J", bound=JobData)


@dataclass(frozen=True)
class Update(Generic[J]):
    """One step of a watch: the job as it is now, and the live message that said so."""

    job: J
    message: dict[str, Any]
