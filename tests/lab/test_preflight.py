"""What is wrong with a host: addHost refuses it or warns, and `virtgraph doctor --host` tells with the same words."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engines import ON_ONE_GRAPH
from lab_hosts import LabHosts
from labs import SEED_HOST
from serving import Service

pytestmark = pytest.mark.lab

ADD = """
mutation ($input: AddHostInput!) {
  addHost(input: $input) { ... on AddedHost { host { id state error warnings machineId } } }
}
"""
NAMELESS = "Its own name host2 does not resolve"


@pytest.fixture
def nameless(lab: LabHosts) -> Iterator[None]:
    """host2 without its name in /etc/hosts."""
    lab.sh("host2", "cp", "/etc/hosts", "/root/hosts")
    lab.sh("host2", "sh", "-c", "echo 127.0.0.1 localhost >/etc/hosts")
    yield
    lab.sh("host2", "sh", "-c", "cat /root/hosts >/etc/hosts")


def add(served: Service, lab: LabHosts, name: str, of: str, **more: Any) -> Any:
    way = lab.access(of)
    input = {"name": name, "address": way.address, "keyFile": way.key_file, "hostKey": way.host_key, **more}
    return served.graphql(ADD, {"input": input})["addHost"]["host"]


@pytest.mark.usefixtures("nameless")
@ON_ONE_GRAPH
def test_a_host_with_warnings_is_added_and_doctor_says_the_same(served: Service, lab: LabHosts) -> None:
    pool = {"poolPath": served.graphql('{ host(name: "host2") { pools { path } } }')["host"]["pools"][0]["path"]}
    added = add(served, lab, "host2", "host2", uplinkInterface="eth7", **pool)
    assert (added["state"], added["error"]) == ("READY", None)
    assert added["machineId"] == lab.sh("host2", "cat", "/etc/machine-id").strip()
    [uplink] = [warning for warning in added["warnings"] if "eth7" in warning]
    assert uplink.startswith("There is no interface eth7") and "Cure: Name the interface" in uplink
    assert any(NAMELESS in warning for warning in added["warnings"])
    told = served.virtgraph("doctor", "--host", "host2")
    assert told.returncode == 0, told.stderr
    assert re.search(r"^reachability +ok", told.stdout, re.MULTILINE)
    assert re.search(r"^own name +could be better", told.stdout, re.MULTILINE)
    assert f"{NAMELESS}: libvirt waits 5 to 10 s for it at each start.\n  echo 127.0.1.1 host2" in told.stdout
    well = add(served, lab, "host2", "host2", uplinkInterface="br0", **pool)
    assert not any("eth7" in warning for warning in well["warnings"]), "those of the last probe only"


@ON_ONE_GRAPH
def test_a_host_that_would_harm_is_refused(served: Service, lab: LabHosts) -> None:
    twin = add(served, lab, "again", "host1")
    assert twin["state"] == "FAILED"
    assert "is the same libvirt host as host1 (host UUID " in twin["error"]
    assert "Cure: Remove one of the two" in twin["error"]
    served.virtgraph("host", "rm", "again")
    told = served.virtgraph("doctor", "--host", SEED_HOST, "--uplink-interface", "eth0")
    assert told.returncode == 1
    assert "The uplink eth0 carries an address of the host itself" in told.stdout
    assert "Host host1 cannot be used for its: uplink." in told.stderr


def test_doctor_looks_at_a_machine_that_no_service_knows(lab: LabHosts, tmp_path: Path) -> None:
    service = Service(tmp_path / "home")  # never started
    address, key = lab.access("host1").address, lab.access("host1").key_file
    told = service.virtgraph("doctor", "--host", str(address), "--key-file", str(key))
    assert told.returncode == 0, told.stdout + told.stderr
    assert "It is compared with no other host." in told.stderr
    assert re.search(r"^libvirt +ok", told.stdout, re.MULTILINE)


def test_doctor_says_why_a_host_cannot_be_reached(lab: LabHosts, tmp_path: Path) -> None:
    service = Service(tmp_path / "home")
    address = str(lab.access("host1").address)
    closed = service.virtgraph("doctor", "--host", address, "--port", "1")
    assert closed.returncode == 1
    assert (
        f"({address}:1) shows no ssh host key: start sshd there and check address, port and firewall" in closed.stdout
    )
    stranger = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
    denied = service.virtgraph("doctor", "--host", address, "--key-file", str(stranger))
    assert f"does not let root in with the key {stranger}. Put its public half into" in denied.stdout
    other = (tmp_path / "key.pub").read_text().rsplit(" ", 1)[0]
    changed = service.virtgraph("doctor", "--host", address, "--key-file", str(stranger), "--host-key", other)
    assert "does not show the ssh host key that was recorded" in changed.stdout
