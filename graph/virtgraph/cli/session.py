"""The settings as a command reads them, and the token that goes with them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from virtgraph.cli.failure import REFUSED, UNREACHABLE, Failure
from virtgraph.settings import Settings, config_file


def settings(**given: Any) -> Settings:
    """Raises Failure where a variable or the file says something that cannot be meant."""
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = [wrong("_".join(map(str, e["loc"])), e["type"], e["msg"]) for e in error.errors()]
        raise Failure(lines, f"Correct the environment or {config_file()}.", REFUSED) from None
    except ValueError as error:  # TOML that cannot be read
        raise Failure(f"{config_file()} cannot be read: {error}.", "Correct it or move it away.", REFUSED) from None


def wrong(name: str, type: str, message: str) -> str:
    if type == "extra_forbidden":
        return f"There is no setting {name}."
    return f"Setting VIRTGRAPH_{name.upper()}: {message}."


def token(settings: Settings) -> str:
    """That of VIRTGRAPH_TOKEN, else the one that the service wrote on this machine."""
    if settings.token is not None:
        return settings.token.get_secret_value().strip()
    file = settings.token_file
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        raise Failure(
            f"There is no token: VIRTGRAPH_TOKEN is not set and {file} does not exist.",
            "Start the service on this machine (`virtgraph serve`), or set VIRTGRAPH_TOKEN, or VIRTGRAPH_HOME "
            "to the service's folder.",
            UNREACHABLE,
        ) from None
    except OSError as error:
        raise Failure(
            f"The token in {file} cannot be read: {error.strerror}.",
            "Run this as the user that the service runs as, or set VIRTGRAPH_TOKEN.",
            UNREACHABLE,
        ) from None


def is_loopback(url: str) -> bool:
    """Whether the service is on this machine: no proxy leads there."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")
