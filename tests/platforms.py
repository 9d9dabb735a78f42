"""The platform as its users run it: real processes, real sockets, killed and restarted at will."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx

from ports import free_port
from servers import S3, management_url

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
READY_WITHIN = 45.0


def clean_environment() -> dict[str, str]:
    """The environment without anything that would configure Atelier or reach a paid provider."""
    keep = ("PATH", "HOME", "LANG", "TMPDIR", "PYENV_VERSION", "PYENV_ROOT")
    return {name: os.environ[name] for name in keep if name in os.environ}


@dataclass
class Process:
    """One of ours, with its log kept; started again as often as a test wants."""

    name: str
    command: list[str]
    env: Mapping[str, str]
    log: Path
    ready_url: str | None = None
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                self.command,
                env={**clean_environment(), **self.env},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        assert self.child is not None
        return self.child.pid

    def wait_ready(self, within: float = READY_WITHIN) -> None:
        if self.ready_url is None:
            return
        until = time.monotonic() + within
        while time.monotonic() < until:
            assert self.child is not None
            if self.child.poll() is not None:
                raise AssertionError(f"{self.name} ended: {self.tail()}")
            try:
                if httpx.get(self.ready_url, timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"{self.name} is not ready after {within} s: {self.tail()}")

    def kill(self) -> None:
        """kill -9, of the whole process group: helper processes die with it."""
        assert self.child is not None
        with suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait(timeout=10)

    def stop(self, within: float = 40.0) -> int:
        """SIGTERM, and the exit status."""
        assert self.child is not None
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(timeout=within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not leave: {self.tail()}") from None

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@dataclass
class Platform:
    """Something with an origin, made of processes."""

    kind: str
    origin: str
    processes: dict[str, Process] = field(default_factory=dict)
    api_key: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    def logs(self) -> str:
        return "\n".join(f"--- {p.name}\n{p.tail()}" for p in self.processes.values())


@contextmanager
def embedded(
    folder: Path, *, port: int | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Platform]:
    """`atelier up` on `folder`."""
    port = port or free_port()
    origin = f"http://127.0.0.1:{port}"
    command = [str(BIN / "atelier"), "up", "--port", str(port), "--data", str(folder / "data")]
    process = Process(
        "embedded", command, dict(env or {}), folder / "embedded.log", f"{origin}/readyz"
    )
    process.start()
    try:
        process.wait_ready()
        yield Platform("embedded", origin, {"embedded": process})
    finally:
        process.stop()


@dataclass(frozen=True)
class Servers:
    """Where RabbitMQ, MongoDB and MinIO are, each with a corner of its own for one platform."""

    amqp: str
    mongo: str
    s3: Mapping[str, str]

    @property
    def env(self) -> dict[str, str]:
        return {"ATELIER_AMQP_URL": self.amqp, "ATELIER_MONGO_URL": self.mongo, **self.s3}


@contextmanager
def corner(amqp_url: str, mongo_url: str, s3: S3) -> Iterator[Servers]:
    """A vhost, a database and a bucket nobody else uses."""
    name = f"atelier-{uuid4().hex[:8]}"
    parts = urlsplit(amqp_url)
    user = parts.username or "guest"
    auth = (user, parts.password or "guest")
    with httpx.Client(base_url=management_url(amqp_url), auth=auth, timeout=10) as admin:
        admin.put(f"/api/vhosts/{name}").raise_for_status()
        admin.put(
            f"/api/permissions/{name}/{user}",
            content=json.dumps({"configure": ".*", "write": ".*", "read": ".*"}),
            headers={"content-type": "application/json"},
        ).raise_for_status()
        try:
            yield Servers(
                amqp=parts._replace(path=f"/{quote(name, safe='')}").geturl(),
                mongo=urlsplit(mongo_url)._replace(path=f"/{name.replace('-', '_')}").geturl(),
                s3={
                    "ATELIER_S3_ENDPOINT": s3.endpoint,
                    "ATELIER_S3_ACCESS_KEY": s3.access_key,
                    "ATELIER_S3_SECRET_KEY": s3.secret_key,
                    "ATELIER_S3_BUCKET": name,
                },
            )
        finally:
            admin.delete(f"/api/vhosts/{name}")


def front_door(folder: Path, port: int, api: list[int], gallery: list[int]) -> Process:
    """nginx with the project's own configuration; only addresses are this test's."""
    conf = folder / "nginx"
    (conf / "tmp").mkdir(parents=True, exist_ok=True)
    source = ROOT / "deploy" / "nginx"
    (conf / "frontdoor.conf").write_text((source / "frontdoor.conf").read_text())
    (conf / "listen.conf").write_text(f"listen 127.0.0.1:{port};\n")
    upstreams = "".join(
        f"upstream {name} {{\n"
        + "".join(f"    server 127.0.0.1:{p} max_fails=0;\n" for p in ports)
        + "    keepalive 64;\n}\n"
        for name, ports in (("api", api), ("gallery", gallery))
    )
    (conf / "upstreams.conf").write_text(upstreams)
    temp = "".join(
        f"    {kind}_temp_path {conf}/tmp/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = (source / "nginx.conf").read_text()
    main = main.replace("http {\n", "http {\n" + temp, 1)
    user = "user root;\n" if os.geteuid() == 0 else ""
    main = f"daemon off;\nerror_log stderr warn;\n{user}{main}"
    (conf / "nginx.conf").write_text(main)
    return Process(
        "nginx",
        ["/usr/sbin/nginx", "-p", str(conf), "-c", str(conf / "nginx.conf"), "-e", "stderr"],
        {},
        folder / "nginx.log",
        f"http://127.0.0.1:{port}/healthz",
    )


@contextmanager
def distributed(
    folder: Path,
    servers: Servers,
    *,
    workers: int = 2,
    galleries: int = 2,
    apis: int = 1,
    env: Mapping[str, str] | None = None,
    own: Mapping[str, Mapping[str, str]] | None = None,
    api_key: str | None = "a-key-for-tests",
) -> Iterator[Platform]:
    """Every service as processes behind nginx, configured by the documented variables only.

    `env` is for all of them, `own` for the processes of one service ("api", "worker", "gallery").
    """
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    api_ports = [free_port() for _ in range(apis)]
    gallery_ports = [free_port() for _ in range(galleries)]
    shared = {
        **servers.env,
        "ATELIER_PUBLIC_URL": origin,
        "ATELIER_API_URL": f"http://127.0.0.1:{api_ports[0]}",
        "ATELIER_GALLERY_URL": f"http://127.0.0.1:{gallery_ports[0]}",
        **({"ATELIER_API_KEY": api_key} if api_key else {}),
        **(env or {}),
    }
    processes: dict[str, Process] = {}

    def add(service: str, number: int, listening: int | None = None) -> None:
        name = f"{service}-{number}"
        settings = {**shared, **(own or {}).get(service, {})}
        if listening:
            settings["ATELIER_PORT"] = str(listening)
        ready = f"http://127.0.0.1:{listening}/readyz" if listening else None
        command = [str(BIN / f"atelier-{service}")]
        processes[name] = Process(name, command, settings, folder / f"{name}.log", ready)

    for i, p in enumerate(gallery_ports):
        add("gallery", i, p)
    for i, p in enumerate(api_ports):
        add("api", i, p)
    for i in range(workers):
        add("worker", i)
    processes["nginx"] = front_door(folder, port, api_ports, gallery_ports)
    with ExitStack() as stack:
        for process in processes.values():
            process.start()
            stack.callback(process.stop)
        for process in processes.values():
            process.wait_ready()
        yield Platform("distributed", origin, processes, api_key)
