"""Hosts and guests reached by nothing but what the inventory plugin says of them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from ansible_commands import INVENTORY, listed, ran, run
from follow import wait_for
from lab_hosts import LabHosts
from labs import add_host, apply, clear, succeed
from serving import ROOT, Service, serving

pytestmark = pytest.mark.lab

STACK = "reach"
ADDRESS = "10.78.0.50"  # of the VM that halts
PING = [
    {
        "name": "Guests answer from where the inventory says that they are in reach",
        "hosts": "kind_vm:!halting.reach",
        "gather_facts": False,
        "tasks": [
            {
                "name": "Ping",
                "ansible.builtin.command": "ip netns exec {{ virtgraph.through.namespace }} busybox ping -c 1 -W 1 {{ ansible_host }}",
                "delegate_to": "{{ virtgraph.through.host }}",
                "changed_when": False,
                "register": "answered",
                "until": "answered is succeeded",
                "retries": 60,
                "delay": 1,
            }
        ],
    }
]


@pytest.fixture(scope="module")
def served(lab: LabHosts, tiny: Path, kernel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A guest on each of two hosts, in one network, and a VM that halts at once in another one."""
    pool = "/var/lib/libvirt/images/inventory"
    with serving(tmp_path_factory.mktemp("inventory") / "home") as service:
        add_host(service, lab, "host1", poolPath=pool, labels=["rack=1", "fast"])
        add_host(service, lab, "host2", poolPath=pool, labels=["rack=2"])
        service.home.joinpath("images").mkdir(exist_ok=True)
        shutil.copy(tiny, service.home / "images")
        succeed(service, apply(service, document(kernel), STACK))
        networks = {network["name"]: network["id"] for network in service.graphql(NETWORKS)["networks"]["nodes"]}
        for number in (1, 2):
            guest = {
                "name": f"guest{number}",
                "stack": STACK,
                "host": f"host{number}",
                "memory": "96mb",
                "nics": [{"network": networks["net"]}],
                "volumes": [{"name": f"disk{number}", "source": {"file": tiny.name}, "bootPriority": 1}],
            }
            succeed(service, service.graphql(CREATE, {"input": guest})["createVM"])
        yield service
        clear(service, lab, STACK)


NETWORKS = "{ networks { nodes { id name bindings { bridge } } } }"
CREATE = """
mutation ($input: CreateVMInput!) { createVM(input: $input) {
  __typename ... on Changed { operations { id } } ... on Invalid { problems { path reason } }
} }
"""


def document(kernel: Path) -> str:
    return f"""
version: 0
annotations: {{n0stack/scheduling/host_id: host1}}
spec:
  net:
    type: resource/network/vlan
    name: net
    parameters: {{vlan_id: 120}}
    subnets: [{{cidr: 10.77.0.0/24, dhcp: {{range: 10.77.0.100-10.77.0.199}}}}]
  halting_net:
    type: resource/network/vlan
    name: halting_net
    parameters: {{vlan_id: 121}}
    subnets: [{{cidr: 10.78.0.0/24, dhcp: {{range: 10.78.0.100-10.78.0.199}}}}]
  halting:
    type: resource/vm/kvm
    memory: 16mb
    kernel: {kernel}
    dependencies:
      - object:
          type: resource/nic
          ip_addresses: [{ADDRESS}]
          relations: [{{object: {{variable: halting_net}}, property: {{r: n0stack/n0core/port/network}}}}]
        property: {{r: n0stack/n0core/vm/attachments}}
"""


def test_everything_is_in_its_groups(served: Service) -> None:
    groups = {name: group.get("hosts") for name, group in listed(served).items() if name != "_meta"}
    guests = ["guest1.reach", "guest2.reach"]
    assert groups["kind_host"] == ["host1", "host2"]
    assert (groups["label_rack_1"], groups["label_rack_2"], groups["label_fast"]) == (["host1"], ["host2"], ["host1"])
    assert groups["kind_vm"] == groups["stack_reach"] == [*guests, "halting.reach"]
    assert (groups["host_host1"], groups["host_host2"]) == (["guest1.reach", "halting.reach"], ["guest2.reach"])
    assert groups["network_reach_net"] == guests
    assert set(guests) <= set(groups["state_running"])


def test_the_readmes_commands(served: Service) -> None:
    section = (ROOT / "README.md").read_text().partition("## Inventory")[2].partition("\n## ")[0]
    commands = [shlex.split(line) for line in re.findall(r"^    (ansible.*)$", section, re.MULTILINE)]
    said = [ran(served, *command) for command in commands]
    assert "|--guest1.reach" in said[0]
    assert said[1].count("| SUCCESS =>") == 2
    assert "Asks the service's GraphQL API" in said[2] and len(said) == 3


def test_hosts_are_reached_with_their_pinned_key(served: Service) -> None:
    pinged = ran(served, "ansible", "kind_host", "-i", INVENTORY, "-m", "ansible.builtin.ping")
    assert pinged.count("| SUCCESS =>") == 2
    other = listed(served)["_meta"]["hostvars"]["host1"]["ansible_ssh_common_args"].replace("AAAAC3Nza", "AAAAC3Nzb")
    refused = run(
        *(served, "ansible", "host1", "-i", INVENTORY, "-m", "ansible.builtin.ping"),
        *("-e", json.dumps({"ansible_ssh_common_args": other})),
        ANSIBLE_SSH_ARGS="-o ControlMaster=no",  # not by the connection that is open
    )
    assert "Host key verification failed" in refused.stdout


def test_guests_answer_pings(served: Service, tmp_path: Path) -> None:
    play = tmp_path / "ping.yml"
    play.write_text(json.dumps(PING))
    recap = ran(served, "ansible-playbook", "-i", INVENTORY, play)
    assert re.findall(r"(\S+)\s+: ok=1 ", recap) == ["guest1.reach", "guest2.reach"]


def test_ssh_finds_the_way_to_a_guest(served: Service) -> None:
    """The page of a guest, by the command in which ssh itself would have put its connection."""
    for name in ("guest1.reach", "guest2.reach"):
        guest = listed(served)["_meta"]["hostvars"][name]
        wait_for(partial(shows_page, guest["ansible_ssh_common_args"], guest["ansible_host"]))


def shows_page(arguments: str, address: str) -> bool:
    told = subprocess.run(
        ["ssh", "-G", *shlex.split(arguments), address], check=True, capture_output=True, text=True
    ).stdout
    (command,) = re.findall(r"^proxycommand (.*%h.*%p\S*)$", told, re.DOTALL | re.MULTILINE)
    command = command.replace("%h", address).replace("%p", "80").replace("%%", "%")
    asked = "GET / HTTP/1.0\r\n\r\n"
    done = subprocess.run(["sh", "-c", command], input=asked, capture_output=True, text=True, timeout=60)
    return "html" in done.stdout


@pytest.fixture
def login(served: Service, lab: LabHosts) -> Iterator[None]:
    """The lab's guests have no sshd. One stands in the halted VM's place: on its address, in its network."""
    networks = served.graphql(NETWORKS)["networks"]["nodes"]
    (bridge,) = [on["bridge"] for network in networks if network["name"] == "halting_net" for on in network["bindings"]]
    lab.sh(
        *("host1", "sh", "-ec"),
        f"""
        ip netns add guest
        ip link add guest0 type veth peer name eth0 netns guest
        ip link set guest0 master {bridge} up
        ip -n guest address add {ADDRESS}/24 dev eth0
        ip -n guest link set eth0 up
        ip -n guest link set lo up
        ip netns exec guest /usr/sbin/sshd -o ListenAddress={ADDRESS} -o PidFile=/run/guest.pid
        """,
    )
    yield
    lab.sh("host1", "sh", "-ec", "kill $(cat /run/guest.pid); ip link delete guest0; ip netns delete guest")


def test_a_module_runs_in_a_guest(served: Service, lab: LabHosts, login: None, tmp_path: Path) -> None:
    """Through its host, into its network. Key and connection are its own: another guest may have the same address."""
    known, connections = tmp_path / "known_hosts", tmp_path / "cp"
    mine = f"-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={known} -i {lab.folder / 'id'}"
    command = ("ansible", "halting.reach", "-i", INVENTORY, "-e", json.dumps({"ansible_ssh_extra_args": mine}))
    id = listed(served)["_meta"]["hostvars"]["halting.reach"]["virtgraph"]["id"]
    pinged = ran(served, *command, "-m", "ansible.builtin.ping", ANSIBLE_SSH_CONTROL_PATH_DIR=str(connections))
    assert "halting.reach | SUCCESS =>" in pinged
    subprocess.run(["ssh-keygen", "-F", id, "-f", known], check=True, capture_output=True)
    assert [path.name for path in connections.iterdir()] == [id.replace("-", "")[:12]]
    addresses = ran(served, *command, "-a", "ip -o address")
    assert ADDRESS in addresses and f" {lab.net}." not in addresses
