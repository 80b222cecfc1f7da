"""A host as it is added, and what cannot be right about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from virtgraph.order import unsound
from virtgraph.spec import scalars, units
from virtgraph.spec.errors import Problems, shown
from virtgraph.spec.node import Node

MOST_CPUS = 1 << 16
MOST_BYTES = 1 << 60
INTERFACE = re.compile(r"[^\s/:]{1,15}")  # as the kernel takes it
POOL_PATH = "/var/lib/libvirt/images/virtgraph"


@dataclass(frozen=True, slots=True)
class NewHost:
    """A host as it is added. Ratios are overcommit; cpus, memory and disk (bytes) override what the probe finds."""

    name: str
    id: str | None = None
    address: str | None = None
    user: str = "root"
    port: int = 22
    key_file: str | None = None
    host_key: str | None = None
    local: bool = False
    slots: int = 2
    uplink_interface: str | None = None
    uplink_driver: str | None = None
    segment: str = "default"
    labels: tuple[str, ...] = ()
    cpu_ratio: float = 16.0
    memory_ratio: float = 1.0
    disk_ratio: float = 2.0
    cpus: int | None = None
    memory: int | None = None
    disk: int | None = None
    pool_path: str | None = None  # as it is, or POOL_PATH
    acceleration: str | None = None


def ratio(value: float) -> float:
    if not 0 < value <= 1000:
        raise ValueError(f"must be above 0 and at most 1000, not {value}")
    return value


def interface(value: str) -> str:
    if not INTERFACE.fullmatch(value):
        raise ValueError(f"{shown(value)} is no name of an interface: 1 to 15 characters without blanks, / and :")
    return value


# how each field is checked; those of the way there are checked together
READ: Mapping[str, Callable[[Any], Any]] = {
    "name": scalars.name,
    "id": scalars.uuid,
    "port": scalars.whole(1, 65535),
    "key_file": scalars.file,
    "slots": scalars.whole(1, 32),
    "uplink_interface": interface,
    "uplink_driver": scalars.one_of("driver", ("ovs", "8021q", "none")),
    "segment": scalars.name,
    "cpu_ratio": ratio,
    "memory_ratio": ratio,
    "disk_ratio": ratio,
    "cpus": scalars.whole(1, MOST_CPUS),
    "memory": units.size(MOST_BYTES),
    "disk": units.size(MOST_BYTES),
    "pool_path": scalars.folder,
    "acceleration": scalars.one_of("acceleration", ("kvm", "qemu")),
}


def checked(host: NewHost) -> NewHost:
    """As it is read: a folder has no slash too many. Raises Invalid with every problem, by the names of the API's input."""
    problems = Problems()
    values: dict[str, Any] = {
        name: Node(value, f"input.{camel(name)}", problems).read(read)
        for name, read in READ.items()
        if (value := getattr(host, name)) is not None
    }
    for number, label in enumerate(host.labels):
        Node(label, f"input.labels[{number}]", problems).read(scalars.name)
    if not host.local:
        for name, reason in unsound(host.address, host.user, host.host_key):
            problems.add(f"input.{camel(name)}", reason)
    problems.settle()
    return replace(host, **values)


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.title() for other in others)
