"""A database that asks for passwords, and a user of it whose password an operator changes."""

import os
import shlex
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from pymongo import MongoClient

from platforms import clean_environment
from ports import free_port
from servers import mongo_with_passwords

READY_WITHIN = 20.0
ROLES = [{"role": role, "db": "admin"} for role in ("readWriteAnyDatabase", "clusterAdmin")]


@dataclass(frozen=True)
class DatabaseUser:
    """Somebody known to the database; `address` is where passwords are asked for."""

    admin: MongoClient[dict[str, Any]]
    address: str
    name: str
    password: str

    @property
    def url(self) -> str:
        parts = urlsplit(self.address)
        netloc = f"{self.name}:{self.password}@{parts.hostname}:{parts.port}"
        return parts._replace(netloc=netloc, path="/", query="authSource=admin").geturl()

    def know(self, password: str | None = None) -> None:
        """From now on by `password`, or by the platform's own. Who is in already stays in."""
        self.admin.admin.command("updateUser", self.name, pwd=password or self.password)


@contextmanager
def database_user(mongo_url: str) -> Iterator[DatabaseUser]:
    """A user of their own; of FerretDB with passwords in front of the same data, else of a
    container.
    """
    with ExitStack() as stack:
        if command := os.environ.get("ATELIER_TEST_FERRETDB"):
            address, admin_url = stack.enter_context(_ferretdb(command)), mongo_url
        else:
            address = admin_url = stack.enter_context(mongo_with_passwords())
        admin: MongoClient[dict[str, Any]] = MongoClient(admin_url)
        stack.callback(admin.close)
        user = DatabaseUser(admin, address, f"atelier_{uuid4().hex[:8]}", uuid4().hex)
        admin.admin.command("createUser", user.name, pwd=user.password, roles=ROLES)
        stack.callback(admin.admin.command, "dropUser", user.name)
        yield user


@contextmanager
def _ferretdb(command: str) -> Iterator[str]:
    port = free_port()
    with tempfile.TemporaryDirectory() as state:
        options = (
            "--auth",
            f"--listen-addr=127.0.0.1:{port}",
            "--debug-addr=-",
            "--telemetry=disable",
            "--log-level=error",
            f"--state-dir={state}",
        )
        child = subprocess.Popen([*shlex.split(command), *options], env=clean_environment())
        try:
            until = time.monotonic() + READY_WITHIN
            while child.poll() is None and time.monotonic() < until:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 2):
                    break
                time.sleep(0.05)
            else:
                raise AssertionError("FerretDB does not start")
            yield f"mongodb://127.0.0.1:{port}/"
        finally:
            child.terminate()
            child.wait(timeout=20)
