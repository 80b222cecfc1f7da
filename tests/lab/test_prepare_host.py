"""playbooks/prepare_host.yml on hosts that have no systemd: everything but what a service manager does."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_commands import cut
from lab_hosts import LabHosts
from serving import ROOT

pytestmark = pytest.mark.lab

POOL = "/var/lib/libvirt/images/prepared"


ENVIRONMENT = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}


def command(lab: LabHosts, *options: str) -> list[str | Path]:
    return [
        *(Path(sys.executable).with_name("ansible-playbook"), "-i", lab.folder / "inventory.yml"),
        *("-e", f"host_pool_path={POOL}", "-e", "host_uplink=br0", *options),
        ROOT / "playbooks" / "prepare_host.yml",
    ]


def prepare(lab: LabHosts, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(lab, *options), env=ENVIRONMENT, capture_output=True, text=True, timeout=300)


def changed(done: subprocess.CompletedProcess[str]) -> list[int]:
    """Of each host, as the recap says."""
    assert done.returncode == 0, done.stdout + done.stderr
    return [int(number) for number in re.findall(r"changed=(\d+)", done.stdout)]


def test_check_mode_tells_and_then_it_is_done_once(lab: LabHosts) -> None:
    lab.sh("host1", "sed", "-i", "s/ host1$/ other/", "/etc/hosts")  # its own name does not resolve
    lab.sh("host1", "ip", "link", "set", "br0", "down")
    own = "cp -a /var/lib/dpkg /root/dpkg; mount --bind /root/dpkg /var/lib/dpkg"  # of the host: hosts share the machine's
    # What dpkg has while it works, and what a power cut leaves.
    lab.sh("host1", "sh", "-ec", f"{own}; dpkg-query --status bash >/var/lib/dpkg/updates/0000")
    predicted = prepare(lab, "--check")
    assert (
        lab.sh("host1", "sh", "-c", f"ls -d {POOL} /etc/sysctl.d/60-virtgraph.conf 2>&1 || true").count("No such") == 2
    )
    done = prepare(lab)
    assert "host1 has no systemd: libvirtd is left to what starts it there" in done.stdout
    assert changed(done) == changed(predicted) and min(changed(done)) > 0
    assert "UP" in lab.sh("host1", "ip", "link", "show", "br0").partition(">")[0]
    assert lab.sh("host1", "ls", "/var/lib/dpkg/updates") == "", "or apt would begin nothing"
    lab.sh("host1", "umount", "/var/lib/dpkg")
    assert changed(prepare(lab)) == [0, 0]
    assert changed(prepare(lab, "--limit", "host1")) == [0], "which knows host2 from before"
    assert lab.sh("host1", "stat", "-c", "%a", POOL).strip() == "711"
    assert lab.sh("host1", "getent", "hosts", "host1").split() == ["127.0.1.1", "host1"]
    migrate = ("ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes")
    assert lab.sh("host1", *migrate, f"{lab.net}.12", "hostname").strip() == "host2"
    assert lab.sh("host2", *migrate, f"{lab.net}.11", "hostname").strip() == "host1"


def test_a_run_that_was_cut_anywhere_is_finished_by_the_next(lab: LabHosts) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    lab.sh("host1", "sh", "-c", f"rm -rf {POOL} /etc/sysctl.d/60-virtgraph.conf; sed -i 's/ host1$/ other/' /etc/hosts")
    for _ in range(2):
        cut(command(lab), ENVIRONMENT, chance.uniform(1, 12))
    predicted = prepare(lab, "--check")
    assert changed(prepare(lab)) == changed(predicted)
    assert changed(prepare(lab)) == [0, 0]
    assert lab.sh("host1", "stat", "-c", "%a", POOL).strip() == "711"


def test_an_uplink_with_the_hosts_address_is_refused_before_anything_is_touched(lab: LabHosts) -> None:
    before = lab.sh("host1", "find", "/etc", "-newer", "/run/sshd.pid", "-type", "f")
    refused = prepare(lab, "-e", "host_uplink=eth0", "-e", "host_pool_path=/var/lib/libvirt/images/refused")
    assert refused.returncode != 0
    assert "host1: The uplink eth0 carries an address of the host itself" in refused.stdout + refused.stderr
    missing = prepare(lab, "-e", "host_uplink=eth7")
    assert "host1: There is no interface eth7" in missing.stdout + missing.stderr
    assert lab.sh("host1", "find", "/etc", "-newer", "/run/sshd.pid", "-type", "f") == before
    assert "refused" not in lab.sh("host1", "ls", "/var/lib/libvirt/images")
