"""What the worker needs from vendors, and from whoever makes thumbnails."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from atelier_core.domain.derive import Derived
from atelier_core.domain.values import Money
from atelier_core.errors import AtelierError


class Fault(StrEnum):
    """What went wrong at a provider: the attempt error codes of the contract."""

    AUTH = "provider_auth"
    BILLING = "provider_billing"
    RATE_LIMITED = "provider_rate_limited"
    OVERLOADED = "provider_overloaded"
    MODERATED = "provider_moderated"
    INVALID_REQUEST = "provider_invalid_request"
    MODEL_UNAVAILABLE = "provider_model_unavailable"
    TIMEOUT = "provider_timeout"
    TRANSPORT = "provider_transport"
    BAD_RESPONSE = "provider_bad_response"
    CANCELED = "provider_canceled"


WAITING = frozenset({Fault.RATE_LIMITED, Fault.OVERLOADED})  # not now, and nothing was bought
UNANSWERED = frozenset({Fault.TIMEOUT, Fault.TRANSPORT})  # perhaps bought
AGAIN = WAITING | UNANSWERED  # all others would fail the same way


class ProviderError(AtelierError):
    """A call that brought no picture; `detail` is for people and holds no secret and no prompt.

    `cost` is what the failed call costs, where the vendor says so.
    """

    def __init__(
        self,
        fault: Fault,
        detail: str,
        *,
        http_status: int | None = None,
        retry_after: float | None = None,
        provider_request_id: str | None = None,
        cost: Money | None = None,
    ) -> None:
        super().__init__(f"{fault.value}: {detail}")
        self.fault = fault
        self.detail = detail
        self.http_status = http_status
        self.retry_after = retry_after
        self.provider_request_id = provider_request_id
        self.cost = cost


class NotCheckableError(AtelierError):
    """Whether calls would be taken cannot be found out for nothing; the message is a sentence."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """One call: the pictures `indexes` of a job, `seeds` in step with them.

    `call_id` is unique; vendors that take an idempotency key get it. `model` is the catalogue's id.
    `style` is set only for models that know styles; for others it is part of `prompt` already.
    """

    call_id: str
    job_id: str
    model: str
    prompt: str
    negative_prompt: str | None
    width: int
    height: int
    indexes: tuple[int, ...]
    seeds: tuple[int, ...]
    style: str | None
    output_format: str
    free: bool
    steps: int | None = None
    guidance: float | None = None
    quality: str | None = None


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture as the provider sent it: bytes of some image format, not yet looked at."""

    index: int
    data: bytes = field(repr=False)
    seed: int | None


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Why one index of an answered call has no picture."""

    index: int
    fault: Fault
    detail: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a call brought. An index in neither `pictures` nor `missing` is a bad response."""

    pictures: tuple[Picture, ...]
    missing: tuple[Missing, ...] = ()
    cost: Money
    provider_request_id: str | None = None
    http_status: int | None = None
    prompt_as_sent: str | None = None


class Caller(Protocol):
    """What a provider tells while it works."""

    async def submitted(self, provider_job_id: str) -> None:
        """A queue-style vendor accepted the call: called once, before the first wait for it."""

    def progress(self, index: int, fraction: float) -> None:
        """How far picture `index` is, 0 to 1. Never waits."""

    async def receiving(self, size: int) -> None:
        """Waits until `size` bytes may be held in memory; called once, before a body is read."""


class ImageProvider(Protocol):
    """One vendor: synchronous, streaming or queue-style behind one shape.

    `concurrency` is how many calls may be open at once: of the whole installation, or of this
    process if the provider is `local`.
    """

    @property
    def name(self) -> str: ...

    @property
    def concurrency(self) -> int: ...

    @property
    def local(self) -> bool: ...

    async def generate(self, order: Order, caller: Caller) -> Answer:
        """Make the call, once, and wait for its pictures. Cancelling drops the connection.

        Raises:
            ProviderError: nothing else, whatever the vendor sends.
        """

    async def resume(self, order: Order, provider_job_id: str, caller: Caller, /) -> Answer:
        """Wait for a call that was submitted before, perhaps by another process.

        Raises:
            ProviderError: as `generate`; a vendor without queue has nothing to resume.
        """

    async def cancel(self, provider_job_id: str, /) -> Money:
        """Ask the vendor to stop, and return the bill (unknown if the vendor does not say).

        Raises:
            ProviderError: the vendor was not reached or refused.
        """

    async def check(self) -> str:
        """Find out whether calls would be taken, without making one and without paying.

        Returns a sentence for people about what was found. Like every sentence of a provider it
        holds no secret, and no word that the vendor sent.

        Raises:
            ProviderError: they would not be, and why.
            NotCheckableError: the vendor does not tell for nothing.
        """


class Deriver(Protocol):
    async def derive(self, data: bytes) -> Derived:
        """Make what the gallery shows first of a picture.

        Raises:
            PermanentError: it cannot be decoded; the message is for people.
            TransientError: no room to do it now.
        """
