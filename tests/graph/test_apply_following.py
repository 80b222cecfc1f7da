"""A change upon a change: what has not begun is replaced, what runs is followed."""

from __future__ import annotations

from typing import Any

import invariants
import pytest
import pytest_asyncio
from applying import edit, network, nic, open_operations, put, states, values, vm, volume
from playing import a_host, claim, finish_all, work

from virtgraph.apply import edits
from virtgraph.model.states import OperationState
from virtgraph.store.graph import Graph
from virtgraph.store.results import End, Result, finish


@pytest_asyncio.fixture(autouse=True)
async def host(graph: Graph) -> str:
    return await a_host(graph)


def web(**more: Any) -> dict[str, Any]:
    return {"net": network(), "web": vm(nic(), volume(name="data"), **more)}


async def operations(graph: Graph, name: str) -> list[str]:
    return await values(
        graph, "MATCH (o:Operation {resourceName: $name}) RETURN o.state AS state ORDER BY o.ordinal", name=name
    )


async def test_a_change_before_the_claim_replaces_what_waits(graph: Graph) -> None:
    await put(graph, web())
    await put(graph, web(vnc_password="x"))
    assert await operations(graph, "web") == ["SUPERSEDED", "PENDING"]
    assert await operations(graph, "net") == ["PENDING"], "what did not change is not planned again"
    assert await values(graph, "MATCH (e:Event {type: 'SUPERSEDED'}) RETURN count(e) AS count") == [1]
    await invariants.check(graph)
    await work(graph)
    assert set((await states(graph)).values()) == {"APPLIED", "RUNNING", "ATTACHED", "ALLOCATED"}
    assert await values(graph, "MATCH (v:Revision) RETURN v.state AS state ORDER BY v.number") == ["APPLIED", "APPLIED"]
    await invariants.check(graph)


async def test_what_waited_for_the_replaced_one_waits_for_its_successor(graph: Graph) -> None:
    await put(graph, web())
    await put(graph, web() | {"web": vm(nic(), volume("2gb", name="data"))})
    waits = "MATCH (o:Operation {resourceName: 'web'})-[:AFTER]->(p {resourceName: 'data', state: 'PENDING'}) RETURN p.generation AS g"
    assert await operations(graph, "data") == ["SUPERSEDED", "PENDING"]
    assert await values(graph, waits) == [2]
    await work(graph)
    order = "MATCH (o:Operation {resourceName: $name, state: 'SUCCEEDED'}) RETURN o.endedAt AS ended"
    [volume_ended], [vm_ended] = await values(graph, order, name="data"), await values(graph, order, name="web")
    assert volume_ended <= vm_ended
    await invariants.check(graph)


async def test_a_change_while_it_runs_comes_after(graph: Graph, host: str) -> None:
    await put(graph, web())
    running = await claim(graph, host)
    assert running is not None
    await put(graph, web(vnc_password="x"))
    assert await operations(graph, "web") == ["RUNNING", "PENDING"]
    await invariants.check(graph)
    await put(graph, web(vnc_password="y"))
    assert await operations(graph, "web") == ["RUNNING", "SUPERSEDED", "PENDING"]
    await invariants.check(graph)
    assert await claim(graph, host) is None, "it waits"
    await finish_all(graph, running)
    await work(graph)
    assert await operations(graph, "web") == ["SUCCEEDED", "SUPERSEDED", "SUCCEEDED"]
    generations = await values(
        graph, "MATCH (b:Binding)-[:OF]->(v:VM) RETURN b.realizedGeneration - v.generation AS behind"
    )
    assert generations == [0]
    await invariants.check(graph)


async def test_the_same_document_while_it_runs_leads_to_nothing(graph: Graph, host: str) -> None:
    done = await put(graph, web())
    running = await claim(graph, host)
    assert running is not None
    assert (await put(graph, done.document)).applied.operations == ()
    await finish_all(graph, running)
    assert not await open_operations(graph)


@pytest.mark.parametrize("well", [True, False])
async def test_a_revision_waits_for_what_an_earlier_one_began(graph: Graph, host: str, well: bool) -> None:
    first = await put(graph, {"a": vm()})
    second = await put(graph, {"a": vm(), "net": network()})
    assert (second.applied.revision, second.applied.operations) == (2, ())
    revisions = "MATCH (v:Revision) RETURN v.state AS state ORDER BY v.number"
    applied = "MATCH (e:Event {type: 'APPLIED'}) RETURN e.revision AS revision ORDER BY revision"
    assert await values(graph, revisions) == ["APPLYING", "APPLYING"]
    assert await values(graph, applied) == []
    await work(graph, failing=[] if well else [first.applied.ids["VM/a"]])
    assert await values(graph, revisions) == (["APPLIED"] * 2 if well else ["FAILED"] * 2)
    assert await values(graph, applied) == ([1, 2] if well else [])
    await invariants.check(graph)


async def test_what_waits_for_another_try_is_tried_now(graph: Graph, host: str) -> None:
    done = await put(graph, web())
    running = await claim(graph, host)
    assert running is not None
    again = [Result(o.id, OperationState.PENDING, "no answer", retry_in=60_000) for o in running.operations]
    await graph.write(lambda tx: finish(tx, running, again, End(OperationState.FAILED)))
    assert await claim(graph, host) is None
    repeated = await put(graph, done.document)
    assert (repeated.applied.operations, repeated.applied.revision) == ((), 1)
    assert await claim(graph, host) is not None


async def test_a_removal_replaces_what_waits_and_lets_others_go_on(graph: Graph) -> None:
    await a_host(graph, "host2", segment="other")
    first = await put(graph, {"a": vm()})
    two = {"type": "resource/vm/kvm", "dependencies": [{"object": {"id": first.applied.ids["VM/a"]}, "property": {}}]}
    await put(graph, {"b": two}, "other")
    assert await operations(graph, "b") == ["PENDING"]
    await invariants.check(graph)
    await edit(graph, edits.delete_vm("default", first.applied.ids["VM/a"], volumes=False))
    await invariants.check(graph)
    await work(graph)
    assert await states(graph) == {"b": "RUNNING"}


async def test_a_revision_whose_work_was_replaced_is_over(graph: Graph) -> None:
    await put(graph, {"a": vm()})
    await put(graph, {"a": vm(vnc_password="x")})
    await put(graph, {}, prune=True)
    assert await values(graph, "MATCH (v:Revision) RETURN v.state AS state ORDER BY v.number") == [
        "SUPERSEDED",
        "SUPERSEDED",
        "APPLIED",
    ]
    await invariants.check(graph)


async def test_a_change_of_a_shared_network_reaches_every_host(graph: Graph) -> None:
    await a_host(graph, "host2")
    first = await put(graph, {"net": network()}, "nets")
    on = {"id": first.applied.ids["Network/net"]}
    await put(graph, {"a": vm(nic(on)), "b": vm(nic(on))}, "vms")
    assert sorted(await values(graph, "MATCH (v:VM)-[:PLACED_ON]->(h) RETURN h.name AS host")) == ["host1", "host2"]
    waiting = await values(
        graph, "MATCH (o:Operation {kind: 'VM', hostName: 'host2'})-[:AFTER]->(p) RETURN p.kind + p.hostName AS p"
    )
    assert sorted(waiting) == ["NIChost1", "Networkhost2"], "its address is reserved where the network serves"
    await work(graph)
    done = await put(graph, {"net": network(pool="10.0.0.1-10.0.0.20")}, "nets")
    assert len(done.applied.operations) == 2
    await work(graph)
    await invariants.check(graph)


async def test_a_network_that_failed_on_one_host_is_not_well_for_another(graph: Graph, host: str) -> None:
    other = await a_host(graph, "host2")
    nets = {"net": network()}
    first = await put(graph, nets, "nets")
    net = first.applied.ids["Network/net"]
    await put(graph, {"a": vm(nic({"id": net})), "b": vm(nic({"id": net}))}, "vms")
    here, there = await claim(graph, host), await claim(graph, other)
    assert here is not None and there is not None
    await finish_all(graph, here, failing=[net])
    await finish_all(graph, there)
    seen = "MATCH (n:Network) RETURN [n.state, n.error] AS seen"
    assert await values(graph, seen) == [["FAILED", "It did not work."]]
    await put(graph, nets, "nets")
    await work(graph)
    assert await values(graph, seen) == [["APPLIED", None]]


async def test_a_long_chain_over_two_hosts_ends_with_its_first_failure(graph: Graph) -> None:
    await a_host(graph, "host2")
    chain: dict[str, Any] = {"v0": vm()}
    for n in range(1, 12):
        chain[f"v{n}"] = vm() | {"dependencies": [{"object": {"variable": f"v{n - 1}"}, "property": {}}]}
    applied = await put(graph, chain)
    assert len(set(await values(graph, "MATCH (:VM)-[:PLACED_ON]->(h:Host) RETURN DISTINCT h.name AS name"))) == 2
    await work(graph, failing=[applied.applied.ids["VM/v0"]])
    assert await operations(graph, "v0") == ["FAILED"]
    assert [state for n in range(1, 12) for state in await operations(graph, f"v{n}")] == ["SKIPPED"] * 11
    await invariants.check(graph)


def after(*names: str, size: str = "1gb") -> dict[str, Any]:
    return volume(size, dependencies=[{"object": {"variable": name}} for name in names])


async def test_what_follows_a_replaced_one_is_skipped_with_it(graph: Graph, host: str) -> None:
    await put(graph, {"a": after()})
    running = await claim(graph, host)
    assert running is not None
    await put(graph, {"a": after(), "b": after("a"), "c": after("b")})
    await put(graph, {"a": after(), "b": after("a", size="2gb"), "c": after("b")})
    await finish_all(graph, running, {o.resource for o in running.operations if o.name == "a"})
    assert [await operations(graph, name) for name in "abc"] == [["FAILED"], ["SUPERSEDED", "SKIPPED"], ["SKIPPED"]]
    await invariants.check(graph)


@pytest.mark.parametrize("written", ["together", "one after the other"])
async def test_what_needs_a_cancelled_one_of_its_run_is_not_tried_again(graph: Graph, host: str, written: str) -> None:
    await put(graph, {"a": after(), "b": after("a"), "c": after("b"), "d": after()})
    running = await claim(graph, host)
    assert running is not None
    cancelled = [Result(o.id, OperationState.CANCELLED, "Stop.") for o in running.operations if o.name == "a"]
    others = [Result(o.id, OperationState.PENDING, "Again.") for o in running.operations if o.name != "a"]
    if written == "one after the other":
        assert await graph.write(lambda tx: finish(tx, running, cancelled, None))
        cancelled = []
    end = End(OperationState.FAILED)
    assert await graph.write(lambda tx: finish(tx, running, [*others, *cancelled], end))
    assert [await operations(graph, name) for name in "abc"] == [["CANCELLED"], ["SKIPPED"], ["SKIPPED"]]
    retried = "MATCH (e:Event {type: 'RETRYING', kind: 'Volume'}) RETURN e.name AS name"
    assert await values(graph, retried) == ["d"]
    errors = "MATCH (o:Operation {state: 'SKIPPED'}) RETURN o.error AS error"
    assert await values(graph, errors) == ["Volume a on host1 is needed first: Stop."] * 2
    await work(graph)
    assert await operations(graph, "d") == ["SUCCEEDED"]
    await invariants.check(graph)


async def test_a_change_is_tried_though_what_it_changes_has_failed(graph: Graph, host: str) -> None:
    await put(graph, {"a": after()})
    running = await claim(graph, host)
    assert running is not None
    await put(graph, {"a": after(size="2gb"), "b": after("a")})
    await finish_all(graph, running, {o.resource for o in running.operations if o.name == "a"})
    await work(graph)
    assert [await operations(graph, name) for name in "ab"] == [["FAILED", "SUCCEEDED"], ["SUCCEEDED"]]
    await invariants.check(graph)


async def test_needs_that_turn_round_do_not_wait_for_each_other(graph: Graph) -> None:
    await put(graph, {"a": after("b"), "b": after(), "c": after("a")})
    await put(graph, {"a": after(), "b": after("c", size="2gb"), "c": after("a")})
    await invariants.check(graph)
    await work(graph)
    assert set((await states(graph)).values()) == {"ALLOCATED"}
    await invariants.check(graph)
