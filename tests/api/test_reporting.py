"""`reportRun`: what Ansible did without the service is in the graph as if the service had asked for it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from served import NO_ID, Api, refused, told

NET, NIC, DISK, VM, OTHER = (f"5b0e4a4e-9f4c-4f0e-8d0c-00000000000{n}" for n in range(1, 6))
ATTACHED = {"r": "n0stack/n0core/vm/attachments"}
ON = {"object": {"id": NET}, "property": {"r": "n0stack/n0core/port/network"}}
NIC_OF_WEB = {
    "type": "resource/nic", "id": NIC, "hw_addr": "52:54:00:00:00:07", "ip_addresses": ["10.0.0.10"], "relations": [ON],
}  # fmt: skip
DOCUMENT = {
    "net": {
        "type": "resource/network/vlan", "id": NET, "parameters": {"vlan_id": 7},
        "subnets": [{"cidr": "10.0.0.0/24", "dhcp": {"range": "10.0.0.10-10.0.0.99"}}],
    },
    "disk": {"type": "resource/volume/file", "id": DISK, "size": "1gb"},
    "web": {
        "type": "resource/vm/kvm", "id": VM, "memory": "64mb",
        "dependencies": [
            {"object": NIC_OF_WEB, "property": ATTACHED},
            {"object": {"variable": "disk"}, "property": ATTACHED},
        ],
    },
}  # fmt: skip
RESULTS = [
    {"resource": NO_ID, "facts": {"path": "/pool"}},
    {"resource": NET, "facts": {"bridge": "vgb-1"}},
    {"resource": NET, "facts": {"uplink": "vgu-1"}},
    {"resource": NIC},
    {"resource": DISK, "facts": {"url": "file:///pool/disk"}},
    {"resource": VM, "facts": {"power": "running", "unknown": 1}},
]
SEEN = """
{
  vms { nodes { state power host { name } nics { hwAddr ipAddresses state } volumes { state url } } }
  networks { nodes { state bindings { bridge uplink } } }
}
"""
SUBNETS = "{ networks { nodes { subnets { serverAddress serverMac } } } }"
HOMES = "MATCH (n:Network) WHERE n.deletedAt IS NULL RETURN n.home AS home"
RUNS = "MATCH (run:Run) RETURN count(run) AS runs"


def report(api: Api, results: Any = RESULTS, *, key: str | None = None, **changes: Any) -> Any:
    given = {
        "host": "host1",
        "installation": api.ask("{ installation }")["installation"],
        "document": json.dumps({"version": 0, "spec": DOCUMENT}),
        "results": results,
        **changes,
    }
    return api.do("reportRun", input=given, **({"idempotencyKey": key} if key else {}))


@pytest.fixture
def pool(api: Api) -> str:
    """Of host1, where it stands in the graph."""
    api.host("host1")
    (row,) = api.rows("MATCH (p:Pool) RETURN p.path AS path")
    return str(row["path"])


def left_out(answer: Any) -> list[tuple[str, str]]:
    """The paths of what is not told of, each with its reason."""
    return [(one["path"], one["reason"]) for one in told(answer, "RunReported")["refused"]]


def with_pool(pool: str) -> list[Any]:
    return [{**RESULTS[0], "facts": {"path": pool}}, *RESULTS[1:]]


def test_what_was_made_is_there(api: Api, pool: str) -> None:
    reported = told(report(api, with_pool(pool)), "RunReported")
    assert {operation["state"] for operation in reported["operations"]} == {"SUCCEEDED"}
    assert reported["run"]["state"] == "SUCCEEDED" and reported["run"]["owner"].startswith("ansible-playbook, ")
    seen = api.ask(SEEN)
    (vm,) = seen["vms"]["nodes"]
    assert (vm["state"], vm["power"], vm["host"]["name"]) == ("RUNNING", "running", "host1")
    assert vm["nics"] == [{"hwAddr": "52:54:00:00:00:07", "ipAddresses": ["10.0.0.10"], "state": "ATTACHED"}]
    assert vm["volumes"] == [{"state": "ALLOCATED", "url": "file:///pool/disk"}]
    assert seen["networks"]["nodes"] == [{"state": "APPLIED", "bindings": [{"bridge": "vgb-1", "uplink": "vgu-1"}]}]
    after = api.census()
    again = told(report(api, with_pool(pool)), "RunReported")
    assert (again["operations"], again["run"]) == ([], None)
    assert api.census() == after


def test_what_was_taken_away_is_gone(api: Api, pool: str) -> None:
    told(report(api, with_pool(pool)), "RunReported")
    gone = [{"resource": id} for id in (VM, NIC, NET, NET, DISK)]
    told(report(api, gone, removed=True), "RunReported")
    assert api.ask(SEEN) == {"vms": {"nodes": []}, "networks": {"nodes": []}}


def test_a_network_is_served_where_it_was(api: Api, pool: str) -> None:
    """By the same server, which guests know, though the host that is told of is another one."""
    host2 = api.host("host2")
    server = {"network": NET, "host": "host2", "address": "10.0.0.3", "mac": "52:56:00:00:00:03"}
    reported = told(report(api, with_pool(pool), servers=[server]), "RunReported")
    states = {operation["kind"]: operation["state"] for operation in reported["operations"]}
    assert states["NIC"] == "PENDING", "its reservation is the other host's"
    assert api.rows(HOMES) == [{"home": host2}]
    subnet = {"serverAddress": "10.0.0.3", "serverMac": "52:56:00:00:00:03"}
    assert api.ask(SUBNETS)["networks"]["nodes"] == [{"subnets": [subnet]}]
    api.work()
    for same in (report(api, servers=[server]), api.apply(DOCUMENT)):
        assert same["operations"] == [], "applied without it, a document leaves the server as it is"
    assert api.ask(SUBNETS)["networks"]["nodes"] == [{"subnets": [subnet]}]
    moved = report(api, with_pool(pool), servers=[{**server, "host": "host1"}])
    assert left_out(moved) == [
        ("input.servers[0].host", "Network net is served on host2, not on host1: give it host: host2")
    ]


def test_a_server_that_cannot_be_is_refused(api: Api, pool: str) -> None:
    after = api.census()
    server = {"network": NET, "host": "host1", "address": "10.0.0.3", "mac": "52:56:00:00:00:03"}
    alone = json.dumps({"version": 0, "spec": {"net": DOCUMENT["net"]}})
    for other, reason in (
        ({"address": "10.0.1.3"}, "10.0.1.3 is outside 10.0.0.0/24"),
        ({"address": "10.0.0.255"}, "10.0.0.255 is the broadcast address"),
        ({"address": "ten"}, '"ten" is not an IP address'),
        ({"mac": "52:56"}, '"52:56" is not a hardware address'),
        ({"host": "host9"}, "there is no host host9"),
    ):
        ((_, said),) = refused(report(api, with_pool(pool), document=alone, servers=[{**server, **other}]))
        assert reason in said
    assert api.census() == after
    taken = report(api, with_pool(pool), servers=[{**server, "address": "10.0.0.10"}])
    path = "spec.web.dependencies[0].object.ip_addresses[0]"
    assert left_out(taken) == [(path, "10.0.0.10 is the address of the network's DHCP server")]


def test_what_others_use_is_not_taken_away(api: Api, pool: str) -> None:
    """Of a run that was limited to one host."""
    told(report(api, with_pool(pool)), "RunReported")
    api.host("host2")
    nic = {**NIC_OF_WEB, "id": NO_ID, "hw_addr": "52:54:00:00:00:08", "ip_addresses": ["10.0.0.11"]}
    vm = {
        "type": "resource/vm/kvm",
        "id": OTHER,
        "memory": "64mb",
        "dependencies": [{"object": nic, "property": ATTACHED}],
    }
    told(
        report(api, host="host2", document=json.dumps({"version": 0, "spec": {"net": DOCUMENT["net"], "db": vm}})),
        "RunReported",
    )
    api.work()
    gone = [{"resource": id} for id in (VM, NIC, NET, NET, DISK)]
    told(report(api, gone, removed=True), "RunReported")
    api.work()
    seen = api.ask(SEEN)
    assert [vm["host"]["name"] for vm in seen["vms"]["nodes"]] == ["host2"]
    assert [network["state"] for network in seen["networks"]["nodes"]] == ["APPLIED"]


def test_what_failed_is_told_and_what_was_not_reported_goes_on(api: Api, pool: str) -> None:
    results = [*with_pool(pool)[:3], {"resource": DISK, "failed": True, "error": "No room.", "cure": "Make some."}]
    results += [{"resource": VM, "skipped": True, "error": "It needs a volume."}]
    reported = told(report(api, results), "RunReported")
    states = {operation["kind"]: operation["state"] for operation in reported["operations"]}
    assert states == {
        "Pool": "SUCCEEDED",
        "Network": "SUCCEEDED",
        "Volume": "FAILED",
        "VM": "SKIPPED",
        "NIC": "PENDING",
    }
    assert reported["run"]["state"] == "FAILED"
    api.work()
    assert api.ask("{ nics { nodes { state } } }")["nics"]["nodes"] == [{"state": "ATTACHED"}]


def test_the_same_again_with_its_key(api: Api, pool: str) -> None:
    first = report(api, with_pool(pool), key="key")
    after = api.census()
    assert report(api, with_pool(pool), key="key") == first
    told(report(api, with_pool(pool), key="key", stack="default", removed=True), "Conflict")
    assert api.census() == after


def test_what_cannot_be_is_refused_and_nothing_is_stored(api: Api, pool: str) -> None:
    after = api.census()
    assert "set virtgraph_installation" in told(report(api, installation=NO_ID), "Conflict")["message"]
    assert told(report(api, host="host9"), "NotFound")["reference"] == "host9"
    assert told(report(api, document="{"), "Invalid")["problems"]
    for facts, path in (({"bridge": {"a": 1}}, ".bridge"), ({"capacity": 1 << 70}, ".capacity"), ([1], "")):
        (problem,) = told(report(api, [{"resource": NET, "facts": facts}]), "Invalid")["problems"]
        assert problem["path"] == f"input.results[0].facts{path}"
    assert api.census() == after


def test_many_tell_the_same_at_once(api: Api, pool: str) -> None:
    """Hosts of one play, or somebody who asks again: one of them made it, the others find it there."""
    results, before = with_pool(pool), api.rows(RUNS)[0]["runs"]
    with ThreadPoolExecutor(10) as people:
        answers = list(people.map(lambda _: told(report(api, results), "RunReported"), range(10)))
    assert sorted(answer["run"] is not None for answer in answers) == [False] * 9 + [True]
    assert api.rows(RUNS) == [{"runs": before + 1}]


def changed(**by_key: Any) -> str:
    """The document with other fields of these resources; None: without the field, or the resource."""
    spec = {key: {**DOCUMENT[key], **by_key.get(key, {})} for key in DOCUMENT}
    return json.dumps({"version": 0, "spec": {key: without_none(one) for key, one in spec.items()}})


def without_none(fields: Any) -> Any:
    return {name: value for name, value in fields.items() if value is not None}


def test_what_a_host_can_do_and_the_service_would_not_is_a_fact(api: Api, pool: str) -> None:
    """A VM that takes up its memory when it starts again; another tag, segment and MTU; another image at the same place."""
    source = {"file": "/images/one.qcow2", "sha256": "1" * 64}
    told(report(api, with_pool(pool), document=changed(disk={"source": source})), "RunReported")
    net = {"parameters": {"vlan_id": 8, "segment": "lab", "mtu": 1400}}
    web = {"memory": "128mb", "vcpus": 2, "kernel": "/boot/other", "cmdline": "quiet"}
    document = changed(net=net, web=web, disk={"source": {**source, "sha256": "2" * 64}})
    reported = told(report(api, with_pool(pool), document=document), "RunReported")
    assert reported["refused"] == [] and {one["state"] for one in reported["operations"]} == {"SUCCEEDED"}
    fields = "vms { nodes { memory vcpus kernel cmdline } } networks { nodes { vlanId segment mtu } }"
    seen = api.ask(f"{{ {fields} volumes {{ nodes {{ sourceSha256 }} }} }}")
    assert seen["vms"]["nodes"] == [{"memory": 128 << 20, "vcpus": 2, "kernel": "/boot/other", "cmdline": "quiet"}]
    assert seen["networks"]["nodes"] == [{"vlanId": 8, "segment": "lab", "mtu": 1400}]
    assert seen["volumes"]["nodes"] == [{"sourceSha256": "2" * 64}]
    carried = api.rows("MATCH (:Network {id: $id})-[:CARRIED_BY]->(s) RETURN s.name AS name", id=NET)
    assert carried == [{"name": "lab"}]
    other = {"type": "resource/network/vlan", "parameters": {"vlan_id": 7}}
    assert told(api.apply({"other": other}, "other"), "Applied"), "its old tag is free"


def test_what_cannot_be_in_the_graph_is_named_and_the_rest_is_told(api: Api, pool: str) -> None:
    """A tag that is taken, and what is on that network; a volume that has become smaller."""
    told(api.apply({"theirs": {"type": "resource/network/vlan", "parameters": {"vlan_id": 7}}}, "other"), "Applied")
    api.work()
    reported = report(api, with_pool(pool))
    tag, dangling = left_out(reported)
    assert tag[0] == "spec.net.parameters.vlan_id" and "VLAN 7 of the segment default is taken by" in tag[1]
    assert dangling == (
        "spec.web.dependencies[0].object.relations[0].object.id",
        f"there is no resource with the id {NET}",
    )
    assert {one["kind"] for one in reported["operations"]} == {"Pool", "Volume"}
    assert [v["state"] for v in api.ask("{ volumes { nodes { state } } }")["volumes"]["nodes"]] == ["ALLOCATED"]
    free = changed(net={"parameters": {"vlan_id": 8}})
    told(report(api, with_pool(pool), document=free, key="key"), "RunReported")
    less = changed(net={"parameters": {"vlan_id": 8}}, disk={"size": "1mb"}, web={"memory": "128mb"})
    reported = report(api, with_pool(pool), document=less, key="less")
    ((path, reason),) = left_out(reported)
    assert path == "spec.disk.size" and "cannot shrink" in reason
    assert api.ask("{ vms { nodes { memory volumes { size } } } }")["vms"]["nodes"] == [
        {"memory": 128 << 20, "volumes": [{"size": 1 << 30}]}
    ]
    assert report(api, with_pool(pool), document=less, key="less") == reported


def test_networks_exchange_their_tags(api: Api, pool: str) -> None:
    one, two = ({"type": "resource/network/vlan", "id": id} for id in (NET, OTHER))
    for tags in ((7, 8), (8, 7), (7, 9), (9, 8)):
        spec = {
            name: {**network, "parameters": {"vlan_id": tag}}
            for name, network, tag in zip("ab", (one, two), tags, strict=True)
        }
        reported = report(api, document=json.dumps({"version": 0, "spec": spec}))
        assert left_out(reported) == []
        seen = api.ask("{ networks { nodes { name vlanId } } }")["networks"]["nodes"]
        assert {network["name"]: network["vlanId"] for network in seen} == dict(zip("ab", tags, strict=True))


def test_a_host_without_room_for_it_is_named(api: Api, pool: str) -> None:
    reported = report(api, with_pool(pool), document=changed(web={"memory": "8tb"}))
    ((path, reason),) = left_out(reported)
    assert path == "spec.web" and reason.startswith("host1: ")
    assert {one["kind"] for one in reported["operations"]} == {"Pool", "Volume"}, "a network is for its VMs"


def test_what_the_role_does_not_know_of_a_network_stays(api: Api, pool: str) -> None:
    """A second subnet, and one that nobody serves."""
    subnets = [*DOCUMENT["net"]["subnets"], {"cidr": "10.0.1.0/24"}]
    told(report(api, with_pool(pool), document=changed(net={"subnets": subnets})), "RunReported")
    bare = {"object": {**NIC_OF_WEB, "ip_addresses": None}, "property": ATTACHED}
    without = changed(net={"subnets": None}, web={"dependencies": [bare, DOCUMENT["web"]["dependencies"][1]]})
    for document in (changed(), without):
        reported = told(report(api, with_pool(pool), document=document), "RunReported")
        assert (reported["refused"], reported["operations"]) == ([], [])
    (network,) = api.ask("{ networks { nodes { subnets { cidr rangeFirst } } } }")["networks"]["nodes"]
    assert [(one["cidr"], one["rangeFirst"]) for one in network["subnets"]] == [
        ("10.0.0.0/24", "10.0.0.10"),
        ("10.0.1.0/24", None),
    ]
    other = {"cidr": "10.0.2.0/24", "dhcp": {"range": "10.0.2.10-10.0.2.99"}}
    moved = {"object": {**NIC_OF_WEB, "ip_addresses": ["10.0.2.10"]}, "property": ATTACHED}
    another = report(api, document=changed(net={"subnets": [other]}, web={"dependencies": [moved]}))
    net, *_, web = left_out(another)
    assert net[0] == "spec.net.subnets" and "a subnet cannot change its cidr" in net[1]
    assert web[1] == "10.0.2.10 is in no subnet of the network"


def test_the_source_of_a_volume_that_is_there_is_as_it_was(api: Api, pool: str) -> None:
    """Its file may be gone since, or lie in the service's own folder."""
    images = api.service.home / "images"
    for stored, same in (
        ({"file": "one.qcow2", "sha256": "1" * 64}, {"file": "/images/one.qcow2", "sha256": "1" * 64}),
        ({"file": "one.qcow2"}, {"file": f"{images}/one.qcow2", "sha256": "1" * 64}),
    ):
        api.clear()
        api.host("host1")
        (row,) = api.rows("MATCH (p:Pool) RETURN p.path AS path")
        told(report(api, with_pool(row["path"]), document=changed(disk={"source": stored})), "RunReported")
        reported = told(report(api, document=changed(disk={"source": same})), "RunReported")
        assert (reported["refused"], reported["operations"]) == ([], [])


def test_a_password_is_the_service_s_own(api: Api, pool: str) -> None:
    """The role tells that there is one, never which."""
    masked = changed(web={"vnc_password": "********"})
    reported = report(api, with_pool(pool), document=masked)
    ((path, reason),) = left_out(reported)
    assert path == "spec.web.vnc_password" and "the service does not know it and would take VNC away" in reason
    assert "VM" not in {one["kind"] for one in reported["operations"]}, "or it would take VNC away"
    told(api.do("applySpec", document=changed(web={"vnc_password": "s3cret"})), "Applied")
    api.work()
    for document, operations, has in ((masked, 0, True), (changed(), 1, False)):
        reported = told(report(api, with_pool(pool), document=document), "RunReported")
        assert (reported["refused"], len(reported["operations"])) == ([], operations)
        assert api.ask("{ vms { nodes { hasVncPassword } } }")["vms"]["nodes"] == [{"hasVncPassword": has}]
