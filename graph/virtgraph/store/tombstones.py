"""The end of a resource: its keys, addresses and reservations are free again; the node stays, with its Versions."""

from __future__ import annotations

from collections.abc import Sequence

from virtgraph.store.graph import Transaction
from virtgraph.store.stacks import END_EMPTY

FREE_ADDRESSES = """
    UNWIND $rows AS row
    MATCH (:Resource {id: row.id})-[:USES]->(address:Address)
    DETACH DELETE address
"""
FREE_SUBNETS = """
    UNWIND $rows AS row
    MATCH (:Resource {id: row.id})-[:HAS_SUBNET]->(subnet:Subnet)
    DETACH DELETE subnet
"""
# (resource)-[:RESERVES {vcpus, memory, disk}]->(host)
FREE_ROOM = """
    UNWIND $rows AS row
    MATCH (:Resource {id: row.id})-[a:RESERVES]->(host:Host)
    SET host.reservedVcpus = host.reservedVcpus - a.vcpus,
        host.reservedMemory = host.reservedMemory - a.memory,
        host.reservedDisk = host.reservedDisk - a.disk
    DELETE a
"""
CUT = """
    UNWIND $rows AS row
    MATCH (:Resource {id: row.id})-[a:HAS_NIC|ATTACHES|PLACED_ON|CARRIED_BY]-()
    DELETE a
"""
# not those of its Bindings
CUT_PLACES = """
    UNWIND $rows AS row
    MATCH (:Resource {id: row.id})-[a:ON|IN]->(:Resource)
    DELETE a
"""
LAST_VERSION = """
    UNWIND $rows AS row
    MATCH (v:Version)-[:VERSION_OF]->(r:Resource {id: row.id})
    WHERE v.toRevision IS NULL
    SET v.toRevision = coalesce(r.removedIn, v.fromRevision)
"""
# (stack)-[:OWNED]->(tombstone): what the stack owns is found without what it owned
BURY = """
    UNWIND $rows AS row
    MATCH (s:Stack)-[owns:OWNS]->(r:Resource {id: row.id})
    SET r.state = 'DELETED', r.task = null, r.deletedAt = timestamp(), r.updatedAt = timestamp(),
        r.nameKey = null, r.macKey = null, r.vlanKey = null, r.vncPassword = null, r.home = null
    CREATE (s)-[:OWNED]->(r)
    DELETE owns
    RETURN DISTINCT s.id AS stack
"""


async def bury(tx: Transaction, ids: Sequence[str]) -> None:
    """The resources are locked, and the hosts where they reserve."""
    if not ids:
        return
    rows = [{"id": id} for id in sorted(ids)]
    for statement in (FREE_ADDRESSES, FREE_SUBNETS, FREE_ROOM, CUT, CUT_PLACES, LAST_VERSION):
        await tx.each(statement, rows)
    stacks = await tx.rows(BURY, rows=rows)
    await tx.run(END_EMPTY, stacks=[row["stack"] for row in stacks])
