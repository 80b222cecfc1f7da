"""What tests on lab hosts ask of a service, and what they see on the hosts."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from lab_hosts import LabHosts
from serving import Service

ADD_HOST = """
mutation ($input: AddHostInput!) {
  addHost(input: $input) {
    __typename
    ... on AddedHost { host { id name state error uplinkDriver } }
    ... on Invalid { problems { path reason } }
    ... on Conflict { message }
  }
}
"""
SEED_HOST = "85cf3a3a-18e4-4fe2-b406-9e79079cae07"


def add_host(served: Service, lab: LabHosts, name: str, **more: Any) -> Any:
    access = lab.access(name)
    given = {
        "name": name,
        "address": access.address,
        "keyFile": access.key_file,
        "hostKey": access.host_key,
        "uplinkInterface": "br0",
        "memory": "64gb",
        "disk": "200gb",
        **more,
    }
    added = served.graphql(ADD_HOST, {"input": given})["addHost"]
    assert added["__typename"] == "AddedHost", added
    assert added["host"]["state"] == "READY", added
    return added["host"]


def apply(served: Service, document: str, stack: str = "default", **more: Any) -> Any:
    """What `applySpec` answers, whichever member of its union."""
    return served.graphql(APPLY, {"document": document, "stack": stack, **more})["applySpec"]


def remove_stack(served: Service, stack: str) -> Any:
    return served.graphql(REMOVE, {"stack": stack})["removeStack"]


def clear(served: Service, lab: LabHosts, *stacks: str) -> None:
    """Remove them, once nothing is under way that refuses it; no domain is left on a host."""
    for stack in stacks:
        while (removed := remove_stack(served, stack))["__typename"] == "Conflict":
            time.sleep(0.2)
        if removed["__typename"] != "NotFound":
            succeed(served, removed)
    for host in ("host1", "host2"):
        assert domains(lab, host, "--all") == set()


def settle(served: Service, answer: Any, seconds: float = 120) -> list[Any]:
    """The operations of an answer, once none of them is open any more."""
    assert "operations" in answer, answer
    until = time.monotonic() + seconds
    while True:
        found = [served.graphql(OPERATION, {"id": o["id"]})["operation"] for o in answer["operations"]]
        if all(o["state"] not in ("PENDING", "RUNNING") for o in found):
            return found
        assert time.monotonic() < until, f"still open after {seconds} s: {found}"
        time.sleep(0.2)


def succeed(served: Service, answer: Any, seconds: float = 120) -> None:
    for operation in settle(served, answer, seconds):
        assert operation["state"] == "SUCCEEDED", operation


APPLY = """
mutation ($document: String!, $stack: String!, $prune: Boolean! = false, $key: String) {
  applySpec(document: $document, stack: $stack, prune: $prune, idempotencyKey: $key) {
    __typename
    ... on Applied {
      revision { number createdAt } document leftOut { id kind name }
      operations { id kind state waitingFor { resource fact } }
    }
    ... on Invalid { problems { path reason } }
    ... on Conflict { message state task neededStates }
    ... on NoHost { hosts { name reason } }
  }
}
"""
REMOVE = """
mutation ($stack: String!) {
  removeStack(stack: $stack) { __typename ... on Changed { operations { id } } ... on Conflict { message state } }
}
"""
OPERATION = """
query ($id: ID!) { operation(id: $id) { id kind action state attempt error cure waitingFor { resource fact } } }
"""


def vm(name: str, kernel: Path, network: str = "variable: net", volume: str = "") -> str:
    """Of a document's spec: a VM that halts at once, with a NIC in the network and such a volume, if any."""
    disk = f"- object: {{type: resource/volume/file, {volume}}}\n        property: {{r: n0stack/n0core/vm/attachments}}"
    return f"""
  {name}:
    type: resource/vm/kvm
    memory: 16mb
    kernel: {kernel}
    dependencies:
      - object:
          type: resource/nic
          relations: [{{object: {{{network}}}, property: {{r: n0stack/n0core/port/network}}}}]
        property: {{r: n0stack/n0core/vm/attachments}}
      {disk if volume else ""}
"""


def empty(name: str) -> str:
    """What makes a volume an empty one of this name."""
    return f"name: {name}, size: 10mb"


def halting(kernel: Path, count: int, host: str | None = None) -> str:
    """A document of so many VMs that halt at once, each with an address in VLAN 200 and an empty volume."""
    annotations = f"annotations: {{n0stack/scheduling/host_id: {host}}}" if host else ""
    vms = "".join(vm(f"vm{n}", kernel, volume=empty(f"disk{n}")) for n in range(count))
    return f"""
version: 0
{annotations}
spec:
  net:
    type: resource/network/vlan
    parameters: {{vlan_id: 200}}
    subnets: [{{cidr: 10.20.0.0/24, dhcp: {{range: 10.20.0.10-10.20.0.200}}}}]
{vms}
"""


def source(file: Path) -> str:
    """The field of a volume that is a copy of this file."""
    with file.open("rb") as opened:
        return f"source: {{file: {file}, sha256: {hashlib.file_digest(opened, 'sha256').hexdigest()}}}"


def qcow2(file: Path, size: int) -> Path:
    """Make it, of so many bytes. A disk of 10 MB to its guest."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", file, "10M"], check=True)
    os.truncate(file, size)
    return file


def copies(lab: LabHosts, host: str) -> list[str]:
    """What is on its way to a host, or was left half-way."""
    places = "/root /var/lib/libvirt/images -type f '(' -path '*/ansible-tmp-*' -o -name '*.part' ')'"
    return lab.sh(host, "sh", "-c", f"find {places} || true").split()  # some go while it looks


def at_work(lab: LabHosts, host: str) -> dict[int, str]:
    """What of Ansible runs on a host, by process number there. Modules come in by a pipe and have no name."""
    processes = (line.split(None, 1) for line in lab.sh(host, "ps", "-ww", "-eo", "pid=,args=").splitlines())
    ours = ("/usr/bin/python3", "/bin/sh -c /usr/bin/python3", "sshd: root@internal-sftp")
    return {int(pid): command for pid, command in processes if command.startswith(ours)}


MADE = """
query ($stack: String!) {
  vms(first: 100, filter: {stack: $stack}) { nodes { id state bindings { state host { name } } } }
  volumes(first: 100, filter: {stack: $stack}) { nodes { id state bindings { state host { name } } } }
  networks(first: 100, filter: {stack: $stack}) { nodes { id state bindings { state host { name } } } }
}
"""


def hosts_equal_graph(served: Service, lab: LabHosts, stack: str, vms: int) -> None:
    """So many VMs run, each host has exactly what the graph says of it, and nothing is under way. No other stack is there."""
    made = {kind: found["nodes"] for kind, found in served.graphql(MADE, {"stack": stack}).items()}
    assert [vm["state"] for vm in made["vms"]] == ["RUNNING"] * vms
    for host in ("host1", "host2"):
        here = {
            kind: {
                resource["id"]
                for resource in resources
                for binding in resource["bindings"]
                if binding["host"]["name"] == host and binding["state"] != "DELETED"
            }
            for kind, resources in made.items()
        }
        assert domains(lab, host) == domains(lab, host, "--all") == {f"vg-{id}" for id in here["vms"]}
        networks = lab.sh(host, "virsh", "-q", "net-list", "--name").split()
        assert sorted(networks) == sorted(f"vg-{id}" for id in here["networks"])
        files = lab.sh(host, "sh", "-c", f"ls -A {pool_path(served, host)} 2>/dev/null || true").split()
        assert {file for file in files if not file.startswith("base-")} == {f"{id}.qcow2" for id in here["volumes"]}
        assert at_work(lab, host) == {}


def domains(lab: LabHosts, host: str, *options: str) -> set[str]:
    """Names of the domains that are there; running ones unless `--all` is given."""
    return set(lab.sh(host, "virsh", "-q", "list", "--name", *options).split())


def pool_path(served: Service, host: str) -> str:
    (pool,) = served.graphql("query ($host: String!) { host(name: $host) { pools { path } } }", {"host": host})["host"][
        "pools"
    ]
    return str(pool["path"])
