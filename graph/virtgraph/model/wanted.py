"""What a caller wants, after its document or its mutation's input has been read: typed, checked in itself, not yet in the graph.

A document and a typed mutation both become one `Wish`; everything behind it (planner, store) is the same for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import ClassVar, TypeAlias

from virtgraph.model.word import Word

Address: TypeAlias = IPv4Address | IPv6Address
Subnetwork: TypeAlias = IPv4Network | IPv6Network


class Kind(StrEnum):
    """The kinds of resource a person owns; the same word as the GraphQL type and the graph's label."""

    VM = "VM"
    NIC = "NIC"
    VOLUME = "Volume"
    NETWORK = "Network"


class NetworkType(Word):
    VLAN = "vlan", "Tagged with a VLAN id of its segment."
    FLAT = "flat", "Untagged; a segment has one such network."


class VMWanted(Word):
    """The wanted power state of a VM."""

    RUNNING = "running", "It runs."
    STOPPED = "stopped", "It is defined on its host and does not run."


@dataclass(frozen=True, slots=True)
class Reference:
    """Which resource is meant: one of the same wish (`key`), or one that exists (`id`). Exactly one is set."""

    path: str
    key: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class WantedResource:
    """What every wanted resource has.

    `key` is its identity within the stack: `<Kind>/<name>` for a named one, `<owner's key>/<Kind>/<ordinal>` for an
    unnamed inline child. `path` is where the caller wrote it, in the form that problems name
    (`spec.web.dependencies[0].object`).
    """

    path: str
    key: str
    name: str | None
    id: str | None = None
    owner: str | None = None  # key of the VM that this one stands inline under
    needs: tuple[Reference, ...] = ()  # wanted before this one, beyond what its own fields say


@dataclass(frozen=True, slots=True)
class WantedDHCP:
    """The pool of addresses that the graph allocates from, and the options that guests are told."""

    first: Address
    last: Address
    nameservers: tuple[Address, ...] = ()
    gateway: Address | None = None
    server: Address | None = None  # of the DHCP server itself, as its MAC; None: allocate
    mac: str | None = None


@dataclass(frozen=True, slots=True)
class WantedSubnet:
    path: str
    cidr: Subnetwork
    dhcp: WantedDHCP | None = None


@dataclass(frozen=True, slots=True)
class WantedNetwork(WantedResource):
    type: NetworkType = NetworkType.VLAN
    vlan_id: int | None = None
    segment: str = "default"  # the trunk whose VLAN ids must not clash
    mtu: int = 1500
    subnets: tuple[WantedSubnet, ...] = ()
    host: str | None = None  # id or name of the one that serves its addresses; None: the first with a VM on it
    host_path: str | None = None  # where the caller named the host

    kind: ClassVar[Kind] = Kind.NETWORK


@dataclass(frozen=True, slots=True)
class WantedNIC(WantedResource):
    network: Reference | None = None  # None only in a document that is then refused
    ip_addresses: tuple[Address, ...] | None = None  # None: allocate one from each subnet's DHCP range
    hw_addr: str | None = None  # 52:54:00:12:34:56; None: allocate

    kind: ClassVar[Kind] = Kind.NIC


@dataclass(frozen=True, slots=True)
class Source:
    """A file that a volume starts as a clone of: copied once per pool, checked by its SHA-256."""

    file: str
    sha256: str | None = None
    virtual_size: int | None = None  # bytes that its guest sees, where the service could read the file


@dataclass(frozen=True, slots=True)
class WantedVolume(WantedResource):
    size: int | None = None  # bytes; None: the size of its source
    source: Source | None = None
    host: str | None = None  # id or name
    host_path: str | None = None  # where the caller named the host

    kind: ClassVar[Kind] = Kind.VOLUME


@dataclass(frozen=True, slots=True)
class Attachment:
    """A volume as seen from the VM that it is attached to."""

    volume: Reference
    boot_priority: int | None = None  # 1 is tried first; None: not booted from
    read_only: bool = False


class Unchanged:
    """`********` given back as a password: keep the one that is stored."""


UNCHANGED = Unchanged()


@dataclass(frozen=True, slots=True)
class WantedVM(WantedResource):
    arch: str = "x86_64"
    vcpus: int = 1
    memory: int = 512 << 20  # bytes
    vnc_password: str | Unchanged | None = field(default=None, repr=False)
    kernel: str | None = None  # absolute paths on the host
    initrd: str | None = None
    cmdline: str | None = None
    state: VMWanted = VMWanted.RUNNING
    nics: tuple[Reference, ...] = ()
    volumes: tuple[Attachment, ...] = ()
    attached: tuple[Reference, ...] = ()  # by id alone: whether a NIC or a volume, only the graph knows
    host: str | None = None  # id or name; a document's host_id stands in every VM of it
    host_path: str | None = None  # where the caller named the host

    kind: ClassVar[Kind] = Kind.VM


Wanted: TypeAlias = WantedVM | WantedNIC | WantedVolume | WantedNetwork


@dataclass(frozen=True, slots=True)
class Wish:
    """All that one call wants, keyed by each resource's identity within the stack, in the order in which the caller wrote it."""

    stack: str
    resources: Mapping[str, Wanted]
    same_host: bool = False  # all VMs of the wish on one host


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something is refused, and where in the caller's text."""

    path: str
    reason: str
