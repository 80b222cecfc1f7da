"""Many VMs with two NICs and two volumes each, in the graph as the store writes them: 20 hosts, and 100 stacks with a
network each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from neo4j import Driver

STACKS, HOSTS = 100, 20
BATCH = 1000
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
START = 1_790_000_000_000

HOST = """
    MERGE (g:Segment {name: 'default'})
    WITH g
    UNWIND $rows AS row
    CREATE (h:Resource:Host)-[:UPLINK {interface: 'br0'}]->(g) SET h = row.host
    CREATE (p:Resource:Pool)-[:ON]->(h) SET p = row.pool
"""
STACK = """
    MATCH (g:Segment {name: 'default'})
    UNWIND $rows AS row
    CREATE (s:Stack)-[:OWNS]->(n:Resource:Network)-[:CARRIED_BY]->(g) SET s = row.stack, n = row.network
    CREATE (n)-[:HAS_SUBNET {order: 0}]->(subnet:Subnet) SET subnet = row.subnet
    WITH n, row
    MATCH (h:Resource {id: row.home.host})
    CREATE (n)<-[:OF]-(b:Binding)-[:ON]->(h) SET b = row.home
"""
VM = """
    UNWIND $rows AS row
    MATCH (s:Stack {id: row.stack})
    MATCH (h:Resource {id: row.host})
    CREATE (s)-[:OWNS]->(vm:Resource:VM)-[:PLACED_ON]->(h) SET vm = row.vm
    CREATE (vm)<-[:OF]-(b:Binding)-[:ON]->(h) SET b = row.binding
"""
NIC = """
    UNWIND $rows AS row
    MATCH (s:Stack {id: row.stack})
    MATCH (h:Resource {id: row.host})
    MATCH (n:Resource {id: row.network})
    MATCH (vm:Resource {id: row.vm})
    CREATE (s)-[:OWNS]->(nic:Resource:NIC)-[:ON]->(n) SET nic = row.nic
    CREATE (vm)-[:HAS_NIC {order: row.order}]->(nic)
    CREATE (nic)<-[:OF]-(b:Binding)-[:ON]->(h) SET b = row.binding
"""
VOLUME = """
    UNWIND $rows AS row
    MATCH (s:Stack {id: row.stack})
    MATCH (h:Resource {id: row.host})
    MATCH (p:Resource {id: row.pool})
    MATCH (vm:Resource {id: row.vm})
    CREATE (s)-[:OWNS]->(volume:Resource:Volume)-[:IN]->(p) SET volume = row.volume
    CREATE (vm)-[:ATTACHES {order: row.order, bootPriority: row.order + 1, bus: 'virtio', readOnly: false}]->(volume)
    CREATE (volume)<-[:OF]-(b:Binding)-[:ON]->(h) SET b = row.binding
"""


def id_of(*what: object) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, what))))


def owned(kind: str, name: str, state: str, *what: object, **more: Any) -> dict[str, Any]:
    return {
        "id": id_of(kind, *what), "kind": kind, "name": name, "key": name, "state": state, "project": "default",
        "generation": 1, "createdAt": START, "updatedAt": START, **more,
    }  # fmt: skip


def binding(resource: str, host: str, state: str, **facts: Any) -> dict[str, Any]:
    return {
        "key": f"{resource}@{host}", "resource": resource, "host": host, "state": state, "realizedGeneration": 1,
        "touched": True, **facts,
    }  # fmt: skip


def load(driver: Driver, vms: int) -> None:
    """Into an empty graph that has its constraints."""
    hosts = [
        {
            "host": owned(
                "Host",
                f"host{n}",
                "READY",
                n,
                address=f"10.0.0.{n}",
                cpus=64,
                memory=256 << 30,
                slots=2,
                local=False,
                user="root",
                port=22,
                hostKey=HOST_KEY,
            ),
            "pool": owned("Pool", "default", "READY", n, path="/pool"),
        }
        for n in range(HOSTS)
    ]
    stacks = [
        {
            "stack": {"id": id_of("Stack", n), "name": f"stack{n:03}", "project": "default", "createdAt": START},
            "network": owned("Network", "net", "APPLIED", n, type="vlan", vlanId=n + 1, mtu=1500, wanted="applied"),
            "subnet": {"id": id_of("Subnet", n), "cidr": f"10.{n}.0.0/16", "nameservers": [f"10.{n}.0.2"]},
            "home": binding(id_of("Network", n), id_of("Host", n % HOSTS), "APPLIED", dhcp=f"10.{n}.0.2"),
        }
        for n in range(STACKS)
    ]
    driver.execute_query(HOST, rows=hosts)
    driver.execute_query(STACK, rows=stacks)
    for first in range(0, vms, BATCH):
        rows = [row for n in range(first, min(first + BATCH, vms)) for row in rows_of(n)]
        for statement in (VM, NIC, VOLUME):
            driver.execute_query(statement, rows=[row for kind, row in rows if kind is statement])


def rows_of(n: int) -> list[tuple[str, Mapping[str, Any]]]:
    """A VM with what belongs to it, each with the statement that writes it."""
    stack, host = id_of("Stack", n % STACKS), id_of("Host", n % HOSTS)
    common = {"stack": stack, "host": host}
    vm = owned("VM", f"vm{n:05}", "RUNNING", n, arch="x86_64", vcpus=2, memory=2 << 30, wanted="running")
    seen = binding(vm["id"], host, "RUNNING", power="running", vncPort=5900 + n % 1000, acceleration="kvm")
    rows: list[tuple[str, Mapping[str, Any]]] = [(VM, {**common, "vm": vm, "binding": seen})]
    for order in range(2):
        address = f"10.{n % STACKS}.{n // STACKS}.{10 + order}"
        mac = f"52:54:00:{n >> 8:02x}:{n & 255:02x}:{order:02x}"
        nic = owned("NIC", f"eth{order}", "ATTACHED", n, order, hwAddr=mac, ipAddresses=[address], wanted="attached")
        where = {**common, "vm": vm["id"], "order": order}
        network = id_of("Network", n % STACKS)
        seen = binding(nic["id"], host, "ATTACHED")
        rows.append((NIC, {**where, "nic": nic, "network": network, "binding": seen}))
        volume = owned("Volume", f"disk{order}", "ALLOCATED", n, order, size=10 << 30, wanted="allocated")
        seen = binding(volume["id"], host, "ALLOCATED", url=f"file:///pool/{volume['id']}", allocation=1 << 20)
        rows.append((VOLUME, {**where, "volume": volume, "pool": id_of("Pool", n % HOSTS), "binding": seen}))
    return rows
