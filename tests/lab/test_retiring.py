"""A host is emptied, retired and added again, while its neighbour's VM on the same network is not touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engines import ON_ONE_GRAPH
from lab_hosts import LabHosts
from labs import add_host, apply, clear, domains, empty, pool_path, succeed, vm
from serving import Service

pytestmark = ON_ONE_GRAPH

NETWORK = """
version: 0
spec:
  net:
    type: resource/network/vlan
    parameters: {vlan_id: 400}
    subnets: [{cidr: 10.40.0.0/24, dhcp: {range: 10.40.0.10-10.40.0.99}}]
"""
DELETE_VM = """
mutation ($id: ID!) {
  deleteVM(id: $id, volumes: true) { __typename ... on Changed { operations { id } } ... on Conflict { message } }
}
"""
REMOVE_HOST = 'mutation { removeHost(host: "host2") { __typename ... on Conflict { message } } }'
BINDINGS = """
{ networks(filter: {stack: "nets"}) { nodes { state bindings { state bridge uplink host { name } } } } }
"""


@pytest.fixture(autouse=True)
def clean(served: Service, lab: LabHosts) -> Iterator[None]:
    yield
    clear(served, lab, "vm-host1", "vm-host2", "nets")


def make_vm(served: Service, kernel: Path, network: str, host: str) -> str:
    """A VM on the network in a stack of its own; its id, once it runs."""
    annotations = f"annotations: {{n0stack/scheduling/host_id: {host}}}"
    document = f"version: 0\n{annotations}\nspec:\n{vm('vm', kernel, f'id: {network}', empty('disk'))}"
    succeed(served, apply(served, document, f"vm-{host}"))
    answer = served.graphql("query ($s: String!) { vms(filter: {stack: $s}) { nodes { id } } }", {"s": f"vm-{host}"})
    (made,) = answer["vms"]["nodes"]
    return str(made["id"])


def remove_host2(served: Service) -> Any:
    return served.graphql(REMOVE_HOST)["removeHost"]


def there(lab: LabHosts, host: str, network: str) -> tuple[bool, bool, bool]:
    """Whether the network is known to libvirt, has a bridge, and is tagged on the way out."""
    return (
        f"vg-{network}" in lab.sh(host, "virsh", "-q", "net-list", "--all", "--name").split(),
        "vgb-" in lab.sh(host, "ip", "-o", "link"),
        "tag: 400" in lab.sh(host, "ovs-vsctl", "show"),
    )


def seen(lab: LabHosts, host: str, vm: str, network: str) -> list[str]:
    """What one host has of a VM and its network."""
    return [
        lab.sh(host, "virsh", "dumpxml", vm),
        lab.sh(host, "virsh", "net-dumpxml", f"vg-{network}"),
        lab.sh(host, "ip", "-o", "link"),
        lab.sh(host, "ovs-vsctl", "show"),
    ]


def test_a_host_is_retired_and_comes_back(served: Service, lab: LabHosts, kernel: Path) -> None:
    succeed(served, apply(served, NETWORK, "nets"))
    (net,) = served.graphql('{ networks(filter: {stack: "nets"}) { nodes { id } } }')["networks"]["nodes"]
    network, pool = net["id"], pool_path(served, "host2")
    stays = make_vm(served, kernel, network, "host1")
    goes = make_vm(served, kernel, network, "host2")
    assert there(lab, "host1", network) == there(lab, "host2", network) == (True, True, True)
    before = seen(lab, "host1", stays, network)
    assert "host2 carries" in remove_host2(served)["message"]

    succeed(served, served.graphql(DELETE_VM, {"id": goes})["deleteVM"])
    assert there(lab, "host2", network) == (False, False, False)
    (found,) = served.graphql(BINDINGS)["networks"]["nodes"]
    assert found["state"] == "APPLIED"
    (binding,) = [binding for binding in found["bindings"] if binding["host"]["name"] == "host2"]
    assert (binding["state"], binding["bridge"], binding["uplink"]) == ("DELETED", None, None)

    assert remove_host2(served) == {"__typename": "RemovedHost"}
    add_host(served, lab, "host2", poolPath=pool)
    again = make_vm(served, kernel, network, "host2")
    assert domains(lab, "host2") == {f"vg-{again}"}
    assert there(lab, "host2", network) == (True, True, True)
    assert seen(lab, "host1", stays, network) == before, "the neighbour was not touched"
