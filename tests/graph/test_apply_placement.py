"""Which host: what fits, what was asked for, what is there already; and why no host takes it."""

from __future__ import annotations

from typing import Any

import invariants
import pytest
from applying import edit, network, nic, problems, put, values, vm, volume, written
from playing import GIB, ME, a_host, claim, work

from virtgraph import fleet
from virtgraph.apply import edits
from virtgraph.model.refusals import Conflict, NotFound
from virtgraph.model.states import OperationState
from virtgraph.new_host import NewHost
from virtgraph.placement import NoHost
from virtgraph.spec.errors import Invalid
from virtgraph.store.graph import Graph
from virtgraph.store.observations import host_answers
from virtgraph.store.results import End, Result, finish


async def homes(graph: Graph) -> dict[str, str]:
    rows = await graph.read("MATCH (v:VM)-[:PLACED_ON]->(h) RETURN v.name AS vm, h.name AS host")
    return {row["vm"]: row["host"] for row in rows}


async def no_host(graph: Graph, document: str | dict[str, Any]) -> dict[str, str]:
    with pytest.raises(NoHost) as refused:
        await put(graph, document)
    await invariants.check(graph)
    return {host.name: host.reason for host in refused.value.hosts}


async def test_the_least_loaded_host_then_the_name(graph: Graph) -> None:
    for name in ("b", "a", "c"):
        await a_host(graph, name, vcpus=8)
    await put(graph, {f"vm{number}": vm(vcpus=2) for number in range(4)})
    assert await homes(graph) == {"vm0": "a", "vm1": "b", "vm2": "c", "vm3": "a"}
    await invariants.check(graph)


async def test_same_host(graph: Graph) -> None:
    await a_host(graph, "a", vcpus=4)
    await a_host(graph, "b", vcpus=6)
    vms = {f"vm{number}": vm(volume(), vcpus=2) for number in range(3)}
    await put(graph, written(vms, same_host=True))
    assert set((await homes(graph)).values()) == {"b"}
    assert await values(graph, "MATCH (v:Volume)-[:IN]->()-[:ON]->(h) RETURN DISTINCT h.name AS name") == ["b"]
    reasons = await no_host(graph, written({**vms, "vm3": vm(vcpus=2)}, same_host=True))
    assert reasons == {"a": "VM vm0 is on b", "b": "2 vcpus wanted, 0 of 6 free"}


async def test_same_host_joins_those_that_are_placed(graph: Graph) -> None:
    await a_host(graph, "a")
    await a_host(graph, "b")
    await put(graph, {"one": vm(vcpus=4), "two": vm()})
    await put(graph, written({"two": vm(), "three": vm()}, same_host=True))
    assert await homes(graph) == {"one": "a", "two": "b", "three": "b"}
    with pytest.raises(Invalid) as refused:
        await put(graph, written({"one": vm(vcpus=4), "two": vm()}, same_host=True))
    assert problems(refused.value) == {"spec.two": "is on b, spec.one on a: same_host cannot move them"}


async def test_host_id_by_id_and_by_name(graph: Graph) -> None:
    await a_host(graph, "a")
    b = await a_host(graph, "b")
    await put(graph, written({"one": vm(), "data": volume()}, host_id=b), "x")
    await put(graph, written({"two": vm()}, host_id="b"), "y")
    assert await homes(graph) == {"one": "b", "two": "b"}
    assert await values(graph, "MATCH (v:Volume)-[:IN]->()-[:ON]->(h) RETURN h.name AS name") == ["b"]


async def test_an_unknown_host_and_a_changed_one(graph: Graph) -> None:
    await a_host(graph, "a")
    await a_host(graph, "b")
    path = 'annotations["n0stack/scheduling/host_id"]'
    with pytest.raises(Invalid) as refused:
        await put(graph, written({"one": vm()}, host_id="nowhere"))
    assert problems(refused.value) == {path: "there is no host nowhere"}
    await put(graph, written({"one": vm()}, host_id="a"))
    with pytest.raises(Invalid) as refused:
        await put(graph, written({"one": vm()}, host_id="b"))
    assert problems(refused.value) == {path: "VM one is on a and cannot move by a document"}
    assert not (await put(graph, {"one": vm()})).applied.changed, "left out it stays where it is"


async def test_every_host_with_its_reason(graph: Graph) -> None:
    assert await no_host(graph, {"one": vm()}) == {}
    await a_host(graph, "few", vcpus=1)
    await a_host(graph, "small", memory=GIB)
    await a_host(graph, "full", disk=GIB)
    await a_host(graph, "other", segment="other")
    await a_host(graph, "plain", driver="none")
    await fleet.add_host(graph, NewHost("new", local=True), ME)
    big = {"net": network(), "one": vm(nic(), volume("5gb"), vcpus=2, memory="2gb")}
    assert await no_host(graph, big) == {
        "few": "2 vcpus wanted, 1 of 1 free",
        "full": "5.0 GiB of disk wanted, 1.0 GiB of 1.0 GiB free",
        "new": "has not been probed yet",
        "other": "has no uplink to the segment default",
        "plain": "cannot carry VLAN tags: its uplink driver is none",
        "small": "2.0 GiB of memory wanted, 1.0 GiB of 1.0 GiB free",
    }
    assert await values(graph, "MATCH (s:Stack) RETURN s.name AS name") == [], "nothing is stored"


async def test_a_host_that_failed_its_last_probe_takes_nothing(graph: Graph) -> None:
    await a_host(graph, "a")
    await a_host(graph, "b")
    await fail_probe(graph, "a", "The host key is another one.")
    await put(graph, {"one": vm(vcpus=20), "two": vm()})
    assert await homes(graph) == {"one": "b", "two": "b"}
    await work(graph)
    await fail_probe(graph, "b", "Power is lost.")
    assert await no_host(graph, {"three": vm()}) == {
        "a": "failed its last probe: The host key is another one.",
        "b": "failed its last probe: Power is lost.",
    }
    await a_host(graph, "a")
    await put(graph, {"three": vm()})
    assert (await homes(graph))["three"] == "a", "it is probed again"


async def test_a_host_that_does_not_answer_is_the_last_choice(graph: Graph) -> None:
    a = await a_host(graph, "a")
    await a_host(graph, "b", vcpus=4)
    await host_answers(graph, a, "connection refused")
    await put(graph, {"one": vm(vcpus=2), "two": vm(vcpus=2), "three": vm()})
    assert await homes(graph) == {"one": "b", "two": "b", "three": "a"}


async def fail_probe(graph: Graph, name: str, error: str) -> None:
    added = await fleet.add_host(graph, NewHost(name, local=True), ME)
    claimed = await claim(graph, added.id)
    assert claimed is not None
    results = [Result(operation.id, OperationState.FAILED, error) for operation in claimed.operations]
    assert await graph.write(lambda tx: finish(tx, claimed, results, End(OperationState.FAILED)))


async def test_a_vlan_never_lands_where_its_tag_cannot_be_carried(graph: Graph) -> None:
    await a_host(graph, "plain", driver="none", vcpus=100)
    await a_host(graph, "tags", vcpus=1)
    await put(graph, {"net": network(), "one": vm(nic())})
    assert await homes(graph) == {"one": "tags"}
    await put(graph, {"two": vm()}, "other")
    assert (await homes(graph))["two"] == "plain"
    with pytest.raises(NoHost) as refused:
        await put(graph, {"net": network(101), "two": vm(nic())}, "other")
    assert [(h.name, h.reason) for h in refused.value.hosts] == [
        ("plain", "cannot carry VLAN tags: its uplink driver is none")
    ], "neither when it is placed there already"
    await put(graph, {"flat": network(None), "two": vm(nic("flat"))}, "other")


async def test_a_flat_network_is_never_plugged_into_another_segment(graph: Graph) -> None:
    await a_host(graph, "a", segment="other", vcpus=100)
    await a_host(graph, "b", vcpus=2)
    done = await put(graph, {"net": network(None), "one": vm(nic())})
    net = {"id": done.applied.ids["Network/net"]}
    assert await homes(graph) == {"one": "b"}
    assert await no_host(graph, {"two": vm(nic(net), vcpus=2)}) == {
        "a": "has no uplink to the segment default",
        "b": "2 vcpus wanted, 1 of 2 free",
    }


async def test_a_host_without_an_uplink_has_a_flat_network_to_itself(graph: Graph) -> None:
    await a_host(graph, "a", driver="none", vcpus=2)
    await a_host(graph, "b", driver="none", vcpus=100)
    done = await put(graph, written({"net": network(None), "one": vm(nic())}, host_id="a"))
    net = {"id": done.applied.ids["Network/net"]}
    await put(graph, {"two": vm(nic(net))})
    assert await homes(graph) == {"one": "a", "two": "a"}
    assert await no_host(graph, {"three": vm(nic(net))}) == {
        "a": "1 vcpus wanted, 0 of 2 free",
        "b": "has no uplink to the segment default",
    }
    await put(graph, {"three": vm()})
    assert (await homes(graph))["three"] == "b"
    assert await no_host(graph, {"three": vm(nic(net))}) == {"b": "has no uplink to the segment default"}


async def test_a_volume_grows_as_far_as_the_disk_goes(graph: Graph) -> None:
    await a_host(graph, disk=10 * GIB)
    await put(graph, {"one": volume("4gb"), "two": volume("4gb")})
    assert await no_host(graph, {"one": volume("7gb")}) == {"host1": "3.0 GiB of disk wanted, 2.0 GiB of 10.0 GiB free"}
    await put(graph, {"one": volume("6gb")})
    assert await values(graph, "MATCH (h:Host) RETURN h.reservedDisk AS disk") == [10 * GIB]
    await invariants.check(graph)


async def test_a_vm_grows_while_it_is_stopped_as_far_as_the_host_goes(graph: Graph) -> None:
    await a_host(graph, vcpus=4)
    await put(graph, {"one": vm(vcpus=2, status="stopped"), "two": vm()})
    assert await no_host(graph, {"one": vm(vcpus=4, status="stopped")}) == {"host1": "2 vcpus wanted, 1 of 4 free"}
    await put(graph, {"one": vm(vcpus=3, status="stopped")})
    await put(graph, {"one": vm(vcpus=1, status="stopped")})
    assert await values(graph, "MATCH (h:Host) RETURN h.reservedVcpus AS vcpus") == [2]


async def test_a_vm_goes_where_its_volume_is(graph: Graph) -> None:
    await a_host(graph, "a")
    await a_host(graph, "b", vcpus=1)
    first = await put(graph, written({"data": volume()}, host_id="b"))
    await put(graph, {"one": vm({"id": first.applied.ids["Volume/data"]})}, "vms")
    assert await homes(graph) == {"one": "b"}
    second = await put(graph, written({"data": volume()}, host_id="b"), "more")
    with pytest.raises(NoHost) as refused:
        await put(graph, {"two": vm({"id": second.applied.ids["Volume/data"]})}, "vms2")
    assert {h.name: h.reason for h in refused.value.hosts}["a"].endswith("is on b")


async def test_volumes_of_two_hosts_cannot_meet(graph: Graph) -> None:
    await a_host(graph, "a")
    await a_host(graph, "b")
    one = await put(graph, written({"one": volume()}, host_id="a"), "one")
    two = await put(graph, written({"two": volume()}, host_id="b"), "two")
    volumes = [{"id": one.applied.ids["Volume/one"]}, {"id": two.applied.ids["Volume/two"]}]
    with pytest.raises(Invalid) as refused:
        await put(graph, {"web": vm(*volumes)})
    assert problems(refused.value) == {"spec.web.dependencies[1].object.id": "the volume is on b, the VM on a"}
    done = await put(graph, {"web": vm(volumes[0])})
    with pytest.raises(Invalid) as refused:
        web = done.applied.ids["VM/web"]
        await edit(graph, edits.attach_volume("default", web, volumes[1]["id"], None, False))
    assert problems(refused.value) == {"input.volume": "the volume is on b, the VM on a"}
    await invariants.check(graph)


async def test_a_host_goes_when_nothing_is_there(graph: Graph) -> None:
    await a_host(graph, "a")
    await put(graph, {"net": network(), "one": vm(nic(), volume())})
    await work(graph)
    with pytest.raises(Conflict) as refused:
        await fleet.remove_host(graph, "a", ME)
    assert refused.value.message.startswith("Host a carries NIC")
    await edit(graph, edits.remove_stack("default"))
    with pytest.raises(Conflict):
        await fleet.remove_host(graph, "a", ME)
    await work(graph)
    await fleet.remove_host(graph, "a", ME)
    assert await no_host(graph, {"one": vm()}) == {}
    with pytest.raises(NotFound):
        await fleet.remove_host(graph, "a", ME)


async def test_a_host_that_was_removed_comes_back(graph: Graph) -> None:
    id = await a_host(graph, "a")
    await put(graph, {"one": vm(volume())})
    await work(graph)
    [fence] = await values(graph, "MATCH (h:Host) RETURN h.fences[0] AS fence")
    await edit(graph, edits.remove_stack("default"))
    await work(graph)
    await fleet.remove_host(graph, "a", ME)
    assert await a_host(graph, "a", id=id) == id
    await put(graph, {"one": vm(volume())})
    await work(graph)
    assert await values(graph, "MATCH (p:Pool) WHERE p.deletedAt IS NULL RETURN count(p) AS count") == [1]
    assert await values(graph, "MATCH (p:Pool)-[:ON]->(:Host) RETURN count(p) AS count") == [1]
    [later] = await values(graph, "MATCH (h:Host) RETURN h.fences[0] AS fence")
    assert later > fence, "what the host remembers of an earlier life is behind it"
    await invariants.check(graph)


async def test_adding_a_host_again_probes_it_again(graph: Graph) -> None:
    id = await a_host(graph, "a")
    host = NewHost("a", local=True, slots=5)
    again = await fleet.add_host(graph, host, ME)
    third = await fleet.add_host(graph, host, ME)
    assert (again.id, third.operation) == (id, again.operation), "one probe waits at most"
    assert await values(graph, "MATCH (h:Host) RETURN h.slots AS slots") == [5]
    with pytest.raises(Conflict):
        await fleet.add_host(graph, NewHost("a", id="11111111-1111-4111-8111-111111111111", local=True), ME)
    done = await put(graph, {"net": network()})
    with pytest.raises(Invalid):
        await fleet.add_host(graph, NewHost("b", id=done.applied.ids["Network/net"], local=True), ME)
