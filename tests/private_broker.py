"""RabbitMQ nodes of a test's own: stopped, starved, frozen and clustered as it likes.

They run from the installed `rabbitmq-server`, on loopback and in a folder of the test; nobody
else's broker feels any of it.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from platforms import clean_environment
from ports import free_port

READY_WITHIN = 60.0
BESIDE = Path("/usr/lib/rabbitmq/bin")  # Debian's own commands change the user when root calls them


def _command(name: str) -> str:
    found = shutil.which(name, path=f"{BESIDE}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"{name} is not installed: these tests run RabbitMQ nodes of their own")
    return found or ""


@dataclass
class Node:
    """One node."""

    folder: Path
    name: str = field(default_factory=lambda: f"t{uuid4().hex[:10]}@localhost")
    port: int = field(default_factory=free_port)
    _distribution: int = field(default_factory=free_port)
    _child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def start(self) -> None:
        with (self.folder / "node.log").open("ab") as log:
            self._child = subprocess.Popen(
                [_command("rabbitmq-server")],
                env=self._environment(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Until clients are served."""
        until = time.monotonic() + READY_WITHIN
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 2) as sock:
                sock.settimeout(2)
                sock.sendall(b"AMQP\x00\x00\x09\x01")
                if sock.recv(1):
                    return
            assert time.monotonic() < until, (self.folder / "node.log").read_text()[-3000:]
            time.sleep(0.1)

    def ctl(self, *arguments: str) -> str:
        """`rabbitmqctl` on this node."""
        done = subprocess.run(
            [_command("rabbitmqctl"), "--quiet", *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def signal(self, number: signal.Signals) -> None:
        """To the whole node, as an operator or the kernel would."""
        if self._child is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._child.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        if self._child is not None:
            self._child.wait(timeout=20)
            self._child = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Nothing of it runs, and its connections stay."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def _environment(self) -> dict[str, str]:
        here = str(self.folder)
        return {
            **clean_environment(),
            "HOME": str(self.folder.parent),  # where the cookie is that all nodes share
            "ERL_CRASH_DUMP": os.devnull,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1"
            ),
            "RABBITMQ_MNESIA_BASE": f"{here}/data",
            "RABBITMQ_LOG_BASE": f"{here}/logs",
            "RABBITMQ_CONFIG_FILE": f"{here}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{here}/enabled_plugins",
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
        }


@contextmanager
def nodes(folder: Path, count: int = 1) -> Iterator[Sequence[Node]]:
    """`count` nodes, as one cluster if there are several."""
    found = [Node(folder / f"node-{i}") for i in range(count)]
    for node in found:
        (node.folder / "data").mkdir(parents=True)
        (node.folder / "logs").mkdir()
        (node.folder / "enabled_plugins").write_text("[].\n")
        members = [
            f"cluster_formation.classic_config.nodes.{i} = {member.name}"
            for i, member in enumerate(found, 1)
            if count > 1
        ]
        (node.folder / "rabbitmq.conf").write_text(
            "\n".join(
                [
                    f"listeners.tcp.1 = 127.0.0.1:{node.port}",
                    "log.console = true",
                    "log.console.level = warning",
                    "log.file = false",
                    *members,
                ]
            )
            + "\n"
        )
    with ExitStack() as stack:
        for node in found:
            node.start()
            stack.callback(node.kill)
        for node in found:
            node.wait_ready()
        yield found
