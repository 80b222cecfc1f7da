"""The arrows between resources that are there already, and what is unique among them: tags, addresses, MACs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from virtgraph.planner import Place
from virtgraph.store.graph import Row, Transaction

# (vm)-[:HAS_NIC {order}]->(nic)
HAS_NIC = """
    UNWIND $rows AS row
    MATCH (vm:Resource {id: row.vm})
    MATCH (nic:Resource {id: row.nic})
    MERGE (vm)-[a:HAS_NIC]->(nic)
    SET a.order = row.order
"""
NO_NIC = "UNWIND $rows AS row MATCH (:Resource {id: row.vm})-[a:HAS_NIC]->(:Resource {id: row.nic}) DELETE a"

# (vm)-[:ATTACHES {order, bootPriority, bus, readOnly}]->(volume)
ATTACHES = """
    UNWIND $rows AS row
    MATCH (vm:Resource {id: row.vm})
    MATCH (volume:Resource {id: row.volume})
    MERGE (vm)-[a:ATTACHES]->(volume)
    SET a.order = row.order, a.bootPriority = row.bootPriority, a.bus = 'virtio', a.readOnly = row.readOnly
"""
NO_VOLUME = "UNWIND $rows AS row MATCH (:Resource {id: row.vm})-[a:ATTACHES]->(:Resource {id: row.volume}) DELETE a"

# (vm or volume)-[:RESERVES {vcpus, memory, disk}]->(host), and the host's counters
RESERVES = """
    UNWIND $rows AS row
    MATCH (:Resource {id: row.resource})-[a:RESERVES]->(host:Host)
    SET host.reservedVcpus = host.reservedVcpus + row.vcpus - a.vcpus,
        host.reservedMemory = host.reservedMemory + row.memory - a.memory,
        host.reservedDisk = host.reservedDisk + row.disk - a.disk
    SET a.vcpus = row.vcpus, a.memory = row.memory, a.disk = row.disk
"""

# (network)-[:CARRIED_BY]->(segment)
CARRIED_BY = """
    UNWIND $rows AS row
    MATCH (network:Resource {id: row.network})
    MATCH (segment:Segment {name: row.segment})
    CREATE (network)-[:CARRIED_BY]->(segment)
"""
NOT_CARRIED_BY = "UNWIND $rows AS row MATCH (:Resource {id: row.network})-[a:CARRIED_BY]->(:Segment) DELETE a"

# (network)-[:HAS_SUBNET {order}]->(subnet)
HAS_SUBNET = """
    UNWIND $rows AS row
    MATCH (network:Resource {id: row.network})
    MERGE (subnet:Subnet {id: row.id})
    SET subnet += row.properties
    MERGE (network)-[a:HAS_SUBNET]->(subnet)
    SET a.order = row.order
"""

# (nic)-[:USES]->(address)-[:IN]->(subnet)
USES = """
    UNWIND $rows AS row
    MATCH (nic:Resource {id: row.nic})
    MATCH (subnet:Subnet {id: row.subnet})
    CREATE (address:Address {key: row.subnet + '/' + row.ip, ip: row.ip, nic: row.nic})
    CREATE (nic)-[:USES]->(address)
    CREATE (address)-[:IN]->(subnet)
"""
FREE_ADDRESS = "UNWIND $rows AS row MATCH (address:Address {key: row.subnet + '/' + row.ip}) DETACH DELETE address"

Arrows = dict[str, list[dict[str, Any]]]

# What is taken away goes before what is made, so that single keys are free for it.
TAKEN: Mapping[str, str] = {
    "no_nic": NO_NIC,
    "no_volume": NO_VOLUME,
    "free_address": FREE_ADDRESS,
    "not_carried_by": NOT_CARRIED_BY,
}
MADE: Mapping[str, str] = {
    "carried_by": CARRIED_BY,
    "has_subnet": HAS_SUBNET,
    "uses": USES,
    "has_nic": HAS_NIC,
    "attaches": ATTACHES,
    "reserves": RESERVES,
}


async def take(tx: Transaction, arrows: Arrows) -> None:
    """Before new resources are written: they may be given what is freed here."""
    for name, statement in TAKEN.items():
        await tx.each(statement, arrows.get(name, []))


async def make(tx: Transaction, arrows: Arrows) -> None:
    """After new resources are written: arrows may lead to them."""
    for name, statement in MADE.items():
        await tx.each(statement, arrows.get(name, []))


async def hold_segments(tx: Transaction, keys: Mapping[str, str], token: str) -> dict[str, str]:
    """Lock segments, made first where they are new. `keys`: by key that a network wants (`<segment>/<tag>`) its segment.
    The network that holds each key now, by key."""
    rows = await tx.rows(
        """
        UNWIND $rows AS row
        MERGE (s:Segment {name: row.segment})
        SET s._lock = $token
        WITH row
        MATCH (network:Resource {vlanKey: row.key})
        RETURN row.key AS key, network.id AS id
        """,
        rows=sorted(({"segment": segment, "key": key} for key, segment in keys.items()), key=lambda r: r["segment"]),
        token=token,
    )
    return {row["key"]: row["id"] for row in rows}


async def addresses_taken(tx: Transaction, subnets: Sequence[str]) -> dict[str, dict[str, str]]:
    """By subnet its addresses (address → NIC's id). Their networks are locked, and with them who may have which."""
    rows = await tx.rows(
        """
        UNWIND $ids AS id
        MATCH (a:Address)-[:IN]->(:Subnet {id: id})
        RETURN id, a.ip AS ip, a.nic AS nic
        """,
        ids=sorted(set(subnets)),
    )
    taken: dict[str, dict[str, str]] = {id: {} for id in subnets}
    for row in rows:
        taken[row["id"]][row["ip"]] = row["nic"]
    return taken


async def macs_taken(tx: Transaction, keys: Sequence[str]) -> dict[str, str]:
    """Which of these keys (`<network>/<mac>`) are taken, and by which NIC."""
    rows = await tx.rows(
        "UNWIND $keys AS key MATCH (nic:Resource {macKey: key}) RETURN key, nic.id AS id", keys=sorted(set(keys))
    )
    return {row["key"]: row["id"] for row in rows}


async def nics_on(tx: Transaction, networks: Sequence[str]) -> dict[str, list[str]]:
    """The NICs on locked networks, by network, of whatever stack."""
    rows = await tx.rows(
        """
        UNWIND $ids AS id
        MATCH (nic:NIC)-[:ON]->(:Resource {id: id})
        WHERE nic.deletedAt IS NULL
        RETURN id, nic.id AS nic
        """,
        ids=sorted(set(networks)),
    )
    found: dict[str, list[str]] = {id: [] for id in networks}
    for row in rows:
        found[row["id"]].append(row["nic"])
    return found


async def vms_at(tx: Transaction, networks: Collection[Place]) -> list[Row]:
    """The VMs, of whatever stack, that have a NIC on a locked network on these hosts; and those that had one of their own
    (`has`: false), which may not have let go of it yet."""
    if not networks:
        return []
    return await tx.rows(
        """
        UNWIND $rows AS row
        MATCH (nic:NIC)-[:ON]->(:Resource {id: row.network})
        WITH row, nic, head([(nic)<-[:HAS_NIC]-(vm:VM) | vm.id]) AS user
        MATCH (vm:Resource {id: coalesce(user, nic.owner)})
        WHERE vm.home = row.host
        RETURN DISTINCT row.network AS network, row.host AS host, vm.id AS vm, vm.state AS state, user IS NOT NULL AS has
        """,
        rows=[{"network": place.resource, "host": place.host} for place in networks],
    )
