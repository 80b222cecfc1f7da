"""What is wanted of resources, written: new ones with all their arrows, changed ones, and a Version of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from virtgraph.store.graph import Transaction
from virtgraph.store.resources import dumps


@dataclass(frozen=True, slots=True)
class Change:
    """A resource as it will be. `arrows`: what the statement of its kind needs to draw those of a new one."""

    id: str
    kind: str
    properties: dict[str, Any]
    spec: dict[str, Any]
    arrows: dict[str, Any] = field(default_factory=dict)
    rekeyed: bool = False


# (stack)-[:OWNS]->(resource)<-[:VERSION_OF]-(version)
OWNED = """
    CREATE (s)-[:OWNS]->(r)
    CREATE (v:Version {resource: row.id, fromRevision: $revision, spec: row.spec, generation: row.generation})
    CREATE (v)-[:VERSION_OF]->(r)
"""
# (vm or volume)-[:RESERVES {vcpus, memory, disk}]->(host), and the host's counters
RESERVES = """
    CREATE (r)-[:RESERVES {vcpus: row.vcpus, memory: row.memory, disk: row.disk}]->(h)
    SET h.reservedVcpus = h.reservedVcpus + row.vcpus, h.reservedMemory = h.reservedMemory + row.memory,
        h.reservedDisk = h.reservedDisk + row.disk
"""
# By kind, in the order of their needs: where a new one's arrows begin, and the arrows. MERGE in a FOREACH, where MATCH
# is not allowed, finds what is there: it is locked, or was made by the statement before.
ARROWS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        # (network)-[:CARRIED_BY]->(segment), (network)-[:HAS_SUBNET {order}]->(subnet)
        "Network": (
            "MATCH (g:Segment {name: row.segment})",
            """
            CREATE (r)-[:CARRIED_BY]->(g)
            FOREACH (one IN row.subnets |
                CREATE (subnet:Subnet {id: one.id}) SET subnet += one.properties
                CREATE (r)-[:HAS_SUBNET {order: one.order}]->(subnet))
            """,
        ),
        # (nic)-[:ON]->(network), (nic)-[:USES]->(address)-[:IN]->(subnet)
        "NIC": (
            "MATCH (n:Resource {id: row.network})",
            """
            CREATE (r)-[:ON]->(n)
            FOREACH (one IN row.addresses |
                MERGE (subnet:Subnet {id: one.subnet})
                CREATE (address:Address {key: one.subnet + '/' + one.ip, ip: one.ip, nic: row.id})
                CREATE (r)-[:USES]->(address)
                CREATE (address)-[:IN]->(subnet))
            """,
        ),
        # (volume)-[:IN]->(pool)
        "Volume": (
            "MATCH (p:Resource {id: row.pool}) MATCH (h:Resource {id: row.host})",
            f"CREATE (r)-[:IN]->(p) {RESERVES}",
        ),
        # (vm)-[:PLACED_ON]->(host), (vm)-[:HAS_NIC {order}]->(nic), (vm)-[:ATTACHES {order, ...}]->(volume)
        "VM": (
            "MATCH (h:Resource {id: row.host})",
            f"""
            CREATE (r)-[:PLACED_ON]->(h) {RESERVES}
            FOREACH (one IN row.nics |
                MERGE (nic:Resource {{id: one.id}})
                CREATE (r)-[:HAS_NIC {{order: one.order}}]->(nic))
            FOREACH (one IN row.volumes |
                MERGE (volume:Resource {{id: one.id}})
                CREATE (r)-[:ATTACHES {{order: one.order, bootPriority: one.bootPriority, bus: 'virtio',
                                        readOnly: one.readOnly}}]->(volume))
            """,
        ),
    }
)


def creation(kind: str, resource: str) -> str:
    """`resource`: the clause that makes the node, whose two labels are fixed when it is made, or finds a tombstone."""
    begin, arrows = ARROWS[kind]
    return f"""
        UNWIND $rows AS row
        MATCH (s:Stack {{id: $stack}})
        {begin}
        {resource}
        SET r = row.properties
        {OWNED}
        {arrows}
    """


CREATE = {kind: creation(kind, f"CREATE (r:Resource:{kind})") for kind in ARROWS}
REVIVE = {kind: creation(kind, "MATCH (r:Resource {id: row.id})") for kind in ARROWS}

# resources that exchange their names, or networks their tags, must not hold them both
FREE_KEYS = "UNWIND $rows AS row MATCH (r:Resource {id: row.id}) SET r.nameKey = null, r.vlanKey = null"
UPDATE = """
    UNWIND $rows AS row
    MATCH (r:Resource {id: row.id})
    SET r += row.properties
    WITH r, row
    OPTIONAL MATCH (old:Version)-[:VERSION_OF]->(r) WHERE old.toRevision IS NULL
    SET old.toRevision = $revision
    CREATE (v:Version {resource: row.id, fromRevision: $revision, spec: row.spec, generation: row.generation})
    CREATE (v)-[:VERSION_OF]->(r)
"""


@dataclass(frozen=True, slots=True)
class Changes:
    """What one revision changes. `revived`: tombstones that live again under their ids."""

    created: Sequence[Change] = ()
    revived: Sequence[Change] = ()
    updated: Sequence[Change] = ()


async def write(tx: Transaction, changes: Changes, stack: str, revision: int) -> None:
    await tx.each(FREE_KEYS, [{"id": one.id} for one in changes.updated if one.rekeyed or one.kind == "Network"])
    await tx.each(UPDATE, [row(change) for change in changes.updated], revision=revision)
    for kind in ARROWS:
        for statement, some in ((REVIVE[kind], changes.revived), (CREATE[kind], changes.created)):
            rows = [row(change) for change in some if change.kind == kind]
            await tx.each(statement, rows, stack=stack, revision=revision)


def row(change: Change) -> dict[str, Any]:
    return {
        "id": change.id,
        "properties": change.properties,
        "spec": dumps(change.spec),
        "generation": change.properties["generation"],
        **change.arrows,
    }
