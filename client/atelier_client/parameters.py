"""What callers pass: parameters of a picture, filters of a list, entries of a batch."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict


class Providers(TypedDict, total=False):
    """Whom to ask, by provider id; `fallback` is none, same_model or any."""

    order: Sequence[str]
    allow: Sequence[str]
    deny: Sequence[str]
    fallback: str
    on_blocked: str


class Parameters(TypedDict, total=False):
    """What may be asked of a picture besides its prompt; `docs/api.md` (Jobs) describes each.

    None is the same as leaving it out.
    """

    negative_prompt: str | None
    n: int | None
    size: str | None
    aspect_ratio: str | None
    seed: int | None
    steps: int | None
    guidance: float | None
    style: str | None
    quality: str | None
    output_format: str | None
    model: str | None
    providers: Providers | None
    priority: str | None
    start_deadline: int | None
    deadline: int | None
    max_cost: str | None
    tags: Sequence[str] | None
    metadata: Mapping[str, str] | None
    webhook: str | None


class JobFilters(TypedDict, total=False):
    """Which jobs a list holds. Several values of one filter are OR, different filters AND."""

    status: str | Sequence[str] | None
    tag: str | Sequence[str] | None
    model: str | Sequence[str] | None
    provider: str | Sequence[str] | None
    batch: str | Sequence[str] | None
    created_after: str | datetime | None
    created_before: str | datetime | None
    order: str | None


class ImageFilters(TypedDict, total=False):
    """Which images a list holds; `q` searches their prompts."""

    q: str | None
    tag: str | Sequence[str] | None
    model: str | Sequence[str] | None
    provider: str | Sequence[str] | None
    job: str | Sequence[str] | None
    batch: str | Sequence[str] | None
    trashed: bool | None
    favorite: bool | None
    created_after: str | datetime | None
    created_before: str | datetime | None
    order: str | None


Entry = str | Mapping[str, Any]
