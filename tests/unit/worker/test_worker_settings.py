"""The worker's variables, as they are documented."""

import pytest

from atelier_core.errors import SettingsError
from atelier_worker.providers.fake import FakeProvider
from atelier_worker.providers.registry import open_providers
from atelier_worker.settings import WorkerSettings

NEEDED = {
    "ATELIER_AMQP_URL": "amqp://localhost/",
    "ATELIER_S3_ENDPOINT": "http://localhost:9000",
    "ATELIER_S3_ACCESS_KEY": "a",
    "ATELIER_S3_SECRET_KEY": "s",
}


def test_what_is_needed_is_enough() -> None:
    settings = WorkerSettings.load(NEEDED)
    assert (settings.concurrency, settings.s3_bucket, settings.providers) == (50, "atelier", None)
    assert settings.vendor_variables == {}


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is missing"):
        WorkerSettings.load({key: value for key, value in NEEDED.items() if key != name})


@pytest.mark.parametrize("value", ["0", "many", "10001"])
def test_a_wrong_concurrency_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match="ATELIER_WORKER_CONCURRENCY is wrong"):
        WorkerSettings.load(NEEDED | {"ATELIER_WORKER_CONCURRENCY": value})


def test_providers_are_a_list_and_vendors_get_their_variables() -> None:
    settings = WorkerSettings.load(
        NEEDED | {"ATELIER_PROVIDERS": "fake, demo,", "ATELIER_FAKE_URL": "http://localhost:1/"}
    )
    assert settings.providers == ("fake", "demo")
    assert settings.vendor_variables == {"ATELIER_FAKE_URL": "http://localhost:1"}


@pytest.mark.anyio
async def test_the_fake_has_pictures_of_the_size_that_is_set() -> None:
    settings = WorkerSettings.load(NEEDED | {"ATELIER_FAKE_BYTES": "1363149"})
    async with open_providers(("fake",), settings.vendor_variables) as (fake,):
        assert isinstance(fake, FakeProvider)
        assert fake.size == 1_363_149
