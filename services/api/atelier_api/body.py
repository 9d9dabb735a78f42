"""What clients may send, and its limits."""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from atelier_core.contracts.problems import Code, FieldError, Problem
from atelier_core.domain.request import MAX_DEADLINE, ImageRequest, Priority, ProviderChoice

MAX_PROMPT = 4_000  # code points
MAX_N = 10
MAX_BATCH = 1_000
MAX_TAGS = 20
MAX_METADATA = 16
MAX_PROVIDERS = 20
MAX_STEPS = 500
MAX_GUIDANCE = 100

UNBUILT = frozenset({"max_cost", "webhook", "character", "characters"})

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def _printable(text: str) -> str:
    if _CONTROLS.search(text):
        raise ValueError("Control characters other than line feed and tab are not allowed.")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("This is blank.")
    return text


def _somebody(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if names is not None and not names:
        raise ValueError("Name at least one provider, or leave it out.")
    return names


_PRINTABLE = AfterValidator(_printable)
_NOT_BLANK = AfterValidator(_not_blank)

Prompt = Annotated[str, Field(min_length=1, max_length=MAX_PROMPT), _PRINTABLE, _NOT_BLANK]
Avoided = Annotated[str, Field(max_length=MAX_PROMPT), _PRINTABLE]
Label = Annotated[str, Field(min_length=1, max_length=50), _PRINTABLE, _NOT_BLANK]
Name = Annotated[str, Field(min_length=1, max_length=64), _PRINTABLE]
Note = Annotated[str, Field(max_length=512), _PRINTABLE]
Tags = Annotated[tuple[Label, ...], Field(max_length=MAX_TAGS)]
Metadata = Annotated[dict[Name, Note], Field(max_length=MAX_METADATA)]
ProviderNames = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=64)], ...], Field(max_length=MAX_PROVIDERS)
]


class Providers(BaseModel):
    """Whom to ask, by the provider ids of `GET /v1/providers`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    order: ProviderNames = Field((), description="These first, in this order.")
    allow: Annotated[ProviderNames | None, AfterValidator(_somebody)] = Field(
        None, description="Only these."
    )
    deny: ProviderNames = Field((), description="None of these.")
    fallback: Literal["none", "same_model", "any"] | None = Field(
        None,
        description="Who else may draw when the first choice cannot: nobody, the same model at"
        " another provider, or any model that can draw it. Without it, as far as `model` is left"
        " open: any for `auto`, same_model for an alias, none for `provider/model`.",
    )
    on_blocked: Literal["stop", "try_next"] = Field(
        "stop", description="Whether a prompt that a provider's moderation refuses goes to others."
    )


class Parameters(BaseModel):
    """What one picture or many may be asked for with."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    negative_prompt: Avoided | None = Field(
        None, description="What should not be seen, where the model knows how."
    )
    n: int = Field(1, ge=1, le=MAX_N, description="How many images.")
    size: str | None = Field(
        None,
        pattern=r"^[1-9][0-9]{1,4}x[1-9][0-9]{1,4}$",
        description="Width and height in pixels; not together with `aspect_ratio`.",
        examples=["1024x1024"],
    )
    aspect_ratio: str | None = Field(
        None,
        pattern=r"^[1-9][0-9]?:[1-9][0-9]?$",
        description="About a megapixel of this shape; not together with `size`.",
        examples=["4:3"],
    )
    seed: int | None = Field(
        None, ge=0, lt=2**32, description="Of the first image; the next has the next. Else chosen."
    )
    steps: int | None = Field(
        None, ge=1, le=MAX_STEPS, description="Denoising steps, where the model has such."
    )
    guidance: float | None = Field(
        None, ge=0, le=MAX_GUIDANCE, description="How closely to follow the prompt, where it can."
    )
    style: str | None = Field(None, max_length=64, description="An id of `GET /v1/styles`.")
    quality: str | None = Field(
        None, max_length=64, description="One of the `qualities` of a model.", examples=["high"]
    )
    output_format: Literal["png", "jpeg", "webp"] = "png"
    model: Annotated[str, _PRINTABLE] = Field(
        "auto",
        min_length=1,
        max_length=200,
        description='"auto", an alias, or "provider/model": see `GET /v1/models`.',
    )
    providers: Providers | None = None
    priority: Literal["normal", "background"] = "normal"
    start_deadline: int | None = Field(
        None,
        ge=1,
        le=MAX_DEADLINE,
        description="Seconds from acceptance until a provider must have been asked.",
    )
    deadline: int | None = Field(
        None, ge=1, le=MAX_DEADLINE, description="Seconds from acceptance; a day if not given."
    )
    tags: Tags = ()
    metadata: Metadata = Field(default_factory=dict)

    max_cost: SkipJsonSchema[Any] = None
    webhook: SkipJsonSchema[Any] = None
    character: SkipJsonSchema[Any] = None
    characters: SkipJsonSchema[Any] = None

    @model_validator(mode="after")
    def _one_shape(self) -> "Parameters":
        if self.size and self.aspect_ratio:
            raise ValueError("Give `size` or `aspect_ratio`, not both.")
        return self

    def unbuilt(self, at: str = "") -> tuple[FieldError, ...]:
        """The fields of the product that this version does not have."""
        asked = sorted(self.model_fields_set & UNBUILT)
        return tuple(
            FieldError(f"{at}/{name}", "This version does not have it yet.")
            for name in asked
            if getattr(self, name) is not None
        )


class CreateJob(Parameters):
    """One prompt."""

    prompt: Prompt = Field(description="1 to 4,000 code points.", examples=["a red fox"])


def _kind(value: object) -> str:
    return "#text" if isinstance(value, str) else "#entry"


class BatchPrompt(CreateJob):
    """One prompt of a batch, with what differs from the shared parameters."""


Entry = Annotated[
    Annotated[Prompt, Tag("#text")] | Annotated[BatchPrompt, Tag("#entry")], Discriminator(_kind)
]


class CreateBatch(Parameters):
    """Many prompts, each a job; the parameters beside `prompts` are shared."""

    prompts: tuple[Entry, ...] = Field(min_length=1, max_length=MAX_BATCH)

    SHARED: ClassVar = frozenset(Parameters.model_fields) - UNBUILT

    def jobs(self) -> tuple[CreateJob, ...]:
        """The entries as jobs of their own: what an entry says wins over what all share."""
        shared = {name: getattr(self, name) for name in self.model_fields_set & self.SHARED}
        return tuple(self._job(entry, shared) for entry in self.prompts)

    def _job(self, entry: "str | BatchPrompt", shared: dict[str, Any]) -> CreateJob:
        if isinstance(entry, str):
            return CreateJob.model_construct(prompt=entry, **shared)
        own = {name: getattr(entry, name) for name in entry.model_fields_set}
        base = dict(shared)
        if own.get("size") or own.get("aspect_ratio"):
            base.pop("size", None)
            base.pop("aspect_ratio", None)
        return CreateJob.model_construct(**{**base, **own})


def image_request(body: CreateJob) -> ImageRequest:
    """The parameters with their defaults; what was typed stays as it was typed."""
    return ImageRequest.model_construct(
        prompt=body.prompt,
        negative_prompt=body.negative_prompt or None,
        n=body.n,
        size=body.size,
        aspect_ratio=body.aspect_ratio,
        seed=body.seed,
        steps=body.steps,
        guidance=body.guidance,
        style=body.style,
        quality=body.quality,
        output_format=body.output_format,
        model=body.model,
        providers=_choice(body.providers),
        priority=Priority(body.priority),
        start_deadline=body.start_deadline,
        deadline=body.deadline,
    )


def _choice(asked: Providers | None) -> ProviderChoice | None:
    return None if asked is None else ProviderChoice.model_validate(asked.model_dump())


def refuse_unbuilt(*errors: FieldError) -> None:
    """Raise unsupported_parameter if there are any."""
    if errors:
        raise Problem(
            Code.UNSUPPORTED_PARAMETER,
            f"{errors[0].pointer}: {errors[0].detail}",
            errors=errors,
        )
