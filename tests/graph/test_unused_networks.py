"""A network leaves a host with the last VM on it there; its home, which serves its addresses, keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import invariants
import pytest
import pytest_asyncio
from applying import edit, network, nic, put, states, values, vm, written
from engines import Engine
from playing import ME, a_host, claim, finish_all, work

from virtgraph import fleet
from virtgraph.apply import edits
from virtgraph.graphdb import connect
from virtgraph.model.refusals import Conflict
from virtgraph.model.states import OperationState
from virtgraph.store.graph import Graph
from virtgraph.store.results import End, Result, finish
from virtgraph.store.runs import Claim

ROUNDS = 10


@pytest_asyncio.fixture(autouse=True)
async def hosts(graph: Graph) -> dict[str, str]:
    """By name the ids of a host where the network is at home, and of one that has it too."""
    found = {name: await a_host(graph, name) for name in ("home", "away")}
    await put(graph, {"net": network()}, "nets")
    await add(graph, "a", "home")
    await add(graph, "b", "away")
    await work(graph)
    assert await carriers(graph) == ["away", "home"]
    return found


async def net(graph: Graph) -> str:
    return str((await values(graph, "MATCH (n:Network) WHERE n.deletedAt IS NULL RETURN n.id AS id"))[0])


async def add(graph: Graph, name: str, host: str) -> None:
    """A VM on the network, alone in a stack of its name."""
    await put(graph, written({name: vm(nic({"id": await net(graph)}))}, host_id=host), name)


async def delete(graph: Graph, name: str) -> None:
    [id] = await values(graph, "MATCH (v:VM {name: $name}) WHERE v.deletedAt IS NULL RETURN v.id AS id", name=name)
    await edit(graph, edits.delete_vm(name, id, volumes=False), name)


async def carriers(graph: Graph) -> list[str]:
    """The hosts where the network is."""
    statement = """
        MATCH (:Network)<-[:OF]-(b:Binding)-[:ON]->(h:Host)
        WHERE b.state <> 'DELETED'
        RETURN h.name AS name ORDER BY name
    """
    return await values(graph, statement)


async def on_network(graph: Graph, host: str = "away") -> list[tuple[str, str]]:
    """The operations on the network there, oldest first: what they do, and what became of them."""
    rows = await graph.read(
        """
        MATCH (o:Operation {kind: 'Network', hostName: $host})
        RETURN o.action AS action, o.state AS state ORDER BY o.ordinal
        """,
        host=host,
    )
    return [(row["action"], row["state"]) for row in rows]


MADE = ("realize", "SUCCEEDED")


async def deleted(graph: Graph) -> None:
    await delete(graph, "b")


async def pruned(graph: Graph) -> None:
    await put(graph, {}, "b", prune=True)


async def stack_removed(graph: Graph) -> None:
    await edit(graph, edits.remove_stack("b"), "b")


async def detached(graph: Graph) -> None:
    await put(graph, {"b": vm()}, "b")


async def nic_removed(graph: Graph) -> None:
    [id] = await values(graph, "MATCH (:VM {name: 'b'})-[:HAS_NIC]->(n) RETURN n.id AS id")
    await edit(graph, edits.delete_nic("b", id), "b")


WAYS = [
    (deleted, "remove"),
    (pruned, "remove"),
    (stack_removed, "remove"),
    (detached, "realize"),
    (nic_removed, "realize"),
]


@pytest.mark.parametrize(("way", "action"), WAYS, ids=[way.__name__ for way, _ in WAYS])
async def test_it_goes_with_its_last_user(
    graph: Graph, hosts: dict[str, str], way: Callable[[Graph], Awaitable[None]], action: str
) -> None:
    await way(graph)
    rows = await graph.read(
        """
        MATCH (o:Operation {kind: 'Network', action: 'remove'})-[:AFTER]->(p)
        RETURN o.hostName AS host, p.kind AS kind, p.action AS action, p.state AS state
        """
    )
    assert [tuple(row.values()) for row in rows] == [("away", "VM", action, "PENDING")]
    await invariants.check(graph)
    running = await claim(graph, hosts["away"])
    assert running is not None
    assert {o.kind for o in running.operations} == ({"VM", "Network"} if action == "remove" else {"VM"})
    assert await values(graph, "MATCH (n:Network) RETURN [n.state, n.task] AS seen") == [["APPLIED", None]]
    await finish_all(graph, running)
    await work(graph)
    assert await carriers(graph) == ["home"]
    assert await values(graph, "MATCH (b:Binding {state: 'DELETED'})-[:OF]->(:Network) RETURN b.bridge AS bridge") == [
        None
    ]
    assert await values(graph, "MATCH (n:Network) RETURN n.state AS state") == ["APPLIED"]
    assert await on_network(graph, "home") == [MADE], "nothing is done where it is at home"
    assert set(await values(graph, "MATCH (v:Revision) RETURN v.state AS state")) == {"APPLIED"}
    await invariants.check(graph)
    before = await on_network(graph)
    await put(graph, {"net": network()}, "nets")
    assert await on_network(graph) == before, "its own document does not bring it back"


async def test_it_stays_while_another_vm_uses_it(graph: Graph) -> None:
    await add(graph, "c", "away")
    await work(graph)
    before = await on_network(graph)
    await delete(graph, "b")
    await work(graph)
    assert await on_network(graph) == before
    assert await carriers(graph) == ["away", "home"]
    await delete(graph, "c")
    await work(graph)
    assert await carriers(graph) == ["home"]


async def test_it_stays_where_it_is_at_home(graph: Graph) -> None:
    await delete(graph, "a")
    await work(graph)
    assert await carriers(graph) == ["away", "home"]
    await delete(graph, "b")
    await work(graph)
    assert await carriers(graph) == ["home"]
    await add(graph, "b", "away")
    await work(graph)
    assert await carriers(graph) == ["away", "home"]
    await invariants.check(graph)


async def test_a_vm_that_replaces_the_last_one_keeps_it(graph: Graph) -> None:
    before = await on_network(graph)
    await put(graph, written({"new": vm(nic({"id": await net(graph)}))}, host_id="away"), "b", prune=True)
    await work(graph)
    assert await on_network(graph) == before
    assert "new" in await states(graph) and "b" not in await states(graph)


async def test_what_no_host_saw_is_gone_at_once(graph: Graph) -> None:
    await a_host(graph, "third")
    await add(graph, "c", "third")
    await put(graph, {"c": vm()}, "c")
    assert await carriers(graph) == ["away", "home"]
    assert await on_network(graph, "third") == [("realize", "SUPERSEDED")]
    await add(graph, "c", "third")
    await edit(graph, edits.remove_stack("c"), "c")
    assert await carriers(graph) == ["away", "home"]
    assert await on_network(graph, "third") == [("realize", "SUPERSEDED")] * 2
    await invariants.check(graph)
    await fleet.remove_host(graph, "third", ME)


async def test_a_vm_that_comes_before_it_has_begun_to_go_keeps_it(graph: Graph) -> None:
    await delete(graph, "b")
    await add(graph, "c", "away")
    assert await on_network(graph) == [MADE, ("remove", "SUPERSEDED"), ("realize", "PENDING")]
    await invariants.check(graph)
    await work(graph)
    assert await states(graph) == {"net": "APPLIED"} | dict.fromkeys("ac", "RUNNING") | {
        f"VM/{name}/NIC/0": "ATTACHED" for name in "ac"
    }
    assert await carriers(graph) == ["away", "home"]
    await invariants.check(graph)


async def test_a_vm_that_comes_while_it_goes_has_it_made_again(graph: Graph, hosts: dict[str, str]) -> None:
    await delete(graph, "b")
    running = await claim(graph, hosts["away"])
    assert running is not None
    await add(graph, "c", "away")
    assert await on_network(graph) == [MADE, ("remove", "RUNNING"), ("realize", "PENDING")]
    await invariants.check(graph)
    await finish_all(graph, running)
    await work(graph)
    assert await on_network(graph) == [MADE, ("remove", "SUCCEEDED"), ("realize", "SUCCEEDED")]
    assert await carriers(graph) == ["away", "home"]
    await invariants.check(graph)


async def test_a_vm_that_comes_and_goes_while_it_goes(graph: Graph, hosts: dict[str, str]) -> None:
    await delete(graph, "b")
    running = await claim(graph, hosts["away"])
    assert running is not None
    await add(graph, "c", "away")
    await delete(graph, "c")
    await invariants.check(graph)
    await finish_all(graph, running)
    await work(graph)
    assert await carriers(graph) == ["home"]
    await invariants.check(graph)


async def test_two_vms_that_go_by_two_applies(graph: Graph, hosts: dict[str, str]) -> None:
    await add(graph, "c", "away")
    await work(graph)
    await delete(graph, "b")
    running = await claim(graph, hosts["away"])
    assert running is not None
    await delete(graph, "c")
    rows = await graph.read(
        "MATCH (o:Operation {kind: 'Network', action: 'remove'})-[:AFTER]->(p) RETURN p.resourceName AS n ORDER BY n"
    )
    assert [row["n"] for row in rows] == ["b", "c"], "the one that goes already may have it plugged in still"
    await invariants.check(graph)
    await finish_all(graph, running)
    await work(graph)
    assert await carriers(graph) == ["home"]
    await invariants.check(graph)


async def test_a_nic_that_is_unplugged_still_is_waited_for(graph: Graph, hosts: dict[str, str]) -> None:
    await add(graph, "c", "away")
    await work(graph)
    await detached(graph)
    running = await claim(graph, hosts["away"])
    assert running is not None
    await delete(graph, "c")
    await invariants.check(graph)
    assert await on_network(graph) == [MADE, ("remove", "PENDING")]
    last = await claim(graph, hosts["away"])
    assert last is not None
    assert [o.name for o in last.operations if o.kind == "Network"] == []
    await finish_all(graph, last)
    await finish_all(graph, running)
    await work(graph)
    assert await carriers(graph) == ["home"]


async def test_two_vms_that_go_at_once(graph: Graph, engine: Engine) -> None:
    """Whichever is the last of them, it takes the network along, once."""
    async with await connect(engine.url, engine.user, engine.password) as driver:
        services = (graph, Graph(driver))
        for _ in range(ROUNDS):
            await add(graph, "c", "away")
            await add(graph, "b", "away")
            await work(graph)
            before = len(await on_network(graph))
            await asyncio.gather(*(delete(service, name) for service, name in zip(services, "bc", strict=True)))
            await invariants.check(graph)
            assert (await on_network(graph))[before:] == [("remove", "PENDING")]
            await work(graph)
            assert await carriers(graph) == ["home"]


async def test_one_goes_and_one_comes_at_once(graph: Graph, engine: Engine) -> None:
    async with await connect(engine.url, engine.user, engine.password) as driver:
        other = Graph(driver)
        here, there = "b", "c"
        for _ in range(ROUNDS):
            await asyncio.gather(delete(graph, here), add(other, there, "away"))
            await invariants.check(graph)
            await work(graph)
            assert await carriers(graph) == ["away", "home"]
            assert (await states(graph))[there] == "RUNNING"
            here, there = there, here


async def test_a_removal_that_failed_is_told_and_tried_again(graph: Graph) -> None:
    id = await net(graph)
    await delete(graph, "b")
    await work(graph, failing=[id])
    seen = "MATCH (n:Network) RETURN [n.state, n.error] AS seen"
    assert await values(graph, seen) == [["FAILED", "It did not work."]]
    with pytest.raises(Conflict):
        await fleet.remove_host(graph, "away", ME)
    await put(graph, {"net": network()}, "nets")
    await work(graph)
    assert await values(graph, seen) == [["APPLIED", None]]
    assert await carriers(graph) == ["home"]
    await invariants.check(graph)


async def test_a_vm_that_comes_after_a_removal_that_failed(graph: Graph) -> None:
    id = await net(graph)
    await delete(graph, "b")
    await work(graph, failing=[id])
    await add(graph, "c", "away")
    await work(graph)
    assert {(await states(graph))[name] for name in ("net", "c")} == {"APPLIED", "RUNNING"}
    await invariants.check(graph)


async def test_a_vm_that_could_not_be_removed_keeps_it(graph: Graph, hosts: dict[str, str]) -> None:
    await delete(graph, "b")
    running = await claim(graph, hosts["away"])
    assert running is not None
    became = {"VM": OperationState.FAILED, "Network": OperationState.SKIPPED}
    results = [Result(o.id, became[o.kind], "It did not work.") for o in running.operations]
    assert await graph.write(lambda tx: finish(tx, running, results, End(OperationState.SUCCEEDED)))
    await work(graph)
    assert await on_network(graph) == [MADE, ("remove", "SKIPPED")]
    assert await carriers(graph) == ["away", "home"]
    await put(graph, {"net": network()}, "nets")
    assert await on_network(graph) == [MADE, ("remove", "SKIPPED"), ("realize", "PENDING")], "the VM is still on it"
    await work(graph)
    await edit(graph, edits.remove_stack("b"), "b")
    await work(graph)
    assert await carriers(graph) == ["home"]
    assert (await states(graph))["net"] == "APPLIED"
    await invariants.check(graph)


async def test_a_network_keeps_its_state_while_its_removal_is_tried_again(graph: Graph, hosts: dict[str, str]) -> None:
    await delete(graph, "b")
    running = await claim(graph, hosts["away"])
    assert running is not None
    again = [Result(o.id, OperationState.PENDING, "no answer") for o in running.operations]
    assert await graph.write(lambda tx: finish(tx, running, again, End(OperationState.FAILED)))
    assert (await states(graph))["net"] == "APPLIED"
    await add(graph, "c", "home")
    await work(graph)
    assert await carriers(graph) == ["home"]
    await invariants.check(graph)


@pytest.mark.parametrize("last", ["home", "away"])
async def test_a_network_that_goes_itself_meanwhile(graph: Graph, hosts: dict[str, str], last: str) -> None:
    """It is gone when it has left both hosts, and not before."""
    await delete(graph, "a")
    await work(graph)
    await delete(graph, "b")
    leaving = await claim(graph, hosts["away"])
    assert leaving is not None
    await succeed(graph, leaving, "VM")
    its_nic = await claim(graph, hosts["home"])
    assert its_nic is not None
    await finish_all(graph, its_nic)
    await edit(graph, edits.delete_network("nets", await net(graph)), "nets")
    await invariants.check(graph)
    if last == "home":
        await succeed(graph, leaving, "Network")
    while running := await claim(graph, hosts["home"]):
        assert (await states(graph))["net"] == "DELETING"
        await finish_all(graph, running)
    if last == "away":
        assert await states(graph) == {"net": "DELETING"}
        await succeed(graph, leaving, "Network")
    assert await states(graph) == {}
    await invariants.check(graph)


async def succeed(graph: Graph, running: Claim, kind: str) -> None:
    """A part of a Run is done."""
    results = [Result(o.id, OperationState.SUCCEEDED) for o in running.operations if o.kind == kind]
    assert await graph.write(lambda tx: finish(tx, running, results, None))


async def test_a_host_can_be_removed_when_it_has_gone_and_comes_back(graph: Graph, hosts: dict[str, str]) -> None:
    await delete(graph, "b")
    assert await refused(graph, "away") == "Host away carries Network net, VM b: remove them first"
    running = await claim(graph, hosts["away"])
    assert running is not None
    await succeed(graph, running, "VM")
    assert await refused(graph, "away") == "Host away carries Network net: remove them first"
    await succeed(graph, running, "Network")
    await fleet.remove_host(graph, "away", ME)
    await work(graph)
    await invariants.check(graph)
    assert await a_host(graph, "away", id=hosts["away"]) == hosts["away"]
    await add(graph, "b", "away")
    await work(graph)
    assert await carriers(graph) == ["away", "home"]
    assert (await states(graph))["b"] == "RUNNING"
    await invariants.check(graph)


async def test_the_home_of_a_network_is_refused_with_what_frees_it(graph: Graph) -> None:
    await delete(graph, "a")
    await work(graph)
    why = await refused(graph, "home")
    assert why.startswith("Host home carries NIC ")
    cure = "A network leaves its home only by being removed itself; at home here: net"
    assert why.endswith(f"Network net: remove them first. {cure}")
    await delete(graph, "b")
    await work(graph)
    assert (await refused(graph, "home")).startswith("Host home carries Network net: remove them first. ")
    await edit(graph, edits.remove_stack("nets"), "nets")
    await work(graph)
    await fleet.remove_host(graph, "home", ME)


async def refused(graph: Graph, host: str) -> str:
    """Why a host cannot be removed."""
    with pytest.raises(Conflict) as refusal:
        await fleet.remove_host(graph, host, ME)
    return refusal.value.message
