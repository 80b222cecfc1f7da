"""Roles as a person uses them: ansible-playbook, a play of one's own, no claim."""

from typing import Any

import pytest
from conftest import Host
from networks import Network
from plays import changed, play

pytestmark = pytest.mark.lab


def wanted(host: Host) -> dict[str, dict[str, Any]]:
    volume = host.volume()
    return {
        "pool": {"pool_resources": host.pools()},
        "volume": {"volume_resources": [volume]},
        "vm": {"vm_resources": [host.vm(volume)]},
    }


def test_what_a_role_does_not_know_is_refused_before_anything_is_done(host: Host) -> None:
    roles = wanted(host)
    refused = play(host, pool=roles["pool"], vm={"vm_resources": [{"id": "x", "disks": [{"path": "/x"}]}]})
    assert refused.returncode != 0
    assert "missing required arguments: id found in vm_resources -> disks" in refused.stdout + refused.stderr


def test_values_may_be_text_as_variables_give_them(host: Host) -> None:
    """Of `-e mtu=1400` and "{{ mtu }}"; written as it is meant, it is the same."""
    network = Network(mtu=1400)
    nic, volume = network.nic(1), host.volume(size=1 << 20)
    vm = host.vm(volume, title="101", interfaces=[nic.interface()])
    vm["disks"][0]["read_only"] = False
    roles = {
        "pool": {"pool_resources": host.pools()},
        "network": {"network_resources": [network.network()]},
        "vlan_uplink": {"vlan_uplink_resources": [network.uplink()]},
        "dhcp": {"dhcp_servers": [network.server()], "dhcp_reservations": [nic.reservation()]},
        "volume": {"volume_resources": [volume]},
        "vm": {"vm_resources": [vm]},
    }
    try:
        assert changed(host, **as_text(roles))
        assert "readonly" not in host.virsh("dumpxml", f"vg-{vm['id']}")
        assert changed(host, **roles) == set()
    finally:
        host.virsh("destroy", f"vg-{vm['id']}")
        play(host, **{name: {**roles[name], f"{name}_state": "absent"} for name in reversed(roles)})


def as_text(given: Any) -> Any:
    if isinstance(given, dict):
        return {name: ",".join(of) if name == "addresses" else as_text(of) for name, of in given.items()}
    if isinstance(given, list):
        return [as_text(one) for one in given]
    return int(given) if given == "101" else given if given is None else str(given)


def test_role_virtgraph_takes_values_as_variables_give_them(host: Host) -> None:
    dhcp = {"range": "10.1.0.10-10.1.0.20", "nameservers": "10.1.0.1"}
    network = {"name": "net", "vlan_id": "100", "mtu": "1400", "subnet": {"cidr": "10.1.0.0/24", "dhcp": dhcp}}
    vm = {"name": 101, "vcpus": "1", "vnc_password": 123456, "nics": [{"network": "net", "ip": "10.1.0.7"}]}
    vm["volumes"] = [{"name": 7, "read_only": "{{ ro }}"}]
    given = {
        "virtgraph_networks": [network], "virtgraph_volumes": [{"name": 7, "size": "1gb"}], "virtgraph_vms": [vm],
        "virtgraph_uplink_driver": "ovs", "virtgraph_uplink_interface": "br0", "virtgraph_hosts": ["host1"],
    }  # fmt: skip
    seen = play(host, "--check", "--diff", "-e", "ro=false", virtgraph=given)
    assert seen.returncode == 0, seen.stdout + seen.stderr
    assert "<title>101</title>" in seen.stdout and "readonly" not in seen.stdout and "123456" not in seen.stdout
    lone = play(host, "--check", "-e", "ro=false", virtgraph={**given, "virtgraph_uplink_driver": "none"})
    assert lone.returncode != 0 and "Set virtgraph_uplink_driver to ovs or 8021q" in " ".join(lone.stdout.split())


def test_a_failure_fails_the_play_in_words(host: Host) -> None:
    volume = host.volume()
    failed = play(host, volume={"volume_resources": [volume]})
    assert failed.returncode != 0
    assert f"Volume data ({volume['id']}) has no pool" in failed.stdout + failed.stderr
