"""The types of resource that a document may name, the fields of each, and the relations between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from virtgraph.model.wanted import Kind

RELATION_FIELDS = ("dependencies", "relations", "relatioins")  # one meaning: "needs it first"
MEMBER_FIELDS = ("object", "property")  # of each relation
STATE_FIELDS = ("status", "state")  # one meaning: the wanted state
COMMON_FIELDS = frozenset(("type", "id", "name", *STATE_FIELDS, *RELATION_FIELDS))

BOOT_PRIORITY_FIELDS = ("n0stack/n0core/vm/boot_priority", "n0stack/n0core/vm/boot_prority")
READ_ONLY_FIELD = "n0stack/n0core/vm/read_only"
PROPERTY_FIELDS = frozenset(("r", *BOOT_PRIORITY_FIELDS, READ_ONLY_FIELD))


@dataclass(frozen=True, slots=True)
class Shape:
    """How a resource of one type is written. The first state is the one it has when none is given."""

    kind: Kind
    states: tuple[str, ...]
    own_fields: tuple[str, ...]
    state_field: str = "status"  # the one that answers use
    fields: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", COMMON_FIELDS.union(self.own_fields))


VM = Shape(
    Kind.VM,
    ("running", "stopped"),
    ("arch", "vcpus", "memory", "vnc_password", "kernel", "initrd", "cmdline"),
)
NIC = Shape(Kind.NIC, ("attached",), ("hw_addr", "ip_addresses"))
VOLUME = Shape(Kind.VOLUME, ("allocated",), ("size", "source"))
NETWORK = Shape(Kind.NETWORK, ("applied",), ("subnets", "parameters"), state_field="state")

SHAPES: Mapping[str, Shape] = {
    "resource/vm/kvm": VM,
    "resource/nic": NIC,
    "resource/volume/file": VOLUME,
    "resource/network/vlan": NETWORK,
    "resource/network/flat": NETWORK,
}


class Meaning(Enum):
    """What a relation says about its two ends."""

    NEED = "needs it first, nothing more"
    NETWORK = "the network that a NIC is on"
    ATTACHMENT = "a NIC or volume of a VM"


@dataclass(frozen=True, slots=True)
class Ends:
    """Which kinds a relation goes from and to."""

    meaning: Meaning
    holder: Kind
    targets: tuple[Kind, ...]


RELATIONS: Mapping[str, Ends] = {
    "n0stack/n0core/port/network": Ends(Meaning.NETWORK, Kind.NIC, (Kind.NETWORK,)),
    "n0stack/n0core/vm/attachments": Ends(Meaning.ATTACHMENT, Kind.VM, (Kind.NIC, Kind.VOLUME)),
}
