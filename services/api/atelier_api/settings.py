"""The API's settings."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from atelier_core.contracts.catalogue import catalogue
from atelier_core.errors import SettingsError
from atelier_core.settings import AmqpUrl, HttpUrl, Port, Settings


def _names(value: object) -> object:
    return (
        tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value
    )


class ApiSettings(Settings):
    port: Port = Field(8000, alias="ATELIER_PORT")
    amqp_url: AmqpUrl = Field(alias="ATELIER_AMQP_URL")
    mongo_url: str = Field(alias="ATELIER_MONGO_URL")
    gallery_url: HttpUrl = Field("http://127.0.0.1:8001", alias="ATELIER_GALLERY_URL")
    providers: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field(
        (), alias="ATELIER_PROVIDERS"
    )

    def check(self) -> None:
        """Raises SettingsError: a provider is named that does not exist."""
        super().check()
        models = catalogue().models
        known = {model.provider for model in models}
        if unknown := [name for name in self.providers if name not in known]:
            shown = ", ".join(dict.fromkeys(m.provider for m in models if m.auto != "never"))
            raise SettingsError(f"ATELIER_PROVIDERS names {unknown[0]!r}; there are: {shown}.")
