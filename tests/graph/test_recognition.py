"""What was found on hosts under the ids that the role derives is meant by a document, and not made twice."""

from __future__ import annotations

import uuid

import pytest
from applying import SEED_HOST, edit, network, nic, open_operations, put, states, typed, values, vm, volume, written
from invariants import check
from playing import ME, a_host, work

from virtgraph.apply import edits
from virtgraph.fleet import remove_host
from virtgraph.spec.errors import Invalid
from virtgraph.store import schema
from virtgraph.store.graph import Graph
from virtgraph.store.observations import Observation, known, now, write

LEFT = "MATCH (b:Binding) WHERE b.foundOn IS NOT NULL RETURN b.resource AS id"
LOOSE = "MATCH (b:Binding) WHERE NOT EXISTS { (b)-[:OF]->() } RETURN b.key AS key"
HOSTS = "MATCH (r:Resource {id: $id})<-[:OF]-(:Binding)-[:ON]->(h) RETURN h.name AS host"
DOCUMENT = {
    "net": network(),
    "disk": volume(),
    "web": vm(nic(), {"variable": "disk"}),
    "other": vm(nic()),
}
KEYS = ("Network/net", "Volume/disk", "VM/web", "VM/web/NIC/0", "VM/other", "VM/other/NIC/0")


async def see(graph: Graph, host: str, *found: str, networks: tuple[str, ...] = ()) -> None:
    seen = Observation(host, await now(graph), {}, frozenset(networks), frozenset(found))
    await write(graph, seen, await known(graph, host))


async def derived(graph: Graph, key: str) -> str:
    return str(uuid.uuid5(uuid.UUID(await schema.installation(graph)), key))


async def test_all_of_a_document_is_met_where_it_is(graph: Graph) -> None:
    """host1 would be chosen: it comes first by name."""
    await a_host(graph)
    second = await a_host(graph, "host2", address="192.0.2.2")
    ids = {key: await derived(graph, key) for key in KEYS}
    await see(graph, second, ids["VM/web"], ids["Network/net"])
    applied = (await put(graph, DOCUMENT)).applied
    assert applied.ids == ids
    assert (
        await values(graph, HOSTS, id=ids["VM/web"]) == await values(graph, HOSTS, id=ids["Volume/disk"]) == ["host2"]
    )
    assert await values(graph, HOSTS, id=ids["VM/other"]) == ["host1"], "which was not found, and is placed"
    await work(graph)
    assert await values(graph, LEFT) == await values(graph, LOOSE) == []
    await check(graph)


async def test_what_has_an_id_stays_where_it_is_too(graph: Graph) -> None:
    await a_host(graph)
    second = await a_host(graph, "host2", address="192.0.2.2")
    await see(graph, second, SEED_HOST)
    await put(graph, {"net": network(), "web": vm(nic(), id=SEED_HOST)})
    assert await values(graph, HOSTS, id=SEED_HOST) == ["host2"]


@pytest.mark.parametrize("reason", ["nothing found", "another host asked for", "the graph has it", "gone again"])
async def test_what_is_not_meant_has_an_id_of_its_own(graph: Graph, reason: str) -> None:
    first = await a_host(graph)
    await a_host(graph, "host2", address="192.0.2.2")
    id = await derived(graph, "VM/web")
    other = "host1"
    if reason != "nothing found":
        await see(graph, first, id)
    if reason == "gone again":
        await see(graph, first)
        assert await values(graph, LOOSE) == []
    if reason == "the graph has it":
        assert (await put(graph, {"web": vm()}, stack="older")).applied.ids["VM/web"] == id
        await see(graph, first, await derived(graph, "Network/net"))
    if reason == "another host asked for":
        other = "host2"
    applied = (await put(graph, written({"net": network(), "web": vm(nic())}, host_id=other))).applied
    assert applied.ids["VM/web"] != id
    if reason != "the graph has it":
        assert applied.ids["VM/web/NIC/0"] != await derived(graph, "VM/web/NIC/0")


async def test_only_a_document_means_it(graph: Graph) -> None:
    host = await a_host(graph)
    id = await derived(graph, "VM/web")
    await see(graph, host, id)
    assert (await typed(graph, {"web": vm()})).ids["VM/web"] != id


async def test_an_id_that_the_document_gives_to_another_is_not_taken(graph: Graph) -> None:
    host = await a_host(graph)
    id = await derived(graph, "VM/web")
    await see(graph, host, id)
    applied = (await put(graph, {"renamed": vm(id=id), "web": vm()})).applied
    assert applied.ids["VM/renamed"] == id != applied.ids["VM/web"]


async def test_what_is_there_is_not_made_on_another_host(graph: Graph) -> None:
    first = await a_host(graph)
    second = await a_host(graph, "host2", address="192.0.2.2")
    await see(graph, first, await derived(graph, "VM/web"))
    await see(graph, second, await derived(graph, "VM/other"))
    with pytest.raises(Invalid) as refused:
        await put(graph, written({"web": vm(), "other": vm()}, same_host=True))
    (problem,) = refused.value.problems
    assert problem.path == "spec.other" and "was made on host2 without the service" in problem.reason
    assert await states(graph) == {}


async def test_what_is_removed_before_its_first_operation_is_taken_away(graph: Graph) -> None:
    host = await a_host(graph)
    await see(graph, host, await derived(graph, "VM/web"))
    await put(graph, {"web": vm(), "new": vm()})
    await edit(graph, edits.remove_stack("default"))
    assert await open_operations(graph) == {"web": "PENDING"}, "no host ever saw the other"
    await work(graph)
    assert await states(graph) == {}
    await check(graph)


async def test_what_the_service_removed_and_ansible_made_again(graph: Graph) -> None:
    """Its tombstone has a Binding on that host, which serves again."""
    host = await a_host(graph)
    id = await derived(graph, "VM/web")
    for _ in range(2):
        await see(graph, host, id)
        assert await values(graph, LEFT) == [id]
        assert (await put(graph, {"web": vm()})).applied.ids["VM/web"] == id
        await work(graph)
        assert await values(graph, LEFT) == []
        await edit(graph, edits.remove_stack("default"))
        await work(graph)
    assert await states(graph) == {}
    await check(graph)


async def test_a_host_that_goes_takes_its_findings_along(graph: Graph) -> None:
    host = await a_host(graph)
    await see(graph, host, await derived(graph, "VM/web"))
    await remove_host(graph, host, ME)
    assert await values(graph, LOOSE) == []
