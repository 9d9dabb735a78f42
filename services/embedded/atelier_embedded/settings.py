"""Settings of the embedded platform: those of a worker, a folder, and `.env`."""

import os
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values
from pydantic import Field

from atelier_core.settings import Port
from atelier_worker.settings import ProviderSettings


class EmbeddedSettings(ProviderSettings):
    port: Port = Field(8080, alias="ATELIER_PORT")
    data: Path = Field(Path("data"), alias="ATELIER_DATA")
    media_mode: Literal["proxy"] = Field(  # there is no store to send browsers to
        "proxy", alias="ATELIER_MEDIA_MODE"
    )

    @classmethod
    def of(cls, **flags: Any) -> "EmbeddedSettings":
        """Flags before the environment before `.env`; a flag that is None was not given.

        Raises:
            SettingsError: one sentence that names the variable.
        """
        given = {f"ATELIER_{k.upper()}": str(v) for k, v in flags.items() if v is not None}
        environment = surroundings()
        for name in given:
            environment.pop(f"{name}_FILE", None)
        return cls.load({**environment, **given})


def surroundings() -> dict[str, str]:
    """The environment, and below it what `.env` here adds."""
    file = {k: v for k, v in dotenv_values(".env").items() if v is not None}
    return {**file, **os.environ}
