"""Which operations a Run takes, and in which slot; what counts of what it brings."""

from __future__ import annotations

import asyncio

from applying import put, values, volume
from playing import GIB, ME, a_host, claim, finish_all, work

from virtgraph import fleet
from virtgraph.model.states import OperationState
from virtgraph.new_host import NewHost
from virtgraph.store import hosts
from virtgraph.store.graph import Graph
from virtgraph.store.results import End, Result, finish
from virtgraph.store.runs import Claim


async def try_again(graph: Graph, claimed: Claim) -> None:
    """The host was away: the next Run has to raise the same slot's fence."""
    results = [
        Result(operation.id, OperationState.PENDING, "The host is away.", pin=claimed.slot)
        for operation in claimed.operations
    ]
    assert await graph.write(lambda tx: finish(tx, claimed, results, End(OperationState.FAILED)))


async def claimed_now(graph: Graph, host: str) -> Claim:
    claimed = await claim(graph, host)
    assert claimed is not None
    return claimed


async def test_a_retry_keeps_its_slot_on_a_host_with_fewer_slots(graph: Graph) -> None:
    host = await a_host(graph)
    await put(graph, {"pool": volume()}, "pool")
    await work(graph)
    await put(graph, {"one": volume()}, "one")
    first = await claimed_now(graph, host)
    await put(graph, {"two": volume()}, "two")
    second = await claimed_now(graph, host)
    assert (first.slot, second.slot) == (0, 1)
    await fleet.add_host(graph, NewHost("host1", local=True, slots=1), ME)
    await try_again(graph, second)
    assert await claim(graph, host) is None, "the one slot that is left is busy"
    await finish_all(graph, first)
    again = await claimed_now(graph, host)
    assert (again.slot, [operation.name for operation in again.operations]) == (1, ["two"])
    assert again.fence > second.fence
    await finish_all(graph, again)
    assert await work(graph) == 1, "the probe"


async def test_one_libvirt_host_under_two_names_is_refused_whichever_probe_ends_first(graph: Graph) -> None:
    """Both were probed before either result was written."""
    claims = []
    for name in ("a", "b"):
        added = await fleet.add_host(graph, NewHost(name, local=True, cpus=4, memory=GIB, disk=GIB), ME)
        claims.append(await claimed_now(graph, added.id))

    async def probed(claimed: Claim) -> None:
        facts = hosts.probed({"host_uuid": "c0ffee00-0000-4000-8000-000000000000"}, claimed.host)
        results = [Result(operation.id, OperationState.SUCCEEDED, facts=facts) for operation in claimed.operations]
        assert await graph.write(lambda tx: finish(tx, claimed, results, End(OperationState.SUCCEEDED)))

    await asyncio.gather(*(probed(claimed) for claimed in claims))
    assert sorted(await values(graph, "MATCH (h:Host) RETURN h.state AS state")) == ["FAILED", "READY"]
    [error] = await values(graph, "MATCH (h:Host {state: 'FAILED'}) RETURN h.error AS error")
    assert "is the same libvirt host as" in error
