"""Ids, times and money."""

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)
from uuid_utils.compat import uuid7

from atelier_core.errors import ContractError

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def new_id() -> str:
    """A UUIDv7 (RFC 9562): unique, and sorting by it sorts by time."""
    return str(uuid7())


def is_id(text: str) -> bool:
    """Whether `text` has the form of an id made here; anything else is simply not found."""
    return _ID.fullmatch(text) is not None


def child_id(parent: str, index: int) -> str:
    """The id of the `index`-th (0-4095) child of `parent`: same instant, sorted by index.

    A UUIDv7 whose 12 bits of `rand_a` are the index and whose `rand_b` is a hash, so that a batch
    can be expanded again and again by anybody into the same jobs, and a job into the same images.
    """
    digest = hashlib.sha256(f"{parent}/{index}".encode()).digest()
    time = int(parent.replace("-", "")[:12], 16)
    tail = int.from_bytes(digest[:8]) & (2**62 - 1)
    number = (time << 80) | (0x7 << 76) | (index << 64) | (0b10 << 62) | tail
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def seed_of(job_id: str) -> int:
    """The seed (0 to 2^32 - 1) of a job that was given none: the same whoever runs it."""
    return int.from_bytes(hashlib.sha256(job_id.encode()).digest()[:4])


def now() -> datetime:
    """The machine's time, UTC, in whole milliseconds (what databases keep)."""
    time = datetime.now(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def milliseconds(time: datetime) -> datetime:
    """`time` in UTC, cut to whole milliseconds."""
    if not (time.microsecond % 1000 or time.utcoffset()):
        return time  # as nearly all are: this runs for every time of every message
    time = time.astimezone(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def rfc3339(time: datetime) -> str:
    """RFC 3339 in UTC with milliseconds always there, so that text sorts as time does."""
    if time.utcoffset():  # nearly never, and asking costs a third of converting
        time = time.astimezone(UTC)
    return f"{time.isoformat(timespec='milliseconds')[:23]}Z"


Time = Annotated[
    AwareDatetime,
    AfterValidator(milliseconds),
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Value(BaseModel):
    """A frozen value. Unknown fields are ignored: newer versions may have added some."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def read(cls, text: str | bytes) -> Self:
        """The value kept as this JSON.

        Raises:
            ContractError: this version cannot read it; the message quotes nothing of it.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as exc:
            what = f"not a {cls.__name__} this version can read ({unreadable(exc)})"
            raise ContractError(what) from exc


def unreadable(exc: ValidationError) -> str:
    """Which fields are to blame, without what they hold: that may be a prompt."""
    return ", ".join(".".join(map(str, e["loc"])) or e["type"] for e in exc.errors()[:3])


class CostStatus(StrEnum):
    EXACT = "exact"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"


class Money(Value):
    """An amount as decimal text. Unknown is never zero: it has no amount."""

    amount: str | None
    currency: str = "USD"
    status: CostStatus

    @classmethod
    def exactly(cls, amount: str, currency: str = "USD") -> Self:
        return cls(amount=amount, currency=currency, status=CostStatus.EXACT)

    @classmethod
    def unknown(cls, currency: str = "USD") -> Self:
        return cls(amount=None, currency=currency, status=CostStatus.UNKNOWN)

    @classmethod
    def total(cls, parts: Iterable[Self]) -> Self:
        """The sum of `parts`; one unknown part makes the total unknown, one estimate an estimate.

        Amounts in several currencies have no sum and make the total unknown.
        """
        parts = tuple(parts)
        if not parts:
            return cls.exactly("0")
        currencies = {part.currency for part in parts}
        if len(currencies) > 1 or any(part.amount is None for part in parts):
            return cls.unknown(parts[0].currency)
        amount = sum((Decimal(part.amount or 0) for part in parts), Decimal())
        exact = all(part.status is CostStatus.EXACT for part in parts)
        return cls(
            amount=format(amount.normalize() if amount else Decimal(), "f"),
            currency=parts[0].currency,
            status=CostStatus.EXACT if exact else CostStatus.ESTIMATED,
        )
