"""What the errors of the Images API mean, whoever sends them.

Nothing of a vendor's own sentences is passed on: they quote prompts and keys.
"""

import re
from typing import Annotated, Final

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from atelier_core.domain.values import Money
from atelier_worker.ports import WAITING, Fault, ProviderError
from atelier_worker.providers.http import (
    believable,
    presentable,
    request_id,
    retry_after,
    status_error,
)
from atelier_worker.providers.talk import otherwise

_BLOCKED: Final = frozenset({"moderation_blocked", "content_policy_violation", "content_filter"})
_UNPAID: Final = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
)
_WORD: Final = re.compile(r"[a-z0-9_./\[\]]{1,40}")
_CATEGORIES: Final = re.compile(r"safety_violations=\[([a-z0-9_/, -]{1,200})\]")


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Moderation(_Wire):
    moderation_stage: Annotated[str | None, otherwise(None)] = None
    categories: Annotated[tuple[str, ...], otherwise(())] = ()


class Refusal(_Wire):
    """What is said of an error. Every field may be missing or of another type."""

    message: Annotated[str, otherwise("")] = ""
    type: Annotated[str | None, otherwise(None)] = None
    code: Annotated[str | int | None, otherwise(None)] = None
    param: Annotated[str | None, otherwise(None)] = None
    moderation_details: Annotated[Moderation | None, otherwise(None)] = None


class RefusedError(ProviderError):
    """A request that was found wrong before anything was drawn; `parameter` is what is wrong."""

    parameter: str | None = None


class _Body(_Wire):
    error: Refusal | str | None = None


def bad_answer(response: httpx.Response, detail: str) -> ProviderError:
    return ProviderError(
        Fault.BAD_RESPONSE,
        detail,
        http_status=response.status_code,
        provider_request_id=request_id(response),
    )


def refused(response: httpx.Response, raw: bytes) -> ProviderError:
    """What an error says, by its code if that is known, else by its status."""
    refusal = refusal_in(raw)
    status = response.status_code
    named = request_id(response)
    if refusal.code in _BLOCKED or refusal.moderation_details is not None:
        return ProviderError(
            Fault.MODERATED,
            _moderated(response, refusal),
            http_status=status,
            provider_request_id=named,
            cost=_unbought(refusal),
        )
    sentence = _sentence(response, refusal)
    error = status_error(response, sentence, request_id=named)
    fault = _by_code(refusal) or error.fault
    if fault is Fault.INVALID_REQUEST:
        wrong = RefusedError(fault, sentence, http_status=status, provider_request_id=named)
        wrong.parameter = _parameter(refusal)
        return wrong
    return ProviderError(
        fault,
        sentence,
        http_status=status,
        retry_after=_retry_after(response) if fault in WAITING else None,
        provider_request_id=named,
    )


def refusal_in(raw: bytes) -> Refusal:
    """The error in a body; an empty one if it cannot be read."""
    try:
        found = _Body.model_validate_json(raw).error
    except ValidationError:
        return Refusal()
    return found if isinstance(found, Refusal) else Refusal()


def _parameter(refusal: Refusal) -> str | None:
    """What is wrong; servers that are not OpenAI name it in their sentence only."""
    if refusal.param is None and "response_format" in refusal.message:
        return "response_format"
    return refusal.param


def _by_code(refusal: Refusal) -> Fault | None:
    if refusal.code in _UNPAID or refusal.type in _UNPAID:
        return Fault.BILLING
    if refusal.code == "invalid_api_key":
        return Fault.AUTH
    if refusal.code in {"model_not_found", "model_not_available"}:
        return Fault.MODEL_UNAVAILABLE
    return None


def _sentence(response: httpx.Response, refusal: Refusal) -> str:
    known = [
        f"{name} {value}"
        for name, value in (("code", refusal.code), ("parameter", refusal.param))
        if value is not None and _WORD.fullmatch(str(value)) and presentable(response, [str(value)])
    ]
    about = f": {', '.join(known)}" if known else ""
    return f"The provider answered {response.status_code}{about}."


def _moderated(response: httpx.Response, refusal: Refusal) -> str:
    details = refusal.moderation_details
    if details is not None:
        found = [word for word in details.categories if _WORD.fullmatch(word)]
    else:
        said = _CATEGORIES.search(refusal.message)
        found = [said[1]] if said else []
    found = presentable(response, found)
    what = "the picture" if details and details.moderation_stage == "output" else "the prompt"
    return f"The provider blocked {what}{': ' if found else ''}{', '.join(found)}."


def _unbought(refusal: Refusal) -> Money | None:
    """Nothing was drawn for a prompt that was blocked; of a picture the price is not known."""
    details = refusal.moderation_details
    before = details is not None and details.moderation_stage == "input"
    return Money.exactly("0") if before else None


def _retry_after(response: httpx.Response) -> float | None:
    exact = response.headers.get("retry-after-ms", "")
    return believable(int(exact) / 1000) if exact.isdigit() else retry_after(response.headers)
