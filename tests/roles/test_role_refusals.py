"""What roles refuse, in words, before they touch the host; and that names do nothing but name."""

import re
import subprocess
from typing import Any

import pytest
import yaml
from conftest import Host
from networks import Network, traces
from plays import ROOT, Unsafe, play, play_all

pytestmark = pytest.mark.lab

A, B, C, D, E, F, G, H = (f"{letter * 8}-0000-4000-8000-000000000001" for letter in "abcdef12")
VM: dict[str, Any] = {"vcpus": 1, "memory": 1 << 26}
NIC = {"mac": "52:54:00:00:00:01", "network": A}
DISK = {"id": B, "path": "/disk"}

# By role: each resource, and what is said of it. All in one run, of which nothing is done.
REFUSED: dict[str, list[tuple[dict[str, Any], str]]] = {
    "pool": [
        ({"id": "x"}, "id is 'x', and must be a UUID"),
        ({"id": A}, "path is missing"),
        ({"id": B, "path": "relative"}, "path is 'relative', and must be an absolute path"),
        ({"id": C, "path": "/a/../../etc"}, "must be an absolute path, without .."),
    ],
    "network": [
        ({"id": A, "mtu": 10}, "mtu is 10, and must be from 576 to 9216"),
        ({"id": A.upper()}, "must be a UUID, in lower case"),
    ],
    "vlan_uplink": [
        ({"id": A}, "driver is missing"),
        ({"id": B, "driver": "ovs"}, "the driver ovs needs an interface"),
        ({"id": C, "driver": "8021q"}, "the driver 8021q needs an interface"),
        ({"id": D, "driver": "none", "vlan_id": 5000}, "vlan_id is 5000, and must be from 1 to 4094"),
        ({"id": E, "driver": "none", "vlan_id": 0}, "vlan_id is 0"),
    ],
    "dhcp": [
        ({"id": A, "prefix": 24, "mac": NIC["mac"]}, "address is missing"),
        ({"id": B, "address": "fd00::1", "prefix": 24, "mac": NIC["mac"]}, "must be an IPv4 address"),
        (
            {"id": C, "address": "10.0.0.1", "prefix": 33, "mac": "1"},
            "prefix is 33, and must be from 1 to 30; mac is '1'",
        ),
        ({"id": D, "address": "10.0.0.1", "prefix": 8, "mac": "01:00:00:00:00:00"}, "is an address of a group"),
    ],
    "volume": [
        ({"id": A, "pool": B, "pool_path": "/p"}, "it has neither a size nor a source"),
        ({"id": B, "pool": "p", "pool_path": "p", "size": 0}, "pool is 'p', and must be a UUID"),
        ({"id": C, "pool": B, "pool_path": "/p", "source": {"file": "x", "sha256": "1"}}, "source.sha256 is '1'"),
    ],
    "vm": [
        ({"id": A}, "vcpus is missing; memory is missing"),
        ({"id": B, **VM, "vcpus": 0}, "vcpus is 0, and must be from 1 to"),
        (
            {"id": C, **VM, "interfaces": [{**NIC, "mac": "52:54"}]},
            "interfaces[0].mac is '52:54', and must be a MAC address",
        ),
        ({"id": D, **VM, "interfaces": [NIC, NIC]}, "two interfaces have the mac 52:54:00:00:00:01"),
        (
            {"id": E, **VM, "disks": [{**DISK, "bus": "floppy"}, DISK]},
            "must be one of virtio, scsi, sata, ide; two disks",
        ),
        ({"id": F, **VM, "cmdline": "quiet"}, "it has cmdline and no kernel"),
        ({"id": G, **VM, "kernel": "/k", "cmdline": "a\x01b"}, "must be one line of at most 2047 characters"),
        (
            {"id": H, **VM, "disks": [{"id": A, "path": f"/{number}"} for number in range(27)]},
            "it has 27 disks vd*, and 26 is the most",
        ),
    ],
}


@pytest.mark.parametrize("role", REFUSED)
def test_what_cannot_be_is_refused_and_nothing_is_touched(host: Host, role: str) -> None:
    items = [item for item, _ in REFUSED[role]]
    well = {"pool": host.pools(), "network": [Network().network()]}.get(role, [])
    given = {"dhcp_servers": items} if role == "dhcp" else {f"{role}_resources": [*well, *items]}
    refused = play(host, **{role: given})
    said = " ".join((refused.stdout + refused.stderr).split())
    assert refused.returncode != 0
    assert [why for _, why in REFUSED[role] if why not in said.replace('\\"', '"').replace("\\'", "'")] == [], said
    assert traces(host) == host.virsh("pool-list", "--all", "--name").split() == []


UNKNOWN: list[tuple[str, dict[str, Any], str]] = [
    ("vm", {"vm_resources": [{"id": A, **VM, "colour": "red"}]}, "vm_resources.colour. Supported parameters include"),
    ("vm", {"vm_resources": [{"id": A, **VM, "disks": [{**DISK, "size": 1}]}]}, "vm_resources.disks.size. Supported"),
    ("vm", {"vm_resources": [{"id": A, "vcpus": "many", "memory": 1}]}, "cannot be converted to an int"),
    ("network", {"network_resources": {"id": A}}, "network_resources"),
    ("network", {"network_state": "gone"}, "value of network_state must be one of: present, absent, got: gone"),
    (
        "pool",
        {"pool_resources": [{"id": A, "path": "/p"}], "pool_colour": 1},
        "pool_colour. Supported parameters include",
    ),
    ("pool", {"pool_resources": [{"id": A, "path": "/p"}] * 2}, f"Listed twice: {A}"),
    (
        "pool",
        {"pool_resources": [{"id": A, "path": "/p"}], "pool_lease": {"installation": "x"}},
        "The lease is not valid",
    ),
]


@pytest.mark.parametrize(("role", "given", "sentence"), UNKNOWN)
def test_what_a_role_does_not_know_is_refused(host: Host, role: str, given: dict[str, Any], sentence: str) -> None:
    refused = play(host, **{role: given})
    assert refused.returncode != 0, refused.stdout
    assert sentence in " ".join((refused.stdout + refused.stderr).split())
    assert traces(host) == host.virsh("pool-list", "--all", "--name").split() == []


@pytest.mark.parametrize(("role", "name", "meant"), [("pool", "resorces", "resources"), ("vm", "secret", "secrets")])
def test_a_variable_that_is_misspelt_anywhere_is_refused(host: Host, role: str, name: str, meant: str) -> None:
    refused = play(host, "-e", f"{role}_{name}=x", **{role: {}})
    said = " ".join((refused.stdout + refused.stderr).split())
    assert refused.returncode != 0
    assert f"The role {role} has no variable {role}_{name}: did you mean {role}_{meant}?" in said


@pytest.mark.parametrize(
    "name",
    ["virtgraph_sate", "host_uplnk", "migration_host", "preflight_stict", "controller_weel", "observe_pool_pth"],
)
def test_the_roles_of_whole_hosts_refuse_it_too(host: Host, name: str) -> None:
    role = name.partition("_")[0]
    refused = play_all(host, "-e", f"{name}=absent", roles=[{"role": role}])
    assert refused.returncode != 0
    assert f"The role {role} has no variable {name}" in " ".join((refused.stdout + refused.stderr).split())
    assert "changed=0" in refused.stdout


OTHERS = {
    "pool": ["pool_colour", "pool_secrets", "pool_app_state"],
    "network": ["network_bond_state", "network_servers"],
    "vlan_uplink": ["vlan_uplink_switch_state"],
    "dhcp": ["dhcp_upstream_servers", "dhcp_resources"],
    "volume": ["volume_backup_state"],
    "vm": ["vm_power_state", "vm_ssh_secrets"],
    "observe": ["observe_ci_lease"],
    "preflight": ["preflight_x"],
    "migration": ["migration_db_hosts", "migration_user"],
    "controller": ["controller_host", "controller_username"],
    "host": ["host_name", "host_pool"],
}


@pytest.mark.parametrize("role", OTHERS)
def test_a_variable_of_somebody_else_is_none_of_the_roles(host: Host, role: str) -> None:
    theirs = [option for name in OTHERS[role] for option in ("-e", f"{name}=x")]
    done = play_all(host, "--check", *theirs, roles=[{"role": role}])
    assert "has no variable" not in done.stdout + done.stderr
    assert done.returncode == 0 or role in ("controller", "host"), done.stdout + done.stderr


@pytest.mark.parametrize(
    "role", [role for role in OTHERS if role not in ("preflight", "migration", "controller", "host")]
)
def test_a_role_knows_its_inputs(role: str) -> None:
    """Those that its tasks name, and those of its argument_specs."""
    tasks = (ROOT / "roles" / role / "tasks" / "main.yml").read_text()
    (named,) = re.findall(rf"__{role}_inputs: \[(.*)\]", tasks)
    specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"][
        "main"
    ]
    assert {f"{role}_{name}" for name in named.split(", ")} == specs["options"].keys()


HOSTILE = (
    "{{ lookup('pipe', 'touch /tmp/pwned') }} '\"`touch /tmp/pwned` $(touch /tmp/pwned) ; </title><x/> %s {% raw %}"
)


def test_names_do_nothing_but_name(host: Host) -> None:
    title = Unsafe(HOSTILE)
    network = Network()
    nic = network.nic(1, hostname=title)
    folder = Unsafe(f"{host.pool_path}/{HOSTILE.replace('/', '_')}")
    volume = host.volume(title=title, pool_path=folder, source=None)
    lost = host.volume(title=title, pool=A, pool_path="/nowhere")
    vm = host.vm(title=title, interfaces=[nic.interface()])
    vm["disks"] = [{"id": volume["id"], "path": Unsafe(f"{folder}/{volume['id']}.qcow2")}]
    roles: dict[str, dict[str, Any]] = {
        "pool": {"pool_resources": [{"id": host.pool, "title": title, "path": folder}]},
        "network": {"network_resources": [{**network.network(), "title": title}]},
        "vlan_uplink": {"vlan_uplink_resources": [network.uplink()]},
        "dhcp": {"dhcp_servers": [network.server()], "dhcp_reservations": [nic.reservation()]},
        "volume": {"volume_resources": [volume, lost], "volume_strict": False},
        "vm": {"vm_resources": [vm]},
    }
    for options in (("--check", "--diff"), ("--diff",)):
        done = play(host, *options, **roles)
        assert done.returncode == 0, done.stdout + done.stderr
    assert host.virsh("desc", "--title", f"vg-{vm['id']}").strip() == HOSTILE
    assert f"{folder}/{volume['id']}.qcow2" in host.virsh("domblklist", f"vg-{vm['id']}")
    gone = {name: {**of, f"{name}_state": "absent"} for name, of in reversed(roles.items())}
    assert play(host, **gone).returncode == 0
    assert traces(host) == []
    assert host.sh("sh", "-c", "ls /tmp/pwned || true") == ""
    assert subprocess.run(["ls", "/tmp/pwned"], capture_output=True).returncode != 0
