"""A graph as the store writes it, large and crooked enough that a wrong read shows: the same each time."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from neo4j import Driver

START = 1_790_000_000_000
STACKS, HOSTS, NETWORKS, VMS = 3, 2, 4, 50


@dataclass(slots=True)
class Generated:
    """Nodes by their labels, and relationships by type and by the labels and keys of their ends."""

    random: random.Random = field(default_factory=lambda: random.Random(4))
    nodes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    arrows: dict[tuple[str, str, str], list[dict[str, Any]]] = field(default_factory=dict)
    clock: int = START

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def node(self, labels: str, /, **properties: Any) -> dict[str, Any]:
        self.clock += self.random.choice((0, 1, 1000))
        node = {"id": self.uuid(), "createdAt": self.clock, **properties}
        self.nodes.setdefault(labels, []).append(node)
        return node

    def arrow(self, type_: str, start: str, a: dict[str, Any], end: str, b: dict[str, Any], **properties: Any) -> None:
        row = {"a": a["id"], "b": b["id"], "properties": properties}
        self.arrows.setdefault((type_, start, end), []).append(row)

    def owned(self, kind: str, stack: dict[str, Any], name: str | None, **properties: Any) -> dict[str, Any]:
        gone = self.random.random() < 0.1
        common = {
            "kind": kind, "name": name, "project": "default", "generation": self.random.randint(1, 5),
            "updatedAt": self.clock, "deletedAt": self.clock if gone else None, "stack": stack["id"],
        }  # fmt: skip
        node = self.node(f"Resource:{kind}", **common, **properties)
        self.arrow("OWNS", "Stack", stack, "Resource", node)
        return node

    def binding(self, resource: dict[str, Any], host: dict[str, Any], **facts: Any) -> dict[str, Any]:
        key = f"{resource['id']}@{host['id']}"
        binding = self.node("Binding", key=key, state=resource["state"], realizedGeneration=1, **facts) | {"id": key}
        self.nodes["Binding"][-1]["id"] = None
        self.arrow("OF", "Binding", binding, "Resource", resource)
        self.arrow("ON", "Binding", binding, "Resource", host)
        return binding


def generated() -> Generated:
    made = Generated()
    hosts = [_host(made, number) for number in range(HOSTS)]
    pools = [_pool(made, host) for host in hosts]
    segment = made.node("Segment", name="default")
    for host in hosts:
        made.arrow("UPLINK", "Resource", host, "Segment", segment)
    for number in range(STACKS):
        stack = made.node("Stack", name=f"stack{number}", project="default", revision=2)
        networks = [_network(made, stack, segment, n, hosts) for n in range(NETWORKS)]
        operations = [
            operation for n in range(number, VMS, STACKS) for operation in _vm(made, stack, n, networks, hosts, pools)
        ]
        _revisions(made, stack, operations)
        _runs(made, hosts, operations)
    return made


def _host(made: Generated, number: int) -> dict[str, Any]:
    return made.node(
        "Resource:Host", kind="Host", name=f"host{number + 1}", state="READY", address=f"10.0.0.{number}", user="root",
        port=22, local=False, slots=2, labels=["zone=a"] if number else [], cpuRatio=16.0, memoryRatio=1.0,
        diskRatio=2.0, cpus=8, memory=32 << 30, reservedVcpus=3, reservedMemory=1 << 30, reservedDisk=0,
    )  # fmt: skip


def _pool(made: Generated, host: dict[str, Any]) -> dict[str, Any]:
    pool = made.node("Resource:Pool", kind="Pool", name="default", path="/pool", state="READY", generation=1)
    made.arrow("ON", "Resource", pool, "Resource", host)
    made.binding(pool, host, capacity=100 << 30, available=3 << 40)
    return pool


def _network(
    made: Generated, stack: dict[str, Any], segment: dict[str, Any], number: int, hosts: list[dict[str, Any]]
) -> dict[str, Any]:
    flat = number == 0
    network = made.owned(
        "Network", stack, f"net{number}", state="APPLIED", wanted="applied", mtu=1500,
        type="flat" if flat else "vlan", vlanId=None if flat else 100 + number,
    )  # fmt: skip
    made.arrow("CARRIED_BY", "Resource", network, "Segment", segment)
    for order in range(number % 3):
        subnet = made.node("Subnet", cidr=f"10.{number}.{order}.0/24", nameservers=["10.0.0.1"][:order])
        made.arrow("HAS_SUBNET", "Resource", network, "Subnet", subnet, order=1 - order)
    for host in hosts:
        made.binding(network, host, bridge=f"vg{number}", dhcp="10.0.0.253" if host is hosts[0] else None)
    return network


def _vm(
    made: Generated,
    stack: dict[str, Any],
    number: int,
    networks: list[dict[str, Any]],
    hosts: list[dict[str, Any]],
    pools: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    place = made.random.randrange(len(hosts))
    state = made.random.choice(("VIRTUAL", "DEPLOYING", "RUNNING", "RUNNING", "STOPPED", "FAILED"))
    vm = made.owned(
        "VM", stack, f"vm{number // 2}" if number % 7 else None, state=state, wanted="running", arch="x86_64",
        vcpus=made.random.choice((1, 2, 4)), memory=made.random.choice((1, 2)) << 29,
        vncPassword="sealed" if number % 4 == 0 else None, task="realize" if state == "DEPLOYING" else None,
    )  # fmt: skip
    before: list[dict[str, Any]] = []
    for order in range(made.random.randrange(4)):
        before += _nic(made, stack, vm, made.random.choice(networks), order, hosts[place])
    for order in range(made.random.randrange(3)):
        before += _volume(made, stack, vm, pools[place], order, hosts[place])
    if state == "VIRTUAL":
        return before
    made.arrow("PLACED_ON", "Resource", vm, "Resource", hosts[place])
    binding = made.binding(vm, hosts[place], power="running", vncPort=5900 + number)
    operations = [_operation(made, stack, vm, binding, hosts[place], before)]
    return [*before, *operations, _operation(made, stack, vm, binding, hosts[place], operations)]


def _nic(
    made: Generated,
    stack: dict[str, Any],
    vm: dict[str, Any],
    network: dict[str, Any],
    order: int,
    host: dict[str, Any],
) -> list[dict[str, Any]]:
    addresses = [f"10.0.{order}.{n}" for n in range(made.random.randrange(3))]
    nic = made.owned(
        "NIC", stack, made.random.choice((None, "nic")), state="ATTACHED", wanted="attached",
        hwAddr=f"52:54:00:00:00:{made.random.randrange(256):02x}", ipAddresses=addresses,
    )  # fmt: skip
    made.arrow("HAS_NIC", "Resource", vm, "Resource", nic, order=order // 2)
    made.arrow("ON", "Resource", nic, "Resource", network)
    return [_operation(made, stack, nic, made.binding(nic, host), host, [])]


def _volume(
    made: Generated, stack: dict[str, Any], vm: dict[str, Any], pool: dict[str, Any], order: int, host: dict[str, Any]
) -> list[dict[str, Any]]:
    size = made.random.choice((None, 1 << 30, 5 << 40))
    volume = made.owned("Volume", stack, f"disk{order}", state="ALLOCATED", wanted="allocated", size=size)
    made.arrow("ATTACHES", "Resource", vm, "Resource", volume, order=-order, bus="virtio", readOnly=order == 1)
    made.arrow("IN", "Resource", volume, "Resource", pool)
    binding = made.binding(volume, host, url=f"file:///pool/{volume['id']}", allocation=made.random.getrandbits(40))
    return [_operation(made, stack, volume, binding, host, [])]


def _operation(
    made: Generated,
    stack: dict[str, Any],
    resource: dict[str, Any],
    binding: dict[str, Any],
    host: dict[str, Any],
    after: Iterable[dict[str, Any]],
) -> dict[str, Any]:
    state = made.random.choice(("PENDING", "PENDING", "RUNNING", "SUCCEEDED", "FAILED"))
    operation = made.node(
        "Operation", ordinal=len(made.nodes.get("Operation", ())) // 2,
        action=made.random.choice(("realize", "observe")), kind=resource["kind"],
        resource=resource["id"], resourceName=resource["name"], host=host["id"], hostName=host["name"],
        fact="bridge", generation=1, state=state, attempt=made.random.randrange(3),
        error="it broke" if state == "FAILED" else None, stackName=stack["name"], actor="tester", requestId="r1",
        cancel=made.random.choice((None, True)),
    )  # fmt: skip
    made.arrow("ON", "Operation", operation, "Binding", binding)
    for earlier in after:
        made.arrow("AFTER", "Operation", operation, "Operation", earlier)
    return operation


def _revisions(made: Generated, stack: dict[str, Any], operations: list[dict[str, Any]]) -> None:
    revisions = [made.node("Revision", number=n, state="APPLIED", document='{"a":[1]}', actor="tester") for n in (1, 2)]
    for revision in revisions:
        made.arrow("REVISION_OF", "Revision", revision, "Stack", stack)
    for operation in operations:
        made.arrow("OF_REVISION", "Operation", operation, "Revision", made.random.choice(revisions))


def _runs(made: Generated, hosts: list[dict[str, Any]], operations: list[dict[str, Any]]) -> None:
    for first in range(0, len(operations), 5):
        host = made.random.choice(hosts)
        run = made.node(
            "Run", action="realize", state="RUNNING", slot=0, fence=first, owner="worker", startedAt=made.clock
        )
        made.arrow("AT", "Run", run, "Resource", host)
        for operation in operations[first : first + 5]:
            made.arrow("REALIZES", "Run", run, "Operation", operation)


def load(driver: Driver) -> None:
    """Fill the graph with it."""
    made = generated()
    for labels, rows in made.nodes.items():
        driver.execute_query(f"UNWIND $rows AS row CREATE (n:{labels}) SET n += row", rows=rows)
    for (type_, start, end), rows in made.arrows.items():
        driver.execute_query(
            f"UNWIND $rows AS row MATCH (a:{start} {{{_key(start)}: row.a}}) MATCH (b:{end} {{{_key(end)}: row.b}}) "
            f"CREATE (a)-[r:{type_}]->(b) SET r += row.properties",
            rows=rows,
        )


def _key(label: str) -> str:
    return "key" if label == "Binding" else "id"
