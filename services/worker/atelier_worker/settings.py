"""The worker's settings."""

from typing import Final

from pydantic import Field, SecretStr

from atelier_core.settings import AmqpUrl, ApiKey, HttpUrl, Settings

_VENDORS: Final = (
    "fake_url",
    "fake_bytes",
    "replicate_api_token",
    "fal_key",
    "hf_token",
    "a1111_url",
    "comfyui_url",
    "openai_api_key",
    "openai_base_url",
    "compatible_url",
    "compatible_api_key",
    "compatible_model",
    "gemini_api_key",
    "stability_api_key",
)


class ProviderSettings(Settings):
    """Which providers are on, and what they need; also part of the embedded platform's settings."""

    provider_names: str | None = Field(None, alias="ATELIER_PROVIDERS")
    concurrency: int = Field(50, alias="ATELIER_WORKER_CONCURRENCY", ge=1, le=10_000)
    fake_url: HttpUrl | None = Field(None, alias="ATELIER_FAKE_URL")
    fake_bytes: int | None = Field(None, alias="ATELIER_FAKE_BYTES", ge=0, le=2**26)
    openai_api_key: ApiKey | None = Field(None, alias="OPENAI_API_KEY")
    openai_base_url: HttpUrl | None = Field(None, alias="OPENAI_BASE_URL")
    compatible_url: HttpUrl | None = Field(None, alias="COMPATIBLE_URL")
    compatible_api_key: ApiKey | None = Field(None, alias="COMPATIBLE_API_KEY")
    compatible_model: str | None = Field(None, alias="COMPATIBLE_MODEL")
    gemini_api_key: ApiKey | None = Field(None, alias="GEMINI_API_KEY")
    stability_api_key: ApiKey | None = Field(None, alias="STABILITY_API_KEY")
    replicate_api_token: ApiKey | None = Field(None, alias="REPLICATE_API_TOKEN")
    fal_key: ApiKey | None = Field(None, alias="FAL_KEY")
    hf_token: ApiKey | None = Field(None, alias="HF_TOKEN")
    a1111_url: HttpUrl | None = Field(None, alias="A1111_URL")
    comfyui_url: HttpUrl | None = Field(None, alias="COMFYUI_URL")

    @property
    def providers(self) -> tuple[str, ...] | None:
        """The names asked for; None: all that can be."""
        if self.provider_names is None:
            return None
        return tuple(name.strip() for name in self.provider_names.split(",") if name.strip())

    @property
    def vendor_variables(self) -> dict[str, str]:
        """What is set for vendors, by the names of the variables."""
        found: dict[str, str] = {}
        for name in _VENDORS:
            value = getattr(self, name)
            if value is not None:
                alias = str(type(self).model_fields[name].alias)
                found[alias] = (
                    value.get_secret_value() if isinstance(value, SecretStr) else str(value)
                )
        return found


class WorkerSettings(ProviderSettings):
    """A worker of the distributed platform."""

    amqp_url: AmqpUrl = Field(alias="ATELIER_AMQP_URL")
    s3_endpoint: HttpUrl = Field(alias="ATELIER_S3_ENDPOINT")
    s3_access_key: SecretStr = Field(alias="ATELIER_S3_ACCESS_KEY")
    s3_secret_key: SecretStr = Field(alias="ATELIER_S3_SECRET_KEY")
    s3_bucket: str = Field("atelier", alias="ATELIER_S3_BUCKET")
    s3_region: str = Field("us-east-1", alias="ATELIER_S3_REGION")
