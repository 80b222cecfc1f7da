"""Removal: what goes with what, what refuses to go, and that everything is free again afterwards."""

from __future__ import annotations

import invariants
import pytest
import pytest_asyncio
from applying import edit, network, nic, one, put, states, values, vm, volume
from playing import a_host, claim, finish_all, work

from virtgraph.apply import edits
from virtgraph.model.refusals import Conflict, NotFound
from virtgraph.store.graph import Graph

WEB = {"net": network(), "web": vm(nic(), volume(name="data"))}
COUNTERS = "MATCH (h:Host) RETURN [h.reservedVcpus, h.reservedMemory, h.reservedDisk] AS counters"


@pytest_asyncio.fixture(autouse=True)
async def host(graph: Graph) -> str:
    return await a_host(graph)


async def made(graph: Graph) -> dict[str, str]:
    done = await put(graph, WEB)
    await work(graph)
    return dict(done.applied.ids)


async def test_a_vm_goes_with_its_nics_and_leaves_its_volumes(graph: Graph) -> None:
    ids = await made(graph)
    done = await edit(graph, edits.delete_vm("default", ids["VM/web"], volumes=False))
    assert done.changed and done.revision == 2
    assert await states(graph) == {"net": "APPLIED", "web": "DELETING", "VM/web/NIC/0": "DELETING", "data": "ALLOCATED"}
    await work(graph)
    assert await states(graph) == {"net": "APPLIED", "data": "ALLOCATED"}
    await invariants.check(graph)


async def test_a_vm_goes_with_its_volumes(graph: Graph) -> None:
    ids = await made(graph)
    await edit(graph, edits.delete_vm("default", ids["VM/web"], volumes=True))
    rows = await graph.read(
        """
        MATCH (o:Operation {action: 'remove'})
        RETURN o.kind AS kind, o.readyOn IS NOT NULL AS ready, [(o)-[:AFTER]->(p) | p.kind] AS after
        """
    )
    assert {row["kind"]: (row["ready"], row["after"]) for row in rows} == {
        "VM": (True, []), "NIC": (True, ["VM"]), "Volume": (True, ["VM"]),
    }  # fmt: skip
    assert await work(graph) == 1, "one Run for all that goes from a host"
    assert await states(graph) == {"net": "APPLIED"}
    assert await values(graph, COUNTERS) == [[0, 0, 0]]
    await invariants.check(graph)


async def test_a_nic_that_its_vm_lost_goes_with_the_vm_all_the_same(graph: Graph) -> None:
    ids = await made(graph)
    await put(graph, {"net": network(), "web": vm(volume(name="data"))})
    await work(graph)
    await edit(graph, edits.delete_vm("default", ids["VM/web"], volumes=True))
    await work(graph)
    assert await states(graph) == {"net": "APPLIED"}


async def test_what_no_host_saw_is_gone_at_once(graph: Graph) -> None:
    done = await put(graph, WEB)
    await edit(graph, edits.delete_vm("default", done.applied.ids["VM/web"], volumes=True))
    assert await states(graph) == {"net": "VIRTUAL"}
    assert await values(graph, COUNTERS) == [[0, 0, 0]]
    assert set(await values(graph, "MATCH (o:Operation {state: 'PENDING'}) RETURN o.kind AS kind")) == {
        "Network",
        "Pool",
    }
    await invariants.check(graph)
    await work(graph)
    assert await states(graph) == {"net": "APPLIED"}


async def test_a_vm_that_is_deploying_cannot_be_deleted(graph: Graph, host: str) -> None:
    done = await put(graph, WEB)
    running = await claim(graph, host)
    assert running is not None
    for editing in (
        edits.delete_vm("default", done.applied.ids["VM/web"], volumes=False),
        edits.remove_stack("default"),
    ):
        with pytest.raises(Conflict) as refused:
            await edit(graph, editing)
        assert (refused.value.state, refused.value.task) == ("DEPLOYING", "realize")
        assert "RUNNING" in refused.value.needed_states and "DEPLOYING" not in refused.value.needed_states
    with pytest.raises(Conflict) as refused:
        await put(graph, {"net": network()}, prune=True)
    assert "DEPLOYING (task realize)" in refused.value.message
    await finish_all(graph, running)
    await edit(graph, edits.remove_stack("default"))
    await work(graph)
    await invariants.check(graph)


async def test_a_vm_that_is_being_removed_can_neither_be_removed_nor_changed(graph: Graph) -> None:
    ids = await made(graph)
    await edit(graph, edits.delete_vm("default", ids["VM/web"], volumes=True))
    for attempt in (edit(graph, edits.delete_vm("default", ids["VM/web"], volumes=True)), put(graph, WEB)):
        with pytest.raises(Conflict) as refused:
            await attempt
        assert (refused.value.state, refused.value.task) == ("DELETING", "remove")
    await work(graph)
    again = await put(graph, WEB)
    assert again.applied.ids["VM/web"] != ids["VM/web"]
    await work(graph)
    await invariants.check(graph)


async def test_removal_goes_on_from_what_is_going_already(graph: Graph) -> None:
    ids = await made(graph)
    await edit(graph, edits.delete_vm("default", ids["VM/web"], volumes=False))
    await edit(graph, edits.delete_volume("default", ids["Volume/data"]))
    await edit(graph, edits.remove_stack("default"))
    rows = await graph.read(
        "MATCH (o:Operation {action: 'remove'}) RETURN o.kind AS kind, [(o)-[:AFTER]->(p) | p.kind] AS after"
    )
    assert {row["kind"]: sorted(row["after"]) for row in rows} == {
        "VM": [], "NIC": ["VM"], "Volume": ["VM"], "Network": ["NIC", "VM"],
    }  # fmt: skip
    await work(graph)
    assert await states(graph) == {}
    await invariants.check(graph)


async def test_what_is_in_use_does_not_go(graph: Graph) -> None:
    ids = await made(graph)
    with pytest.raises(Conflict) as refused:
        await edit(graph, edits.delete_network("default", ids["Network/net"]))
    assert refused.value.message == f"Network net is used by NIC {ids['VM/web/NIC/0']}: remove that first"
    with pytest.raises(Conflict) as refused:
        await edit(graph, edits.delete_volume("default", ids["Volume/data"]))
    assert refused.value.message == "Volume data is used by VM web: remove or detach it there first"
    await put(graph, {"card": nic({"id": ids["Network/net"]}), "db": vm(volume())}, "other")
    with pytest.raises(Conflict) as refused:
        await edit(graph, edits.remove_stack("default"))
    assert refused.value.message.startswith("Network net is used by NIC")
    await invariants.check(graph)


async def test_a_nic_leaves_its_vm_first(graph: Graph) -> None:
    ids = await made(graph)
    await edit(graph, edits.delete_nic("default", ids["VM/web/NIC/0"]))
    row = await one(
        graph,
        "MATCH (o:Operation {action: 'remove'})-[:AFTER]->(p {state: 'PENDING'}) RETURN o.kind AS kind, p.kind AS before",
    )
    assert row == {"kind": "NIC", "before": "VM"}
    await work(graph)
    assert await states(graph) == {"net": "APPLIED", "web": "RUNNING", "data": "ALLOCATED"}
    await invariants.check(graph)
    await edit(graph, edits.delete_network("default", ids["Network/net"]))
    await work(graph)
    assert await states(graph) == {"web": "RUNNING", "data": "ALLOCATED"}
    await invariants.check(graph)


async def test_there_is_no_such_thing(graph: Graph) -> None:
    ids = await made(graph)
    for editing in (
        edits.delete_vm("default", ids["Volume/data"], volumes=False),
        edits.delete_volume("default", "11111111-1111-4111-8111-111111111111"),
        edits.attach_volume("default", "11111111-1111-4111-8111-111111111111", ids["Volume/data"], None, False),
    ):
        with pytest.raises(NotFound):
            await edit(graph, editing)


async def test_a_stack_goes_and_comes_again(graph: Graph) -> None:
    await made(graph)
    await edit(graph, edits.remove_stack("default"))
    await edit(graph, edits.remove_stack("default"))  # what goes already is not removed twice
    alive = "MATCH (s:Stack) RETURN s.deletedAt IS NULL AS alive"
    assert await values(graph, alive) == [True], "it goes with the last of its resources"
    await work(graph)
    assert (await values(graph, alive), await states(graph)) == ([False], {})
    assert await values(graph, COUNTERS) == [[0, 0, 0]]
    assert await values(graph, "MATCH (a) WHERE a:Address OR a:Subnet RETURN a") == []
    await invariants.check(graph)
    with pytest.raises(NotFound):
        await edit(graph, edits.remove_stack("default"))
    again = await put(graph, WEB)
    assert (again.applied.revision, await values(graph, alive)) == (3, [True])
    await work(graph)
    assert len(await states(graph)) == 4
    await invariants.check(graph)


async def test_an_empty_stack_goes_at_once(graph: Graph) -> None:
    await put(graph, {})
    await edit(graph, edits.remove_stack("default"))
    assert await values(graph, "MATCH (s:Stack) RETURN s.deletedAt IS NULL AS alive") == [False]


async def test_a_removal_that_failed_is_tried_again(graph: Graph) -> None:
    ids = await made(graph)
    await edit(graph, edits.remove_stack("default"))
    await work(graph, failing={ids["Volume/data"]})
    assert await states(graph) == {"data": "FAILED"}
    await edit(graph, edits.remove_stack("default"))
    await work(graph)
    assert await states(graph) == {}
    assert await values(graph, "MATCH (s:Stack) RETURN s.deletedAt IS NULL AS alive") == [False]
    await invariants.check(graph)


async def test_what_failed_to_go_may_stay_after_all(graph: Graph) -> None:
    ids = await made(graph)
    await edit(graph, edits.remove_stack("default"))
    await work(graph, failing={ids["Volume/data"]})
    again = await put(graph, WEB)
    assert again.applied.ids["Volume/data"] == ids["Volume/data"]
    await work(graph)
    assert set((await states(graph)).values()) == {"APPLIED", "RUNNING", "ATTACHED", "ALLOCATED"}
    await invariants.check(graph)


async def test_the_last_version_ends_with_the_revision_that_removed_it(graph: Graph) -> None:
    ids = await made(graph)
    await put(graph, WEB | {"more": volume()})
    await edit(graph, edits.delete_vm("default", ids["VM/web"], volumes=False))
    await work(graph)
    row = await one(
        graph,
        "MATCH (v:Version)-[:VERSION_OF]->(:Resource {id: $id}) RETURN v.fromRevision AS a, v.toRevision AS b",
        id=ids["VM/web"],
    )
    assert row == {"a": 1, "b": 3}
