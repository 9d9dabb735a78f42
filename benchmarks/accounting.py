"""Who spends how much CPU, and on what machine: from /proc, through psutil."""

import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psutil

Roots = Mapping[str, Iterable[int]]
"""Process ids by the name under which they are counted; those they started count with them."""


def cpu_seconds(roots: Roots) -> dict[str, float]:
    """User and system time of each name's processes, their children's included, dead or alive."""
    return {name: sum(map(_family, pids)) for name, pids in roots.items()}


def _family(pid: int) -> float:
    used = 0.0
    try:
        root = psutil.Process(pid)
        members = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return used
    for process in members:
        try:
            used += sum(process.cpu_times()[:4])  # the last two: of children that ended
        except psutil.NoSuchProcess:
            continue
    return used


def resident(pids: Iterable[int]) -> int:
    """Bytes of memory of these processes, without their children."""
    return sum(psutil.Process(pid).memory_info().rss for pid in pids)


def listening(url: str) -> list[int]:
    """The process that listens at the address, if it is on this machine and we may see it."""
    parts = urlsplit(url)
    if parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        return []
    return _listeners({parts.port or 0})


def with_backend(url: str) -> list[int]:
    """As `listening`, and what that process itself is connected to: FerretDB's PostgreSQL."""
    found = listening(url)
    ports = {
        connection.raddr.port
        for pid in found
        for connection in psutil.Process(pid).net_connections("tcp")
        if connection.status == psutil.CONN_ESTABLISHED and connection.raddr
    }
    return sorted({*found, *_listeners(ports)})


def _listeners(ports: set[int]) -> list[int]:
    return sorted(
        {
            connection.pid
            for connection in psutil.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
            and connection.laddr.port in ports
            and connection.pid
        }
    )


def machine() -> str:
    """What this runs on, without its name."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = psutil.virtual_memory().total / 2**30
    release = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, {release}, load before {load}"
