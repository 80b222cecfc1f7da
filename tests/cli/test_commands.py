"""Documents in and answers out, by the command line against a real service whose only host is dead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from engines import free_port
from playing import HOST_KEY
from serving import Service

NETWORK = """
version: 0
spec:
  net:
    type: resource/network/vlan
    name: {name}
    subnets:
      - cidr: 10.1.0.0/24
        dhcp: {{range: 10.1.0.10-10.1.0.99}}
    parameters: {{vlan_id: {vlan}}}
"""
VM = """
  web:
    type: resource/vm/kvm
    vcpus: 2
    memory: 1gb
    dependencies:
      - object: {type: resource/volume/file, name: disk, size: 1gb}
        property: {r: n0stack/n0core/vm/attachments}
"""


@pytest.fixture
def stack(service: Service, request: pytest.FixtureRequest) -> Iterator[str]:
    """A stack of the test's own, removed after it."""
    name = re.sub(r"\W", "-", request.node.name)
    yield name
    service.virtgraph("delete", "stack", name)


def test_apply_prints_the_completed_document(service: Service, stack: str) -> None:
    document = NETWORK.format(name="applied", vlan=201)
    applied = service.virtgraph("apply", "-", "--stack", stack, "-o", "yaml", input=document)
    assert applied.returncode == 0, applied.stderr
    completed = yaml.safe_load(applied.stdout)
    assert completed["spec"]["net"]["id"]
    again = service.virtgraph("apply", "-", "--stack", stack, "-o", "json", input=applied.stdout)
    assert json.loads(again.stdout)["spec"]["net"]["id"] == completed["spec"]["net"]["id"]


def test_apply_twice_has_nothing_to_do(service: Service, stack: str, tmp_path: Path) -> None:
    file = tmp_path / "document.yaml"
    file.write_text(NETWORK.format(name="twice", vlan=202))
    service.virtgraph("apply", str(file), "--stack", stack)
    again = service.virtgraph("apply", str(file), "--stack", stack, "--wait")
    assert again.returncode == 0
    assert f"of stack {stack}: nothing to do." in again.stdout


def test_left_out_is_told_and_pruned(service: Service, stack: str) -> None:
    document = NETWORK.format(name="kept", vlan=203)
    more = document + NETWORK.format(name="gone", vlan=204).split("spec:\n")[1].replace("net:", "other:", 1)
    service.virtgraph("apply", "-", "--stack", stack, input=more)
    told = service.virtgraph("apply", "-", "--stack", stack, input=document)
    assert "Network gone" in told.stdout
    assert {row["name"] for row in listed(service, "networks", stack)} == {"kept", "gone"}
    service.virtgraph("apply", "-", "--stack", stack, "--prune", input=document)
    assert {row["name"] for row in listed(service, "networks", stack)} == {"kept"}


def test_invalid_is_told_by_its_path(service: Service, stack: str) -> None:
    refused = service.virtgraph("apply", "-", "--stack", stack, input=NETWORK.format(name="bad", vlan=5000))
    assert "spec.net.parameters.vlan_id: " in refused.stderr
    assert refused.returncode == 2


def test_no_host_is_told_by_host(service: Service, dead_host: str, stack: str) -> None:
    refused = service.virtgraph("apply", "-", "--stack", stack, input=f"version: 0\nspec:{VM}")
    assert "NoHost" in refused.stderr
    assert f"  {dead_host}: " in refused.stderr
    assert refused.returncode == 2


def test_a_file_that_cannot_be_read(service: Service, tmp_path: Path) -> None:
    got = service.virtgraph("apply", str(tmp_path / "none.yaml"))
    assert "No such file" in got.stderr
    assert got.returncode == 2
    (tmp_path / "latin.yaml").write_bytes(b"\xff")
    assert "is not UTF-8" in service.virtgraph("apply", str(tmp_path / "latin.yaml")).stderr


def test_get_in_every_format(service: Service, stack: str) -> None:
    service.virtgraph("apply", "-", "--stack", stack, input=NETWORK.format(name="shown", vlan=205))
    table = service.virtgraph("get", "Networks", "--stack", stack).stdout.splitlines()
    assert table[0].split() == ["NAME", "STACK", "STATE", "TYPE", "VLAN", "SUBNETS"]
    assert table[1].split() == ["shown", stack, "VIRTUAL", "VLAN", "205", "10.1.0.0/24"]
    one = json.loads(service.virtgraph("get", "network", "shown", "-o", "json").stdout)
    assert yaml.safe_load(service.virtgraph("get", "network", one["id"], "-o", "yaml").stdout) == one
    assert json.loads(service.virtgraph("get", "stacks", "-o", "json").stdout)


@pytest.mark.parametrize("kind", ["vm", "nic", "volume", "network", "host", "pool", "stack", "operation", "run"])
def test_every_kind_can_be_got(service: Service, dead_host: str, kind: str) -> None:
    assert service.virtgraph("get", kind).returncode == 0
    assert isinstance(json.loads(service.virtgraph("get", f"{kind}s", "-o", "json").stdout), list)
    missing = service.virtgraph("get", kind, "0db4ee85-72ba-4b42-bd8b-7f0e0f9bd3ee")
    assert f"There is no {kind} 0db4ee85" in missing.stderr
    assert missing.returncode == 1


def test_a_name_in_two_stacks_is_asked_back(service: Service, stack: str) -> None:
    for name, vlan in ((stack, 206), (f"{stack}-too", 207)):
        service.virtgraph("apply", "-", "--stack", name, input=NETWORK.format(name="both", vlan=vlan))
    got = service.virtgraph("get", "network", "both")
    assert "--stack" in got.stderr
    assert got.returncode == 2
    assert service.virtgraph("delete", "network", "both", "--stack", f"{stack}-too").returncode == 0
    assert service.virtgraph("get", "network", "both").returncode == 0


def test_get_pages_through_all(service: Service, stack: str) -> None:
    networks = "".join(
        f"  n{n}: {{type: resource/network/vlan, name: many-{n}, parameters: {{vlan_id: {n + 1000}}}}}\n"
        for n in range(520)
    )
    applied = service.virtgraph("apply", "-", "--stack", stack, input=f"version: 0\nspec:\n{networks}")
    assert applied.returncode == 0, applied.stderr
    assert len(listed(service, "networks", stack)) == 520


def test_what_cannot_be_meant(service: Service) -> None:
    assert service.virtgraph("get", "volumen").returncode == 2
    assert "in no stack" in service.virtgraph("get", "hosts", "--stack", "x").stderr
    assert service.virtgraph("delete", "host", "x").returncode == 2
    assert service.virtgraph("delete", "network", "x", "--volumes").returncode == 2
    assert service.virtgraph("get", "vms", "-o", "xml").returncode == 2
    assert service.virtgraph("cancel", "0db4ee85-72ba-4b42-bd8b-7f0e0f9bd3ee").returncode == 2


def test_hosts_are_added_listed_and_removed(service: Service, dead_host: str) -> None:
    host = json.loads(service.virtgraph("get", "host", dead_host, "-o", "json").stdout)
    assert sorted(host["labels"]) == ["fast=no", "rack=1"]
    assert dead_host in service.virtgraph("host", "ls").stdout
    assert service.virtgraph("host", "rm", "unknown").returncode == 2
    bad = service.virtgraph("host", "add", "bad", "--address", "127.0.0.1", "--port", "1", "--slots", "99")
    assert "slots: must be from 1 to 32, not 99" in bad.stderr
    assert bad.returncode == 2


def test_a_host_is_forgotten(service: Service) -> None:
    way = ("--address", "127.0.0.1", "--port", str(free_port()), "--host-key", HOST_KEY)
    assert "Host leaving (" in service.virtgraph("host", "add", "leaving", *way).stdout
    assert "leaving" in service.virtgraph("host", "ls").stdout
    removed = service.virtgraph("host", "rm", "leaving")
    assert removed.returncode == 0, removed.stderr
    assert removed.stdout.startswith("Host leaving is removed")
    assert "leaving" not in service.virtgraph("host", "ls").stdout
    again = service.virtgraph("host", "rm", "leaving")
    assert "leaving" in again.stderr
    assert again.returncode == 2


def test_events_are_numbered_and_kept(service: Service, dead_host: str) -> None:
    lines = service.virtgraph("events", "-o", "json").stdout.splitlines()
    numbers = [json.loads(line)["number"] for line in lines]
    assert numbers == list(range(1, len(numbers) + 1))
    assert service.virtgraph("events", "--after", str(numbers[-2])).stdout.split()[0] == str(numbers[-1])


def test_tree_of_a_stack(service: Service, stack: str) -> None:
    service.virtgraph("apply", "-", "--stack", stack, input=NETWORK.format(name="grown", vlan=208))
    drawn = service.virtgraph("tree", stack).stdout
    assert f"stack {stack}" in drawn
    assert "└─ network grown" in drawn
    assert service.virtgraph("tree", "unknown").returncode == 1


def test_doctor_looks_at_token_and_service(service: Service, tmp_path: Path) -> None:
    looked = service.virtgraph("doctor")
    assert re.search(r"^service +ok", looked.stdout, re.MULTILINE)
    assert re.search(r"^token +ok", looked.stdout, re.MULTILINE)
    ill = service.virtgraph("doctor", VIRTGRAPH_HOME=str(tmp_path), VIRTGRAPH_URL="http://127.0.0.1:1/graphql")
    assert ill.returncode == 1
    assert "Needed and missing: token, service." in ill.stderr
    assert "virtgraph serve" in ill.stdout


def test_doctor_misses_a_program(service: Service, tmp_path: Path) -> None:
    """Daemons are looked for in /usr/sbin too; ssh is nowhere but in this PATH."""
    (tmp_path / "qemu-img").write_text("#!/bin/sh\n")
    (tmp_path / "qemu-img").chmod(0o755)
    bare = service.virtgraph("doctor", PATH=str(tmp_path))
    assert bare.returncode == 1
    assert re.search(r"^ssh +missing *$", bare.stdout, re.MULTILINE)
    assert "ssh: ssh is not installed: hosts are reached by it.\n  apt-get install openssh-client\n" in bare.stdout
    assert re.search(r"^qemu-img +ok *$", bare.stdout, re.MULTILINE)
    assert re.search(r"^virsh +could be better *$", bare.stdout, re.MULTILINE), "a service of other hosts does without"
    assert "  apt-get install libvirt-clients\n" in bare.stdout
    [told] = bare.stderr.splitlines()
    assert told.startswith("Needed and missing: ssh, ssh-keyscan")
    assert "qemu-img" not in told and "virsh" not in told


def listed(service: Service, kind: str, stack: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(service.virtgraph("get", kind, "--stack", stack, "-o", "json").stdout)
    return rows
