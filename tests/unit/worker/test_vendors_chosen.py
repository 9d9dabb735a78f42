"""Keys in the environment switch vendors on, and are shown nowhere."""

import pytest

from atelier_core.contracts.catalogue import catalogue
from atelier_core.errors import SettingsError
from atelier_worker.providers.registry import chosen, open_providers
from atelier_worker.settings import ProviderSettings

pytestmark = pytest.mark.anyio

SET = {
    "OPENAI_API_KEY": "sk-secret",
    "OPENAI_BASE_URL": "https://proxy.example/v1/",
    "COMPATIBLE_URL": "http://localhost:8080",
    "COMPATIBLE_API_KEY": "other-secret",
    "COMPATIBLE_MODEL": "sdxl",
    "GEMINI_API_KEY": "AIzaSecret",
    "STABILITY_API_KEY": "sk-stable-secret",
    "REPLICATE_API_TOKEN": "r8_secret",
    "FAL_KEY": "id:fal-secret",
    "HF_TOKEN": "hf_secret",
    "A1111_URL": "http://localhost:7860",
    "COMFYUI_URL": "http://localhost:8188",
}
KEYS = [name for name in SET if name.endswith(("KEY", "TOKEN"))]


async def test_who_has_a_key_is_on() -> None:
    settings = ProviderSettings.load(SET)
    variables = settings.vendor_variables
    assert variables == SET | {"OPENAI_BASE_URL": "https://proxy.example/v1"}
    names = ("demo", "openai", "compatible", "gemini", "stability")
    names += ("replicate", "fal", "huggingface", "a1111", "comfyui")
    assert set(chosen(None, variables)) == set(names)
    async with open_providers(names, variables) as opened:
        assert tuple(provider.name for provider in opened) == names
        for provider in opened:
            assert catalogue().of([provider.name])
            assert provider.concurrency > 0
    assert not any(SET[name] in repr(settings) for name in KEYS)


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("value", ["se\ncret", "se cret", "sécret"])
def test_a_key_that_cannot_be_sent_is_named_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        ProviderSettings.load(SET | {name: value})
    assert value not in str(caught.value)


@pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "COMPATIBLE_URL"])
def test_an_address_with_a_password_is_named_and_not_shown(name: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        ProviderSettings.load(SET | {name: "https://me:hidden@host"})
    assert "hidden" not in str(caught.value)
