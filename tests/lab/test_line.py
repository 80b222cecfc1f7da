"""The straight line: the seed's document in, a running VM out, and the same facts in libvirt, on the host and in the graph."""

from __future__ import annotations

import json

import pytest
import yaml
from follow import events, wait_for
from lab_hosts import LabHosts
from labs import SEED_HOST, apply, domains, pool_path, remove_stack, succeed
from serving import ROOT, Service

pytestmark = pytest.mark.lab

SEED = (ROOT / "examples" / "n0core.yaml").read_text()

TREE = """
{
  vms(filter: {stack: "n0core"}) { nodes {
    id name state power acceleration vncPort hasVncPassword host { id name }
    nics { state hwAddr ipAddresses network {
      id name vlanId state bindings { host { name } bridge uplink dhcp state }
    } }
    attachments { bootPriority volume { name state url size } }
  } }
}
"""


@pytest.fixture(scope="module", autouse=True)
def seed(served: Service) -> object:
    applied = apply(served, SEED, "n0core")
    assert applied["__typename"] == "Applied", applied
    succeed(served, applied)
    return applied


def test_answer_comes_before_the_work_and_is_the_document_completed(seed: dict) -> None:  # type: ignore[type-arg]
    document = yaml.safe_load(seed["document"])
    web = document["spec"]["web"]
    assert seed["revision"]["number"] == 1 == document["id"]
    assert seed["revision"]["createdAt"] == document["created_at"]
    assert (web["status"], web["name"], web["vnc_password"]) == ("running", "web", "********")
    assert document["spec"]["var_network"]["state"] == "applied"
    assert {operation["state"] for operation in seed["operations"]} <= {"PENDING", "RUNNING"}  # the worker is quick


def test_the_graph_tells_what_is_on_the_host(served: Service, lab: LabHosts) -> None:
    (vm,) = served.graphql(TREE)["vms"]["nodes"]
    assert (vm["state"], vm["power"], vm["acceleration"]) == ("RUNNING", "running", "tcg")
    assert vm["host"]["id"] == SEED_HOST
    (nic,) = vm["nics"]
    assert nic["ipAddresses"] == ["192.168.0.1"]
    (binding,) = nic["network"]["bindings"]
    assert binding["host"]["name"] == "host1"
    assert binding["bridge"] in lab.sh("host1", "ip", "-o", "link", "show", "type", "bridge")
    assert "tag: 100" in lab.sh("host1", "ovs-vsctl", "show")
    (attachment,) = vm["attachments"]
    assert attachment["bootPriority"] == 1
    assert attachment["volume"]["size"] == 10 << 30
    path = attachment["volume"]["url"].removeprefix("file://")
    info = json.loads(lab.sh("host1", "qemu-img", "info", "-U", "--output", "json", path))
    assert info["virtual-size"] == 10 << 30
    xml = lab.sh("host1", "virsh", "dumpxml", vm["id"])
    for fact in (f"<uuid>{vm['id']}</uuid>", nic["hwAddr"], path, f"vg-{nic['network']['id']}"):
        assert fact in xml
    assert domains(lab, "host1") == {f"vg-{vm['id']}"}


def test_the_answer_given_back_is_nothing_to_do(served: Service, seed: dict) -> None:  # type: ignore[type-arg]
    again = apply(served, seed["document"], "n0core")
    assert again["operations"] == []
    assert again["revision"] == seed["revision"]
    assert again["document"] == seed["document"]


def test_events_tell_the_seeds_story(served: Service) -> None:
    rows = events(served)
    types = [row["type"] for row in rows if row["stack"] == "n0core"]
    assert types[:2] == ["SCHEDULED", "SCHEDULED"]
    assert types[-1] == "APPLIED"
    assert types.count("WAITING") == 3
    waiting = {
        row["kind"]: {needed["fact"] for needed in row["data"]["waitingFor"]}
        for row in rows
        if row["type"] == "WAITING"
    }
    assert waiting["VM"] == {"bridge", "address", "url"}
    assert waiting["NIC"] == {"bridge"}
    assert types.count("REQUESTED") == types.count("SUCCEEDED") == 5
    (asked,) = [row for row in rows if row["type"] == "REQUESTED" and row["kind"] == "VM"]
    object = asked["data"]["object"]
    assert object["vnc_password"] == "********"
    assert {part["object"]["type"] for part in object["dependencies"]} == {
        "resource/nic",
        "resource/volume/file",
        "host",
    }
    (nic,) = [part["object"] for part in object["dependencies"] if part["object"]["type"] == "resource/nic"]
    assert nic["relations"][0]["object"]["parameters"]["vlan_id"] == 100
    (done,) = [row for row in rows if row["type"] == "SUCCEEDED" and row["kind"] == "NIC"]
    assert "after waiting for Network vlan_network" in done["message"]
    (applied,) = [row for row in rows if row["type"] == "APPLIED"]
    assert {"bridge", "url", "power"} <= {name for found in applied["data"]["resources"] for name in found}


def test_undefined_behind_our_back_is_made_again(served: Service, lab: LabHosts) -> None:
    """Exactly that one: nothing else of the stack is touched."""
    (vm,) = served.graphql(TREE)["vms"]["nodes"]
    name = f"vg-{vm['id']}"
    lab.sh("host1", "virsh", "destroy", name)
    lab.sh("host1", "virsh", "undefine", name)
    wait_for(lambda: served.graphql(TREE)["vms"]["nodes"][0]["state"] == "MISSING")
    applied = apply(served, SEED, "n0core")
    assert [operation["kind"] for operation in applied["operations"]] == ["VM"]
    succeed(served, applied)
    assert domains(lab, "host1") == {name}


def test_removed_without_a_trace(served: Service, lab: LabHosts) -> None:
    succeed(served, remove_stack(served, "n0core"))
    assert domains(lab, "host1", "--all") == set()
    assert "vgb-" not in lab.sh("host1", "ip", "-o", "link")
    assert "vg" not in lab.sh("host1", "ip", "netns")
    assert lab.sh("host1", "virsh", "-q", "net-list", "--all").strip() == ""
    assert ".qcow2" not in lab.sh("host1", "ls", pool_path(served, "host1"))
    host = served.graphql('{ host(name: "host1") { reservedVcpus reservedMemory reservedDisk } }')["host"]
    assert host == {"reservedVcpus": 0, "reservedMemory": 0, "reservedDisk": 0}
