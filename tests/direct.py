"""playbooks/site.yml as a person runs it on the lab's hosts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab_hosts import LabHosts
from serving import ROOT

SITE = ROOT / "playbooks" / "site.yml"
POOL = "/var/lib/libvirt/images/direct"
NETWORK = {
    "name": "net",
    "vlan_id": 500,
    "subnet": {"cidr": "10.50.0.0/24", "dhcp": {"range": "10.50.0.10-10.50.0.99"}},
}


class Direct:
    """Variables in a file; each has an installation of its own."""

    def __init__(self, lab: LabHosts, folder: Path, *, installation: str | None = None, **variables: Any) -> None:
        self.lab = lab
        self.installation = installation or str(uuid.uuid4())
        self.variables = {"virtgraph_installation": self.installation, "virtgraph_pool_path": POOL, **variables}
        self.file = folder / f"{uuid.uuid4()}.json"  # JSON is YAML
        self.environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
        }

    def command(self, *options: str, playbook: Path = SITE) -> list[str | Path]:
        self.file.write_text(json.dumps(self.variables))
        ansible = Path(sys.executable).with_name("ansible-playbook")
        inventory = self.lab.folder / "inventory.yml"
        return [ansible, "-i", inventory, "-e", f"@{self.file}", *options, playbook]

    def run(self, *options: str, playbook: Path = SITE) -> subprocess.CompletedProcess[str]:
        command = self.command(*options, playbook=playbook)
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=300)

    def change(self, *options: str) -> dict[str, int]:
        """How many tasks changed something, by host. It has to end well."""
        done = self.run(*options)
        assert done.returncode == 0, done.stdout + done.stderr
        return changed(done.stdout)

    def remove(self) -> dict[str, int]:
        return self.change("-e", "virtgraph_state=absent")

    def id(self, key: str) -> str:
        return str(uuid.uuid5(uuid.UUID(self.installation), key))


def changed(said: str) -> dict[str, int]:
    return {host: int(count) for host, count in re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)", said, re.MULTILINE)}


def two_vms(kernel: Path, **more: Any) -> Mapping[str, Any]:
    """One on each host, in one VLAN, each with a volume."""
    return {
        "virtgraph_networks": [NETWORK],
        "virtgraph_volumes": [{"name": "disk1", "size": "10mb"}, {"name": "disk2", "size": "10mb"}],
        "virtgraph_vms": [
            {
                "name": f"vm{n}", "host": f"host{n}", "memory": "16mb", "kernel": str(kernel),
                "nics": [{"network": "net"}], "volumes": [{"name": f"disk{n}"}], **more,
            }
            for n in (1, 2)
        ],
    }  # fmt: skip


def vm(name: str, host: str, kernel: Path, **nic: Any) -> dict[str, Any]:
    """That halts at once, with a NIC in the network and a volume of its own name."""
    nics = [{"network": "net", **nic}]
    return {
        "name": name, "host": host, "memory": "16mb", "kernel": str(kernel), "nics": nics, "volumes": [{"name": name}],
    }  # fmt: skip


def shared(*vms: Mapping[str, Any], **network: Any) -> Mapping[str, Any]:
    """Such VMs with their volumes, on a network that other lists may have too."""
    return {
        "virtgraph_networks": [{**NETWORK, **network}],
        "virtgraph_volumes": [{"name": one["name"], "size": "10mb"} for one in vms],
        "virtgraph_vms": list(vms),
    }


def there(lab: LabHosts) -> list[str]:
    """What libvirt, the kernel, the switches and the DHCP servers of both hosts have."""
    look = (
        "for d in $(virsh -q list --all --name); do virsh dumpxml $d; done;"
        "for n in $(virsh -q net-list --all --name); do virsh net-dumpxml $n; done;"
        f"ls {POOL} 2>/dev/null; ovs-vsctl show; ip -br link; ip netns; cat /run/virtgraph-dhcp/*/*.pid /run/virtgraph-dhcp/*/*/hosts/*"
    )
    return [lab.sh(host, "sh", "-c", f"({look}) 2>/dev/null || true") for host in ("host1", "host2")]
