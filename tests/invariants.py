"""What holds of the graph at any moment, whatever was asked of it and however it ended."""

from __future__ import annotations

from virtgraph.store.graph import Graph

# each returns rows only where something is wrong
BROKEN = {
    "a host's counters are the sums of its reservations": """
        MATCH (h:Host) WHERE h.deletedAt IS NULL
        OPTIONAL MATCH (r:Resource)-[a:RESERVES]->(h)
        WITH h, sum(a.vcpus) AS vcpus, sum(a.memory) AS memory, sum(a.disk) AS disk
        WHERE h.reservedVcpus <> vcpus OR h.reservedMemory <> memory OR h.reservedDisk <> disk
        RETURN h.name AS name, h.reservedVcpus AS counted, vcpus AS found
    """,
    "nothing is reserved beyond capacity": """
        MATCH (h:Host)
        WHERE h.reservedVcpus > h.cpuCapacity OR h.reservedMemory > h.memoryCapacity
           OR h.reservedDisk > h.diskCapacity OR h.reservedVcpus < 0 OR h.reservedMemory < 0 OR h.reservedDisk < 0
        RETURN h.name AS name
    """,
    "what reserves is a living VM or volume, once, and by its spec": """
        MATCH (r:Resource)-[a:RESERVES]->(h:Host)
        WITH r, count(a) AS times, sum(a.vcpus) AS vcpus, sum(a.disk) AS disk
        WHERE r.deletedAt IS NOT NULL OR times <> 1
           OR (r.kind = 'VM' AND vcpus <> r.vcpus) OR (r.kind = 'Volume' AND disk <> coalesce(r.size, 0))
        RETURN r.id AS id, times
    """,
    "every living VM and volume reserves": """
        MATCH (r:Resource) WHERE r.deletedAt IS NULL AND r.kind IN ['VM', 'Volume']
          AND NOT EXISTS { MATCH (r)-[:RESERVES]->(:Host) }
        RETURN r.id AS id
    """,
    "a NIC uses exactly the addresses of its spec": """
        MATCH (nic:NIC)
        OPTIONAL MATCH (nic)-[:USES]->(a:Address)
        WITH nic, count(a) AS used, CASE WHEN nic.deletedAt IS NULL THEN size(nic.ipAddresses) ELSE 0 END AS wanted
        WHERE used <> wanted
        RETURN nic.id AS id, used, wanted
    """,
    "an address belongs to one NIC and one subnet": """
        MATCH (a:Address)
        OPTIONAL MATCH (n:NIC)-[:USES]->(a)
        WITH a, count(n) AS nics
        OPTIONAL MATCH (a)-[:IN]->(s:Subnet)
        WITH a, nics, count(s) AS subnets
        WHERE nics <> 1 OR subnets <> 1
        RETURN a.key AS key, nics, subnets
    """,
    "a tombstone holds nothing": """
        MATCH (r:Resource)
        WHERE r.deletedAt IS NOT NULL AND (r.nameKey IS NOT NULL OR r.macKey IS NOT NULL OR r.vlanKey IS NOT NULL
          OR r.vncPassword IS NOT NULL OR EXISTS { MATCH (r)-[:HAS_NIC|ATTACHES|PLACED_ON|CARRIED_BY|IN|USES]->() }
          OR EXISTS { MATCH (:Stack)-[:OWNS]->(r) })
        RETURN r.id AS id
    """,
    "what lives is owned once, by its stack": """
        MATCH (r:Resource) WHERE r.deletedAt IS NULL AND r.spec IS NOT NULL
        OPTIONAL MATCH (s:Stack)-[:OWNS]->(r)
        WITH r, collect(s.id) AS owners
        WHERE owners <> [r.stack]
        RETURN r.id AS id, owners
    """,
    "what lives has one open Version, the others none": """
        MATCH (r:Resource) WHERE r.spec IS NOT NULL
        OPTIONAL MATCH (v:Version)-[:VERSION_OF]->(r) WHERE v.toRevision IS NULL
        WITH r, count(v) AS open
        WHERE open <> CASE WHEN r.deletedAt IS NULL THEN 1 ELSE 0 END
        RETURN r.id AS id, open
    """,
    "revisions are without gaps": """
        MATCH (s:Stack)
        WITH s, [(v:Revision)-[:REVISION_OF]->(s) | v.number] AS numbers
        WHERE size(numbers) <> s.revision OR any(n IN range(1, s.revision) WHERE NOT n IN numbers)
        RETURN s.name AS name, numbers
    """,
    "a network is only where a VM uses it, and at home": """
        MATCH (b:Binding)-[:OF]->(n:Network)
        WHERE b.state <> 'DELETED' AND b.state <> 'FAILED' AND n.state <> 'DELETING' AND n.home <> b.host
          AND NOT EXISTS { MATCH (o:Operation {action: 'remove'})-[:ON]->(b) WHERE o.state IN ['PENDING', 'RUNNING'] }
          AND NOT EXISTS { MATCH (vm:VM {home: b.host})-[:HAS_NIC]->(:NIC)-[:ON]->(n) }
        RETURN b.key AS key, n.name AS name
    """,
    "no operation waits for nothing": """
        MATCH (o:Operation {state: 'PENDING'})
        WHERE o.readyOn IS NULL
          AND NOT EXISTS { MATCH (o)-[:AFTER]->(p:Operation) WHERE p.state IN ['PENDING', 'RUNNING'] }
        RETURN o.id AS id, o.resourceName AS name
    """,
    "a Binding has one running and one waiting operation at most": """
        MATCH (b:Binding)
        OPTIONAL MATCH (o:Operation)-[:ON]->(b) WHERE o.state IN ['PENDING', 'RUNNING']
        WITH b, collect(o.state) AS open
        WHERE size([s IN open WHERE s = 'PENDING']) > 1 OR size([s IN open WHERE s = 'RUNNING']) > 1
        RETURN b.key AS key, open
    """,
    "a Binding is of one resource on one host": """
        MATCH (b:Binding)
        OPTIONAL MATCH (b)-[:OF]->(r)
        WITH b, collect(r.id) AS of
        OPTIONAL MATCH (b)-[:ON]->(h)
        WITH b, of, collect(h.id) AS on
        WHERE of <> [b.resource] OR on <> [b.host]
        RETURN b.key AS key
    """,
    "what is finished is not claimed": """
        MATCH (o:Operation) WHERE o.readyOn IS NOT NULL AND o.state <> 'PENDING' RETURN o.id AS id, o.state AS state
    """,
    "a revision with no open work is not APPLYING": """
        MATCH (v:Revision {state: 'APPLYING'})
        WHERE NOT EXISTS { MATCH (o:Operation)-[:OF_REVISION]->(v) WHERE o.state IN ['PENDING', 'RUNNING'] }
        RETURN v.key AS key
    """,
    "events are numbered without gaps": """
        MATCH (c:Counter {id: 'events'})
        WITH c.value AS value
        OPTIONAL MATCH (e:Event)
        WITH value, count(e) AS events, max(e.number) AS newest
        WHERE value <> events OR (events > 0 AND newest <> value)
        RETURN value, events, newest
    """,
}


async def check(graph: Graph) -> None:
    for what, statement in BROKEN.items():
        wrong = await graph.read(statement)
        assert not wrong, f"{what}: {wrong[:3]}"
