"""What every process does around its work: signals, serving, leaving in order."""

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable

from atelier_core.errors import SettingsError

log = logging.getLogger(__name__)

USAGE = 2  # exit status of wrong usage or settings


def run_process(main: Callable[[asyncio.Event], Awaitable[None]]) -> int:
    """Run `main` until it returns, and return the exit status.

    `main` gets an event that SIGTERM or SIGINT sets; it then has its grace period to leave. A
    second signal ends the process at once. A `SettingsError` is one sentence and status 2.
    """
    try:
        import uvloop  # noqa: PLC0415 - absent on platforms it does not support

        factory: Callable[[], asyncio.AbstractEventLoop] | None = uvloop.new_event_loop
    except ImportError:
        factory = None
    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(_with_signals(main))
    except SettingsError as exc:
        sys.stderr.write(f"{exc}\n")
        return USAGE
    return 0


async def _with_signals(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    leaving = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if leaving.is_set():
            sys.stderr.flush()
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        log.info("leaving", extra={"signal": signal.Signals(number).name})
        leaving.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    await main(leaving)
