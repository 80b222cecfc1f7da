"""A worker as the graph sees one: it claims what is ready and says what came of it. No host is touched."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from virtgraph.fleet import add_host
from virtgraph.model.caller import Caller
from virtgraph.model.states import Action, OperationState
from virtgraph.new_host import NewHost
from virtgraph.store import hosts, runs
from virtgraph.store.graph import Graph
from virtgraph.store.results import End, Result, finish
from virtgraph.store.runs import Claim, ClaimedOperation

ME = Caller("tester", "request-1")
GIB = 1 << 30
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"

FACTS: Mapping[str, Mapping[str, Any]] = {
    "Network": {"bridge": "vgb-0"},
    "Volume": {"url": "file:///volume"},
    "Pool": {"path": "/pool"},
}


async def a_host(
    graph: Graph,
    name: str = "host1",
    *,
    id: str | None = None,
    vcpus: int = 64,
    memory: int = 64 * GIB,
    disk: int = 1024 * GIB,
    driver: str = "ovs",
    segment: str = "default",
    address: str | None = None,
) -> str:
    """A host that was added and probed; its id. Capacities are what can be reserved. No address: this machine."""
    host = NewHost(
        name, id=id, local=address is None, address=address, host_key=address and HOST_KEY,
        uplink_interface="br0", uplink_driver=driver, segment=segment,
        cpus=vcpus, memory=memory, disk=disk, cpu_ratio=1, memory_ratio=1, disk_ratio=1,
    )  # fmt: skip
    added = await add_host(graph, host, ME)
    claimed = await claim(graph, added.id)
    assert claimed is not None
    facts = hosts.probed({}, claimed.host)
    results = [Result(operation.id, OperationState.SUCCEEDED, facts=facts) for operation in claimed.operations]
    assert await graph.write(lambda tx: finish(tx, claimed, results, End(OperationState.SUCCEEDED)))
    return added.id


async def claim(graph: Graph, host: str) -> Claim | None:
    return await graph.write(lambda tx: runs.claim(tx, host, "tester"))


async def finish_all(graph: Graph, claimed: Claim, failing: Collection[str] = ()) -> None:
    """Everything of the Run succeeds, but for the resources that fail."""
    rows = await graph.read(
        "UNWIND $ids AS id MATCH (vm:VM {id: id}) RETURN id, vm.wanted AS wanted",
        ids=[o.resource for o in claimed.operations],
    )
    powers = {row["id"]: "running" if row["wanted"] == "running" else "shutoff" for row in rows}
    results = [result(claimed.action, operation, failing, powers) for operation in claimed.operations]
    assert await graph.write(lambda tx: finish(tx, claimed, results, End(OperationState.SUCCEEDED)))


def result(action: Action, operation: ClaimedOperation, failing: Collection[str], powers: Mapping[str, str]) -> Result:
    if operation.resource in failing:
        return Result(operation.id, OperationState.FAILED, "It did not work.", "Try again.")
    if action is not Action.REALIZE:
        return Result(operation.id, OperationState.SUCCEEDED)
    facts = {"power": powers[operation.resource]} if operation.kind == "VM" else FACTS.get(operation.kind, {})
    return Result(operation.id, OperationState.SUCCEEDED, facts=facts)


async def work(graph: Graph, failing: Collection[str] = ()) -> int:
    """All work is done; how many Runs it took."""
    count = 0
    while claims := [await claim(graph, host) for host in await runs.ready_hosts(graph)]:
        for claimed in claims:
            assert claimed is not None, "what is ready can be claimed"
            await finish_all(graph, claimed, failing)
            count += 1
    stuck = await graph.read(
        "MATCH (o:Operation) WHERE o.state IN ['PENDING', 'RUNNING'] RETURN o.resourceName AS name"
    )
    assert not stuck
    return count
