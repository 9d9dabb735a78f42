"""What a message's headers say on RabbitMQ, and how it travels there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from atelier_core.contracts.events import Event, about, encode, topic
from atelier_core.delivery import Delivery, GiveUp, Marks
from atelier_core.ports import DeadLetter

DEFERRALS, FAILURES = "x-deferrals", "x-failures"
DEAD_CODE, DEAD_REASON = "x-dead-code", "x-dead-reason"
IDS = ("owner", "job_id", "batch_id")
PERSISTENT, TRANSIENT = 2, 1


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """A message on its way to an exchange."""

    exchange: str
    routing_key: str
    body: bytes
    headers: Mapping[str, Any]
    id: str | None = None
    delivery_mode: int = PERSISTENT

    def properties(self) -> Basic.Properties:
        return Basic.Properties(
            content_type="application/json",
            delivery_mode=self.delivery_mode,
            message_id=self.id,
            headers=dict(self.headers),
        )


def outgoing(event: Event, exchange: str, *, delivery_mode: int = PERSISTENT) -> Outgoing:
    return Outgoing(
        exchange=exchange,
        routing_key=topic(event),
        body=encode(event),
        headers=about(event),
        id=event.id,
        delivery_mode=delivery_mode,
    )


def headers_of(message: DeliveredMessage) -> dict[str, Any]:
    return message.header.properties.headers or {}


def ids_of(headers: Mapping[str, Any]) -> dict[str, str]:
    """The ids among headers that anybody may have written."""
    return {name: headers[name] for name in IDS if isinstance(headers.get(name), str)}


def delivery_of(queue: str, message: DeliveredMessage) -> Delivery:
    headers = headers_of(message)
    code, reason = headers.get(DEAD_CODE), headers.get(DEAD_REASON)
    marks = Marks(
        deferrals=_count(headers, DEFERRALS),
        failures=_count(headers, FAILURES),
        dead=GiveUp(str(code), str(reason)) if code is not None else None,
    )
    again = getattr(message.delivery, "redelivered", False) or _count(headers, "x-delivery-count")
    return Delivery(
        queue=queue,
        raw=message.body,
        about=ids_of(headers),
        marks=marks,
        redelivered=bool(again or marks != Marks()),
    )


def marked(ids: Mapping[str, str], marks: Marks) -> dict[str, Any]:
    """The headers of a message that is tried again."""
    headers: dict[str, Any] = {
        **ids,
        DEFERRALS: marks.deferrals,
        FAILURES: marks.failures,
    }
    if marks.dead is not None:
        headers |= {DEAD_CODE: marks.dead.code, DEAD_REASON: marks.dead.reason}
    return headers


def letter_headers(letter: DeadLetter) -> dict[str, Any]:
    ids = {name: value for name in IDS if (value := getattr(letter, name))}
    return {**ids, DEAD_CODE: letter.code, DEAD_REASON: letter.reason}


def letter_of(queue: str, headers: Mapping[str, Any], raw: bytes) -> DeadLetter:
    return DeadLetter(
        queue=queue,
        reason=str(headers.get(DEAD_REASON, "")),
        code=str(headers.get(DEAD_CODE, "")),
        raw=raw,
        **ids_of(headers),
    )


def _count(headers: Mapping[str, Any], name: str) -> int:
    value = headers.get(name, 0)
    return value if isinstance(value, int) else 0
