"""docker-compose.yml hands every service what its settings ask for. Needs no Docker."""

import pytest
import yaml

from atelier_api.settings import ApiSettings
from atelier_core.settings import Settings
from atelier_gallery.settings import GallerySettings
from atelier_worker.settings import ProviderSettings, WorkerSettings
from platforms import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OF = {"api": ApiSettings, "gallery": GallerySettings, "worker": WorkerSettings}


def aliases(settings: type[Settings]) -> set[str]:
    return {str(field.alias) for field in settings.model_fields.values()}


@pytest.mark.parametrize("service", OF)
def test_what_is_set_is_a_setting_and_what_is_needed_is_set(service: str) -> None:
    given = {name.removesuffix("_FILE") for name in COMPOSE[service]["environment"]}
    needed = {str(f.alias) for f in OF[service].model_fields.values() if f.is_required()}
    assert needed <= given
    # All are given a port: what has none to listen on reads none.
    assert given - {"ATELIER_PORT"} <= aliases(OF[service])


def test_workers_get_whatever_a_provider_may_need() -> None:
    missing = aliases(ProviderSettings) - set(COMPOSE["worker"]["environment"])
    assert missing == {
        "ATELIER_API_KEY",  # as a file
        "ATELIER_FAKE_URL",  # for tests
        "ATELIER_FAKE_BYTES",  # for benchmarks
    }
