"""The live stream: opened, read, and resumed after every cut where it broke."""

import json
from collections.abc import Iterable
from typing import Any

from atelier_client import requests
from atelier_client.answers import check, unexpected
from atelier_client.effects import Emit, Flow, Pause, Read
from atelier_client.errors import ApiError, Unreachable
from atelier_client.live import Message
from atelier_client.retry import ON_THE_WAY, Retry, patiently

_DENIED = (401, 403)


class Stream:
    """The live stream of some topics, resumed after a cut where it broke."""

    def __init__(self, topics: Iterable[str], cursor: str | None = None) -> None:
        self._topics = tuple(topics)
        self._cursor = cursor

    def connect(self) -> Flow[None]:
        """Raises Unreachable, or ApiError when there is no such stream."""
        reply = yield requests.stream(self._topics, self._cursor)
        try:
            check(reply)
        except ApiError as refusal:
            if refusal.code != "invalid_cursor" or self._cursor is None:
                raise
            self._cursor = None
            yield from self.connect()
            return
        if not reply.headers.get("content-type", "").startswith("text/event-stream"):
            raise unexpected(reply, "The answer is no stream of events.")

    def read(self) -> Flow[Message | None]:
        """The next message, or None once the connection is lost."""
        try:
            event = yield Read()
        except Unreachable:
            return None
        if event is None:
            return None
        message = _message(event)
        self._cursor = message.get("id") or self._cursor
        return message


class Feed:
    """A stream as far as it can be had: what `watch` listens to before it asks."""

    def __init__(self, topics: Iterable[str], retry: Retry) -> None:
        self._stream = Stream(topics)
        self._retry = retry
        self._open = False
        self._alive = False  # whether this connection has ever said anything

    def next(self) -> Flow[Message | None]:
        """The next message, or None if the stream is of no use here.

        Raises Unreachable when the server stays away, ApiError when it refuses the key.
        """
        while True:
            if not self._open:
                self._alive = False
                try:
                    yield from patiently(self._stream.connect, self._retry)
                except ApiError as refusal:
                    if refusal.retryable or refusal.status in _DENIED:
                        raise
                    return None
                self._open = True
            message = yield from self._stream.read()
            if message is not None:
                self._alive = True
                return message
            self._open = False
            if not self._alive:
                return None
            yield Pause(self._retry.backoff(1))


def follow(topics: Iterable[str], cursor: str | None, retry: Retry = ON_THE_WAY) -> Flow[None]:
    """Emits every message of these topics, from `cursor` on, over all cuts and for ever.

    Raises Unreachable when nobody answers at first, ApiError when the topics or the key are
    refused. Once it has been connected it comes back for as long as it takes.
    """
    stream = Stream(topics, cursor)
    yield from patiently(stream.connect, retry)
    failures = 0
    while True:
        while message := (yield from stream.read()):
            if message.get("event") == "snapshot.complete":
                failures = 0
            yield Emit(message)
        connected = False
        while not connected:
            failures += 1
            yield Pause(retry.backoff(failures))
            connected = yield from _reconnect(stream)


def _reconnect(stream: Stream) -> Flow[bool]:
    """Whether it worked; a failure that does not pass is raised."""
    try:
        yield from stream.connect()
    except Unreachable:
        return False
    except ApiError as refusal:
        if not refusal.retryable:
            raise
        if refusal.retry_after:
            yield Pause(refusal.retry_after)
        return False
    return True


def _message(event: Any) -> Message:
    """A server-sent event as a message; what cannot be read is one that changes nothing.

    The data is either the message itself or, with the event's name beside it, its data.
    """
    try:
        data = json.loads(event.data)
    except (ValueError, RecursionError):
        return {"event": "unreadable"}
    if event.event == "message" and isinstance(data, dict) and "event" in data:
        return data
    message: dict[str, Any] = {"event": event.event, "data": data}
    if event.id:
        message["id"] = event.id
    return message
