"""What a worker hands to the dispatcher for one Run, and what it gets back."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal[
    "successful",
    "failed",  # the play failed as a whole; resources that failed one by one leave it successful
    "unreachable",
    "denied",
    "host_key",
    "fenced",
    "libvirt",
    "deadline",
    "cancelled",
    "lost",  # nobody knows how far it came: observe first
]

# What ends up on ssh's command line (a leading dash would be an option) or in a line of its known_hosts.
_ADDRESS = re.compile(r"[0-9A-Za-z:][0-9A-Za-z.:_%-]*")
_USER = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.@-]*")
_HOST_KEY = re.compile(r"[0-9a-z][0-9a-z@.-]* [0-9A-Za-z+/]+={0,2}")


def unsound(address: str | None, user: str, host_key: str | None) -> Iterator[tuple[str, str]]:
    """What of the way to a host cannot be used: the name of the field, and why."""
    if not _ADDRESS.fullmatch(address or ""):
        yield "address", f"{address!r} is no address of a host"
    if not _USER.fullmatch(user):
        yield "user", f"{user!r} is no name of a user"
    if host_key is not None and not _HOST_KEY.fullmatch(host_key):
        yield "host_key", f"{host_key!r} is no ssh host key; one looks like 'ssh-ed25519 AAAA…'"


@dataclass(frozen=True)
class HostAccess:
    name: str
    address: str | None
    user: str
    port: int
    key_file: str | None
    host_key: str | None  # "ssh-ed25519 AAAA…", as recorded at addHost
    local: bool

    def __post_init__(self) -> None:
        if not self.local:
            for _, reason in unsound(self.address, self.user, self.host_key):
                raise ValueError(reason)

    @property
    def where(self) -> str:
        """For sentences: the host as a person knows it."""
        return f"{self.name} (this machine)" if self.local else f"{self.name} ({self.address}:{self.port})"


@dataclass(frozen=True)
class Order:
    run: str
    host: HostAccess
    playbook: str  # realize, remove, observe or preflight
    doc: Mapping[str, Any]
    secrets: Mapping[str, Any]
    timeout: float  # seconds
    roles: Sequence[str] = ()  # the play's tags; empty: all


@dataclass(frozen=True)
class ResourceResult:
    id: str
    changed: bool = False
    failed: bool = False
    skipped: bool = False
    error: str | None = None
    cure: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    status: Status
    message: str  # a sentence: which host, what happened, what cures it
    host_facts: Mapping[str, Any] = field(default_factory=dict)
