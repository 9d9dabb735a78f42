"""ComfyUI's socket: how far a call is, and that it is time to look. Nothing depends on it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import chain, repeat
from typing import Final, Self

import aiohttp

from atelier_worker.ports import Caller
from atelier_worker.providers.comfyui_wire import Frame

HEARTBEAT: Final = 20.0  # seconds
LEAVING: Final = 2.0  # seconds for saying good-bye
MAX_FRAME: Final = 16 * 2**20  # previews come along


class ComfySocket:
    """`open` it; it connects anew for each call, and again whenever it is cut off."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, *, pauses: Sequence[float]
    ) -> None:
        self._session, self._url, self._pauses = session, url, pauses

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, pauses: Sequence[float]) -> AsyncIterator[Self]:
        """At the server `url`, with `pauses` in seconds after the first, second, … cut."""
        async with aiohttp.ClientSession() as session:
            yield cls(session, url, pauses=pauses)

    async def listen(self, call: str, caller: Caller, hurry: asyncio.Event) -> None:
        """Tell `caller` of progress, and set `hurry` when `call` is over, until cancelled."""
        for pause in chain(self._pauses, repeat(self._pauses[-1])):
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self._session.ws_connect(
                    f"{self._url}/ws",
                    params={"clientId": call},
                    timeout=aiohttp.ClientWSTimeout(ws_close=LEAVING),
                    heartbeat=HEARTBEAT,
                    max_msg_size=MAX_FRAME,
                ) as socket:
                    async for message in socket:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            _hear(message.data, call, caller, hurry)
            await asyncio.sleep(pause)


def _hear(text: str, call: str, caller: Caller, hurry: asyncio.Event) -> None:
    frame = Frame.read(text)
    if frame is None or frame.data.prompt_id != call:
        return
    if (progress := frame.progress) is not None:
        caller.progress(*progress)
    elif frame.over:
        hurry.set()
