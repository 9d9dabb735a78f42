"""The API's settings."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from atelier_core.settings import HttpUrl, Port, Settings


def _names(value: object) -> object:
    return (
        tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value
    )


class ApiSettings(Settings):
    port: Port = Field(8000, alias="ATELIER_PORT")
    amqp_url: str = Field(alias="ATELIER_AMQP_URL")
    mongo_url: str = Field(alias="ATELIER_MONGO_URL")
    gallery_url: HttpUrl = Field("http://127.0.0.1:8001", alias="ATELIER_GALLERY_URL")
    providers: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field(
        (), alias="ATELIER_PROVIDERS"
    )
