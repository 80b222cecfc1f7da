"""What goes wrong on hosts: a sentence that names resource, host and cure; cured and applied again, it completes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from engines import ON_ONE_GRAPH
from follow import events, wait_for
from lab_hosts import LabHosts
from labs import add_host, apply, clear, copies, domains, pool_path, qcow2, settle, source, succeed, vm
from serving import Service

pytestmark = ON_ONE_GRAPH

ERRORS = "query ($id: ID!) { operation(id: $id) { kind state error cure waitingFor { kind name host fact error } } }"


@pytest.fixture(autouse=True)
def clean(served: Service, lab: LabHosts) -> Iterator[None]:
    yield
    clear(served, lab, "other", "faults")


def vm_on(host: str, kernel: Path, network: str = "variable: net", volume: str = "") -> str:
    """A document."""
    annotations = f"annotations: {{n0stack/scheduling/host_id: {host}}}"
    return f"version: 0\n{annotations}\nspec:\n{vm(f'vm-on-{host}', kernel, network, volume)}"


NETWORK = """
  net:
    type: resource/network/vlan
    parameters: {vlan_id: 300}
    subnets: [{cidr: 10.30.0.0/24, dhcp: {range: 10.30.0.10-10.30.0.99}}]
"""


def operation(served: Service, applied: Any, kind: str) -> Any:
    (id,) = [o["id"] for o in applied["operations"] if o["kind"] == kind]
    return served.graphql(ERRORS, {"id": id})["operation"]


def test_a_vm_waits_for_its_networks_host_and_finishes_when_it_is_back(
    served: Service, lab: LabHosts, kernel: Path
) -> None:
    first = apply(served, vm_on("host1", kernel) + NETWORK, "faults")
    succeed(served, first)
    (network,) = served.graphql('{ networks(filter: {stack: "faults"}) { nodes { id } } }')["networks"]["nodes"]
    lab.stop("host1")
    try:
        second = apply(served, vm_on("host2", kernel, f"id: {network['id']}"), "other")
        wait_for(lambda: operation(served, second, "NIC")["error"] is not None)
        waits = operation(served, second, "VM")
        assert waits["state"] == "PENDING"
        (needed,) = [w for w in waits["waitingFor"] if w["kind"] == "NIC"]
        assert (needed["host"], needed["fact"]) == ("host1", "address")
        assert "host1" in needed["error"]
        assert "does not answer" in needed["error"]
        assert "Check that it is up" in needed["error"]
    finally:
        lab.start("host1")
    succeed(served, second)
    assert reservations(lab) == 2, "the server that started anew knows the first VM's address too"
    while not (again := apply(served, vm_on("host1", kernel) + NETWORK, "faults"))["operations"]:
        time.sleep(0.2)
    succeed(served, again)
    assert len(domains(lab, "host1", "--all")) == 1


def reservations(lab: LabHosts) -> int:
    """How many addresses host1's DHCP servers hand out."""
    return int(lab.sh("host1", "sh", "-c", "cat /run/virtgraph-dhcp/*/*/hosts/* | wc -l"))


def stop_libvirtd(lab: LabHosts, host: str) -> None:
    pid = lab.sh(host, "cat", "/run/libvirtd.pid").strip()
    lab.sh(host, "sh", "-c", f"kill {pid}; while kill -0 {pid} 2>/dev/null; do sleep 0.05; done")


def test_libvirtd_stopped(served: Service, lab: LabHosts, kernel: Path) -> None:
    stop_libvirtd(lab, "host2")
    try:
        applied = apply(served, vm_on("host2", kernel) + NETWORK, "faults")
        settled = settle(served, applied)
        assert {o["state"] for o in settled} <= {"FAILED", "SKIPPED"}, settled
        said = [e["message"] for e in events(served) if (e["type"], e["kind"]) == ("FAILED", "Network")][-1]
        assert said.startswith("Failed to realize Network net on host2: libvirtd on host2")
        assert "Start it there" in said
    finally:
        lab.sh("host2", "libvirtd", "-d")
    succeed(served, apply(served, vm_on("host2", kernel) + NETWORK, "faults"))


@pytest.mark.parametrize(
    ("room", "size"),
    [
        pytest.param("128k", None, id="for an empty volume"),
        pytest.param("2m", 3 << 20, id="for a source"),
        pytest.param("2m", 1_950_000, id="beside a source"),
    ],
)
def test_no_room(served: Service, lab: LabHosts, kernel: Path, tmp_path: Path, room: str, size: int | None) -> None:
    pool = pool_path(served, "host2")
    lab.sh("host2", "mkdir", "-p", pool)
    lab.sh("host2", "mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", pool)
    made_of = source(qcow2(tmp_path / "source.qcow2", size)) if size else "size: 10gb"
    document = vm_on("host2", kernel, volume=f"name: too-big, {made_of}") + NETWORK
    try:
        by_kind = {o["kind"]: o for o in settle(served, apply(served, document, "faults"))}
        assert (by_kind["Volume"]["state"], by_kind["VM"]["state"]) == ("FAILED", "SKIPPED"), by_kind
        error = by_kind["Volume"]["error"]
        assert error.startswith("Volume too-big (") and f"does not fit into pool {pool} on host2" in error
        assert "Free some space there" in by_kind["Volume"]["cure"]
        assert by_kind["VM"]["error"] == f"Volume too-big on host2 is needed first: {error}"
        assert by_kind["Network"]["state"] == by_kind["NIC"]["state"] == "SUCCEEDED", (
            "a neighbour's failure is no one else's"
        )
        left = lab.sh("host2", "ls", "-A", pool).split()
        assert all(name.startswith("base-") for name in left), "half a volume is none; a whole base serves the next"
        assert copies(lab, "host2") == []
    finally:
        lab.sh("host2", "umount", pool)
    succeed(served, apply(served, document, "faults"))


@contextmanager
def off(lab: LabHosts, host: str) -> Iterator[Path]:
    """Its disk, while it is powered off."""
    lab.stop(host)
    yield lab.folder / host / "disk"
    lab.start(host)


def refused(served: Service, applied: Any, words: str) -> None:
    """Nothing was done, and each operation says why."""
    for done in settle(served, applied):
        assert done["state"] in ("FAILED", "SKIPPED"), done
        assert words in done["error"], done


def without_comment(key: str) -> str:
    return " ".join(key.split()[:2])


def test_a_changed_host_key_is_said_and_nothing_is_done(served: Service, lab: LabHosts, kernel: Path) -> None:
    document = vm_on("host2", kernel) + NETWORK
    with off(lab, "host2") as disk:
        key = disk / "etc/ssh/ssh_host_ed25519_key"
        right, public = key.read_bytes(), key.with_suffix(".pub").read_text()
        key.unlink()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        new = key.with_suffix(".pub").read_text()
        assert new != public
    try:
        refused(served, apply(served, document, "faults"), "does not show the ssh host key that was recorded")
        assert domains(lab, "host2", "--all") == set()
        with pytest.raises(AssertionError, match="does not show the ssh host key that was recorded"):
            add_host(served, lab, "host2", hostKey=without_comment(public))
        add_host(served, lab, "host2", hostKey=without_comment(new))
        succeed(served, apply(served, document, "faults"))
    finally:
        with off(lab, "host2"):
            key.write_bytes(right)
            key.with_suffix(".pub").write_text(public)
        add_host(served, lab, "host2", hostKey=without_comment(public))


def test_a_wrong_key_is_denied(served: Service, lab: LabHosts, kernel: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", wrong], check=True)
    with pytest.raises(AssertionError, match="does not let root in"):
        add_host(served, lab, "host2", keyFile=str(wrong))
    add_host(served, lab, "host2")
    document = vm_on("host2", kernel) + NETWORK
    with off(lab, "host2") as disk:
        allowed = disk / "root/.ssh/authorized_keys"
        kept = allowed.read_text()
        allowed.write_text("")
    try:
        refused(served, apply(served, document, "faults"), "does not let root in")
    finally:
        with off(lab, "host2"):
            allowed.write_text(kept)
    succeed(served, apply(served, document, "faults"))
