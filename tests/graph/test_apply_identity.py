"""Which resource a document means: by id, by name, by its place under its parent."""

from __future__ import annotations

import uuid
from typing import Any

import invariants
import pytest
import pytest_asyncio
from applying import edit, network, nic, problems, put, states, typed, values, vm, volume
from playing import a_host, work

from virtgraph.apply import edits
from virtgraph.model.refusals import Conflict
from virtgraph.spec.errors import Invalid
from virtgraph.store.graph import Graph

A, B = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


@pytest_asyncio.fixture(autouse=True)
async def host(graph: Graph) -> str:
    return await a_host(graph)


async def names(graph: Graph) -> dict[str, str]:
    rows = await graph.read("MATCH (r:Resource) WHERE r.spec IS NOT NULL RETURN r.id AS id, r.key AS key")
    return {row["id"]: row["key"] for row in rows}


async def test_a_name_is_found_again(graph: Graph) -> None:
    first = await put(graph, {"one": volume()})
    again = await put(graph, {"other_key": volume(name="one", size="2gb")})
    assert again.applied.ids == first.applied.ids


async def test_stacks_do_not_share_names(graph: Graph) -> None:
    first = await put(graph, {"one": volume()}, "a")
    second = await put(graph, {"one": volume()}, "b")
    assert first.applied.ids != second.applied.ids


async def test_renaming_by_id_keeps_the_resource(graph: Graph) -> None:
    first = await put(graph, {"one": volume(id=A)})
    second = await put(graph, {"two": volume(id=A)})
    assert await names(graph) == {A: "Volume/two"}
    assert (second.applied.left_out, second.applied.changed, first.applied.revision) == ((), True, 1)
    await put(graph, {"two": volume()})
    assert await names(graph) == {A: "Volume/two"}


async def test_unnamed_children_follow_a_parent_that_is_renamed(graph: Graph) -> None:
    await put(graph, {"net": network(), "web": vm(nic(), volume(), id=A)})
    before = await names(graph)
    done = await put(graph, {"net": network(), "www": vm(nic(), volume(), id=A)})
    after = await names(graph)
    assert after.keys() == before.keys()
    assert sorted(after.values()) == ["Network/net", "VM/www", "VM/www/NIC/0", "VM/www/Volume/0"]
    assert done.applied.left_out == ()
    await invariants.check(graph)


async def test_two_resources_exchange_their_names(graph: Graph) -> None:
    await put(graph, {"one": volume(id=A), "two": volume(id=B)})
    await put(graph, {"two": volume(id=A), "one": volume(id=B)})
    assert await names(graph) == {A: "Volume/two", B: "Volume/one"}
    await invariants.check(graph)


async def test_a_name_that_is_freed_in_the_same_document_is_taken_by_a_new_one(graph: Graph) -> None:
    await put(graph, {"net": network(), "one": vm(nic(), id=A)})
    for order in ((("one", vm(nic())), ("two", vm(nic(), id=A))), (("two", vm(nic(), id=A)), ("one", vm(nic())))):
        done = await put(graph, {"net": network(), **dict(order)})
        assert done.applied.ids["VM/two"] == A
        assert done.applied.ids["VM/one"] not in (A, None)
    assert sorted((await names(graph)).values()) == [
        "Network/net", "VM/one", "VM/one/NIC/0", "VM/two", "VM/two/NIC/0",
    ]  # fmt: skip
    await invariants.check(graph)


async def test_a_name_that_another_one_keeps_is_refused(graph: Graph) -> None:
    await put(graph, {"one": volume(id=A), "two": volume(id=B)})
    with pytest.raises(Invalid) as refused:
        await put(graph, {"two": volume(id=A)})
    assert problems(refused.value) == {"spec.two.id": f"the stack has a Volume two already, with the id {B}"}
    with pytest.raises(Invalid) as refused:
        await put(graph, {"two": volume(id=str(uuid.uuid4()))})
    assert list(problems(refused.value)) == ["spec.two.id"]
    assert await names(graph) == {A: "Volume/one", B: "Volume/two"}


@pytest.mark.parametrize("resources", [{"x": network(id=A)}, {"x": vm(id=A)}])
async def test_an_id_of_another_kind_is_refused(graph: Graph, resources: dict[str, Any]) -> None:
    await put(graph, {"one": volume(id=A)})
    with pytest.raises(Invalid) as refused:
        await put(graph, resources)
    assert "is a Volume, not a" in problems(refused.value)["spec.x.id"]


async def test_an_id_of_another_stack_is_refused(graph: Graph) -> None:
    await put(graph, {"one": volume(id=A)}, "a")
    with pytest.raises(Invalid) as refused:
        await put(graph, {"one": volume(id=A)}, "b")
    assert problems(refused.value) == {"spec.one.id": "Volume one belongs to another stack"}
    assert await values(graph, "MATCH (s:Stack) RETURN s.name AS name") == ["a"], "nothing is stored"


async def test_the_id_of_a_host_or_a_pool_is_refused(graph: Graph, host: str) -> None:
    [pool] = await values(graph, "MATCH (p:Pool) RETURN p.id AS id")
    for id, kind in ((host, "Host"), (pool, "Pool")):
        with pytest.raises(Invalid) as refused:
            await put(graph, {"one": volume(id=id)})
        assert problems(refused.value) == {"spec.one.id": f"{id} is the id of a {kind}"}


async def test_a_reference_to_nothing_or_to_the_wrong_kind_is_refused(graph: Graph) -> None:
    await put(graph, {"one": volume(id=A), "net": network(id=B)})
    cases = {
        str(uuid.uuid4()): "there is no resource",
        A: "is a Volume, a Network is needed",
    }
    for id, reason in cases.items():
        with pytest.raises(Invalid) as refused:
            await put(graph, {"card": nic({"id": id})}, "other")
        assert reason in problems(refused.value)["spec.card.relations[0].object.id"]
    with pytest.raises(Invalid) as refused:
        await put(graph, {"web": vm({"id": B})}, "other")
    assert "a VM takes NICs and volumes" in problems(refused.value)["spec.web.dependencies[0].object.id"]


async def test_what_is_deleted_lives_again_under_its_ids(graph: Graph) -> None:
    document = {"net": network(), "web": vm(nic(), volume())}
    first = await put(graph, document)
    await work(graph)
    await edit(graph, edits.remove_stack("default"))
    await work(graph)
    assert await states(graph) == {}
    again = await put(graph, first.document)
    assert again.applied.ids == first.applied.ids
    assert again.applied.specs["VM/web/NIC/0"] == dict(first.applied.specs["VM/web/NIC/0"]) | {
        "network": first.applied.ids["Network/net"]
    }
    assert set((await states(graph)).values()) == {"VIRTUAL"}
    bindings = await graph.read(
        "MATCH (b:Binding)-[:OF]->(r:VM) RETURN b.state AS state, b.power AS power, b.touched AS touched"
    )
    assert bindings == [{"state": "VIRTUAL", "power": None, "touched": False}]
    await invariants.check(graph)
    await work(graph)
    assert await states(graph) == {
        "net": "APPLIED",
        "web": "RUNNING",
        "VM/web/NIC/0": "ATTACHED",
        "VM/web/Volume/0": "ALLOCATED",
    }
    await invariants.check(graph)


async def test_what_no_host_ever_saw_lives_again_too_and_in_another_stack(graph: Graph) -> None:
    await put(graph, {"one": volume(id=A)}, "a")
    await edit(graph, edits.remove_stack("a"), "a")
    await put(graph, {"two": volume(id=A, size="3gb")}, "b")
    assert await names(graph) == {A: "Volume/two"}
    await invariants.check(graph)


async def test_the_id_of_a_tombstone_of_another_kind_is_refused(graph: Graph) -> None:
    await put(graph, {"one": volume(id=A)})
    await edit(graph, edits.delete_volume("default", A))
    with pytest.raises(Invalid) as refused:
        await put(graph, {"net": network(id=A)})
    assert "Volume" in problems(refused.value)["spec.net.id"]


async def test_what_is_being_removed_can_neither_be_changed_nor_used(graph: Graph) -> None:
    done = await put(graph, {"one": volume(), "net": network()})
    await put(
        graph, {"web": vm({"id": done.applied.ids["Volume/one"]}, nic({"id": done.applied.ids["Network/net"]}))}, "vms"
    )
    await work(graph)
    [web] = await values(graph, "MATCH (v:VM) RETURN v.id AS id")
    await edit(graph, edits.delete_vm("vms", web, volumes=False), "vms")
    await work(graph)
    await edit(graph, edits.remove_stack("default"))
    assert set((await states(graph)).values()) == {"DELETING"}
    for resources in ({"one": volume(size="5gb")}, {"web": vm({"id": done.applied.ids["Volume/one"]})}):
        with pytest.raises(Conflict) as refused:
            await put(graph, resources)
        assert (refused.value.state, refused.value.task) == ("DELETING", "remove")


async def test_typed_mutations_and_documents_see_the_same_resources(graph: Graph) -> None:
    made = await typed(graph, {"one": volume()})
    done = await put(graph, {"one": volume(size="2gb")})
    assert done.applied.ids == made.ids
