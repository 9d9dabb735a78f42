"""What was measured, by version."""

import json
import platform
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pymongo

from accounting import listening
from incumbent_stack import BIN, postgres_programs
from places import Where
from servers import management_url

OURS = (
    "aio-pika", "aiormq", "aiohttp", "fastapi", "minio", "motor", "pydantic", "uvicorn", "uvloop"
)  # fmt: skip
THEIRS = ("celery", "django", "gunicorn", "hiredis", "kombu", "minio", "psycopg", "redis")


def versions(where: Where) -> dict[str, Any]:
    """Of Python, its packages, and of every server that says it."""
    return {
        "python": platform.python_version(),
        "atelier": {name: version(name) for name in OURS},
        "incumbent": _or_none(_theirs),
        "rabbitmq": _or_none(lambda: _rabbitmq(where.amqp)),
        "document store": _or_none(lambda: _documents(where.mongo)),
        "object store": _or_none(lambda: _objects(where.s3.endpoint)),
        "postgresql": _or_none(lambda: _says(f"{postgres_programs()}/postgres", "--version")),
        "redis": _or_none(lambda: _says("redis-server", "--version")),
        "nginx": _or_none(lambda: _says("/usr/sbin/nginx", "-v")),
    }


def _or_none(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except (OSError, subprocess.SubprocessError, httpx.HTTPError, psutil.Error, IndexError):
        return None


def _says(*command: str) -> str:
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30
    )
    return done.stdout.splitlines()[0].strip()


def _theirs() -> dict[str, str]:
    code = (
        "import json; from importlib.metadata import version; "
        f"print(json.dumps({{name: version(name) for name in {THEIRS!r}}}))"
    )
    found: dict[str, str] = json.loads(_says(str(BIN / "python"), "-c", code))
    return found


def _rabbitmq(amqp: str) -> str:
    parts = urlsplit(amqp)
    auth = (parts.username or "guest", parts.password or "guest")
    about = httpx.get(f"{management_url(amqp)}/api/overview", auth=auth, timeout=10).json()
    return f"{about['rabbitmq_version']}, Erlang {about['erlang_version']}"


def _documents(mongo: str) -> str:
    with pymongo.MongoClient[Any](mongo) as client:
        about = client.server_info()
    ferret = about.get("ferretdb", {}).get("version")
    return f"FerretDB {ferret}" if ferret else f"MongoDB {about['version']}"


def _objects(endpoint: str) -> str:
    return _says(psutil.Process(listening(endpoint)[0]).exe(), "--version")
