"""Settings: environment variables `VIRTGRAPH_*`, then a TOML file, then the defaults here."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


def default_home() -> Path:
    """`/var/lib/virtgraph` for root, else the XDG state folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/virtgraph")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "virtgraph"


def config_file() -> Path:
    """`$VIRTGRAPH_CONFIG`, or `/etc/virtgraph/config.toml` for root, else the XDG configuration folder's."""
    if given := os.environ.get("VIRTGRAPH_CONFIG"):
        return Path(given)
    if os.geteuid() == 0:
        return Path("/etc/virtgraph/config.toml")
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "virtgraph" / "config.toml"


class Settings(BaseSettings):
    """All settings of service, worker and client. Durations are seconds."""

    # what is unknown is refused in the file only: variables of other names are not read
    model_config = SettingsConfigDict(env_prefix="VIRTGRAPH_", extra="forbid")

    url: str = "http://127.0.0.1:8000/graphql"  # where the client finds the service
    token: SecretStr | None = None  # the client's; else the file `token` in home
    home: Path = Field(default_factory=default_home)  # token, secret.key, graph/, images/, runs/
    graph_url: str | None = None  # bolt://… of a Neo4j; without it an embedded server is started
    graph_user: str = "neo4j"
    graph_password: SecretStr = SecretStr("")
    bind: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    lease: float = Field(15.0, gt=0)  # a Run whose beat stands still for so long is taken over
    patience: float = Field(300.0, ge=0)  # how long a host that does not answer is tried again
    warm: bool = True  # keep an Ansible imported, so that a Run starts in milliseconds
    events_kept: int = Field(200_000, ge=1000)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=config_file())

    @property
    def token_file(self) -> Path:
        return self.home / "token"

    @property
    def key_file(self) -> Path:
        return self.home / "secret.key"

    @property
    def images(self) -> Path:
        return self.home / "images"


@lru_cache(1)
def settings() -> Settings:
    return Settings()
