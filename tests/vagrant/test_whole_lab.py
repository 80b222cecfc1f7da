"""`vagrant up` in earnest, on a libvirtd of its own: whole machines, provisioned by our playbooks (docs/lab.md).

That libvirtd is a lab host's: it has its own networks and folders, and goes as a whole.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_hosts import LabHosts, lab_hosts
from serving import ROOT

pytestmark = pytest.mark.vagrant

HOURS = 3600
FOLDER = Path(os.environ.get("LAB_DIR", "/var/tmp/virtgraph-vagrant"))
Vagrant = Callable[..., str]


@pytest.fixture(scope="module")
def machine() -> Iterator[LabHosts]:
    prefix, net = os.environ.get("LAB_PFX", "vgv"), os.environ.get("LAB_NET", "10.99.60")
    with lab_hosts(FOLDER, prefix, net, count=1) as lab:
        yield lab


@pytest.fixture(scope="module")
def vagrant(machine: LabHosts) -> Vagrant:
    """What the command prints, which must succeed."""

    def run(*arguments: str) -> str:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        own = (f"PATH={path}", f"VAGRANT_HOME={FOLDER}/vagrant", f"VAGRANT_DOTFILE_PATH={FOLDER}/dot")
        pid = (FOLDER / "host1" / "pid").read_text().strip()
        inside = ("nsenter", "--target", pid, "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd=/")
        done = subprocess.run(
            [*inside, "env", "-C", str(ROOT), *own, "vagrant", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=2 * HOURS,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-8000:]
        return done.stdout

    return run


@pytest.fixture(scope="module")
def said(vagrant: Vagrant) -> str:
    """By `vagrant up`, from our own box."""
    box = FOLDER / "virtgraph-lab.box"
    subprocess.run([ROOT / "scripts" / "build-box", box], check=True, timeout=HOURS)
    vagrant("box", "add", "--name", "virtgraph-lab", str(box))
    return vagrant("up")


def recap(said: str) -> dict[str, dict[str, int]]:
    """Counts of each machine, as Ansible ends with them."""
    lines = re.findall(r"^(\w+) +: (ok=\d+ .*)$", said.rpartition("PLAY RECAP")[2], re.MULTILINE)
    return {name: {word: int(n) for word, n in re.findall(r"(\w+)=(\d+)", counts)} for name, counts in lines}


def asked(vagrant: Vagrant, machine: str, command: str) -> str:
    return vagrant("ssh", machine, "--no-tty", "-c", f"sudo {command}")


def test_up_ends_with_a_guest_that_answers(said: str, vagrant: Vagrant) -> None:
    counts = recap(said)
    assert counts.keys() == {"controller", "host1", "host2"}
    assert not any(one["failed"] or one["unreachable"] for one in counts.values())
    [vm] = json.loads(asked(vagrant, "controller", "virtgraph get vm -o json"))
    assert (vm["name"], vm["state"]) == ("hello", "RUNNING")
    assert f"<p>{vm['id']}</p>" in said and "10.77.0.10/24" in said, "its page"


def test_hosts_carry_vlans_and_accelerate(said: str, vagrant: Vagrant) -> None:
    hosts = json.loads(asked(vagrant, "controller", "virtgraph get host -o json"))
    seen: list[Any] = [(host["name"], host["state"], host["uplinkDriver"], host["acceleration"]) for host in hosts]
    assert seen == [("host1", "READY", "8021q", "kvm"), ("host2", "READY", "8021q", "kvm")]
    assert [host["warnings"] for host in hosts] == [[], []]
    [home] = {vm["host"]["name"] for vm in json.loads(asked(vagrant, "controller", "virtgraph get vm -o json"))}
    assert "vlan protocol 802.1Q id 110" in asked(vagrant, home, "ip -details link show type vlan")


def changed(said: str) -> dict[str, int]:
    return {name: counts["changed"] for name, counts in recap(said).items()}


def test_provisioned_again_nothing_changes_but_what_a_cut_run_left(said: str, vagrant: Vagrant) -> None:
    """It was cut between the settings and the restart of what reads them."""
    asked(vagrant, "controller", "touch /etc/virtgraph/config.toml")
    started = asked(vagrant, "controller", "systemctl show virtgraph --property=MainPID")
    assert changed(vagrant("provision")) == {"controller": 1, "host1": 0, "host2": 0}
    assert asked(vagrant, "controller", "systemctl show virtgraph --property=MainPID") != started
    assert changed(vagrant("provision")) == {"controller": 0, "host1": 0, "host2": 0}


def test_destroy_leaves_nothing(said: str, vagrant: Vagrant, machine: LabHosts) -> None:
    vagrant("destroy", "--force")
    for listing in ("list", "net-list", "pool-list"):
        assert machine.sh("host1", "virsh", "-q", listing, "--all").strip() == ""
    assert machine.sh("host1", "find", "/var/lib/libvirt/images", "-mindepth", "1") == ""
    assert [*FOLDER.glob("dot/machines/*/libvirt/id")] == []
