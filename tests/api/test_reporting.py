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
    moved = refused(report(api, with_pool(pool), servers=[{**server, "host": "host1"}]))
    assert moved == [("input.servers[0].host", "Network net is served on host2, not on host1: give it host: host2")]


def test_a_server_that_cannot_be_is_refused(api: Api, pool: str) -> None:
    after = api.census()
    server = {"network": NET, "host": "host1", "address": "10.0.0.3", "mac": "52:56:00:00:00:03"}
    for changed, reason in (
        ({"address": "10.0.1.3"}, "10.0.1.3 is outside 10.0.0.0/24"),
        ({"address": "10.0.0.255"}, "10.0.0.255 is the broadcast address"),
        ({"address": "10.0.0.10"}, "10.0.0.10 is the address of the network's DHCP server"),
        ({"address": "ten"}, '"ten" is not an IP address'),
        ({"mac": "52:56"}, '"52:56" is not a hardware address'),
        ({"host": "host9"}, "there is no host host9"),
    ):
        ((_, said),) = refused(report(api, with_pool(pool), servers=[{**server, **changed}]))
        assert reason in said
    assert api.census() == after


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
