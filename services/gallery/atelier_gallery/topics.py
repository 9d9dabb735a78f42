"""What a watcher watches, and the cursor that it resumes from."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from atelier_core.contracts.problems import Code, FieldError, Problem, not_found
from atelier_core.domain.values import is_id

MOST = 20
YOUNG = timedelta(minutes=10)  # an id so new may belong to a job that is still being recorded
SKEW = timedelta(minutes=10)  # by which clocks may differ

_CURSOR = re.compile(r"c([0-9a-f]{10,12})")
_UNKNOWN = not_found("There is no such job or batch")


@dataclass(frozen=True, slots=True)
class Topic:
    """`id` is empty for `me`."""

    kind: Literal["me", "job", "batch"]
    id: str = ""

    def covers(self, *, job_id: str, batch_id: str | None) -> bool:
        return self.kind == "me" or self.id == (job_id if self.kind == "job" else batch_id)


def parse_topics(texts: Sequence[str]) -> tuple[Topic, ...]:
    """1 to 20 of `me`, `job:ID`, `batch:ID`.

    Raises:
        Problem: invalid_request for a wrong topic; not_found for an id that cannot be one.
    """
    if not 1 <= len(texts) <= MOST:
        raise _bad(f"Name 1 to {MOST} topics.")
    return tuple(dict.fromkeys(map(_parse, texts)))


def _parse(text: str) -> Topic:
    match text.partition(":"):
        case ("me", "", _):
            return Topic("me")
        case ("job" | "batch" as kind, ":", name):
            if not is_id(name):
                raise _UNKNOWN
            return Topic(kind, name)
    raise _bad("A topic is `me`, `job:ID` or `batch:ID`.")


def _bad(detail: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, detail, errors=(FieldError("?topic", detail),))


def is_young(name: str, *, now: datetime, limit: timedelta = YOUNG) -> bool:
    """Whether the id was made less than `limit` ago: it holds its time.

    By a clock that is ahead, it may have been made as long from now.
    """
    made = int(name.replace("-", "")[:12], 16) / 1000  # of others' ids, centuries past any date
    age = now.timestamp() - made
    return -max(SKEW, limit).total_seconds() < age < limit.total_seconds()


def encode_cursor(saved_at: int) -> str:
    """From milliseconds by the database's clock."""
    return f"c{saved_at:010x}"


def decode_cursor(text: str, *, now: datetime) -> int:
    """What `encode_cursor` was given.

    Raises:
        Problem: invalid_cursor.
    """
    match = _CURSOR.fullmatch(text)
    saved_at = int(match[1], 16) if match else None
    if saved_at is None or saved_at / 1000 > (now + SKEW).timestamp():
        raise Problem(Code.INVALID_CURSOR, "This is no cursor of these events.")
    return saved_at


def concern(topics: Iterable[Topic], *, job_id: str, batch_id: str | None) -> bool:
    """Whether one of the topics covers the job."""
    return any(topic.covers(job_id=job_id, batch_id=batch_id) for topic in topics)
