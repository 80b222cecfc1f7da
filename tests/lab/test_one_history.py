"""What ansible-playbook made is in the service's graph, as if the service had made it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from direct import NETWORK as NET
from direct import POOL, Direct, shared, there, two_vms
from direct import vm as direct_vm
from engines import ON_ONE_GRAPH
from follow import events, wait_for
from lab_hosts import LabHosts
from labs import apply, clear, domains, empty, hosts_equal_graph, qcow2, settle, succeed, vm
from serving import Service

pytestmark = ON_ONE_GRAPH

STACK = """
query ($stack: String!) {
  vms(filter: {stack: $stack}) {
    nodes {
      id name state power host { name } nics { hwAddr ipAddresses network { name } } volumes { name state url }
      operation { state error run { owner state host { name } operations { totalCount } } }
    }
  }
  networks(filter: {stack: $stack}) { nodes { id name state vlanId bindings { state bridge host { name } } } }
}
"""
NAMES = """
query ($stack: String!) {
  vms(filter: {stack: $stack}) { nodes { name } }
  volumes(filter: {stack: $stack}) { nodes { name } }
  networks(filter: {stack: $stack}) { nodes { name } }
}
"""
SERVED = """
query ($stack: String!) {
  networks(filter: {stack: $stack}) {
    nodes { bindings { dhcp host { name } } subnets { serverAddress serverMac } }
  }
}
"""
NETWORK = """
  net:
    type: resource/network/vlan
    parameters: {vlan_id: 500}
    subnets: [{cidr: 10.50.0.0/24, dhcp: {range: 10.50.0.10-10.50.0.99}}]
"""


def reporting(served: Service, lab: LabHosts, folder: Path, stack: str, **variables: Any) -> Direct:
    """With the callback plugin, as somebody who has exported this service's installation."""
    installation = served.graphql("{ installation }")["installation"]
    (pool,) = served.graphql('{ host(name: "host1") { pools { path } } }')["host"]["pools"]
    direct = Direct(lab, folder, installation=installation, **variables)
    direct.variables |= {"virtgraph_stack": stack, "virtgraph_pool_path": pool["path"]}
    direct.environment |= served.environment | {"ANSIBLE_CALLBACKS_ENABLED": "virtgraph"}
    return direct


WANTED = """
query ($stack: String!) {
  vms(filter: {stack: $stack}) { nodes { name memory cmdline state } }
  networks(filter: {stack: $stack}) { nodes { vlanId mtu state } }
}
"""


def documented(kernel: Path) -> str:
    """The same as two_vms, as a document."""
    vms = "".join(vm(f"vm{n}", kernel, volume=empty(f"disk{n}")) for n in (1, 2))
    return f"version: 0\nspec:\n{NETWORK}{vms}"


def test_a_direct_run_is_told_and_not_made_twice(served: Service, lab: LabHosts, kernel: Path, tmp_path: Path) -> None:
    direct = reporting(served, lab, tmp_path, "direct", **two_vms(kernel))
    before = served.graphql("{ newestEvent }")["newestEvent"]
    done = direct.run()
    assert done.returncode == 0 and "WARNING" not in done.stderr + done.stdout, done.stdout + done.stderr
    assert re.search(r"told of \d+ operations on host1", done.stdout), done.stdout

    found = served.graphql(STACK, {"stack": "direct"})
    one, two = found["vms"]["nodes"]
    assert (one["id"], one["state"], one["power"], one["host"]["name"]) == (
        direct.id("VM/vm1"), "RUNNING", "running", "host1"
    )  # fmt: skip
    assert two["host"]["name"] == "host2" and two["nics"][0]["ipAddresses"] == ["10.50.0.11"]
    assert one["volumes"][0]["state"] == "ALLOCATED" and one["volumes"][0]["url"].startswith("file:///")
    run = one["operation"]["run"]
    assert one["operation"]["state"] == "SUCCEEDED" and run["owner"].startswith("ansible-playbook, reported by")
    assert (run["state"], run["host"]["name"]) == ("SUCCEEDED", "host1")
    told = [e for e in events(served) if e["number"] > before and e["stack"] == "direct"]
    assert {"SUCCEEDED", "APPLIED"} <= {e["type"] for e in told}
    settle(served, {"operations": operations(served)})
    hosts_equal_graph(served, lab, "direct", 2)

    assert apply(served, documented(kernel), "direct")["operations"] == [], "the same document: nothing to do"
    again = direct.run()
    assert "told of 0 operations" in again.stdout, again.stdout
    clear(served, lab, "direct")
    assert domains(lab, "host1", "--all") == set()


def test_a_direct_change_is_told(served: Service, lab: LabHosts, kernel: Path, tmp_path: Path) -> None:
    """Such as a document could not make: of a running VM, of a network that is there, and the image is gone by then."""
    image = qcow2(tmp_path / "image.qcow2", 10 << 20)
    direct = reporting(served, lab, tmp_path, "changed", **two_vms(kernel))
    direct.variables["virtgraph_volumes"][0] = {"name": "disk1", "source": {"file": str(image)}}
    direct.change()
    settle(served, {"operations": operations(served)})
    image.unlink()
    direct.variables["virtgraph_networks"] = [{**NET, "vlan_id": 501, "mtu": 1400}]
    direct.variables["virtgraph_vms"] = [
        vm | {"memory": "24mb", "cmdline": "quiet"} for vm in two_vms(kernel)["virtgraph_vms"]
    ]
    done = direct.run()
    assert done.returncode == 0 and "WARNING" not in done.stderr + done.stdout, done.stdout + done.stderr
    before = there(lab)
    settle(served, {"operations": operations(served)})
    assert there(lab) == before, "the service has nothing to do"
    found = served.graphql(WANTED, {"stack": "changed"})
    assert found["networks"]["nodes"] == [{"vlanId": 501, "mtu": 1400, "state": "APPLIED"}]
    changed = {"memory": 24 << 20, "cmdline": "quiet", "state": "RUNNING"}
    assert found["vms"]["nodes"] == [{"name": name, **changed} for name in ("vm1", "vm2")]
    clear(served, lab, "changed")


def test_what_was_not_told_is_recognized_and_not_made_twice(
    served: Service, lab: LabHosts, kernel: Path, tmp_path: Path
) -> None:
    """By its mark alone. One thing of it is another installation's, and stays unknown."""
    stranger = {"name": "vm1", "host": "host1", "memory": "16mb", "kernel": str(kernel)}
    foreign = Direct(lab, tmp_path, virtgraph_vms=[stranger], virtgraph_pool_path=f"{POOL}-foreign")
    direct = reporting(served, lab, tmp_path, "marked", **two_vms(kernel))
    del direct.environment["ANSIBLE_CALLBACKS_ENABLED"]
    newest = served.graphql("{ newestEvent }")["newestEvent"]
    foreign.change()
    direct.change()
    before = there(lab)
    expected = {direct.id(key) for key in ("VM/vm1", "VM/vm2", "Network/net")}
    wait_for(lambda: found(served, newest) == expected, 90)
    applied = apply(served, documented(kernel), "marked")
    succeed(served, applied)
    vms = served.graphql(STACK, {"stack": "marked"})["vms"]["nodes"]
    assert [(vm["id"], vm["host"]["name"]) for vm in vms] == [(direct.id(f"VM/vm{n}"), f"host{n}") for n in (1, 2)]
    assert there(lab) == before, "nothing was made, nothing was touched"
    foreign.remove()
    hosts_equal_graph(served, lab, "marked", 2)
    clear(served, lab, "marked")


def found(served: Service, after: int) -> set[str]:
    told = (event["data"] or {} for event in events(served) if event["number"] > after)
    return {id for data in told for id in data.get("found", ())}


def operations(served: Service) -> list[Any]:
    found: list[Any] = served.graphql(
        "{ operations(first: 100, filter: {state: [PENDING, RUNNING]}) { nodes { id } } }"
    )["operations"]["nodes"]
    return found


def test_a_removal_is_told(served: Service, lab: LabHosts, kernel: Path, tmp_path: Path) -> None:
    direct = reporting(served, lab, tmp_path, "removed", **two_vms(kernel))
    direct.change()
    settle(served, {"operations": operations(served)})
    done = direct.run("-e", "virtgraph_state=absent")
    assert done.returncode == 0 and "WARNING" not in done.stderr + done.stdout, done.stdout + done.stderr
    settle(served, {"operations": operations(served)})
    found = served.graphql(STACK, {"stack": "removed"})
    assert found == {"vms": {"nodes": []}, "networks": {"nodes": []}}


def test_what_stays_is_not_told_to_be_gone_and_what_was_refused_not_at_all(
    served: Service, lab: LabHosts, kernel: Path, tmp_path: Path
) -> None:
    vms = [direct_vm(f"vm{n}", "host1", kernel, ip=[f"10.50.0.2{n}"]) for n in (1, 2)]
    one, two = (reporting(served, lab, tmp_path, "shared", **shared(each, host="host1")) for each in vms)
    one.change()
    two.change()
    settle(served, {"operations": operations(served)})
    two.variables["virtgraph_volumes"].append(
        {"name": "vm1", "size": "10mb", "host": "host1"}
    )  # that of the other list
    two.remove()
    settle(served, {"operations": operations(served)})
    assert found_in(served, "shared") == (["vm1"], ["vm1"], ["net"])
    vms[0]["host"] = "host2"
    refused = one.run()
    assert refused.returncode != 0 and "told of" not in refused.stdout, refused.stdout
    settle(served, {"operations": operations(served)})
    found = served.graphql(STACK, {"stack": "shared"})
    assert [(vm["name"], vm["host"]["name"]) for vm in found["vms"]["nodes"]] == [("vm1", "host1")]
    hosts_equal_graph(served, lab, "shared", 1)
    clear(served, lab, "shared")


def test_only_what_a_run_did_is_told(served: Service, lab: LabHosts, kernel: Path, tmp_path: Path) -> None:
    """The service does what it is told of: what some tags left out, and what did not come to anything, is not for it."""
    direct = reporting(served, lab, tmp_path, "tagged", **two_vms(kernel))
    some = direct.run("--tags", "network")
    assert some.returncode == 0 and "told of 3 of 3 resources on host1" in some.stdout, some.stdout + some.stderr
    pool = direct.variables["virtgraph_pool_path"]
    direct.variables["virtgraph_pool_path"] = "nowhere"
    failed = direct.run()
    assert failed.returncode != 0 and "told of" not in failed.stdout, failed.stdout + failed.stderr
    assert found_in(served, "tagged") == ([], [], [])
    direct.variables["virtgraph_pool_path"] = pool
    direct.change()
    settle(served, {"operations": operations(served)})

    done = direct.run("--tags", "vm", "-e", "virtgraph_state=absent")
    assert done.returncode == 0 and "WARNING" not in done.stderr + done.stdout, done.stdout + done.stderr
    settle(served, {"operations": operations(served)})
    assert found_in(served, "tagged") == ([], ["disk1", "disk2"], ["net"])
    for host in ("host1", "host2"):
        assert ".qcow2" in lab.sh(host, "ls", pool), "nobody asked for volumes to be deleted"
    direct.remove()
    settle(served, {"operations": operations(served)})
    assert found_in(served, "tagged") == ([], [], [])


def found_in(served: Service, stack: str) -> tuple[list[str], ...]:
    """The names of its VMs, volumes and networks."""
    found = served.graphql(NAMES, {"stack": stack})
    return tuple(sorted(one["name"] for one in found[kind]["nodes"]) for kind in ("vms", "volumes", "networks"))


def test_a_network_stays_where_a_run_serves_it(served: Service, lab: LabHosts, kernel: Path, tmp_path: Path) -> None:
    """On a host that has no VM in it, by a server whose addresses are given: a second one would answer guests too."""
    wanted = {**two_vms(kernel)}
    subnet = NET["subnet"] | {"dhcp": NET["subnet"]["dhcp"] | {"address": "10.50.0.3", "mac": "52:56:00:00:00:03"}}
    wanted["virtgraph_networks"] = [{**NET, "host": "host2", "subnet": subnet}]
    wanted["virtgraph_volumes"], wanted["virtgraph_vms"] = wanted["virtgraph_volumes"][:1], wanted["virtgraph_vms"][:1]
    direct = reporting(served, lab, tmp_path, "served", **wanted)
    done = direct.run()
    assert done.returncode == 0 and "WARNING" not in done.stderr + done.stdout, done.stdout + done.stderr
    before = there(lab)
    settle(served, {"operations": operations(served)})
    assert there(lab) == before, "the service makes, moves and starts nothing"
    (network,) = served.graphql(SERVED, {"stack": "served"})["networks"]["nodes"]
    assert [one["host"]["name"] for one in network["bindings"] if one["dhcp"]] == ["host2"]
    assert network["subnets"] == [{"serverAddress": "10.50.0.3", "serverMac": "52:56:00:00:00:03"}]
    clear(served, lab, "served")


def test_a_removal_on_one_host_is_told(served: Service, lab: LabHosts, kernel: Path, tmp_path: Path) -> None:
    direct = reporting(served, lab, tmp_path, "limited", **two_vms(kernel))
    direct.change()
    settle(served, {"operations": operations(served)})
    done = direct.run("--limit", "host1", "-e", "virtgraph_state=absent")
    assert done.returncode == 0 and "WARNING" not in done.stderr + done.stdout, done.stdout + done.stderr
    settle(served, {"operations": operations(served)})
    assert found_in(served, "limited") == (["vm2"], ["disk2"], ["net"])
    direct.remove()
    settle(served, {"operations": operations(served)})
    assert found_in(served, "limited") == ([], [], [])


def test_a_failure_is_told(served: Service, lab: LabHosts, kernel: Path, tmp_path: Path) -> None:
    volumes = [{"name": "none", "source": {"file": "/no/such.qcow2", "sha256": "0" * 64}}]
    vms = [{"name": "ill", "host": "host1", "memory": "16mb", "kernel": str(kernel), "volumes": [{"name": "none"}]}]
    direct = reporting(served, lab, tmp_path, "failed", virtgraph_vms=vms, virtgraph_volumes=volumes)
    failed = direct.run()
    assert failed.returncode != 0 and "WARNING" not in failed.stderr + failed.stdout, failed.stdout + failed.stderr
    (ill,) = served.graphql(STACK, {"stack": "failed"})["vms"]["nodes"]
    assert ill["operation"]["state"] == "SKIPPED" and "volume none" in ill["operation"]["error"].lower()
    assert ill["operation"]["run"]["state"] == "FAILED"
    clear(served, lab, "failed")


def test_a_service_that_does_not_take_it_is_a_warning(
    served: Service, lab: LabHosts, kernel: Path, tmp_path: Path
) -> None:
    vms = [{"name": "lone", "host": "host1", "memory": "16mb", "kernel": str(kernel)}]
    other = reporting(served, lab, tmp_path, "lone", virtgraph_vms=vms)
    own = other.variables["virtgraph_installation"]
    other.variables["virtgraph_installation"] = "7d0a2b9c-5b0e-4a4e-9f4c-6f0e9d0c1a11"
    done = other.run()
    assert done.returncode == 0
    assert f"set virtgraph_installation: {own}" in re.sub(r"\s+", " ", done.stdout + done.stderr)
    other.environment["VIRTGRAPH_URL"] = "http://127.0.0.1:1/graphql"
    done = other.run()
    assert done.returncode == 0
    assert "was not told what was done on host1. The service at" in re.sub(r"\s+", " ", done.stdout + done.stderr)
    other.remove()
