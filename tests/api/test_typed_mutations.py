"""Each typed mutation: its answer, what queries show then and when the work is done; and what it refuses.

That input which makes no sense is refused is shown by test_bad_input.py.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from playing import GIB, HOST_KEY, ME, claim, finish_all
from served import NO_ID, NOWHERE, Answer, Api, conflict, refused, told
from showing import SUBNETS, a_network, shown

from virtgraph.fleet import add_host
from virtgraph.new_host import POOL_PATH, NewHost

STATES = "query ($ids: [ID!]!) { operations(filter: {ids: $ids}) { nodes { state } } }"


def states_of(api: Api, answer: Answer) -> set[str]:
    operations = api.ask(STATES, ids=[operation["id"] for operation in answer["operations"]])["operations"]["nodes"]
    assert len(operations) == len(answer["operations"])
    return {operation["state"] for operation in operations}


def test_the_answer_comes_before_the_work(api: Api) -> None:
    """It names the new resource, the revision, and the operations that are still to be done."""
    host = api.host()
    network = a_network(api)
    before = datetime.now().astimezone() - timedelta(seconds=1)
    answer = api.change(
        "createVM", input={"name": "web", "nics": [{"network": network}], "volumes": [{"name": "disk", "size": "2gb"}]}
    )
    assert answer["resource"] == {"__typename": "VM", "id": answer["id"], "name": "web", "state": "VIRTUAL"}
    assert answer["revision"]["number"] == 2
    assert before < datetime.fromisoformat(answer["revision"]["createdAt"]) < datetime.now().astimezone()
    todo = {(o["kind"], o["action"], o["state"], o["host"]["name"]) for o in answer["operations"]}
    assert todo == {(kind, "REALIZE", "PENDING", "host1") for kind in ("VM", "NIC", "Volume", "Network", "Pool")}
    assert [o["resource"]["id"] for o in answer["operations"] if o["kind"] == "VM"] == [answer["id"]]
    assert shown(api, "host", name="host1")["vms"]["nodes"] == [{"id": answer["id"]}]
    assert api.rows("MATCH (:VM)-[:PLACED_ON]->(h) RETURN h.id AS id") == [{"id": host}]
    api.work()
    assert states_of(api, answer) == {"SUCCEEDED"}
    assert shown(api, "vm", answer["id"])["operation"] == {
        "action": "REALIZE",
        "state": "SUCCEEDED",
        "host": {"name": "host1"},
    }


def test_create_network(api: Api) -> None:
    """No host has it before a VM needs it there."""
    answer = api.change(
        "createNetwork", input={"name": "net", "vlanId": 7, "mtu": 9000, "segment": "east", "subnets": SUBNETS}
    )
    assert (answer["operations"], answer["resource"]["__typename"]) == ([], "Network")
    network = shown(api, "network", answer["id"])
    assert network == {
        "id": answer["id"], "name": "net", "type": "VLAN", "vlanId": 7, "mtu": 9000, "segment": "east", "state": "VIRTUAL",
        "stackName": "default", "nics": {"nodes": []}, "bindings": [],
        "subnets": [
            {
                "cidr": "10.0.0.0/24", "gateway": "10.0.0.1", "rangeFirst": "10.0.0.10", "rangeLast": "10.0.0.19",
                "serverAddress": "10.0.0.254",
            }
        ],
    }  # fmt: skip
    flat = api.make("createNetwork", name="flat", type="FLAT", stack="other")
    found = shown(api, "network", flat)
    assert (found["type"], found["vlanId"], found["segment"], found["stackName"]) == ("FLAT", None, "default", "other")


def test_create_nic(api: Api) -> None:
    """An address of the range, or the one that was asked for; a MAC that derives from the id, or the one asked for."""
    network = a_network(api)
    first = api.make("createNIC", network=network, name="first")
    given = api.make("createNIC", network=network, ipAddresses=["10.0.0.99"], hwAddr="525400aabbcc", id=NO_ID)
    found = shown(api, "nic", first)
    assert (found["name"], found["ipAddresses"], found["network"]) == ("first", ["10.0.0.10"], {"id": network})
    assert found["hwAddr"].startswith("52:54:00:") and found["vm"] is None
    found = shown(api, "nic", given)
    assert given == NO_ID
    assert (found["ipAddresses"], found["hwAddr"]) == (["10.0.0.99"], "52:54:00:aa:bb:cc")
    on_it = {nic["id"] for nic in shown(api, "network", network)["nics"]["nodes"]}
    assert on_it == {first, given}


def test_create_volume(api: Api) -> None:
    """It has its room on a host at once, the least loaded one or the one that was named."""
    api.host("host1")
    api.host("host2")
    chosen = api.make("createVolume", name="chosen", size="10gb", host="host2")
    other = api.make("createVolume", name="other", size="1gb")
    found = shown(api, "volume", chosen)
    assert (found["name"], found["state"], found["size"]) == ("chosen", "VIRTUAL", 10 * GIB)
    assert (found["host"], found["vms"]) == ({"name": "host2"}, [])
    assert shown(api, "volume", other)["host"] == {"name": "host1"}
    assert shown(api, "host", name="host2")["reservedDisk"] == 10 * GIB
    api.work()
    assert shown(api, "volume", chosen)["state"] == "ALLOCATED"


def test_create_vm_with_what_is_new_and_what_exists(api: Api) -> None:
    """On a chosen host, in a chosen stack."""
    api.host("host1")
    api.host("host2")
    network = a_network(api)
    nic = api.make("createNIC", network=network, stack="shop")
    volume = api.make("createVolume", name="data", size="5gb", host="host2", stack="shop")
    id = api.make(
        "createVM",
        name="web", stack="shop", host="host2", vcpus=2, memory="2gb", state="STOPPED",
        nics=[{"network": network, "ipAddresses": ["10.0.0.50"]}, {"id": nic}],
        volumes=[{"name": "root", "size": "1gb", "bootPriority": 1}, {"id": volume, "readOnly": True, "bootPriority": 2}],
    )  # fmt: skip
    found = shown(api, "vm", id)
    assert (found["name"], found["stackName"], found["host"]) == ("web", "shop", {"name": "host2"})
    assert (found["vcpus"], found["memory"], found["wanted"]) == (2, 2 * GIB, "stopped")
    assert [(n["ipAddresses"], n["vm"]["id"]) for n in found["nics"]] == [(["10.0.0.50"], id), (["10.0.0.10"], id)]
    assert {n["network"]["vlanId"] for n in found["nics"]} == {100} and found["nics"][1]["id"] == nic
    assert [(v["name"], v["size"], v["host"]["name"]) for v in found["volumes"]] == [
        ("root", GIB, "host2"),
        ("data", 5 * GIB, "host2"),
    ]
    root = found["volumes"][0]["id"]
    assert found["attachments"] == [
        {"bootPriority": 1, "readOnly": False, "volume": {"id": root}},
        {"bootPriority": 2, "readOnly": True, "volume": {"id": volume}},
    ]
    assert shown(api, "host", name="host2") == {
        "reservedVcpus": 2, "reservedMemory": 2 * GIB, "reservedDisk": 6 * GIB, "vms": {"nodes": [{"id": id}]},
    }  # fmt: skip
    owned = {node["id"] for node in shown(api, "stack", name="shop")["resources"]["nodes"]}
    assert owned == {id, nic, volume, root, found["nics"][0]["id"]}
    assert {nic["vm"]["name"] for nic in shown(api, "network", network)["nics"]["nodes"]} == {"web"}
    api.work()
    found = shown(api, "vm", id)
    assert (found["state"], {n["state"] for n in found["nics"]}) == ("STOPPED", {"ATTACHED"})
    assert {v["state"] for v in found["volumes"]} == {"ALLOCATED"}
    network_now = shown(api, "network", network)
    assert (network_now["state"], network_now["bindings"]) == ("APPLIED", [{"host": {"name": "host2"}}])


def test_attach_volume(api: Api) -> None:
    """To a VM that runs: its operation is the only one. Again with other words it changes how, with the same nothing."""
    api.host()
    id = api.make("createVM", name="web", volumes=[{"name": "root", "size": "1gb", "bootPriority": 1}])
    volume = api.make("createVolume", name="data", size="1gb")
    api.work()
    attach = {"vm": id, "volume": volume}
    answer = api.change("attachVolume", input={**attach, "bootPriority": 2})
    assert answer["resource"] == {"__typename": "VM", "id": id, "name": "web", "state": "RUNNING"}
    assert [(o["kind"], o["action"]) for o in answer["operations"]] == [("VM", "REALIZE")]
    assert shown(api, "vm", id)["attachments"][1] == {"bootPriority": 2, "readOnly": False, "volume": {"id": volume}}
    assert shown(api, "volume", volume)["vms"] == [{"id": id}]
    api.work()
    same = api.change("attachVolume", input={**attach, "bootPriority": 2})
    assert (same["operations"], same["revision"]) == ([], answer["revision"])
    changed = api.change("attachVolume", input={**attach, "readOnly": True})
    assert changed["revision"]["number"] == answer["revision"]["number"] + 1
    assert shown(api, "vm", id)["attachments"][1] == {"bootPriority": None, "readOnly": True, "volume": {"id": volume}}


def test_delete_vm_leaves_its_volumes(api: Api) -> None:
    """Its NICs go with it, and their addresses and its room are free again."""
    api.host()
    network = a_network(api)
    id = api.make("createVM", name="web", nics=[{"network": network}], volumes=[{"name": "disk", "size": "1gb"}])
    api.work()
    found = shown(api, "vm", id)
    answer = api.change("deleteVM", id=id)
    assert {(o["kind"], o["action"]) for o in answer["operations"]} == {("VM", "REMOVE"), ("NIC", "REMOVE")}
    assert answer["resource"]["state"] == "DELETING"
    api.work()
    assert shown(api, "vm", id) is None and shown(api, "nic", found["nics"][0]["id"]) is None
    volume = shown(api, "volume", found["volumes"][0]["id"])
    assert (volume["state"], volume["vms"]) == ("ALLOCATED", [])
    assert shown(api, "host", name="host1") == {
        "reservedVcpus": 0, "reservedMemory": 0, "reservedDisk": GIB, "vms": {"nodes": []},
    }  # fmt: skip
    again = api.make("createNIC", network=network)
    assert shown(api, "nic", again)["ipAddresses"] == found["nics"][0]["ipAddresses"]


def test_delete_vm_with_its_volumes(api: Api) -> None:
    """But not one that another VM reads too."""
    api.host()
    shared = api.make("createVolume", name="shared", size="1gb")
    volumes = [{"name": "disk", "size": "1gb"}, {"id": shared, "readOnly": True}]
    id = api.make("createVM", name="web", volumes=volumes)
    api.make("createVM", name="other", volumes=[{"id": shared, "readOnly": True}])
    api.work()
    own = shown(api, "vm", id)["volumes"][0]["id"]
    answer = api.change("deleteVM", id=id, volumes=True)
    assert {o["resource"]["id"] for o in answer["operations"]} == {id, own}
    api.work()
    assert shown(api, "volume", own) is None
    assert len(shown(api, "volume", shared)["vms"]) == 1
    assert shown(api, "host", name="host1")["reservedDisk"] == GIB


def test_delete_nic_of_a_vm_that_runs(api: Api) -> None:
    """The VM is changed, and goes on with the others."""
    api.host()
    network = a_network(api)
    id = api.make("createVM", name="web", nics=[{"network": network}, {"network": network}])
    api.work()
    first, second = (nic["id"] for nic in shown(api, "vm", id)["nics"])
    answer = api.change("deleteNIC", id=first)
    assert {(o["kind"], o["action"]) for o in answer["operations"]} == {("VM", "REALIZE"), ("NIC", "REMOVE")}
    assert (answer["id"], answer["resource"]["__typename"]) == (first, "NIC")
    api.work()
    assert shown(api, "nic", first) is None
    assert [nic["id"] for nic in shown(api, "vm", id)["nics"]] == [second]


def test_delete_volume_and_network(api: Api) -> None:
    """What a host has goes there first; what no host has is gone at once."""
    api.host()
    network, unused = a_network(api), a_network(api, "unused", 101)
    volume = api.make("createVolume", name="data", size="1gb")
    id = api.make("createVM", name="web", nics=[{"network": network}])
    api.work()
    gone = api.change("deleteNetwork", id=unused)
    assert (gone["operations"], gone["resource"], gone["id"]) == ([], None, unused)
    api.change("deleteVM", id=id)
    api.work()
    answers = [api.change("deleteVolume", id=volume), api.change("deleteNetwork", id=network)]
    assert [[(o["kind"], o["action"]) for o in a["operations"]] for a in answers] == [
        [("Volume", "REMOVE")],
        [("Network", "REMOVE")],
    ]
    api.work()
    assert shown(api, "volume", volume) is None and shown(api, "network", network) is None
    a_network(api, "again", 101)  # its VLAN id is free


def test_remove_stack(api: Api) -> None:
    """All that it owns, volumes too; it is gone when the last of it is."""
    api.host()
    network = a_network(api, stack="shop")
    id = api.make(
        "createVM", name="web", stack="shop", nics=[{"network": network}], volumes=[{"name": "disk", "size": "1gb"}]
    )
    api.work()
    answer = api.change("removeStack", stack="shop")
    assert (answer["id"], answer["resource"]) == (None, None)
    assert {(o["kind"], o["action"]) for o in answer["operations"]} == {
        (kind, "REMOVE") for kind in ("VM", "NIC", "Volume", "Network")
    }
    assert shown(api, "vm", id)["state"] == "DELETING"
    api.work()
    assert shown(api, "stack", name="shop") is None and shown(api, "vm", id) is None
    assert shown(api, "host", name="host1")["reservedDisk"] == 0
    told(api.do("removeStack", stack="shop"), "NotFound")


def test_cancel_operation(api: Api) -> None:
    """One that waits ends at once, and what needs it is skipped; one that has ended is a conflict."""
    api.host()
    answer = api.change("createVM", input={"name": "web", "volumes": [{"name": "disk", "size": "1gb"}]})
    by_kind = {operation["kind"]: operation["id"] for operation in answer["operations"]}
    cancelled = told(api.do("cancelOperation", id=by_kind["Volume"]), "Cancelling")
    assert cancelled["operation"]["state"] == "CANCELLED"
    assert cancelled["operation"]["error"] == "It was cancelled by administrator."
    found = api.ask("query ($id: ID!) { operation(id: $id) { state } }", id=by_kind["VM"])["operation"]
    assert found == {"state": "SKIPPED"}
    again = api.do("cancelOperation", id=by_kind["Volume"])
    assert conflict(again) == ("CANCELLED", None)
    assert again["neededStates"] == ["PENDING", "RUNNING"]
    api.work()
    assert conflict(api.do("cancelOperation", id=by_kind["Pool"])) == ("SUCCEEDED", None)


def test_cancel_operation_that_runs(api: Api) -> None:
    """Its worker is told; until that has seen it, it runs."""
    host = api.host()
    answer = api.change("createVolume", input={"name": "disk", "size": "1gb"})
    (volume,) = (operation["id"] for operation in answer["operations"] if operation["kind"] == "Volume")
    claimed = api.play(lambda graph: claim(graph, host))
    assert claimed is not None
    assert told(api.do("cancelOperation", id=volume), "Cancelling")["operation"]["state"] == "RUNNING"
    asked = "query ($id: ID!) { operation(id: $id) { cancelRequested } }"
    assert api.ask(asked, id=volume)["operation"] == {"cancelRequested": True}
    api.play(lambda graph: finish_all(graph, claimed))


def test_what_is_being_made_is_not_deleted(api: Api) -> None:
    """The conflict names the state, the task, and the states that would do."""
    host = api.host()
    network = a_network(api)
    id = api.make("createVM", name="web", nics=[{"network": network}])
    claimed = api.play(lambda graph: claim(graph, host))
    assert claimed is not None
    before = api.census()
    for answer in (api.do("deleteVM", id=id), api.do("removeStack", stack="default")):
        assert conflict(answer) == ("DEPLOYING", "realize")
        assert "is DEPLOYING (task realize)" in answer["message"]
        assert {"RUNNING", "STOPPED", "FAILED"} <= set(answer["neededStates"])
        assert not {"DEPLOYING", "DELETING"} & set(answer["neededStates"])
    assert api.census() == before
    api.play(lambda graph: finish_all(graph, claimed))
    api.change("deleteVM", id=id)
    assert conflict(api.do("deleteVM", id=id)) == ("DELETING", "remove")


def test_what_is_in_use_is_not_deleted(api: Api) -> None:
    """The conflict names who uses it, and the state."""
    api.host()
    network = a_network(api)
    id = api.make("createVM", name="web", nics=[{"network": network}], volumes=[{"name": "disk", "size": "1gb"}])
    api.work()
    found = shown(api, "vm", id)
    before = api.census()
    answer = api.do("deleteNetwork", id=network)
    assert conflict(answer) == ("APPLIED", None)
    assert answer["message"] == f"Network net is used by NIC {found['nics'][0]['id']}: remove that first"
    answer = api.do("deleteVolume", id=found["volumes"][0]["id"])
    assert conflict(answer) == ("ALLOCATED", None)
    assert answer["message"] == "Volume disk is used by VM web: remove or detach it there first"
    assert api.census() == before


def test_a_name_that_is_taken(api: Api) -> None:
    """A creation changes nothing that is there; in another stack the name is free."""
    api.host()
    a_network(api)
    before = api.census()
    answer = api.do("createNetwork", input={"name": "net", "vlanId": 101})
    assert conflict(answer) == ("VIRTUAL", None)
    assert answer["message"] == "There is a Network net in stack default already"
    assert api.census() == before
    a_network(api, vlan=101, stack="other")


def test_a_volume_is_attached_only_where_it_can_be(api: Api) -> None:
    api.host("host1")
    api.host("host2")
    id = api.make("createVM", name="web", host="host1", volumes=[{"name": "root", "size": "1gb", "bootPriority": 1}])
    far = api.make("createVolume", name="far", size="1gb", host="host2")
    near = api.make("createVolume", name="near", size="1gb", host="host1")
    api.make("createVM", name="other", host="host1", volumes=[{"id": near}])
    (root,) = (volume["id"] for volume in shown(api, "vm", id)["volumes"])
    network = a_network(api)

    def attach(volume: str, **how: Any) -> list[tuple[str, str]]:
        return refused(api.do("attachVolume", input={"vm": id, "volume": volume, **how}))

    before = api.census()
    assert attach(far) == [("input.volume", "the volume is on host2, the VM on host1")]
    assert attach(near) == [("input.volume", "belongs to VM other")]
    assert attach(NO_ID) == [("input.volume", f"there is no resource with the id {NO_ID}")]
    assert attach(network) == [("input.volume", f"{network} is a Network, a Volume is needed")]
    assert attach(root, bootPriority=0) == [("input.bootPriority", "must be at least 1, not 0")]
    reason = "1 is the boot priority of another volume of this VM"
    assert attach(far, bootPriority=1) == [("input.bootPriority", reason)]
    assert api.census() == before


@pytest.mark.parametrize(
    ("field", "kind"),
    [("deleteVM", "VM"), ("deleteNIC", "NIC"), ("deleteVolume", "Volume"), ("deleteNetwork", "Network")],
)
def test_what_is_not_there_cannot_be_deleted(api: Api, field: str, kind: str) -> None:
    """Neither an unknown id nor one of another kind."""
    host = api.host()
    before = api.census()
    for id in (NO_ID, host, "nonsense", ""):
        answer = api.do(field, id=id)
        message = f"There is no {kind} {id}"
        assert answer == {"__typename": "NotFound", "message": message, "kind": kind, "reference": id}
    assert api.census() == before


def test_what_else_is_not_there(api: Api) -> None:
    before = api.census()
    for field, arguments, kind in (
        ("removeStack", {"stack": "nowhere"}, "stack"),
        ("cancelOperation", {"id": NO_ID}, "operation"),
        ("attachVolume", {"input": {"vm": NO_ID, "volume": NO_ID}}, "VM"),
    ):
        answer = api.do(field, **arguments)
        assert told(answer, "NotFound")["kind"] == kind
    assert api.census() == before


def test_no_host_takes_it(api: Api) -> None:
    """Each host with its own reason."""
    api.host("east", segment="east")
    api.host("full", vcpus=1)
    api.host("plain", driver="none")
    new = NewHost("new", address=NOWHERE, host_key=HOST_KEY)
    api.play(lambda graph: add_host(graph, new, ME))
    network = a_network(api)
    api.make("createVM", name="one", vcpus=1, host="full")
    before = api.census()
    answer = api.do("createVM", input={"name": "web", "vcpus": 2, "nics": [{"network": network}]})
    assert {host["name"]: host["reason"] for host in told(answer, "NoHost")["hosts"]} == {
        "east": "has no uplink to the segment default",
        "full": "2 vcpus wanted, 0 of 1 free",
        "new": "has not been probed yet",
        "plain": "cannot carry VLAN tags: its uplink driver is none",
    }
    chosen = api.do("createVolume", input={"name": "big", "size": "900tb", "host": "full"})
    assert {host["name"]: host["reason"] for host in told(chosen, "NoHost")["hosts"]} == {
        "full": "921600.0 GiB of disk wanted, 1024.0 GiB of 1024.0 GiB free",
        **dict.fromkeys(("east", "new", "plain"), "another host was asked for"),
    }
    assert api.census() == before


def test_a_host_stays_where_it_is(api: Api) -> None:
    """Another address, port or folder of its volumes is refused. The same folder, or none, is as it is."""
    host = {"name": "host1", "address": NOWHERE, "hostKey": HOST_KEY, "poolPath": "/srv/vms/"}
    told(api.add_host(input=host), "AddedHost")
    before = api.census()
    for given, sentence in (
        ({"address": "192.0.2.2"}, f"Host host1 has the address {NOWHERE}:22; remove it first"),
        ({"port": 2222}, f"Host host1 has the address {NOWHERE}:22; remove it first"),
        ({"poolPath": POOL_PATH}, "Host host1 has its volumes in /srv/vms; leave the pool's path out"),
    ):
        assert sentence in told(api.do("addHost", input={**host, **given}), "Conflict")["message"]
    assert api.census() == before
    path = "MATCH (p:Pool)-[:ON]->(:Host {name: $name}) RETURN p.path AS path"
    for given in ({}, {"poolPath": "/srv//vms"}, {"poolPath": None}):
        told(api.add_host(input={**host, **given}), "AddedHost")
        assert api.rows(path, name="host1") == [{"path": "/srv/vms"}]
    api.rows("MATCH (p:Pool) SET p.path = $path", path="/srv//vms/")  # as paths once were stored
    told(api.add_host(input=host), "AddedHost")
    told(api.add_host(input={"name": "host2", "address": NOWHERE, "port": 2222, "hostKey": HOST_KEY}), "AddedHost")
    assert api.rows(path, name="host2") == [{"path": POOL_PATH}]
