"""What every process does around its work: signals, serving, leaving in order."""

import asyncio
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import uvicorn

from atelier_core import failpoints
from atelier_core.errors import SettingsError

log = logging.getLogger(__name__)

USAGE = 2  # exit status of wrong usage or settings
_OPEN_MAX = 10_240  # files on macOS
SECONDS_TO_FINISH = 5  # for requests in flight when the process is asked to leave


def run_process(main: Callable[[asyncio.Event], Awaitable[None]]) -> int:
    """Run `main` until it returns, and return the exit status.

    `main` gets an event that SIGTERM or SIGINT sets; it then has its grace period to leave. A
    second signal ends the process at once. A `SettingsError` is one sentence and status 2.
    """
    raise_open_files()
    try:
        import uvloop  # noqa: PLC0415 - not there on every platform

        factory: Callable[[], asyncio.AbstractEventLoop] | None = uvloop.new_event_loop
    except ImportError:
        factory = None
    status = 0
    try:
        failpoints.arm(os.environ.get(failpoints.VARIABLE))
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(_with_signals(main))
    except* SettingsError as group:
        sys.stderr.write(f"{_first(group)}\n")
        status = USAGE
    return status


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _with_signals(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    leaving = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if leaving.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        log.info("leaving", extra={"signal": signal.Signals(number).name})
        leaving.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    await main(leaving)


def raise_open_files() -> None:
    """Lift the soft limit of open files to the hard one: thousands of calls are open at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_open_files(soft, hard), hard))


def most_open_files(soft: int, hard: int) -> int:
    """The highest soft limit that may be set. macOS says that there is no hard one, and takes no
    infinity, but always its OPEN_MAX (setrlimit(2) there).
    """
    if hard != resource.RLIM_INFINITY:
        return hard
    return soft if soft == resource.RLIM_INFINITY else max(soft, _OPEN_MAX)


class _Server(uvicorn.Server):
    """Leaves signals to `run_process`, so that one place decides in which order things stop."""

    def __init__(self, config: uvicorn.Config, *, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int, *, setting: str = "ATELIER_PORT") -> socket.socket:
    """A bound socket; port 0 means any free one. `setting` is what an operator changes.

    Raises:
        SettingsError: the address is taken or is not this machine's.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as exc:
        raise SettingsError(f"ATELIER_HOST {host!r} is not an address of this machine.") from exc
    sock = socket.socket(family, kind, proto)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
        sock.listen(2048)  # here, so that a taken port is known before anything starts
    except OSError as exc:
        sock.close()
        raise SettingsError(
            f"Port {port} on {host} cannot be used ({exc.strerror or exc});"
            f" choose another with {setting}."
        ) from exc
    return sock


async def serve(
    app: Any,
    *,
    leaving: asyncio.Event,
    host: str = "127.0.0.1",
    port: int = 0,
    sock: socket.socket | None = None,
    on_listening: Callable[[str], None] | None = None,
) -> None:
    """Serve the ASGI `app` until `leaving` is set, then let requests in flight finish (5 s).

    `on_listening` gets the origin, e.g. `http://127.0.0.1:8080`, once requests are answered.

    Raises:
        SettingsError: the port cannot be used.
    """
    # Here, because a worker uses this module and has no HTTP framework.
    from atelier_core.http.protocol import HttpProtocol, SocketProtocol  # noqa: PLC0415

    config = uvicorn.Config(
        app,
        http=HttpProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody asks where a request came from
        ws=SocketProtocol,
        ws_per_message_deflate=False,
        ws_max_size=64 * 1024,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
    )
    sock = sock or listen(host, port)
    address = origin(sock)
    server = _Server(config, on_started=lambda: on_listening and on_listening(address))
    with closing(sock):
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve(sockets=[sock]))
            leave = group.create_task(leaving.wait())
            await asyncio.wait({serving, leave}, return_when=asyncio.FIRST_COMPLETED)
            leave.cancel()
            server.should_exit = True


def origin(sock: socket.socket) -> str:
    """The address a browser would use for what listens on `sock`."""
    host, port = sock.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - read, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
