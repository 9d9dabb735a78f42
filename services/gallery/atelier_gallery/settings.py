"""The gallery's settings."""

from typing import Literal

from pydantic import Field, SecretStr

from atelier_core.errors import SettingsError
from atelier_core.settings import AmqpUrl, HttpUrl, Port, Settings


class GallerySettings(Settings):
    port: Port = Field(8001, alias="ATELIER_PORT")
    amqp_url: AmqpUrl = Field(alias="ATELIER_AMQP_URL")
    mongo_url: str = Field(alias="ATELIER_MONGO_URL")
    api_url: HttpUrl = Field("http://127.0.0.1:8000", alias="ATELIER_API_URL")
    s3_endpoint: HttpUrl = Field(alias="ATELIER_S3_ENDPOINT")
    s3_public_endpoint: HttpUrl | None = Field(None, alias="ATELIER_S3_PUBLIC_ENDPOINT")
    s3_access_key: SecretStr = Field(alias="ATELIER_S3_ACCESS_KEY")
    s3_secret_key: SecretStr = Field(alias="ATELIER_S3_SECRET_KEY")
    s3_bucket: str = Field("atelier", alias="ATELIER_S3_BUCKET")
    s3_region: str = Field("us-east-1", alias="ATELIER_S3_REGION")
    media_mode: Literal["proxy", "redirect"] = Field("proxy", alias="ATELIER_MEDIA_MODE")

    def check(self) -> None:
        """Raises SettingsError: redirects need an address that browsers reach."""
        super().check()
        if self.media_mode == "redirect" and self.s3_public_endpoint is None:
            raise SettingsError(
                "ATELIER_S3_PUBLIC_ENDPOINT is missing: with ATELIER_MEDIA_MODE redirect,"
                " browsers read pictures from there."
            )
