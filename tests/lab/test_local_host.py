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
from labs import add_host, domains, empty, vm
from serving import COMMAND, ROOT, serving

pytestmark = pytest.mark.lab

Virtgraph = Callable[..., str]
POOL = "/var/lib/libvirt/images/local"
NETWORK = """
  net:
    type: resource/network/flat
    subnets: [{cidr: 10.20.0.0/24, dhcp: {range: 10.20.0.10-10.20.0.200}}]
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
def managed(lab: LabHosts, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A service elsewhere has had host1 before."""
    with serving(tmp_path_factory.mktemp("elsewhere") / "home") as elsewhere:
        add_host(elsewhere, lab, "host1", poolPath=POOL)


@pytest.fixture(scope="module")
def virtgraph(lab: LabHosts, home: Path, managed: None) -> Iterator[Virtgraph]:
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

    document = f"version: 0\nspec:\n{vm('one', kernel, volume=empty('disk'))}{NETWORK}"
    (home / "one.yaml").write_text(document)
    virtgraph("apply", str(home / "one.yaml"), "--stack", "one", "--wait")
    made = get(virtgraph, "vm", "one", "--stack", "one")
    assert (made["state"], made["power"], made["host"]["name"]) == ("RUNNING", "running", "here")
    name = f"vg-{made['id']}"
    assert domains(lab, "host1") == {name} and domains(lab, "host2") == set()
    assert len(lab.sh("host1", "find", POOL, "-name", "*.qcow2").split()) == 1

    lab.sh("host1", "virsh", "destroy", name)
    wait_for(lambda: get(virtgraph, "vm", "one", "--stack", "one")["power"] == "shutoff")

    virtgraph("delete", "stack", "one", "--wait")
    assert domains(lab, "host1", "--all") == set()
    assert lab.sh("host1", "virsh", "-q", "net-list", "--all").strip() == ""
    assert lab.sh("host1", "find", POOL, "-name", "*.qcow2") == ""
    virtgraph("host", "rm", "here")
    assert get(virtgraph, "hosts") == []
