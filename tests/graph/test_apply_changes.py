"""Changes of what is there: those that can be made live, those that cannot, and what a document leaves out."""

from __future__ import annotations

from typing import Any

import invariants
import pytest
import pytest_asyncio
from applying import edit, network, nic, one, problems, put, states, typed, values, vm, volume
from playing import GIB, a_host, work

from virtgraph.apply import edits
from virtgraph.model.refusals import Conflict
from virtgraph.spec.errors import Invalid
from virtgraph.store.graph import Graph


@pytest_asyncio.fixture(autouse=True)
async def host(graph: Graph) -> str:
    return await a_host(graph)


def document(**more: Any) -> dict[str, Any]:
    return {"net": network(), "web": vm(nic(), volume(name="data"), vcpus=2, cmdline="a", kernel="/k", **more)}


LIVE: dict[str, dict[str, Any]] = {
    "the password": {"web": vm(nic(), volume(name="data"), vnc_password="new")},
    "one more NIC": {"web": vm(nic(), nic(), volume(name="data"))},
    "a NIC less": {"web": vm(volume(name="data"))},
    "one more volume": {"web": vm(nic(), volume(name="data"), volume())},
    "stopped": {"web": vm(nic(), volume(name="data"), status="stopped")},
    "stopped, and larger": {"web": vm(nic(), volume(name="data"), status="stopped", vcpus=4, memory="2gb")},
    "a larger volume": {"web": vm(nic(), volume(name="data", size="5gb"))},
    "another address": {"web": vm(nic(ip_addresses=["10.0.0.77"]), volume(name="data"))},
    "DHCP": {"net": network(pool="10.0.0.1-10.0.0.50")},
    "one more subnet": {
        "net": network() | {"subnets": [*network()["subnets"], {"cidr": "10.9.0.0/24"}]},
    },
}


@pytest.mark.parametrize("change", LIVE.values(), ids=LIVE.keys())
async def test_live(graph: Graph, change: dict[str, Any]) -> None:
    base = {"net": network(), "web": vm(nic(), volume(name="data"))}
    await put(graph, base)
    await work(graph)
    done = await put(graph, base | change)
    assert (done.applied.revision, done.applied.changed) == (2, True)
    assert done.applied.operations
    await invariants.check(graph)
    await work(graph)
    assert "FAILED" not in (await states(graph)).values()
    assert not (await put(graph, done.document)).applied.changed
    await invariants.check(graph)


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "another VLAN": ({"net": network(101)}, "spec.net.parameters.vlan_id", "cannot change while it exists (it is 100)"),
    "another MTU": ({"net": network(parameters={"mtu": 9000})}, "spec.net.parameters.mtu", "(it is 1500)"),
    "another segment": (
        {"net": network(parameters={"segment": "x"})},
        "spec.net.parameters.segment",
        "another segment",
    ),
    "another type": ({"net": network(None)}, "spec.net.type", "(it is vlan)"),
    "another cidr": ({"net": network(cidr="10.5.0.0/24")}, "spec.net.subnets", "cannot change its cidr"),
    "a smaller volume": (
        {"web": vm(nic(), volume("512mb", name="data"))},
        "spec.web.dependencies[1].object.size",
        "shrink",
    ),
    "another source": (
        {"web": vm(nic(), volume(name="data", source={"file": "a.qcow2"}))},
        "spec.web.dependencies[1].object.source",
        "cannot change after it was made",
    ),
    "more vcpus while it runs": (
        {"web": vm(nic(), volume(name="data"), vcpus=3)},
        "spec.web.vcpus",
        "stopped first (it is 1)",
    ),
    "more memory while it runs": (
        {"web": vm(nic(), volume(name="data"), memory="2gb")},
        "spec.web.memory",
        "stopped first",
    ),
    "a kernel while it runs": (
        {"web": vm(nic(), volume(name="data"), kernel="/k")},
        "spec.web.kernel",
        "(it is not set)",
    ),
    "another network": (
        {"other": network(7, "10.7.0.0/24"), "web": vm(nic("other"), volume(name="data"))},
        "spec.web.dependencies[0].object.relations",
        "cannot move to another network",
    ),
}


@pytest.mark.parametrize(("change", "path", "reason"), REFUSED.values(), ids=REFUSED.keys())
async def test_refused(graph: Graph, change: dict[str, Any], path: str, reason: str) -> None:
    base = {"net": network(), "web": vm(nic(), volume(name="data"))}
    await put(graph, base)
    await work(graph)
    with pytest.raises(Invalid) as refused:
        await put(graph, base | {"new": volume()} | change)
    assert reason in problems(refused.value)[path]
    assert await values(graph, "MATCH (s:Stack) RETURN s.revision AS revision") == [1], "nothing of it is stored"
    await invariants.check(graph)


async def test_every_impossible_change_is_told_at_once(graph: Graph) -> None:
    base = {"net": network(), "web": vm(nic(), volume(name="data"))}
    await put(graph, base | {"db": vm(nic(ip_addresses=["10.0.0.5"]))})
    await work(graph)
    with pytest.raises(Invalid) as refused:
        await put(
            graph, {"net": network(101), "web": vm(nic(ip_addresses=["10.0.0.5"]), volume("1mb", name="data"), vcpus=9)}
        )
    assert problems(refused.value).keys() == {
        "spec.net.parameters.vlan_id",
        "spec.web.dependencies[0].object.ip_addresses[0]",
        "spec.web.dependencies[1].object.size",
        "spec.web.vcpus",
    }


async def test_only_what_changed_gets_a_version_and_an_operation(graph: Graph) -> None:
    base = {"net": network(), "web": vm(nic(), volume(name="data"))}
    await put(graph, base)
    await work(graph)
    await put(graph, base | {"web": vm(nic(), volume("3gb", name="data"))})
    versions = await graph.read(
        "MATCH (v:Version)-[:VERSION_OF]->(r) WHERE r.kind = 'Volume' RETURN v.fromRevision AS a, v.toRevision AS b ORDER BY a"
    )
    assert versions == [{"a": 1, "b": 2}, {"a": 2, "b": None}]
    assert await values(graph, "MATCH (o:Operation {state: 'PENDING'}) RETURN o.kind AS kind") == ["Volume"]
    assert await values(graph, "MATCH (v:Version {fromRevision: 2}) RETURN count(v) AS count") == [1]


async def test_a_larger_volume_reserves_more(graph: Graph) -> None:
    await put(graph, {"data": volume("3gb")})
    await put(graph, {"data": volume("5gb")})
    assert await values(graph, "MATCH (h:Host) RETURN h.reservedDisk AS disk") == [5 * GIB]
    await put(graph, {"data": volume("5gb"), "more": volume("1gb")})
    assert await values(graph, "MATCH (h:Host) RETURN h.reservedDisk AS disk") == [6 * GIB]


async def test_a_failed_resource_is_tried_again_by_the_same_document(graph: Graph) -> None:
    document = {"net": network(), "web": vm(nic(), volume(name="data"))}
    done = await put(graph, document)
    await work(graph, failing={done.applied.ids["Volume/data"], done.applied.ids["VM/web"]})
    assert await states(graph) == {"net": "APPLIED", "VM/web/NIC/0": "ATTACHED", "data": "FAILED", "web": "FAILED"}
    assert await values(graph, "MATCH (v:Revision) RETURN v.state AS state") == ["FAILED"]
    again = await put(graph, document)
    assert len(again.applied.operations) == 2
    await work(graph)
    assert set((await states(graph)).values()) == {"APPLIED", "ATTACHED", "ALLOCATED", "RUNNING"}
    assert await values(graph, "MATCH (v:Revision) RETURN v.state AS state ORDER BY v.number") == ["FAILED", "APPLIED"]
    await invariants.check(graph)


async def test_left_out_is_told_and_kept(graph: Graph) -> None:
    first = await put(graph, {"net": network(), "web": vm(nic(), volume(name="data"))})
    done = await put(graph, {"net": network()})
    assert {(left.kind, left.name, left.id) for left in done.applied.left_out} == {
        ("VM", "web", first.applied.ids["VM/web"]),
        ("NIC", None, first.applied.ids["VM/web/NIC/0"]),
        ("Volume", "data", first.applied.ids["Volume/data"]),
    }
    assert (done.applied.changed, done.applied.revision) == (False, 1)
    assert len(await states(graph)) == 4


async def test_prune_removes_it_with_its_inline_children(graph: Graph) -> None:
    await put(graph, {"net": network(), "web": vm(nic(), volume(name="data"))})
    await work(graph)
    done = await put(graph, {"net": network()}, prune=True)
    assert len(done.applied.left_out) == 3
    assert await states(graph) == {"net": "APPLIED", "web": "DELETING", "VM/web/NIC/0": "DELETING", "data": "DELETING"}
    again = await put(graph, {"net": network()}, prune=True)
    assert (again.applied.changed, again.applied.left_out) == (False, ()), "what goes already is not removed twice"
    await work(graph)
    assert await states(graph) == {"net": "APPLIED"}
    await invariants.check(graph)


async def test_prune_of_an_inline_child(graph: Graph) -> None:
    await put(graph, {"net": network(), "web": vm(nic(), nic(), volume(name="data"))})
    await work(graph)
    await put(graph, {"net": network(), "web": vm(nic())}, prune=True)
    assert await states(graph) == {
        "net": "APPLIED", "web": "RUNNING", "VM/web/NIC/0": "ATTACHED", "VM/web/NIC/1": "DELETING", "data": "DELETING",
    }  # fmt: skip
    rows = await graph.read(
        "MATCH (o:Operation {state: 'PENDING'}) RETURN o.kind AS kind, o.action AS action, [(o)-[:AFTER]->(p) | p.kind] AS after"
    )
    assert {(row["kind"], row["action"], *row["after"]) for row in rows} == {
        ("VM", "realize"),
        ("NIC", "remove", "VM"),
        ("Volume", "remove", "VM"),
    }, "the VM lets go of them first"
    await work(graph)
    assert await states(graph) == {"net": "APPLIED", "web": "RUNNING", "VM/web/NIC/0": "ATTACHED"}
    await invariants.check(graph)


async def test_what_typed_mutations_made_is_never_left_out_nor_pruned(graph: Graph) -> None:
    await typed(graph, {"net": network(), "web": vm(nic(), volume(name="data"))})
    done = await put(graph, {"mine": volume()}, prune=True)
    assert done.applied.left_out == ()
    await put(graph, {"net": network(), "web": vm(nic(), volume(name="data"))})
    done = await put(graph, {"mine": volume()}, prune=True)
    assert done.applied.left_out == (), "naming it in a document does not change whose it is"
    assert len(await states(graph)) == 5


async def test_what_a_document_refers_to_by_id_is_not_left_out(graph: Graph) -> None:
    first = await put(graph, {"data": volume()})
    done = await put(graph, {"web": vm({"id": first.applied.ids["Volume/data"]})}, prune=True)
    assert done.applied.left_out == ()
    assert await states(graph) == {"data": "VIRTUAL", "web": "VIRTUAL"}


async def test_prune_of_what_another_stack_uses_is_a_conflict(graph: Graph) -> None:
    first = await put(graph, {"net": network(), "data": volume()})
    net = {"id": first.applied.ids["Network/net"]}
    await put(graph, {"web": vm(nic(net), {"id": first.applied.ids["Volume/data"]})}, "other")
    for left, what in (
        ({"data": volume()}, "Network net is used by NIC"),
        ({"net": network()}, "Volume data is used by VM"),
    ):
        with pytest.raises(Conflict) as refused:
            await put(graph, left, prune=True)
        assert refused.value.message.startswith(what)
    await invariants.check(graph)


async def test_a_volume_moves_from_one_vm_to_another(graph: Graph) -> None:
    await put(graph, {"data": volume(), "a": vm({"variable": "data"}), "b": vm()})
    await work(graph)
    done = await put(graph, {"data": volume(), "a": vm(), "b": vm({"variable": "data"})})
    assert len(done.applied.operations) == 2
    row = await one(graph, "MATCH (v:VM)-[:ATTACHES]->(:Volume) RETURN v.name AS name")
    assert row["name"] == "b"
    order = await one(
        graph, "MATCH (b:Operation {resourceName: 'b', state: 'PENDING'})-[:AFTER]->(a) RETURN a.resourceName AS name"
    )
    assert order["name"] == "a", "the one lets go of it before the other takes it"
    await work(graph)
    await invariants.check(graph)


async def test_attach_volume(graph: Graph) -> None:
    done = await put(graph, {"data": volume(), "web": vm(volume(name="root"))})
    web, data = done.applied.ids["VM/web"], done.applied.ids["Volume/data"]
    await work(graph)
    await edit(graph, edits.attach_volume("default", web, data, boot_priority=2, read_only=False))
    rows = await graph.read(
        "MATCH (:VM)-[a:ATTACHES]->(v) RETURN v.name AS name, a.order AS order, a.bootPriority AS boot, a.readOnly AS ro ORDER BY order"
    )
    assert [tuple(row.values()) for row in rows] == [("root", 0, None, False), ("data", 1, 2, False)]
    again = await edit(graph, edits.attach_volume("default", web, data, boot_priority=2, read_only=False))
    assert not again.changed
    await edit(graph, edits.attach_volume("default", web, data, boot_priority=None, read_only=True))
    assert await values(graph, "MATCH (:VM)-[a:ATTACHES {order: 1}]->() RETURN a.readOnly AS ro") == [True]
    await work(graph)
    await invariants.check(graph)


async def test_a_vm_has_26_volumes_at_most(graph: Graph) -> None:
    await a_host(graph)
    disks = {f"disk{n}": volume() for n in range(27)}
    with pytest.raises(Invalid) as refused:
        await put(graph, {**disks, "web": vm(*({"variable": name} for name in disks))})
    (problem,) = refused.value.problems
    assert problem.path.startswith("spec.web.dependencies[26]") and "26 is the most" in problem.reason
    assert await states(graph) == {}
