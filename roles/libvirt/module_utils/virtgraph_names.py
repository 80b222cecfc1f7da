"""Names on a host, derived from ids and never from users' text. Pure."""

from __future__ import annotations

import uuid
from pathlib import Path

_HEX = 11  # with a prefix of 4 it fills the 15 characters of an interface's name
_UNTAGGED = "virtgraph-"
CONSOLE_LOGS = Path("/var/log/libvirt/qemu")  # where libvirt has its own of each domain


def checked(id: str) -> str:
    """The id itself, when it is a UUID in its usual form; raises ValueError, since ids become file names."""
    if str(uuid.UUID(id)) != id:
        raise ValueError(f"{id!r} is not written as UUIDs are: lower case, with dashes")
    return id


def bridge(network: str) -> str:
    return _interface("vgb-", network)


def uplink_inside(network: str) -> str:
    """The end of the uplink's veth pair, or the VLAN interface, that is a port of the bridge."""
    return _interface("vgu-", network)


def uplink_outside(network: str) -> str:
    """The end that is a port of the switch."""
    return _interface("vgo-", network)


def untagged(installation: str, network: str) -> str:
    """One more name of an interface that is a port of the bridge itself; such names may have 127 characters."""
    return f"{_UNTAGGED}{checked(installation)}-{checked(network)}"


def is_untagged(name: str) -> bool:
    return name.startswith(_UNTAGGED)


def dhcp(network: str) -> str:
    """Of the DHCP server's namespace and of its veth."""
    return _interface("vgd-", network)


def libvirt_network(network: str) -> str:
    return f"vg-{checked(network)}"


def libvirt_pool(pool: str) -> str:
    return f"vg-{checked(pool)}"


def domain(vm: str) -> str:
    return f"vg-{checked(vm)}"


def id_of(name: str) -> str:
    """Of what libvirt calls so."""
    return name.removeprefix("vg-")


def console_log(vm: str) -> Path:
    return CONSOLE_LOGS / f"{domain(vm)}-console.log"


def volume(id: str) -> str:
    return f"{checked(id)}.qcow2"


def straight(path: str) -> str:
    """The same place by its plain name: without doubled or last slashes and `.`; `..` stays, to be refused."""
    if not path.startswith("/"):
        return path
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def base(sha256: str) -> str:
    """The file in a pool that volumes of one source share."""
    return f"base-{sha256}.qcow2"


def _interface(prefix: str, id: str) -> str:
    return prefix + checked(id).replace("-", "")[:_HEX]
