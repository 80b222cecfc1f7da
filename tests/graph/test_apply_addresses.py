"""What is unique: VLAN ids in a segment, addresses in a subnet, MACs on a network, NICs and volumes of VMs."""

from __future__ import annotations

from typing import Any

import invariants
import pytest
import pytest_asyncio
from applying import edit, network, nic, problems, put, typed, values, vm, volume
from playing import a_host

from virtgraph.apply import edits
from virtgraph.spec.errors import Invalid
from virtgraph.store.graph import Graph


@pytest_asyncio.fixture(autouse=True)
async def host(graph: Graph) -> str:
    return await a_host(graph)


async def refusal(graph: Graph, resources: dict[str, Any], stack: str = "default") -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        await put(graph, resources, stack)
    await invariants.check(graph)
    return problems(refused.value)


async def addresses(graph: Graph) -> dict[str, list[str]]:
    rows = await graph.read(
        "MATCH (n:NIC) WHERE n.deletedAt IS NULL RETURN coalesce(n.name, n.key) AS n, n.ipAddresses AS ips"
    )
    return {row["n"]: row["ips"] for row in rows}


async def test_a_vlan_id_is_taken_once_in_a_segment(graph: Graph) -> None:
    first = await put(graph, {"net": network(7)}, "a")
    told = await refusal(graph, {"net": network(7)}, "b")
    holder = first.applied.ids["Network/net"]
    assert told == {"spec.net.parameters.vlan_id": f"VLAN 7 of the segment default is taken by network {holder}"}
    await put(graph, {"net": network(7, parameters={"segment": "other"})}, "b")
    await put(graph, {"net": network(8)}, "c")
    await edit(graph, edits.remove_stack("a"), "a")
    await put(graph, {"net": network(7)}, "d")
    await invariants.check(graph)


async def test_a_segment_has_one_untagged_network(graph: Graph) -> None:
    await put(graph, {"net": network(None)}, "a")
    assert list(await refusal(graph, {"net": network(None)}, "b")) == ["spec.net.type"]
    await put(graph, {"net": network(None, parameters={"segment": "other"})}, "b")


async def test_addresses_are_given_from_the_range_to_exhaustion(graph: Graph) -> None:
    net = network(pool="10.0.0.10-10.0.0.13")
    await put(graph, {"net": net, "a": nic(), "b": nic(ip_addresses=["10.0.0.11"]), "c": nic()})
    assert await addresses(graph) == {"a": ["10.0.0.10"], "b": ["10.0.0.11"], "c": ["10.0.0.12"]}
    await put(graph, {"net": net, "d": nic()})
    assert (await addresses(graph))["d"] == ["10.0.0.13"]
    told = await refusal(graph, {"net": net, "e": nic()})
    assert told == {"spec.e.ip_addresses": "no address is free in the range of 10.0.0.0/24"}
    await put(graph, {"net": net, "e": nic(ip_addresses=["10.0.0.200"])})
    [c] = await values(graph, "MATCH (n:NIC {name: 'c'}) RETURN n.id AS id")
    await edit(graph, edits.delete_nic("default", c))
    await put(graph, {"net": net, "f": nic()})
    assert (await addresses(graph))["f"] == ["10.0.0.12"], "what is freed is given again"
    await invariants.check(graph)


async def test_gateway_nameservers_and_server_are_not_given(graph: Graph) -> None:
    pool = {"range": "10.0.0.1-10.0.0.6", "gateway": "10.0.0.1", "nameservers": ["10.0.0.3"]}
    net = network(cidr="10.0.0.0/29") | {"subnets": [{"cidr": "10.0.0.0/29", "dhcp": pool}]}
    await put(graph, {"net": net, **{name: nic() for name in "abc"}})
    assert await addresses(graph) == {"a": ["10.0.0.2"], "b": ["10.0.0.4"], "c": ["10.0.0.5"]}
    assert await values(graph, "MATCH (s:Subnet) RETURN s.serverAddress AS server") == ["10.0.0.6"]
    assert list(await refusal(graph, {"net": net, "d": nic()})) == ["spec.d.ip_addresses"]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("10.1.0.1", "10.1.0.1 is in no subnet of the network"),
        ("10.0.0.0", "is the network's or the broadcast address"),
        ("10.0.0.255", "is the network's or the broadcast address"),
        ("10.0.0.254", "is the address of the network's DHCP server"),
        ("10.0.0.1", "is taken by NIC"),
    ],
)
async def test_an_address_that_cannot_be_had(graph: Graph, address: str, reason: str) -> None:
    first = await put(graph, {"net": network(), "a": nic()})
    on = {"id": first.applied.ids["Network/net"]}
    told = await refusal(graph, {"b": nic(on, ip_addresses=[address])}, "other")
    assert reason in told["spec.b.ip_addresses[0]"]


async def test_the_server_leaves_its_place_to_an_address_that_is_asked_for_with_the_network(graph: Graph) -> None:
    await put(graph, {"net": network(), "a": nic(ip_addresses=["10.0.0.254"])})
    assert await values(graph, "MATCH (s:Subnet) RETURN s.serverAddress AS server") == ["10.0.0.253"]


async def test_two_nics_exchange_their_addresses(graph: Graph) -> None:
    await put(graph, {"net": network(), "a": nic(ip_addresses=["10.0.0.1"]), "b": nic(ip_addresses=["10.0.0.2"])})
    await put(graph, {"net": network(), "a": nic(ip_addresses=["10.0.0.2"]), "b": nic(ip_addresses=["10.0.0.1"])})
    assert await addresses(graph) == {"a": ["10.0.0.2"], "b": ["10.0.0.1"]}
    await invariants.check(graph)


async def test_overlapping_ranges_on_different_networks_are_fine(graph: Graph) -> None:
    for number, stack in enumerate("ab"):
        await put(
            graph,
            {"net": network(10 + number), "a": nic(ip_addresses=["10.0.0.1"], hw_addr="52:54:00:00:00:01")},
            stack,
        )
    await invariants.check(graph)


async def test_a_mac_is_taken_once_on_a_network(graph: Graph) -> None:
    mac = "52:54:00:00:00:01"
    first = await put(graph, {"net": network(), "a": nic(hw_addr=mac)})
    on = {"id": first.applied.ids["Network/net"]}
    told = await refusal(graph, {"b": nic(on, hw_addr=mac)}, "other")
    assert told == {"spec.b.hw_addr": f"{mac} is taken by NIC {first.applied.ids['NIC/a']}"}
    await put(graph, {"net": network(), "a": nic(hw_addr="52:54:00:00:00:02")})
    await put(graph, {"b": nic(on, hw_addr=mac)}, "other")
    await invariants.check(graph)


async def test_a_mac_that_would_be_given_and_is_taken_is_another(graph: Graph) -> None:
    id = "11111111-1111-4111-8111-111111111111"
    first = await put(graph, {"net": network(), "a": nic(id=id)})
    mac = first.applied.specs["NIC/a"]["hwAddr"]
    await edit(graph, edits.delete_nic("default", id))
    await put(graph, {"net": network(), "b": nic(hw_addr=mac)})
    again = await put(graph, {"net": network(), "b": nic(hw_addr=mac), "a": nic(id=id)})
    assert again.applied.specs["NIC/a"]["hwAddr"] != mac
    assert not (await put(graph, again.document)).applied.changed


async def test_a_network_of_another_stack_is_used_by_id(graph: Graph) -> None:
    first = await put(graph, {"net": network()}, "a")
    on = {"id": first.applied.ids["Network/net"]}
    for stack in "bc":
        await put(graph, {"web": vm(nic(on))}, stack)
    ips = await values(graph, "MATCH (n:NIC) RETURN n.ipAddresses[0] AS ip ORDER BY ip")
    assert ips == ["10.0.0.1", "10.0.0.2"]
    assert await values(graph, "MATCH (o:Operation {kind: 'Network'}) RETURN count(o) AS count") == [1]
    assert await values(
        graph, "MATCH (e:Event {stack: 'c', type: 'WAITING', kind: 'VM'}) RETURN e.message AS message"
    ) == ["VM web on host1 waits for the bridge of Network net on host1, the address of NIC VM/web/NIC/0 on host1."]
    await invariants.check(graph)


async def test_a_nic_belongs_to_one_vm(graph: Graph) -> None:
    first = await put(graph, {"net": network(), "card": nic(), "a": vm({"variable": "card"})})
    card = {"id": first.applied.ids["NIC/card"]}
    assert list(await refusal(graph, {"b": vm(card)}, "other")) == ["spec.b.dependencies[0].object.id"]
    base = {"net": network(), "card": nic()}
    told = await refusal(graph, base | {"a": vm({"variable": "card"}), "b": vm(card)})
    assert told == {"spec.b.dependencies[0].object.id": "belongs to VM a"}
    await put(graph, base | {"a": vm(), "b": vm(card)})
    assert await values(graph, "MATCH (v:VM)-[:HAS_NIC]->() RETURN v.name AS name") == ["b"]
    await invariants.check(graph)


async def test_a_volume_that_is_written_belongs_to_one_vm(graph: Graph) -> None:
    first = await put(graph, {"data": volume(), "a": vm({"variable": "data"})})
    data = {"id": first.applied.ids["Volume/data"]}
    path = "spec.b.dependencies[0].object.id"
    told = {path: f"belongs to VM {first.applied.ids['VM/a']}"}
    assert await refusal(graph, {"b": vm(data)}, "other") == told
    read_only = vm(data)
    read_only["dependencies"][0]["property"] |= {"n0stack/n0core/vm/read_only": True}
    assert await refusal(graph, {"b": read_only}, "other") == told, "a writes to it"


async def test_a_volume_that_nobody_writes_to_is_shared(graph: Graph) -> None:
    reader = vm({"variable": "data"})
    reader["dependencies"][0]["property"] |= {"n0stack/n0core/vm/read_only": True}
    first = await put(graph, {"data": volume(), "a": reader})
    other = vm({"id": first.applied.ids["Volume/data"]})
    assert list(await refusal(graph, {"b": other}, "other")) == ["spec.b.dependencies[0].object.id"]
    other["dependencies"][0]["property"] |= {"n0stack/n0core/vm/read_only": True}
    await put(graph, {"b": other}, "other")
    assert await values(graph, "MATCH (:VM)-[:ATTACHES]->() RETURN count(*) AS count") == [2]


async def test_one_volume_twice_in_a_vm_by_name_and_by_id_is_refused(graph: Graph) -> None:
    first = await put(graph, {"data": volume()})
    told = await refusal(
        graph, {"data": volume(), "a": vm({"variable": "data"}, {"id": first.applied.ids["Volume/data"]})}
    )
    assert told == {"spec.a.dependencies[1].object.id": "belongs to this VM already"}


async def test_typed_changes_are_refused_in_the_same_way(graph: Graph) -> None:
    await typed(graph, {"net": network(7)}, "a")
    with pytest.raises(Invalid):
        await typed(graph, {"net": network(7)}, "b")
