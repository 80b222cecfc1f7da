"""A service on a libvirt host that manages this host itself, without ssh."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from follow import wait_for
from lab_hosts import LabHosts
from labs import domains
from serving import COMMAND, ROOT

pytestmark = pytest.mark.lab

Virtgraph = Callable[..., str]
POOL = "/var/lib/libvirt/images/local"
DOCUMENT = """
version: 0
spec:
  net:
    type: resource/network/flat
    subnets: [{{cidr: 10.20.0.0/24, dhcp: {{range: 10.20.0.10-10.20.0.200}}}}]
  vm:
    type: resource/vm/kvm
    memory: 16mb
    kernel: {kernel}
    dependencies:
      - object:
          type: resource/nic
          relations: [{{object: {{variable: net}}, property: {{r: n0stack/n0core/port/network}}}}]
        property: {{r: n0stack/n0core/vm/attachments}}
      - object: {{type: resource/volume/file, name: disk, size: 10mb}}
        property: {{r: n0stack/n0core/vm/attachments}}
"""


@pytest.fixture(scope="module")
def home(lab: LabHosts) -> Iterator[Path]:
    """The host sees it too, and this checkout where it is here."""
    folder = lab.folder / "local"
    folder.mkdir()
    lab.sh("host1", "mkdir", "-p", str(ROOT))
    lab.sh("host1", "mount", "--bind", str(lab.folder / "host1" / "checkout"), str(ROOT))
    yield folder
    lab.sh("host1", "umount", "--lazy", str(ROOT))  # what runs there may not be over yet


@pytest.fixture(scope="module")
def virtgraph(lab: LabHosts, home: Path) -> Iterator[Virtgraph]:
    """The CLI on host1, beside a service there; raises CalledProcessError when a command fails."""
    own = [f"VIRTGRAPH_HOME={home / 'home'}", f"PYTHONPATH={ROOT / 'graph'}:{ROOT / 'graphql'}"]
    command = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", *own, *COMMAND)

    def run(*arguments: str) -> str:
        try:
            return lab.sh("host1", *command, *arguments)
        except subprocess.CalledProcessError as error:
            sys.stderr.write(error.stdout + error.stderr)  # pytest shows it
            raise

    log = home / "serve.log"
    in_background = f'"$@" serve </dev/null >{log} 2>&1 & echo $!'
    pid = lab.sh("host1", "sh", "-c", in_background, "sh", *command).strip()
    try:
        wait_for(lambda: '"event": "ready"' in log.read_text(), 180)
        yield run
    finally:
        lab.sh("host1", "sh", "-c", f"kill {pid}; while kill -0 {pid}; do sleep 0.1; done 2>/dev/null")


def get(virtgraph: Virtgraph, *what: str) -> Any:
    return json.loads(virtgraph("get", *what, "-o", "json"))


def test_a_service_manages_its_own_machine(virtgraph: Virtgraph, lab: LabHosts, home: Path, kernel: Path) -> None:
    virtgraph("host", "add", "here", "--local", "--pool-path", POOL)
    wait_for(lambda: get(virtgraph, "host", "here")["state"] == "READY")
    host = get(virtgraph, "host", "here")
    assert (host["local"], host["address"]) == (True, None)
    assert host["cpus"] == int(lab.sh("host1", "nproc", "--all"))
    assert host["memory"] > 1 << 28
    assert host["libvirtVersion"] in lab.sh("host1", "virsh", "version")

    (home / "one.yaml").write_text(DOCUMENT.format(kernel=kernel))
    virtgraph("apply", str(home / "one.yaml"), "--stack", "one", "--wait")
    vm = get(virtgraph, "vm", "vm", "--stack", "one")
    assert (vm["state"], vm["power"], vm["host"]["name"]) == ("RUNNING", "running", "here")
    name = f"vg-{vm['id']}"
    assert domains(lab, "host1") == {name} and domains(lab, "host2") == set()
    assert len(lab.sh("host1", "find", POOL, "-name", "*.qcow2").split()) == 1

    lab.sh("host1", "virsh", "destroy", name)
    wait_for(lambda: get(virtgraph, "vm", "vm", "--stack", "one")["power"] == "shutoff")

    virtgraph("delete", "stack", "one", "--wait")
    assert domains(lab, "host1", "--all") == set()
    assert lab.sh("host1", "virsh", "-q", "net-list", "--all").strip() == ""
    assert lab.sh("host1", "find", POOL, "-name", "*.qcow2") == ""
    virtgraph("host", "rm", "here")
    assert get(virtgraph, "hosts") == []
