"""Check mode of every role: it changes nothing on the host, and says of each resource what the next run says."""

import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest
from conftest import Host
from networks import Network, traces
from plays import changed, play, results

pytestmark = pytest.mark.lab

Roles = dict[str, dict[str, Any]]
SEEN = """
for kind in '' net- pool-; do
  for name in $(virsh -q ${kind}list --all --name); do virsh ${kind}dumpxml $name; done
done
virsh -q list --all
ovs-vsctl --format=json list port
ip -oneline link | cut -d: -f2- | sort
for netns in $(ls /run/netns 2>/dev/null); do ip -n $netns -oneline -4 address; ip netns pids $netns; done
find /var/lib/libvirt/images /run/virtgraph-dhcp /root/.ansible/tmp -type f -exec sha256sum {} + 2>/dev/null | sort
find /var/lib/libvirt/images /run/virtgraph-dhcp | sort
"""


def seen(host: Host) -> str:
    """All that a role could change."""
    return host.sh("sh", "-c", SEEN)


def foreseen(host: Host, roles: Roles) -> set[tuple[str, str]]:
    """What the next run changes, as check mode says, which itself changes nothing."""
    before = seen(host)
    told = changed(host, "--check", "--diff", **roles)
    assert seen(host) == before
    return told


def agree(host: Host, roles: Roles) -> set[tuple[str, str]]:
    told = foreseen(host, roles)
    assert changed(host, **roles) == told
    return told


def absent(roles: Roles) -> Roles:
    return {name: {**roles[name], f"{name}_state": "absent"} for name in reversed(roles)}


@pytest.fixture
def source(tmp_path: Path) -> str:
    file = tmp_path / "source.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", file, "16M"], check=True)
    return str(file)


def everything(host: Host, network: Network, source: str) -> Roles:
    """One of each, and each needs the one before."""
    nic, copy, data = network.nic(1), host.volume(source={"file": source}, size=None), host.volume()
    vm = host.vm(copy, data, interfaces=[nic.interface()])
    return {
        "pool": {"pool_resources": host.pools()},
        "network": {"network_resources": [network.network()]},
        "vlan_uplink": {"vlan_uplink_resources": [network.uplink()]},
        "dhcp": {"dhcp_servers": [network.server()], "dhcp_reservations": [nic.reservation()]},
        "volume": {"volume_resources": [copy, data]},
        "vm": {"vm_resources": [vm]},
    }


def test_everything_is_foreseen_on_an_empty_host_and_when_it_goes(host: Host, source: str) -> None:
    roles = everything(host, Network(), source)
    made = agree(host, roles)
    assert len(made) == 8
    assert agree(host, roles) == set()
    gone = agree(host, absent(roles))
    assert {id for _, id in gone} == {id for _, id in made} and len(gone) == 8
    assert traces(host) == []
    assert agree(host, absent(roles)) == set()


def test_a_play_may_be_in_check_mode_by_itself(host: Host, source: str) -> None:
    """A role of it, here; Ansible's variable for it tells of --check alone."""
    roles = everything(host, Network(), source)
    before = seen(host)
    told = changed(host, **{name: {**of, "check_mode": True} for name, of in roles.items()})
    assert len(told) == 8 and seen(host) == before
    assert changed(host, **roles) == told
    gone = absent(roles)
    assert len(changed(host, **{name: {**of, "check_mode": True} for name, of in gone.items()})) == 8
    assert len(changed(host, **gone)) == 8


def test_each_change_is_foreseen_and_nothing_beside_it(host: Host, source: str) -> None:
    network = Network()
    roles = everything(host, network, source)
    changed(host, **roles)
    vm, (copy, data) = roles["vm"]["vm_resources"][0], roles["volume"]["volume_resources"]
    reservation = roles["dhcp"]["dhcp_reservations"][0]

    narrow = Network(id=network.id, mac=network.mac, mtu=1400)
    uplink = {**network.uplink(), "mtu": None}
    told = {"dhcp_servers": [narrow.server()], "dhcp_reservations": [reservation]}
    narrowed = {
        "network": {"network_resources": [narrow.network()]},
        "vlan_uplink": {"vlan_uplink_resources": [uplink]},
    }
    assert len(agree(host, {**narrowed, "dhcp": told})) == 3, "the bridge, its uplink, and what the server tells"

    renamed = {**told, "dhcp_reservations": [{**reservation, "hostname": "other"}]}
    assert agree(host, {"dhcp": renamed}) == {("dhcp : DHCP servers and reservations", reservation["id"])}
    grown = {"volume_resources": [copy, {**data, "size": 2 << 30}]}
    assert agree(host, {"volume": grown}) == {("volume : Volumes", data["id"])}
    host.virsh("suspend", f"vg-{vm['id']}")
    assert agree(host, {"vm": roles["vm"]}) == {("vm : VMs", vm["id"])}, "a paused guest is woken"
    stopped = {"vm_resources": [{**vm, "state": "stopped"}], "vm_shutdown_timeout": 1}
    assert len(agree(host, {"vm": stopped})) == 1
    host.virsh("pool-destroy", f"vg-{host.pool}")
    assert {id for _, id in agree(host, {"pool": roles["pool"], "volume": grown})} == {host.pool}
    host.virsh("net-destroy", f"vg-{network.id}")
    assert {id for _, id in agree(host, {"network": narrowed["network"]})} == {network.id}
    changed(host, **absent(roles))
    assert traces(host) == []


def test_what_fails_is_foreseen_too(host: Host, source: str) -> None:
    """Each of them with the sentence of the run itself, and none of their neighbours."""
    network, lost = Network(), Network()
    nowhere = host.volume(pool=str(uuid.uuid4()), pool_path="/nowhere")
    wrong = host.volume(source={"file": source, "sha256": "0" * 64}, size=None)
    gone, data = host.volume(source={"file": "/nowhere.qcow2"}, size=None), host.volume()
    nic = lost.nic(1)
    roles: Roles = {
        "pool": {"pool_resources": host.pools()},
        "network": {"network_resources": [network.network()]},
        "vlan_uplink": {"vlan_uplink_resources": [network.uplink(), lost.uplink()]},
        "dhcp": {"dhcp_servers": [lost.server()], "dhcp_reservations": [nic.reservation()]},
        "volume": {"volume_resources": [nowhere, wrong, gone, data]},
        "vm": {
            "vm_resources": [
                host.vm(nowhere),
                host.vm(data, interfaces=[nic.interface()]),
                host.vm(kernel="/nowhere/kernel"),
                host.vm(vnc_password="x"),
                host.vm(data, interfaces=[network.nic(1).interface()]),
            ]
        },
    }
    for name, of in roles.items():
        of[f"{name}_strict"] = False
    assert _said(host, roles, failures=9) == 5

    going: Roles = {"volume": {"volume_resources": [data]}, "pool": roles["pool"], "network": roles["network"]}
    assert (
        _said(host, {name: {**of, f"{name}_state": "absent", f"{name}_strict": False} for name, of in going.items()}, 3)
        == 0
    )
    changed(host, **absent({name: roles[name] for name in ("network", "vlan_uplink", "pool", "volume", "vm")}))
    assert traces(host) == []


def _said(host: Host, roles: Roles, failures: int) -> int:
    """How many change; check mode says the same of each, and failures are as many."""
    before = seen(host)
    told = results(host, "--check", **roles)
    assert seen(host) == before
    done = results(host, **roles)
    assert [(key, of["changed"], of.get("error")) for key, of in told.items()] == [
        (key, of["changed"], of.get("error")) for key, of in done.items()
    ]
    assert len([of for of in done.values() if of["failed"]]) == failures, done
    return len([of for of in done.values() if of["changed"]])


def test_observing_is_the_same_in_check_mode(host: Host) -> None:
    changed(host, pool={"pool_resources": host.pools()})
    before = seen(host)
    for options in ((), ("--check",)):
        assert changed(host, *options, observe={"observe_uplink": "br0"}) == set()
    assert seen(host) == before


def test_a_diff_shows_what_changes_and_no_password(host: Host) -> None:
    network = Network()
    vm = host.vm(vnc_password="one", title="web")
    roles: Roles = {
        "network": {"network_resources": [network.network()]},
        "dhcp": {"dhcp_servers": [network.server()]},
        "vm": {"vm_resources": [vm], "vm_secrets": {vm["id"]: {"vnc_password": "k4n4ry#7"}}},
    }
    first = play(host, "--diff", **roles).stdout
    assert f'+  <bridge name="{network.name("b")}" />' in first
    assert "+  <title>web</title>" in first
    assert "+option:router,192.168.0.254" in first
    roles["vm"]["vm_resources"] = [{**vm, "title": "renamed", "vnc_password": "two"}]
    roles["dhcp"]["dhcp_servers"] = [network.server(gateway="192.168.0.1")]
    second = play(host, "--diff", "--check", **roles).stdout
    lines = [line for line in second.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---") and line]
    assert [line.strip() for line in lines if "digest" not in line] == [
        "-option:router,192.168.0.254",
        "+option:router,192.168.0.1",
        "-  <title>web</title>",
        "+  <title>renamed</title>",
    ]
    assert "k4n4ry" not in first + second
    changed(host, **absent(roles))
