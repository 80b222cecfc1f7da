"""Every kind of node that can be asked for, its fields and its relations, declared once.

The compiler of reads walks these declarations, and the GraphQL types show them: a field or relation has the same name
there. `{x}` in an expression or arrow is the node itself. Times are stored as epoch milliseconds, sizes as bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Field:
    """A value of a node: the stored property of the same name, unless an expression says otherwise."""

    name: str
    expression: str | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """Other nodes that belong to a node, found along an arrow.

    In `arrow`, `{x}` is the node that we stand on, `{y}` the other one and `{r}` the relationship. `order` sorts by
    expressions of {y} and {r}. `many` gives a list; else the first one or null. `connection` gives a Relay connection
    (a relation without a natural bound), whose order must end in something unique. `edge` names the kind whose fields
    are the relationship's own properties: it stands between the two nodes, and its relation without an arrow leads on
    to {y}.
    """

    name: str
    arrow: str
    target: str
    order: tuple[str, ...] = ("{y}.id",)
    many: bool = False
    connection: bool = False
    edge: str | None = None
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A label in the graph and a type in the API.

    `visible` is the one condition for being seen at all. `identity` is the label among whose nodes the id is unique
    (and indexed). `order` is that of a list without another one, by expressions of {x}, the last of them unique;
    `sortable` are the fields that a caller may sort by instead.
    """

    name: str
    fields: tuple[Field, ...]
    relations: tuple[Relation, ...] = ()
    visible: str | None = None
    sortable: tuple[str, ...] = ()
    order: tuple[str, ...] = ("{x}.name", "{x}.id")
    identity: str = "Resource"

    @property
    def by_name(self) -> Mapping[str, Field | Relation]:
        members: tuple[Field | Relation, ...] = (*self.fields, *self.relations)
        return {member.name: member for member in members}


@dataclass(frozen=True, slots=True)
class Interface:
    """Several kinds that are asked for together (`node`, a stack's resources)."""

    name: str
    kinds: tuple[str, ...]


def fields(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name) for name in names)


def fact(name: str, stored: str | None = None) -> Field:
    """What was seen of a resource on the host where it is, kept on its Binding."""
    return Field(name, f"head([({{x}})<-[:OF]-(seen:Binding) | seen.{stored or name}])")


ALIVE = "{x}.deletedAt IS NULL"
LATEST = ("{y}.ordinal DESC", "{y}.id")
EARLIEST = ("{y}.ordinal", "{y}.id")

OWNED = (
    *fields("id", "name", "project", "generation", "state", "task", "createdAt", "updatedAt"),
    Field("stackName", "head([({x})<-[:OWNS]-(owner:Stack) | owner.name])"),
)

# (resource)<-[:OWNS]-(stack), (resource)<-[:OF]-(binding), and the operations on those bindings
OWNED_RELATIONS = (
    Relation("stack", "({x})<-[:OWNS]-({y}:Stack)", "Stack"),
    Relation("bindings", "({x})<-[:OF]-({y}:Binding)", "Binding", ("{y}.key",), many=True),
    Relation("operation", "({x})<-[:OF]-(:Binding)<-[:ON]-({y}:Operation)", "Operation", LATEST),
    Relation("operations", "({x})<-[:OF]-(:Binding)<-[:ON]-({y}:Operation)", "Operation", LATEST, connection=True),
)

VM = Kind(
    "VM",
    (
        *OWNED,
        *fields("wanted", "arch", "vcpus", "memory", "kernel", "initrd", "cmdline"),
        Field("hasVncPassword", "{x}.vncPassword IS NOT NULL"),
        *(fact(name) for name in ("power", "vncPort", "acceleration", "pendingRestart")),
    ),
    (
        *OWNED_RELATIONS,
        # (vm)-[:HAS_NIC {order}]->(nic)
        Relation("nics", "({x})-[{r}:HAS_NIC]->({y}:NIC)", "NIC", ("{r}.order", "{y}.id"), many=True),
        # (vm)-[:ATTACHES {order, bootPriority, bus, readOnly}]->(volume)
        Relation(
            "attachments",
            "({x})-[{r}:ATTACHES]->({y}:Volume)",
            "Volume",
            ("{r}.order", "{y}.id"),
            many=True,
            edge="Attachment",
        ),
        Relation("volumes", "({x})-[{r}:ATTACHES]->({y}:Volume)", "Volume", ("{r}.order", "{y}.id"), many=True),
        # (vm)-[:PLACED_ON]->(host)
        Relation("host", "({x})-[:PLACED_ON]->({y}:Host)", "Host"),
    ),
    visible=ALIVE,
    sortable=("name", "createdAt", "state", "vcpus", "memory"),
)

# the relationship (vm)-[:ATTACHES]->(volume)
ATTACHMENT = Kind("Attachment", fields("bootPriority", "bus", "readOnly"), (Relation("volume", "", "Volume"),))

NIC = Kind(
    "NIC",
    (*OWNED, *fields("wanted", "hwAddr"), Field("ipAddresses", "coalesce({x}.ipAddresses, [])")),
    (
        *OWNED_RELATIONS,
        # (nic)-[:ON]->(network)
        Relation("network", "({x})-[:ON]->({y}:Network)", "Network"),
        Relation("vm", "({x})<-[:HAS_NIC]-({y}:VM)", "VM"),
    ),
    visible=ALIVE,
    sortable=("name", "createdAt", "state"),
)

VOLUME = Kind(
    "Volume",
    (
        *OWNED,
        *fields("wanted", "size", "sourceFile", "sourceSha256"),
        *(fact(name) for name in ("url", "allocation")),
    ),
    (
        *OWNED_RELATIONS,
        # (volume)-[:IN]->(pool)-[:ON]->(host)
        Relation("pool", "({x})-[:IN]->({y}:Pool)", "Pool"),
        Relation("host", "({x})-[:IN]->(:Pool)-[:ON]->({y}:Host)", "Host"),
        Relation("vms", "({x})<-[:ATTACHES]-({y}:VM)", "VM", ("{y}.name", "{y}.id"), many=True),
    ),
    visible=ALIVE,
    sortable=("name", "createdAt", "state", "size"),
)

NETWORK = Kind(
    "Network",
    (
        *OWNED,
        *fields("wanted", "type", "vlanId", "mtu"),
        Field("segment", "head([({x})-[:CARRIED_BY]->(trunk:Segment) | trunk.name])"),
    ),
    (
        *OWNED_RELATIONS,
        # (network)-[:HAS_SUBNET {order}]->(subnet)
        Relation("subnets", "({x})-[{r}:HAS_SUBNET]->({y}:Subnet)", "Subnet", ("{r}.order", "{y}.id"), many=True),
        Relation("nics", "({x})<-[:ON]-({y}:NIC)", "NIC", ("{y}.createdAt", "{y}.id"), connection=True),
    ),
    visible=ALIVE,
    sortable=("name", "createdAt", "state", "vlanId"),
)

SUBNET = Kind(
    "Subnet",
    (
        *fields("id", "cidr", "rangeFirst", "rangeLast", "gateway", "serverAddress", "serverMac"),
        Field("nameservers", "coalesce({x}.nameservers, [])"),
    ),
)

HOST = Kind(
    "Host",
    (
        *fields(
            "id",
            "name",
            "state",
            "task",
            "address",
            "user",
            "port",
            "local",
            "keyFile",
            "hostKey",
            "slots",
            "uplinkInterface",
            "uplinkDriver",
            "cpuRatio",
            "memoryRatio",
            "diskRatio",
            "cpus",
            "memory",
            "disk",
            "cpuCapacity",
            "memoryCapacity",
            "diskCapacity",
            "reservedVcpus",
            "reservedMemory",
            "reservedDisk",
            "libvirtVersion",
            "qemuVersion",
            "acceleration",
            "hostUuid",
            "machineId",
            "kernel",
            "error",
            "seenAt",
            "createdAt",
            "updatedAt",
        ),
        Field("labels", "coalesce({x}.labels, [])"),
        Field("warnings", "coalesce({x}.warnings, [])"),
        Field("segment", "head([({x})-[:UPLINK]->(trunk:Segment) | trunk.name])"),
    ),
    (
        # (host)<-[:PLACED_ON]-(vm)
        Relation("vms", "({x})<-[:PLACED_ON]-({y}:VM)", "VM", ("{y}.name", "{y}.id"), connection=True),
        Relation("pools", "({x})<-[:ON]-({y}:Pool)", "Pool", ("{y}.name", "{y}.id"), many=True),
        Relation("bindings", "({x})<-[:ON]-({y}:Binding)", "Binding", ("{y}.key",), connection=True),
        Relation("runs", "({x})<-[:AT]-({y}:Run)", "Run", ("{y}.startedAt DESC", "{y}.id"), connection=True),
        Relation("operation", "({x})<-[:OF]-(:Binding)<-[:ON]-({y}:Operation)", "Operation", LATEST),
    ),
    visible=ALIVE,
    sortable=("name", "createdAt", "state"),
)

POOL = Kind(
    "Pool",
    (*fields("id", "name", "path", "state", "createdAt"), fact("capacity"), fact("available")),
    (
        # (pool)-[:ON]->(host)
        Relation("host", "({x})-[:ON]->({y}:Host)", "Host"),
        Relation("volumes", "({x})<-[:IN]-({y}:Volume)", "Volume", ("{y}.name", "{y}.id"), connection=True),
        Relation("bindings", "({x})<-[:OF]-({y}:Binding)", "Binding", ("{y}.key",), many=True),
    ),
    visible=ALIVE,
    sortable=("name", "createdAt"),
)

BINDING = Kind(
    "Binding",
    (
        Field("id", "{x}.key"),
        *fields(
            "state",
            "task",
            "realizedGeneration",
            "seenAt",
            "error",
            "bridge",
            "uplink",
            "dhcp",
            "url",
            "power",
            "vncPort",
            "acceleration",
            "path",
            "capacity",
            "available",
        ),
    ),
    (
        # (binding)-[:OF]->(resource), (binding)-[:ON]->(host)
        Relation("resource", "({x})-[:OF]->({y})", "Resource"),
        Relation("host", "({x})-[:ON]->({y}:Host)", "Host"),
    ),
)

STACK = Kind(
    "Stack",
    fields("id", "name", "project", "revision", "createdAt", "updatedAt"),
    (
        # (stack)-[:OWNS]->(resource)
        Relation("resources", "({x})-[:OWNS]->({y})", "Resource", ("{y}.createdAt", "{y}.id"), connection=True),
        Relation(
            "revisions",
            "({x})<-[:REVISION_OF]-({y}:Revision)",
            "Revision",
            ("{y}.number DESC", "{y}.id"),
            connection=True,
        ),
    ),
    visible=ALIVE,
    sortable=("name", "createdAt"),
    identity="Stack",
)

REVISION = Kind(
    "Revision",
    fields("id", "number", "createdAt", "document", "actor", "requestId", "state"),
    (
        Relation("stack", "({x})-[:REVISION_OF]->({y}:Stack)", "Stack"),
        # (operation)-[:OF_REVISION]->(revision)
        Relation("operations", "({x})<-[:OF_REVISION]-({y}:Operation)", "Operation", EARLIEST, connection=True),
    ),
    identity="Revision",
)

OPERATION = Kind(
    "Operation",
    (
        *fields(
            "id",
            "action",
            "kind",
            "state",
            "generation",
            "attempt",
            "error",
            "cure",
            "createdAt",
            "startedAt",
            "endedAt",
            "retryAt",
            "actor",
            "requestId",
        ),
        Field("cancelRequested", "coalesce({x}.cancel, false)"),
    ),
    (
        # (operation)-[:ON]->(binding)-[:OF]->(resource)
        Relation("binding", "({x})-[:ON]->({y}:Binding)", "Binding"),
        Relation("resource", "({x})-[:ON]->(:Binding)-[:OF]->({y})", "Resource"),
        Relation("host", "({x})-[:ON]->(:Binding)-[:ON]->({y}:Host)", "Host"),
        # (run)-[:REALIZES]->(operation)
        Relation("run", "({x})<-[:REALIZES]-({y}:Run)", "Run", ("{y}.startedAt DESC", "{y}.id")),
        # (operation)-[:AFTER]->(operation)
        Relation("after", "({x})-[:AFTER]->({y}:Operation)", "Operation", EARLIEST, many=True),
        Relation(
            "waitingFor",
            "({x})-[:AFTER]->({y}:Operation)",
            "WaitingFor",
            EARLIEST,
            many=True,
            where="{x}.state = 'PENDING' AND {y}.state IN ['PENDING', 'RUNNING']",
        ),
    ),
    sortable=("createdAt", "startedAt", "endedAt", "state"),
    order=("{x}.ordinal DESC", "{x}.id"),
    identity="Operation",
)

# what an operation waits for, told by the operation that gives it
WAITING_FOR = Kind(
    "WaitingFor",
    (
        Field("resource", "{x}.resource"),
        Field("kind", "{x}.kind"),
        Field("name", "{x}.resourceName"),
        Field("host", "{x}.hostName"),
        Field("fact", "{x}.fact"),
        Field("operation", "{x}.id"),
        Field("error", "{x}.error"),
    ),
)

RUN = Kind(
    "Run",
    fields("id", "action", "state", "slot", "fence", "owner", "error", "startedAt", "endedAt"),
    (
        Relation("host", "({x})-[:AT]->({y}:Host)", "Host"),
        Relation("operations", "({x})-[:REALIZES]->({y}:Operation)", "Operation", EARLIEST, connection=True),
    ),
    identity="Run",
)

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            VM, ATTACHMENT, NIC, VOLUME, NETWORK, SUBNET, HOST, POOL, BINDING, STACK, REVISION, OPERATION,
            WAITING_FOR, RUN,
        )
    }
)  # fmt: skip

INTERFACES: Mapping[str, Interface] = MappingProxyType(
    {
        interface.name: interface
        for interface in (
            Interface("Node", ("VM", "NIC", "Volume", "Network", "Host", "Pool", "Stack", "Operation", "Run")),
            Interface("Resource", ("VM", "NIC", "Volume", "Network", "Pool", "Host")),
        )
    }
)
