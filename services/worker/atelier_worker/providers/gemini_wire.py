"""What Gemini answers, and what its errors mean.

Nothing of its own sentences is passed on: they quote prompts and keys.
"""

import re
from typing import Annotated, Final

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from atelier_worker.ports import Fault, ProviderError
from atelier_worker.providers.http import believable, presentable, status_error
from atelier_worker.providers.talk import otherwise

BLOCKED: Final = frozenset(
    {
        *("SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "RECITATION"),
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
    }
)

_BY_REASON: Final = {"API_KEY_INVALID": Fault.AUTH, "BILLING_DISABLED": Fault.BILLING}
_BY_STATUS: Final = {"FAILED_PRECONDITION": Fault.BILLING}  # no free use: billing is off
_NO_QUOTA: Final = re.compile(r"\blimit: 0\b")  # waiting would not help
_DELAY: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
_WORD: Final = re.compile(r"[A-Z_]{1,40}")


class _Wire(BaseModel):
    model_config = ConfigDict(
        extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


class Inline(_Wire):
    mime_type: str = ""
    data: str


class Part(_Wire):
    """Words or a picture; a `thought` is a draft that the model showed itself."""

    thought: bool = False
    inline_data: Inline | None = None


class Content(_Wire):
    parts: tuple[Part, ...] = ()


class Candidate(_Wire):
    content: Content | None = None
    finish_reason: str | None = None


class Feedback(_Wire):
    block_reason: str | None = None


class Share(_Wire):
    modality: str = ""
    token_count: int = Field(0, ge=0)


class Usage(_Wire):
    prompt_token_count: int = Field(0, ge=0)
    candidates_token_count: int = Field(0, ge=0)
    thoughts_token_count: int = Field(0, ge=0)
    candidates_tokens_details: tuple[Share, ...] = ()

    @property
    def of_pictures(self) -> int:
        """The tokens of the pictures; all that were made if the answer does not tell them apart."""
        if not self.candidates_tokens_details:
            return self.candidates_token_count
        shares = (s.token_count for s in self.candidates_tokens_details if s.modality == "IMAGE")
        return min(sum(shares), self.candidates_token_count)

    @property
    def of_words(self) -> int:
        return self.candidates_token_count - self.of_pictures + self.thoughts_token_count


class Detail(_Wire):
    reason: Annotated[str | None, otherwise(None)] = None
    retry_delay: Annotated[str | None, otherwise(None)] = None


class Error(_Wire):
    """What is said of an error. Every field may be missing or of another type."""

    status: Annotated[str, otherwise("")] = ""
    message: Annotated[str, otherwise("")] = ""
    details: Annotated[tuple[Detail, ...], otherwise(())] = ()


class Result(_Wire):
    candidates: tuple[Candidate, ...] = ()
    prompt_feedback: Feedback | None = None
    usage_metadata: Annotated[Usage | None, otherwise(None)] = None
    response_id: Annotated[str | None, otherwise(None)] = None
    error: Error | None = None


class Named(_Wire):
    name: str


class Listed(_Wire):
    """The models that a key may use."""

    models: tuple[Named, ...]


def refused(response: httpx.Response, raw: bytes) -> ProviderError:
    """What an error says, by its reason if that is known, else by its status."""
    try:
        error = Result.model_validate_json(raw).error or Error()
    except ValidationError:
        error = Error()
    reasons = [d.reason for d in error.details if d.reason and _WORD.fullmatch(d.reason)]
    words = [error.status, *reasons] if _WORD.fullmatch(error.status) else reasons
    said = presentable(response, words)
    sentence = f"The provider answered {response.status_code}{': ' if said else ''}"
    found = status_error(response, f"{sentence}{', '.join(said)}.", request_id=None)
    for reason in reasons:
        found.fault = _BY_REASON.get(reason, found.fault)
    found.fault = _BY_STATUS.get(error.status, found.fault)
    if found.fault is Fault.RATE_LIMITED:
        if _NO_QUOTA.search(error.message):
            found.fault = Fault.BILLING
        found.retry_after = _delay(error) or found.retry_after
    return found


def word(text: str | None) -> str:
    """`text` if it is one of the vendor's own words, else nothing."""
    return text if text and _WORD.fullmatch(text) else ""


def _delay(error: Error) -> float | None:
    delays = [_DELAY.fullmatch(d.retry_delay) for d in error.details if d.retry_delay]
    return max((believable(float(d[1])) or 0.0 for d in delays if d), default=None)
