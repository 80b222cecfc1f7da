"""The driver 8021q of role vlan_uplink. The lab's kernel makes no VLANs: their commands are only compared here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import module_utils  # noqa: F401
import pytest
from ansible.module_utils.virtgraph_8021q import Tagged, filters, is_vlan
from conftest import Host
from networks import Network, traces, wanted

pytestmark = pytest.mark.lab

ID, INSTALLATION = "85cf3a3a-18e4-4fe2-b406-9e79079cae07", "11111111-1111-4111-8111-111111111111"
SERVED = "192.168.0.253"


def vlan(**changes: Any) -> dict[str, Any]:
    """As `ip -json -details link` of iproute2 6.1 shows one."""
    data = {"protocol": "802.1Q", "id": 100, "flags": ["REORDER_HDR"], **changes.pop("data", {})}
    return {
        "link": "eth1",
        "ifname": "vgu-85cf3a3a18e",
        "linkinfo": {"info_kind": "vlan", "info_data": data, "info_slave_kind": "bridge"},
        **changes,
    }


def test_a_vlan_is_known_by_its_interface_and_tag() -> None:
    assert is_vlan(vlan(), "eth1", 100)
    assert not is_vlan(vlan(), "eth2", 100)
    assert not is_vlan(vlan(), "eth1", 101)
    assert not is_vlan(vlan(data={"protocol": "802.1ad"}), "eth1", 100)
    assert not is_vlan({"ifname": "vgu-85cf3a3a18e", "link": "eth1", "linkinfo": {"info_kind": "veth"}}, "eth1", 100)
    assert not is_vlan({"ifname": "eth1"}, "eth1", 100), "a card"


def test_a_vlan_is_made_with_its_mark_in_one_process() -> None:
    tagged = Tagged({"id": ID, "interface": "eth1", "vlan_id": 100}, INSTALLATION)
    assert tagged.made_by("eth1") == [
        "link add link eth1 name vgu-85cf3a3a18e type vlan id 100",
        f"link set dev vgu-85cf3a3a18e alias virtgraph:{INSTALLATION}:{ID}",
    ]
    assert len(tagged.name) <= 15


def test_a_kernel_without_a_filter_for_tags_shows_no_vlan_of_its_ports() -> None:
    assert filters({"linkinfo": {"info_data": {"vlan_filtering": 0}}}) is None
    assert filters({"linkinfo": {"info_data": {"vlan_filtering": 1, "vlan_default_pvid": 1}}}) is True
    assert filters({"linkinfo": {"info_data": {"vlan_filtering": 0, "vlan_default_pvid": 1}}}) is False


@pytest.fixture
def cable(host: Host) -> Iterator[Host]:
    """The host with two more interfaces, card0 and card1, and what is plugged into them on the other side: peer0, peer1."""
    for number in "01":
        pair = ("type", "veth", "peer", "name", f"peer{number}")
        host.sh("ip", "link", "add", f"card{number}", *pair)
        host.sh("ip", "link", "set", f"peer{number}", "up")
    yield host
    ids = [name.removeprefix("vg-") for name in host.virsh("net-list", "--all", "--name").split()]
    host.play("remove", **{step: [{"id": id} for id in ids] for step in ("networks", "uplinks", "dhcp_servers")})
    assert traces(host) == []
    for number in "01":
        host.sh("ip", "link", "delete", f"card{number}")


def flat(**changes: Any) -> Network:
    return Network(**{"vlan": None, "driver": "8021q", "interface": "card0", **changes})


def link(host: Host, name: str) -> str:
    return host.sh("ip", "-details", "-oneline", "link", "show", "dev", name)


def ports(host: Host) -> dict[str, str | None]:
    """The bridge of every interface."""
    return {found["ifname"]: found.get("master") for found in json.loads(host.sh("ip", "-json", "link"))}


def error(host: Host, network: Network) -> str:
    """Why the uplink is refused."""
    results = host.play("realize", networks=[network.network()], uplinks=[network.uplink()])
    assert results[network.id].failed and results[network.id].cure
    return str(results[network.id].error)


def test_an_untagged_network_has_the_interface_itself(cable: Host) -> None:
    network = flat()
    before = link(cable, "card0")
    results = cable.play("realize", **wanted(network))
    assert [result.error for result in results.values() if result.failed] == []
    uplink = cable.play("realize", uplinks=[network.uplink()])[network.id]
    assert (uplink.changed, uplink.facts) == (False, {"uplink": "8021q card0 untagged"})
    assert f"master {network.name('b')}" in link(cable, "card0")
    cable.sh("ip", "address", "add", "192.168.0.9/24", "dev", "peer0")
    cable.sh("busybox", "ping", "-q", "-c", "3", "-I", "peer0", SERVED)
    cable.sh("ip", "address", "delete", "192.168.0.9/24", "dev", "peer0")
    gone = cable.play("remove", uplinks=[{"id": network.id}])[network.id]
    assert gone.changed and not gone.failed
    after = link(cable, "card0")
    assert "master" not in after and "altname" not in after
    assert before.split(" mtu ")[1].split()[0] == after.split(" mtu ")[1].split()[0]
    assert not cable.play("remove", uplinks=[{"id": network.id}])[network.id].changed


def test_an_untagged_uplink_that_is_half_there_is_completed(cable: Host) -> None:
    network = flat()
    wish = {"networks": [network.network()], "uplinks": [network.uplink()]}
    cable.play("realize", **wish)
    bridge = network.name("b")
    for damage in ("link set card0 nomaster", "link set card0 down", f"link delete {bridge}"):
        cable.sh("ip", *damage.split())
        results = cable.play("realize", **wish)
        assert results[network.id].changed and not results[network.id].failed, damage
        assert f"master {bridge}" in link(cable, "card0")
    assert not any(result.changed or result.failed for result in cable.play("realize", **wish).values())


def test_a_bridge_carries_no_more_than_its_interface(cable: Host) -> None:
    cable.sh("ip", "link", "set", "card0", "mtu", "1400")
    network = flat()
    wish = {"networks": [network.network()], "uplinks": [network.uplink()]}
    cable.play("realize", **wish)
    assert "mtu 1400" in link(cable, network.name("b"))
    assert not any(result.changed or result.failed for result in cable.play("realize", **wish).values())


def test_an_interface_carries_one_untagged_network(cable: Host) -> None:
    first, second = flat(), flat()
    cable.play("realize", **wanted(first))
    assert f"carries the untagged network {first.id}" in error(cable, second)
    stranger = Host(cable.lab, cable.plays, cable.folder)
    assert not stranger.play("remove", uplinks=[{"id": first.id}])[first.id].changed
    assert f"master {first.name('b')}" in link(cable, "card0")


def test_an_uplink_moves_between_interfaces_and_drivers(cable: Host) -> None:
    network = flat()
    cable.play("realize", networks=[network.network()], uplinks=[network.uplink()])
    moved = flat(id=network.id, interface="card1")
    switched = Network(id=network.id, vlan=7)
    for uplink, master in ((moved, "card1"), (switched, network.name("u")), (network, "card0")):
        result = cable.play("realize", uplinks=[uplink.uplink()])[network.id]
        assert result.changed and not result.failed, result
        ports = cable.sh("ls", f"/sys/class/net/{network.name('b')}/brif").split()
        assert ports == [master]
        assert not cable.play("realize", uplinks=[uplink.uplink()])[network.id].changed
    assert "altname" not in link(cable, "card1")
    assert network.name("o") not in cable.sh("ovs-vsctl", "list-ports", "br0")


def test_a_kernel_that_makes_no_vlans_is_said_to(cable: Host) -> None:
    if cable.sh("sh", "-c", "test -e /proc/net/vlan && echo there || true"):
        pytest.skip("this kernel has 8021q")
    said = error(cable, flat(vlan=100))
    assert "The kernel of this host makes no VLANs: it has no module 8021q" in said
    cable.play("observe", uplink="card0", pool_path=None)
    assert cable.outcome is not None
    assert cable.outcome.host_facts["uplink_driver"] == "none"


PREPARED = """
ip address add 10.5.5.5/24 dev card0
ip link set card1 up
ip route add default dev card1 metric 9
ip link add name lan0 type bridge
ip link set peer1 master lan0
"""
NO_UPLINKS = {
    "card0": "The uplink card0 carries an address of the host itself",
    "card1": "The uplink card1 carries the host's default route",
    "card9": "The uplink card9 is not an interface of this host",
    "card0\nlink delete eth0": "is not an interface of this host",
    "br0": "The uplink br0 belongs to Open vSwitch",
    "eth1": "The uplink eth1 belongs to Open vSwitch",
    "peer1": "The uplink peer1 is a port of lan0 already: it is left as it is",
    "lan0": "The uplink lan0 is a bridge",
}


def test_what_cannot_be_an_uplink_is_refused_and_left_as_it_is(cable: Host) -> None:
    networks = {interface: flat(interface=interface) for interface in NO_UPLINKS}
    cable.play("realize", networks=[network.network() for network in networks.values()])
    cable.sh("sh", "-ec", PREPARED)
    try:
        before = ports(cable)
        results = cable.play("realize", uplinks=[network.uplink() for network in networks.values()])
        said = {interface: results[network.id] for interface, network in networks.items()}
        assert [name for name, why in NO_UPLINKS.items() if why not in str(said[name].error)] == []
        assert all(result.cure and not result.changed for result in said.values())
        assert ports(cable) == before
    finally:
        cable.sh("ip", "link", "delete", "lan0")
