"""`virtgraph export`: what the service made, Ansible alone makes again, the same to the last letter of libvirt's XML."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from difflib import unified_diff
from pathlib import Path
from types import MappingProxyType

from direct import changed
from engines import ON_ONE_GRAPH
from lab_hosts import LabHosts
from labs import apply, clear, domains, empty, source, succeed, vm
from serving import ROOT, Service

pytestmark = ON_ONE_GRAPH

PASSWORD = "s3cret"
FOUR = '{ vms(filter: {stack: "exported", name: "four"}) { nodes { id } } }'
WANTED = """
{
  vms(filter: {stack: "exported"}) { nodes { name memory wanted hasVncPassword nics { hwAddr ipAddresses } } }
  networks(filter: {stack: "exported"}) { nodes { name vlanId mtu subnets { cidr rangeFirst serverAddress serverMac } } }
  volumes(filter: {stack: "exported"}) { nodes { name size sourceFile sourceSha256 } }
}
"""

NETWORKS = """
  net:
    type: resource/network/vlan
    parameters: {vlan_id: 510, mtu: 1400}
    subnets:
      - {cidr: 10.51.1.0/24}
      - {cidr: 10.51.0.0/24, dhcp: {range: 10.51.0.10-10.51.0.99, gateway: 10.51.0.1, nameservers: [10.51.0.2]}}
  "{{ 1 + 1 }}'s":
    type: resource/network/vlan
    parameters: {vlan_id: 511}
    subnets: [{cidr: 10.52.0.0/24}]
"""


def everything(kernel: Path, disk: Path) -> str:
    """A VM of which as little as can be is as it is by default."""
    return f"""
  flat:
    type: resource/network/flat
  four:
    type: resource/vm/kvm
    memory: 32mb
    vcpus: 2
    status: stopped
    kernel: {kernel}
    cmdline: "{{{{ 1 + 1 }}}}"
    vnc_password: {PASSWORD}
    dependencies:
      - object: {{type: resource/volume/file, name: copied, {source(disk)}}}
        property: {{r: n0stack/n0core/vm/attachments, n0stack/n0core/vm/boot_priority: 1}}
      - object: {{type: resource/volume/file, {empty("read")}}}
        property: {{r: n0stack/n0core/vm/attachments, n0stack/n0core/vm/read_only: true}}
      - object:
          type: resource/nic
          relations: [{{object: {{variable: flat}}, property: {{r: n0stack/n0core/port/network}}}}]
        property: {{r: n0stack/n0core/vm/attachments}}
"""


def test_the_direct_run_gives_the_same(
    served: Service, lab: LabHosts, kernel: Path, large: Path, tmp_path: Path
) -> None:
    document = f"version: 0\nspec:\n{NETWORKS}"
    document += vm("one", kernel, volume=empty("disk")) + vm('"$(two) <b>"', kernel, volume=empty("other"))
    document += vm("three", kernel, network='variable: "{{ 1 + 1 }}\'s"', volume=empty("third"))
    document += everything(kernel, large)
    succeed(served, apply(served, document, "exported"))
    made = there(lab)
    exported = served.virtgraph("export", "--ansible", "exported", "--output", str(tmp_path / "out"))
    assert exported.returncode == 0, exported.stderr
    command = exported.stdout.strip()
    assert "ansible-playbook" in command
    (four,) = served.graphql(FOUR)["vms"]["nodes"]
    assert f"virtgraph_vnc_passwords, a map from id to password, of {four['id']} (four)" in exported.stderr
    passwords = {"virtgraph_vnc_passwords": {four["id"]: PASSWORD}}
    removal = f"{command} -e virtgraph_state=absent"
    command += f" -e {shlex.quote(json.dumps(passwords))}"

    assert sum(run(command).values()) == 1, "the VNC password: its digest is made with a key that only the service has"
    assert run(command) == {"host1": 0, "host2": 0}
    assert not list(unified_diff(made, there(lab), lineterm=""))
    told = served.environment | {"ANSIBLE_CALLBACKS_ENABLED": "virtgraph"}
    wanted = served.graphql(WANTED)
    assert run(command, told) == {"host1": 0, "host2": 0}
    assert served.graphql(WANTED) == wanted, "which is all that the service wants, passwords too"
    served.stop()
    try:
        assert all(run(removal).values()), "without passwords"
        assert domains(lab, "host1", "--all") == domains(lab, "host2", "--all") == set()
        assert all(run(command).values())
        assert not list(unified_diff(made, there(lab), lineterm=""))
    finally:
        served.start()
    assert all(run(removal, told).values())
    left = served.graphql('{ vms(filter: {stack: "exported"}) { totalCount } }')
    assert left == {"vms": {"totalCount": 0}}, "which the service was told of"
    clear(served, lab, "exported")


def run(command: str, told: Mapping[str, str] = MappingProxyType({})) -> dict[str, int]:
    """Each host's count of changes."""
    environment = {**os.environ, **told, "ANSIBLE_NOCOLOR": "1", "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{shlex.quote(command)}: {done.stdout}{done.stderr}"
    assert "does not take" not in done.stdout + done.stderr, done.stdout + done.stderr
    return changed(done.stdout)


def there(lab: LabHosts) -> list[str]:
    """What is defined on each host, and what its DHCP servers hand out."""
    look = (
        "for d in $(virsh -q list --all --name | sort); do virsh dumpxml --inactive $d; done;"
        "for n in $(virsh -q net-list --all --name | sort); do virsh net-dumpxml $n; done;"
        "ovs-vsctl -f csv --columns=name,tag list port | sort; ls /var/lib/libvirt/images/*; cat /run/virtgraph-dhcp/*/*/hosts/*"
    )
    said = [lab.sh(host, "sh", "-c", f"({look}) 2>/dev/null || true") for host in ("host1", "host2")]
    marked = re.sub(r" connections='\d+'", "", "".join(said))
    return re.sub(r'(?s)(<title>four</title>.*?) digest="\w+"', r"\1", marked).splitlines()
