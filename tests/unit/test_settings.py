from pathlib import Path

import pytest

from atelier_core.errors import SettingsError
from atelier_core.settings import Settings


def test_defaults() -> None:
    settings = Settings.load({})
    assert (settings.host, settings.key, settings.log_level) == ("127.0.0.1", None, "info")


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"ATELIER_PUBLIC_URL": "nonsense"}, "ATELIER_PUBLIC_URL is wrong"),
        ({"ATELIER_PUBLIC_URL": "http://u:secret@h"}, "ATELIER_PUBLIC_URL is wrong"),
        ({"ATELIER_LOG_LEVEL": "loud"}, "ATELIER_LOG_LEVEL is wrong"),
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


def test_a_file_holds_the_value(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("the-key\n")
    assert Settings.load({"ATELIER_API_KEY_FILE": str(tmp_path / "key")}).key == "the-key"


def test_a_key_is_not_shown() -> None:
    assert "the-key" not in repr(Settings.load({"ATELIER_API_KEY": "the-key"}))
