"""Messages to one watcher: encoded once for all of them, and never more than the newest of each."""

import asyncio
from dataclasses import dataclass, replace
from functools import cached_property

from atelier_core.errors import AtelierError

CAPACITY = 2_000  # different objects a watcher may be behind with

RESTART, BAD_FRAME, UNAUTHENTICATED = 1012, 4400, 4401
UNKNOWN_TOPIC, TOO_SLOW, TOO_MANY = 4404, 4409, 4429

PING = "ping"


class Closed(AtelierError):  # noqa: N818 - an end, not an error
    """Nothing more will come; `code` says why, as a close code of a WebSocket."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


@dataclass(frozen=True, eq=False)
class Message:
    """`data` is JSON text. A later message with the same `key` makes this one superfluous.

    `version` is that of what it is about. `cursor`: whoever has received this message and all
    before it may resume from there.
    """

    event: str
    data: str
    key: str
    version: int = 0
    cursor: str | None = None
    droppable: bool = False

    @cached_property
    def frame(self) -> str:
        """As the text of a WebSocket frame."""
        cursor = f'"id":"{self.cursor}",' if self.cursor else ""
        return f'{{{cursor}"event":"{self.event}","data":{self.data}}}'

    @cached_property
    def chunk(self) -> bytes:
        """As a server-sent event."""
        cursor = f"id: {self.cursor}\n" if self.cursor else ""
        return f"{cursor}event: {self.event}\ndata: {self.data}\n\n".encode()


class Outbox:
    """First in, first out; a newer message takes the place of an older one about the same."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._messages: dict[str, Message] = {}
        self._ready = asyncio.Event()
        self._code: int | None = None

    def put(self, message: Message) -> None:
        """Never waits. A watcher too far behind is closed: it resumes, or starts again."""
        before = self._messages.get(message.key)
        if before is None and len(self._messages) >= self._capacity:
            if not message.droppable:
                self.close(TOO_SLOW)
            return
        if before is not None and before.cursor != message.cursor:
            # It moves forward past messages not received yet: its cursor must not.
            message = replace(message, cursor=before.cursor)
        self._messages[message.key] = message
        self._ready.set()

    def close(self, code: int) -> None:
        """What was not taken yet is not sent any more. The first reason counts."""
        if self._code is None:
            self._code = code
        self._ready.set()

    async def take(self) -> Message:
        """The next message, as soon as there is one.

        Raises:
            Closed: there will be none.
        """
        while True:
            if self._code is not None:
                raise Closed(self._code)
            if self._messages:
                return self._messages.pop(next(iter(self._messages)))
            self._ready.clear()
            await self._ready.wait()
