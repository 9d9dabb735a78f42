"""The incumbent as processes: PostgreSQL, Redis, gunicorn and Celery, in a folder of their own.

The servers are Debian's. Its Python is `.venv-bench`, which `make bench` installs.
"""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from platforms import ROOT, Process, clean_environment
from ports import free_port
from servers import S3

BIN = ROOT / ".venv-bench" / "bin"
CODE = ROOT / "benchmarks" / "incumbent"
KEY = "a-key-for-the-benchmark"


def postgres_programs() -> Path | None:
    """Where Debian has the newest PostgreSQL it installed, or whoever has one on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[4]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def missing() -> str | None:
    """What is not there, in a sentence; None: the incumbent can be measured."""
    if postgres_programs() is None or shutil.which("redis-server") is None:
        return "PostgreSQL or redis-server is not installed (Debian: postgresql, redis-server)."
    if not (BIN / "celery").exists():
        return "Django and Celery are not installed: `make bench` does it."
    return None


@dataclass(frozen=True)
class Database:
    port: int
    pid: int


@contextmanager
def postgres(folder: Path) -> Iterator[Database]:
    """A new PostgreSQL with the settings Debian ships; it refuses to be root's."""
    programs = postgres_programs()
    assert programs is not None
    account = _account() if os.geteuid() == 0 else None
    home = folder / "postgres"
    home.mkdir()
    if account:
        os.chown(home, account.pw_uid, account.pw_gid)
        folder.chmod(0o755)
    run_as = {"user": account.pw_uid, "group": account.pw_gid} if account else {}
    quiet = {"cwd": home, "env": clean_environment(), "stdin": subprocess.DEVNULL, **run_as}
    data = home / "data"
    initdb = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **quiet)
    port = free_port()
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", str(home)]
    with (folder / "postgres.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **quiet)
    try:
        ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        _wait(ready, server)
        yield Database(port, server.pid)
    finally:
        server.send_signal(signal.SIGINT)  # "fast": without waiting for those connected
        server.wait(timeout=30)


def create_database(database: Database, name: str) -> None:
    programs = postgres_programs()
    assert programs is not None
    where = ["-h", "127.0.0.1", "-p", str(database.port), "-U", "postgres"]
    subprocess.run([str(programs / "createdb"), *where, name], check=True)


def _account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


@contextmanager
def redis(folder: Path, *, durable: bool) -> Iterator[tuple[str, int]]:
    """Its address and process id.

    As Debian ships it: snapshots now and then (what came since is lost with the machine), no log
    of changes. Durable: every change is written and fsynced before it is answered.
    """
    home = folder / f"redis-{'durable' if durable else 'common'}"
    home.mkdir()
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(home)]
    if durable:
        command += ["--appendonly", "yes", "--appendfsync", "always"]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait(["redis-cli", "-p", str(port), "ping"], server)
        yield f"redis://127.0.0.1:{port}", server.pid
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait(command: list[str], server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while subprocess.run(command, check=False, capture_output=True).returncode:
        if server.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{server.args} does not answer")
        time.sleep(0.1)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """How the incumbent is deployed: nothing said, as is common."""

    durable: bool = False  # late acks, and a Redis that fsyncs
    keep_connections: bool = False  # of the workers to the database


@dataclass(frozen=True)
class Site:
    """Django and Celery, running."""

    origin: str
    headers: Mapping[str, str]
    processes: Mapping[str, Process]


@contextmanager
def site(
    folder: Path,
    *,
    database: Database,
    redis_url: str,
    s3: S3,
    bucket: str,
    variant: Variant,
    size: int,
) -> Iterator[Site]:
    """gunicorn with 2 x cores + 1 synchronous workers, as its documentation recommends, and Celery
    with its own defaults: processes, one a core, four messages fetched ahead by each.
    """
    name = f"studio_{time.time_ns()}"
    create_database(database, name)
    port = free_port()
    env = {
        "PYTHONPATH": f"{CODE}:{ROOT / 'services' / 'worker'}",
        "DJANGO_SETTINGS_MODULE": "studio.settings",
        "STUDIO_SECRET_KEY": "not-secret-here",
        "STUDIO_API_KEY": KEY,
        "STUDIO_PG_HOST": "127.0.0.1",
        "STUDIO_PG_PORT": str(database.port),
        "STUDIO_PG_NAME": name,
        "STUDIO_REDIS_URL": redis_url,
        "STUDIO_PICTURE_BYTES": str(size),
        "STUDIO_S3_ENDPOINT": urlsplit(s3.endpoint).netloc,
        "STUDIO_S3_ACCESS_KEY": s3.access_key,
        "STUDIO_S3_SECRET_KEY": s3.secret_key,
        "STUDIO_S3_BUCKET": bucket,
        "STUDIO_DURABLE": str(int(variant.durable)),
        "STUDIO_KEEP_CONNECTIONS": str(int(variant.keep_connections)),
    }
    migrate = [str(BIN / "python"), "-m", "django", "migrate", "--verbosity", "0"]
    subprocess.run(
        migrate, check=True, env={**clean_environment(), **env}, stdin=subprocess.DEVNULL
    )
    origin = f"http://127.0.0.1:{port}"
    workers = 2 * (os.cpu_count() or 1) + 1
    gunicorn = [str(BIN / "gunicorn"), "studio.wsgi", "--bind", f"127.0.0.1:{port}"]
    gunicorn += ["--workers", str(workers), "--no-control-socket", "--log-level", "warning"]
    celery = [str(BIN / "celery"), "-A", "studio", "worker", "--loglevel", "WARNING"]
    logs = folder / name
    logs.mkdir()
    processes = {
        "gunicorn": Process("gunicorn", gunicorn, env, logs / "gunicorn.log", f"{origin}/healthz"),
        "celery": Process("celery", celery, env, logs / "celery.log"),
    }
    with ExitStack() as stack:
        for process in processes.values():
            process.start()
            stack.callback(process.stop)
        for process in processes.values():
            process.wait_ready()
        yield Site(origin, {"Authorization": f"Bearer {KEY}"}, processes)
