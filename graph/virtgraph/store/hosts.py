"""Hosts as placement sees them, and the pools on them: (pool)-[:ON]->(host)-[:UPLINK]->(segment)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from virtgraph.model.current import PoolOn
from virtgraph.model.states import State
from virtgraph.placement import Demand, HostRoom
from virtgraph.store.graph import Row, Transaction


@dataclass(frozen=True, slots=True)
class HostNow:
    """A host's room, the pool that its volumes go to, and the ids of what was found there and is of no resource."""

    room: HostRoom
    pool: PoolOn
    uplink_interface: str | None
    found: frozenset[str] = frozenset()


# nothing but the id is read before the lock: Neo4j would go on with what it read
LOCK_ALL = """
    MATCH (h:Host)
    WITH h ORDER BY h.id
    SET h._lock = $token
    WITH h
"""
# (pool)-[:ON]->(host)-[:UPLINK]->(segment)
ROOMS = """
    MATCH (p:Pool)-[:ON]->(h:Host)
    WHERE h.deletedAt IS NULL AND p.deletedAt IS NULL
    OPTIONAL MATCH (h)-[:UPLINK]->(s:Segment)
    OPTIONAL MATCH (f:Binding {foundOn: h.id})
    WITH h, p, s, collect(f.resource) AS found
    RETURN h.id AS id, h.name AS name, h.state AS state, h.task AS task, h.error AS error,
           h.cpuCapacity AS vcpus, h.memoryCapacity AS memory, h.diskCapacity AS disk,
           h.reservedVcpus AS reservedVcpus, h.reservedMemory AS reservedMemory, h.reservedDisk AS reservedDisk,
           h.uplinkDriver AS driver, h.uplinkInterface AS interface, s.name AS segment,
           p.id AS pool, p.path AS path, p.generation AS poolGeneration, found
"""


async def rooms(tx: Transaction) -> dict[str, HostNow]:
    """Every host by id, with its pool."""
    return {row["id"]: host_now(row) for row in await tx.rows(ROOMS)}


async def hold_rooms(tx: Transaction, token: str) -> dict[str, HostNow]:
    """The same, with every host locked: what reserves on a host holds its lock."""
    return {row["id"]: host_now(row) for row in await tx.rows(LOCK_ALL + ROOMS, token=token)}


def host_now(row: Row) -> HostNow:
    why = not_ready(row)
    return HostNow(
        room=HostRoom(
            id=row["id"],
            name=row["name"],
            capacity=Demand(row["vcpus"] or 0, row["memory"] or 0, row["disk"] or 0),
            reserved=Demand(row["reservedVcpus"], row["reservedMemory"], row["reservedDisk"]),
            segment=row["segment"],
            uplink_driver=row["driver"],
            ready=why is None,
            why_not_ready=why or "",
            ailing=row["error"] is not None,
        ),
        pool=PoolOn(row["pool"], row["id"], row["path"], row["poolGeneration"]),
        uplink_interface=row["interface"],
        found=frozenset(row["found"]),
    )


def not_ready(row: Row) -> str | None:
    """Why nothing new can be placed there, or None where it can."""
    if row["state"] == State.FAILED:
        return f"{'has not been probed' if row['vcpus'] is None else 'failed its last probe'}: {row['error']}"
    return "has not been probed yet" if row["vcpus"] is None else None


# what a probe reports → how the graph calls it
PROBED: Mapping[str, str] = {
    "libvirt_version": "libvirtVersion",
    "qemu_version": "qemuVersion",
    "acceleration": "acceleration",
    "uplink_driver": "uplinkDriver",
    "host_uuid": "hostUuid",
    "machine_id": "machineId",
    "kernel": "kernel",
}


def probed(facts: Mapping[str, Any], host: Row) -> dict[str, Any]:
    """The properties of a host after a probe: what a person gave counts more than what was seen."""
    cpus = host["cpusGiven"] or facts.get("cpus") or 0
    memory = host["memoryGiven"] or facts.get("memory") or 0
    disk = host["diskGiven"] or facts.get("disk") or 0
    properties = {name: facts.get(seen) for seen, name in PROBED.items()}
    if host["uplinkDriverGiven"]:
        properties["uplinkDriver"] = host["uplinkDriverGiven"]
    if host["accelerationGiven"]:
        properties["acceleration"] = host["accelerationGiven"]
    return properties | {
        "cpus": cpus,
        "memory": memory,
        "disk": disk,
        "cpuCapacity": int(cpus * host["cpuRatio"]),
        "memoryCapacity": int(memory * host["memoryRatio"]),
        "diskCapacity": int(disk * host["diskRatio"]),
        "warnings": warnings(facts.get("findings") or ()),
        "error": None,
    }


def warnings(findings: Iterable[Mapping[str, Any]]) -> list[str]:
    """What the preflight found (roles/libvirt/module_utils/virtgraph_preflight.py), a sentence each with its cure."""
    return [f"{one['wrong']} Cure: {one['cure']}" for one in findings if one["wrong"]]


OTHERS = """
    MATCH (h:Host)
    WHERE h.deletedAt IS NULL AND h.id <> $besides
    RETURN h.name AS name, h.machineId AS machine_id, h.hostUuid AS host_uuid
    ORDER BY name
"""


async def others(tx: Transaction, besides: str) -> tuple[Row, ...]:
    """What tells the other hosts apart, as a probe is given it."""
    return tuple(await tx.rows(OTHERS, besides=besides))


LOCK = "MATCH (h:Host) WITH h ORDER BY h.id SET h._lock = $token"
TWIN = """
    MATCH (h:Host {hostUuid: $host_uuid})
    WHERE h.deletedAt IS NULL AND h.id <> $besides
    RETURN h.name AS name
"""


async def hold_twin(tx: Transaction, host_uuid: str, besides: str, token: str) -> str | None:
    """The name of another host that is the same libvirt host. Every host is locked: its probe may end at this moment."""
    await tx.run(LOCK, token=token)
    row = await tx.row(TWIN, host_uuid=host_uuid, besides=besides)
    return row["name"] if row else None


ADD = """
    MERGE (h:Resource:Host {id: $id})
    SET h += $properties
    MERGE (p:Resource:Pool {id: $pool})
    SET p.kind = 'Pool', p.name = 'default', p.path = $pool_path, p.state = coalesce(p.state, 'VIRTUAL'),
        p.generation = coalesce(p.generation, 1), p.project = $project, p.deletedAt = null,
        p.createdAt = coalesce(p.createdAt, timestamp())
    MERGE (p)-[:ON]->(h)
"""
UPLINK = """
    MATCH (h:Resource {id: $id})
    MERGE (s:Segment {name: $segment})
    MERGE (h)-[:UPLINK]->(s)
"""
NO_UPLINK = "MATCH (:Resource {id: $id})-[a:UPLINK]->(:Segment) DELETE a"


async def write(
    tx: Transaction, id: str, properties: Mapping[str, Any], pool: str, pool_path: str, segment: str | None
) -> None:
    await tx.run(ADD, id=id, properties=dict(properties), pool=pool, pool_path=pool_path, project=properties["project"])
    await tx.run(NO_UPLINK, id=id)
    if segment is not None:
        await tx.run(UPLINK, id=id, segment=segment)


async def named(tx: Transaction, reference: str) -> Row | None:
    """A host that is not removed, by id or name."""
    return await tx.row(
        """
        MATCH (h:Host)
        WHERE h.deletedAt IS NULL AND (h.id = $reference OR h.name = $reference)
        OPTIONAL MATCH (p:Pool)-[:ON]->(h)
        WHERE p.deletedAt IS NULL
        RETURN h.id AS id, h.name AS name, h.address AS address, h.port AS port, h.generation AS generation,
               h.hostKey AS hostKey, h.state AS state, p.id AS pool, p.path AS poolPath
        """,
        reference=reference,
    )


async def kind_of(tx: Transaction, id: str) -> str | None:
    """The kind of whatever has an id."""
    row = await tx.row("MATCH (r:Resource {id: $id}) RETURN r.kind AS kind", id=id)
    return str(row["kind"]) if row else None


async def placed_on(tx: Transaction, id: str) -> list[Row]:
    """Resources that are on a host or are still being taken from it."""
    return await tx.rows(
        """
        MATCH (:Resource {id: $id})<-[:ON]-(b:Binding)-[:OF]->(r:Resource)
        WHERE b.state <> 'DELETED' AND r.deletedAt IS NULL AND NOT r.kind IN ['Host', 'Pool']
        RETURN r.kind AS kind, coalesce(r.name, r.id) AS name, r.kind = 'Network' AND r.home = $id AS home
        ORDER BY kind, name
        """,
        id=id,
    )


REMOVE = """
    MATCH (p:Pool)-[on:ON]->(h:Resource {id: $id})
    SET h.deletedAt = timestamp(), h.state = 'DELETED', h.nameKey = null, h.hostUuid = null,
        p.deletedAt = timestamp(), p.state = 'DELETED'
    DELETE on
"""
END_OPERATIONS = """
    MATCH (:Resource {id: $id})<-[:ON]-(:Binding)<-[:ON]-(o:Operation)
    WHERE o.state = 'PENDING'
    SET o.state = 'CANCELLED', o.readyOn = null, o.endedAt = timestamp()
"""


async def remove(tx: Transaction, id: str) -> None:
    await tx.run(END_OPERATIONS, id=id)
    await tx.run(REMOVE, id=id)
