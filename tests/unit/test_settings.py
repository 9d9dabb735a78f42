from pathlib import Path

import pytest
from pydantic import Field

from atelier_api.settings import ApiSettings
from atelier_core.errors import SettingsError
from atelier_core.settings import Port, Settings
from atelier_embedded.settings import EmbeddedSettings
from atelier_gallery.settings import GallerySettings
from atelier_worker.settings import WorkerSettings


def test_defaults() -> None:
    settings = Settings.load({})
    assert (settings.host, settings.key, settings.log_level) == ("127.0.0.1", None, "info")


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"ATELIER_PUBLIC_URL": "nonsense"}, "ATELIER_PUBLIC_URL is wrong"),
        ({"ATELIER_PUBLIC_URL": "http://u:secret@h"}, "ATELIER_PUBLIC_URL is wrong"),
        ({"ATELIER_PUBLIC_URL": "http://h/studio"}, "ATELIER_PUBLIC_URL is wrong: it must be"),
        ({"ATELIER_PUBLIC_URL": "http://h?a=b"}, "without a path, for example https://"),
        ({"ATELIER_PUBLIC_URL": "http://h/#a"}, "without a path, for example https://"),
        ({"ATELIER_PUBLIC_URL": "http://h:99999"}, "must be an http:// or https:// address"),
        ({"ATELIER_LOG_LEVEL": "loud"}, "it must be 'debug', 'info', 'warning' or 'error'."),
        ({"ATELIER_HOST": "0.0.0.0"}, "ATELIER_API_KEY is missing"),
        ({"ATELIER_API_KEY": "a", "ATELIER_API_KEY_FILE": "b"}, "ATELIER_API_KEY_FILE are both"),
        ({"ATELIER_API_KEY_FILE": "/no/such/file"}, "ATELIER_API_KEY_FILE names a file"),
        ({"ATELIER_API_KEY": "secret\nkey"}, "ATELIER_API_KEY is wrong"),
    ],
)
def test_a_wrong_setting_is_one_sentence(environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.load(environ)
    assert sentence in str(error.value)
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        *("http://h", "amqp://", "amqp://[::1", "amqp://h:x", "amqp://h:99999"),
        *("amqp://u:secret#1@h/", "amqp://u:secret/1@h/", "amqp://u:secret?1@h/"),
    ],
)
def test_an_address_of_a_broker_that_is_none_is_one_sentence(url: str) -> None:
    others = {"ATELIER_MONGO_URL": "mongodb://h", "ATELIER_API_KEY": "key"}
    for settings in (ApiSettings, GallerySettings, WorkerSettings):
        with pytest.raises(SettingsError, match="ATELIER_AMQP_URL is wrong: it must") as error:
            settings.load({**others, "ATELIER_AMQP_URL": url})
        assert "%23" in str(error.value)
        assert "secret" not in str(error.value)


def test_a_file_holds_the_value(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("the-key\n")
    assert Settings.load({"ATELIER_API_KEY_FILE": str(tmp_path / "key")}).key == "the-key"


def test_a_key_is_not_shown() -> None:
    assert "the-key" not in repr(Settings.load({"ATELIER_API_KEY": "the-key"}))


class Ported(Settings):
    port: Port = Field(alias="A_PORT")


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({}, "A_PORT is missing."),
        ({"A_PORT": "many"}, "A_PORT is wrong: it must be a whole number."),
        ({"A_PORT": "80.5"}, "A_PORT is wrong: it must be a whole number."),
        ({"A_PORT": "65536"}, "A_PORT is wrong: it must be at most 65535."),
        ({"A_PORT": "-1"}, "A_PORT is wrong: it must be at least 0."),
    ],
)
def test_a_wrong_number_is_told_in_plain_words(environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError) as error:
        Ported.load(environ)
    assert str(error.value) == sentence


def test_a_public_address_may_end_in_a_slash() -> None:
    settings = Settings.load({"ATELIER_PUBLIC_URL": "https://images.example.com:8443/"})
    assert settings.public_url == "https://images.example.com:8443"


def test_the_embedded_platform_hands_out_pictures_itself() -> None:
    for mode in ("xx", "redirect"):
        with pytest.raises(
            SettingsError, match=r"^ATELIER_MEDIA_MODE is wrong: it must be 'proxy'"
        ):
            EmbeddedSettings.load({"ATELIER_MEDIA_MODE": mode})
    assert EmbeddedSettings.load({"ATELIER_MEDIA_MODE": "proxy"}).media_mode == "proxy"


def test_a_provider_that_is_none_is_a_sentence_of_the_api_too() -> None:
    needed = {"ATELIER_AMQP_URL": "amqp://h", "ATELIER_MONGO_URL": "mongodb://h"}
    known = ApiSettings.load({**needed, "ATELIER_PROVIDERS": "fal, demo,fake"})
    assert known.providers == ("fal", "demo", "fake")
    with pytest.raises(SettingsError) as error:
        ApiSettings.load({**needed, "ATELIER_PROVIDERS": "demo,opneai"})
    assert str(error.value).startswith("ATELIER_PROVIDERS names 'opneai'; there are: ")
    assert "openai" in str(error.value)
    assert "fake" not in str(error.value)
