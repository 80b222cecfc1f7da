"""What runs is not disturbed: not by the same order again, and not by a neighbour that is added to its network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from engines import ON_ONE_GRAPH
from follow import wait_for
from lab_hosts import LabHosts
from labs import apply, clear, domains, source, succeed
from processes import descendants
from serving import ROOT, Service

pytestmark = ON_ONE_GRAPH

STACK = "neighbours"
VLAN = 110
MACS = ["52:54:00:00:01:01", "52:54:00:00:01:02", "52:54:00:00:01:03"]
ADDRESSES = ["10.77.0.101", "10.77.0.102", "10.77.0.103"]
MADE = """
{
  vms(filter: {stack: "neighbours"}) { nodes { id } }
  networks(filter: {stack: "neighbours"}) { nodes { id bindings { bridge } } }
}
"""


def document(tiny: Path, guests: int) -> str:
    vms = "".join(
        f"""
  guest{n}:
    type: resource/vm/kvm
    memory: 96mb
    dependencies:
      - object:
          type: resource/nic
          hw_addr: "{MACS[n]}"
          ip_addresses: [{ADDRESSES[n]}]
          relations: [{{object: {{variable: net}}, property: {{r: n0stack/n0core/port/network}}}}]
        property: {{r: n0stack/n0core/vm/attachments}}
      - object: {{type: resource/volume/file, name: disk{n}, {source(tiny)}}}
        property: {{r: n0stack/n0core/vm/attachments, n0stack/n0core/vm/boot_priority: 1}}
"""
        for n in range(guests)
    )
    return f"""
version: 0
annotations: {{n0stack/scheduling/host_id: host1}}
spec:
  net:
    type: resource/network/vlan
    parameters: {{vlan_id: {VLAN}}}
    subnets: [{{cidr: 10.77.0.0/24, dhcp: {{range: 10.77.0.100-10.77.0.199}}}}]
{vms}
"""


@dataclass(frozen=True)
class Running:
    """Two guests that answer, and a copy of the folder with the order that made them."""

    network: str
    bridge: str
    order: Path

    @property
    def dhcp(self) -> str:
        """The namespace of the network's DHCP server, from which its guests are in reach."""
        return self.bridge.replace("vgb-", "vgd-")


@pytest.fixture(scope="module")
def running(served: Service, lab: LabHosts, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    applied = apply(served, document(tiny, 2), STACK)
    order = recorded(served, tmp_path_factory.mktemp("order"))
    succeed(served, applied)
    (network,) = served.graphql(MADE)["networks"]["nodes"]
    running = Running(network["id"], network["bindings"][0]["bridge"], order)
    wait_for(lambda: all(answers(lab, running, address) for address in ADDRESSES[:2]))
    yield running
    clear(served, lab, STACK)


def recorded(served: Service, place: Path) -> Path:
    """A copy of the folder that the service gives to the playbook, which goes with the Run."""
    folders: list[str] = []
    until = time.monotonic() + 60
    while not folders:
        assert time.monotonic() < until, "no playbook runs"
        running = (process.arguments for process in descendants(served.pid).values())
        folders = [
            found[1] for arguments in running if (found := re.search(r"-i (\S+)/inventory.json .*realize", arguments))
        ]
    return Path(shutil.copytree(folders[0], place / "run"))


def answers(lab: LabHosts, running: Running, address: str) -> bool:
    ping = f"ip netns exec {running.dhcp} busybox ping -q -c 1 -W 1 {address} && echo yes || true"
    return "yes" in lab.sh("host1", "sh", "-c", ping)


def everything(lab: LabHosts, running: Running) -> list[str]:
    """All on the host that a second run could change."""
    return [
        *(lab.sh("host1", "virsh", "dumpxml", name) for name in sorted(domains(lab, "host1"))),
        lab.sh("host1", "virsh", "net-dumpxml", f"vg-{running.network}"),
        lab.sh("host1", "ovs-vsctl", "show"),
        lab.sh("host1", "ip", "netns", "pids", running.dhcp),
        lab.sh("host1", "ip", "-oneline", "address"),
    ]


def test_the_same_order_again_changes_nothing(lab: LabHosts, running: Running) -> None:
    before = everything(lab, running)
    assert len(before) == 2 + 4
    again = subprocess.run(
        [
            "ansible-playbook",
            "-i",
            running.order / "inventory.json",
            "-e",
            f"@{running.order}/env/extravars",
            "realize.yml",
        ],
        cwd=ROOT / "playbooks",
        env=os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert re.search(r"ok=\d\d? +changed=0 +unreachable=0 +failed=0", again.stdout), again.stdout
    assert everything(lab, running) == before


def test_a_neighbour_costs_no_ping_and_its_frames_have_the_tag_on_the_trunk_alone(
    served: Service, lab: LabHosts, running: Running, tiny: Path
) -> None:
    before = lab.sh("host1", "ip", "netns", "pids", running.dhcp)
    with ThreadPoolExecutor() as pool, pinging(lab, running, pool) as pings:
        on_trunk = pool.submit(frame, lab, "eth1")
        on_bridge = pool.submit(frame, lab, running.bridge)
        succeed(served, apply(served, document(tiny, 3), STACK))
        wait_for(lambda: answers(lab, running, ADDRESSES[2]), 120)
    seen = [int(number) for number in re.findall(r"seq=(\d+) ", pings.result())]
    assert len(seen) > 20
    assert seen == list(range(len(seen))), "each was answered, but perhaps the last"
    assert f": vlan {VLAN}, " in on_trunk.result()
    assert "vlan" not in on_bridge.result()
    assert lab.sh("host1", "ip", "netns", "pids", running.dhcp) == before


@contextmanager
def pinging(lab: LabHosts, running: Running, pool: ThreadPoolExecutor) -> Iterator[Future[str]]:
    """The first guest, 20 times a second until the block ends."""
    ping = f"echo $$ >/run/ping; exec ip netns exec {running.dhcp} busybox ping -i 0.05 {ADDRESSES[0]}"
    pings = pool.submit(lab.sh, "host1", "sh", "-c", ping)
    try:
        yield pings
    finally:
        lab.sh("host1", "sh", "-c", "kill -INT $(cat /run/ping)")


def frame(lab: LabHosts, interface: str) -> str:
    """The first frame of the third guest on an interface of its host."""
    return lab.sh("host1", "timeout", "110", "tcpdump", "-n", "-e", "-i", interface, "-c", "1", "ether", "src", MACS[2])
