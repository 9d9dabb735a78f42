"""What the logs say of servers that refuse us: each failure once, in a sentence, no secrets."""

import asyncio
import logging
import socket
from urllib.parse import urlsplit

import pytest
from pymongo.errors import OperationFailure

from atelier_core.adapters.mongo import translated
from atelier_core.adapters.rabbitmq_link import Link, server_url
from atelier_core.errors import RefusedError, SettingsError
from atelier_core.runtime import listen
from atelier_gallery.stores.mongo_jobs import MongoJobStore
from atelier_gallery.stores.mongo_open import MongoStores

pytestmark = pytest.mark.anyio


async def nothing(_: object) -> None:
    pass


async def test_a_missing_virtual_host_is_named(
    amqp_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    address = urlsplit(amqp_url)._replace(path="/there-is-none").geturl()
    link = Link(server_url(address), name="test", declare=nothing)
    async with asyncio.timeout(10):
        running = asyncio.create_task(link.run())
        while "virtual host" not in str(link.unusable):
            await asyncio.sleep(0.02)
        running.cancel()
    ours = [r for r in caplog.records if r.name.startswith("atelier_core")]
    assert ours
    assert all(r.levelno == logging.WARNING for r in ours)


@pytest.mark.parametrize(
    ("said", "code"),
    [("Authentication failed for somebody", 18), ("somebody is not authorized on atelier", 13)],
)
async def test_refused_credentials_name_the_setting_only(said: str, code: int) -> None:
    with pytest.raises(RefusedError, match="ATELIER_MONGO_URL") as caught, translated():
        raise OperationFailure(said, code)
    assert "somebody" not in str(caught.value)


async def test_a_taken_port_names_what_can_be_changed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError) as caught:
            listen("127.0.0.1", port)
    assert "--port" not in str(caught.value)
    assert "ATELIER_PORT" in str(caught.value)


class ReadOnly:
    """A database whose user may look and not touch."""

    def get_collection(self, *_: object, **__: object) -> "ReadOnly":
        return self

    async def command(self, _: str) -> dict[str, float]:
        return {"ok": 1.0}

    async def create_indexes(self, _: object) -> list[str]:
        raise OperationFailure("not authorized on atelier to execute command", 13)


async def test_a_gallery_that_may_not_make_indexes_says_which_setting_that_is() -> None:
    jobs = MongoJobStore(ReadOnly())
    stores = MongoStores(jobs, jobs, ReadOnly())
    for asked in (stores.prepare, stores.ping):
        with pytest.raises(RefusedError, match="the user in ATELIER_MONGO_URL"):
            await asked()
