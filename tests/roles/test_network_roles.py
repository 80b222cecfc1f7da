"""The roles network, vlan_uplink and dhcp: bridges, tags and addresses, as guests and their neighbours see them."""

import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import Host
from lab_hosts import LabHosts
from networks import GUEST, Network, Nic, await_console, everything, guest, server_pids, traces, wanted

pytestmark = pytest.mark.lab

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tiny(lab: LabHosts, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The tiny guest's kernel and initrd, on the host."""
    folder = tmp_path_factory.mktemp("tiny")
    subprocess.run([ROOT / "scripts" / "build-tiny", folder], check=True)
    shutil.copytree(folder, lab.folder / "host1" / "disk" / GUEST.lstrip("/"))


@pytest.fixture
def wires(host: Host) -> Iterator[Host]:
    """The host, which has no networks before the test nor after it."""
    assert traces(host) == []
    yield host
    for domain in host.virsh("list", "--name").split():
        host.virsh("destroy", domain)
    ids = [name.removeprefix("vg-") for name in host.virsh("net-list", "--all", "--name").split()]
    gone = [{"id": id, "driver": "ovs", "interface": "br0"} for id in ids]
    host.play("remove", networks=gone, uplinks=gone, dhcp_servers=gone)
    assert traces(host) == []


def ping(host: Host, network: Network, nic: Nic, times: int = 3) -> str:
    """From the DHCP server's namespace, 20 times a second; fails when nothing comes back."""
    command = ("busybox", "ping", "-q", "-i", "0.05", "-c", str(times), nic.address)
    return host.sh("ip", "netns", "exec", network.name("d"), *command)


@pytest.mark.usefixtures("tiny")
def test_a_guest_has_its_reserved_address_and_its_frames_the_tag(wires: Host) -> None:
    network = Network(vlan=100)
    nic = network.nic(1, hostname="Web 1")
    watch = ("timeout", "60", "tcpdump", "-n", "-e", "-i", "eth1", "-c", "1", "ether", "src", nic.mac)
    with ThreadPoolExecutor() as pool:
        seen = pool.submit(wires.sh, *watch)
        results = wires.play("realize", **wanted(network, nics=(nic,)), vms=[vm := guest(wires, nic)])
        await_console(wires, vm, "tiny: eth0 has 192.168.0.1/24, name web-1, server 192.168.0.253")
        assert ": vlan 100, " in seen.result()
    assert results[nic.id].changed
    assert ping(wires, network, nic)


@pytest.mark.usefixtures("tiny")
def test_a_reservation_more_costs_the_neighbour_no_ping(wires: Host) -> None:
    network = Network()
    first, second = network.nic(1), network.nic(2)
    wires.play("realize", **wanted(network, nics=(first,)), vms=[vm := guest(wires, first)])
    await_console(wires, vm, "eth0 has 192.168.0.1/24")
    before = server_pids(wires, network)
    with ThreadPoolExecutor() as pool:  # 12 s of pings, longer than the play
        pings = pool.submit(ping, wires, network, first, 240)
        results = wires.play("realize", **wanted(network, nics=(first, second)), vms=[other := guest(wires, second)])
        assert not pings.done()
        await_console(wires, other, "eth0 has 192.168.0.2/24")
        assert ", 0% packet loss" in pings.result()
    assert {id for id, result in results.items() if result.changed} == {second.id, other["id"]}
    assert server_pids(wires, network) == before


@pytest.mark.usefixtures("tiny")
def test_networks_of_one_range_are_apart_on_a_host(wires: Host) -> None:
    networks = Network(vlan=100), Network(vlan=101)
    nics = tuple(network.nic(1, hostname=f"web{network.vlan}") for network in networks)
    vms = [guest(wires, nic) for nic in nics]
    wires.play("realize", **wanted(*networks, nics=nics), vms=vms)
    for network, nic, vm in zip(networks, nics, vms, strict=True):
        await_console(wires, vm, f"eth0 has 192.168.0.1/24, name web{network.vlan}")
        assert ping(wires, network, nic)
        assert nic.mac in wires.sh("ip", "-n", network.name("d"), "neighbour", "show", nic.address)


@pytest.mark.usefixtures("tiny")
def test_an_address_that_was_released_serves_its_next_owner(wires: Host) -> None:
    """dnsmasq keeps the lease of the first until it expires."""
    network = Network()
    first, second = network.nic(1, hostname="first"), network.nic(1, hostname="second")
    wires.play("realize", **wanted(network, nics=(first,)), vms=[vm := guest(wires, first)])
    await_console(wires, vm, "eth0 has 192.168.0.1/24, name first")
    gone = wires.play("remove", vms=[{"id": vm["id"]}], reservations=[{"id": first.id, "network": network.id}])
    assert gone[first.id].changed
    wires.play("realize", **wanted(network, nics=(second,)), vms=[vm := guest(wires, second)])
    await_console(wires, vm, "eth0 has 192.168.0.1/24, name second")


@pytest.mark.usefixtures("tiny")
def test_users_text_is_a_host_name_or_nothing(wires: Host) -> None:
    network = Network()
    names = (
        "12h",
        "ignore",
        "infinite",
        "Büro & Co.",
        "x\n52:54:00:00:00:99,192.168.0.1",
        "$(halt),1.2.3.4",
        "-",
        "ü" * 255,
    )
    nics = tuple(network.nic(last, name) for last, name in enumerate(names, 11))
    results = wires.play("realize", **wanted(network, nics=nics))
    assert [id for id, result in results.items() if result.failed] == []
    for nic in nics:
        lines = wires.sh("find", "/run", "-path", f"*/hosts/{nic.id}", "-exec", "cat", "{}", ";").splitlines()
        assert len(lines) == 1
        mac, address, *name = lines[0].split(",")
        assert (mac, address) == (nic.mac, nic.address)
        assert all(part.replace("-", "").isalnum() and part.isascii() for part in name)
    vms = [guest(wires, nics[0]), guest(wires, nics[1])]
    wires.play("realize", vms=[{**vm, "needs": []} for vm in vms])
    await_console(wires, vms[0], "eth0 has 192.168.0.11/24")
    await_console(wires, vms[1], "eth0 has 192.168.0.12/24")


def test_a_second_run_changes_nothing(wires: Host) -> None:
    networks = Network(vlan=100), Network(vlan=None), Network(driver="none"), Network(vlan=102, mtu=9000)
    nics = tuple(network.nic(last) for network in networks for last in (1, 2))
    first = wires.play("realize", **wanted(*networks, nics=nics))
    assert [id for id, result in first.items() if result.failed] == []
    before = everything(wires, *networks)
    for step, items in wanted(*networks, nics=nics).items():  # one by one: a network's id is in three of them
        results = wires.play("realize", **{step: items})
        assert [(step, id) for id, result in results.items() if result.changed or result.failed] == []
    assert everything(wires, *networks) == before


def test_each_step_says_what_it_made(wires: Host) -> None:
    tagged, untagged, lonely = Network(vlan=100), Network(vlan=None), Network(driver="none")
    assert facts(wires, networks=[tagged.network()]) == [{"bridge": tagged.name("b")}]
    assert facts(wires, uplinks=[tagged.uplink()]) == [{"uplink": "ovs br0 tag 100"}]
    assert facts(wires, dhcp_servers=[tagged.server()]) == [{"dhcp": "192.168.0.253"}]
    others = {"networks": [untagged.network(), lonely.network()]}
    wires.play("realize", **others)
    uplinks = [untagged.uplink(), lonely.uplink()]
    assert facts(wires, uplinks=uplinks) == [{"uplink": "ovs br0 untagged"}, {"uplink": "none"}]


def facts(host: Host, **doc: list[dict[str, object]]) -> list[dict[str, object]]:
    return [dict(result.facts) for result in host.play("realize", **doc).values()]


def test_a_host_has_no_address_on_a_network_and_no_port_carries_less_than_the_bridge(wires: Host) -> None:
    network = Network(mtu=9000)
    wires.play("realize", **wanted(network))
    assert wires.sh("ip", "-6", "address", "show", "dev", network.name("b")) == ""
    mtus = {kind: int(wires.sh("cat", f"/sys/class/net/{network.name(kind)}/mtu")) for kind in "buod"}
    assert set(mtus.values()) == {1500}  # of br0


def test_an_uplink_can_change(wires: Host) -> None:
    network = Network(vlan=100)
    wires.play("realize", **wanted(network))
    moved = Network(vlan=200, id=network.id, mac=network.mac)
    assert wires.play("realize", uplinks=[moved.uplink()])[network.id].changed
    assert wires.sh("ovs-vsctl", "get", "port", network.name("o"), "tag").strip() == "200"
    none = wires.play("realize", uplinks=[{**moved.uplink(), "driver": "none"}])
    assert none[network.id].facts == {"uplink": "none"}
    assert network.name("o") not in wires.sh("ovs-vsctl", "list-ports", "br0")


def test_an_uplink_that_carries_the_host_is_refused(wires: Host) -> None:
    network = Network()
    wires.sh("ip", "address", "add", "10.5.5.5/24", "dev", "br0")
    try:
        wires.play("realize", networks=[network.network()])
        refused = wires.play("realize", uplinks=[network.uplink()])[network.id]
        assert refused.failed and "br0" in str(refused.error) and refused.cure
    finally:
        wires.sh("ip", "address", "delete", "10.5.5.5/24", "dev", "br0")
    assert wires.play("realize", uplinks=[network.uplink()])[network.id].changed


def test_an_uplink_that_is_not_there_is_named_and_harms_no_neighbour(wires: Host) -> None:
    good, bad = Network(vlan=100), Network(vlan=101, interface="br7")
    wires.play("realize", networks=[good.network(), bad.network()])
    results = wires.play("realize", uplinks=[bad.uplink(), good.uplink()])
    assert "br7" in str(results[bad.id].error)
    assert not results[good.id].failed


def test_a_server_that_died_is_started_and_one_whose_options_changed_serves_the_new_ones(wires: Host) -> None:
    network = Network()
    wires.play("realize", **wanted(network))
    (died,) = server_pids(wires, network)
    wires.sh("kill", "-9", died)
    assert wires.play("realize", dhcp_servers=[network.server()])[network.id].changed
    (started,) = server_pids(wires, network)
    assert started != died
    changed = network.server(address="192.168.0.252", gateway=None)
    assert wires.play("realize", dhcp_servers=[changed])[network.id].changed
    assert len(server_pids(wires, network)) == 1
    assert "192.168.0.252/24" in wires.sh("ip", "-n", network.name("d"), "address", "show")
    assert not wires.play("realize", dhcp_servers=[changed])[network.id].changed


@pytest.mark.parametrize("marker", ["unread", "released"])
def test_a_server_that_was_not_told_of_a_change_is_told_by_the_next_run(wires: Host, marker: str) -> None:
    """Its module was killed between the file and the signal."""
    network = Network()
    nic = network.nic(1)
    wires.play("realize", **wanted(network, nics=(nic,)))
    file = f"/run/virtgraph-dhcp/{wires.installation}/{network.id}/{marker}"
    for given in ({"dhcp_servers": [network.server()]}, {"reservations": [nic.reservation()]}):
        wires.sh("touch", file)
        (told,) = wires.play("realize", **given).values()
        assert told.changed
        assert wires.sh("sh", "-c", f"ls {file} 2>&1 || true").endswith("directory\n")
        (told,) = wires.play("realize", **given).values()
        assert not told.changed


def test_a_network_is_completed_after_a_power_cut(wires: Host) -> None:
    network = Network()
    nic = network.nic(1)
    order = wanted(network, nics=(nic,))
    wires.play("realize", **order)
    wires.lab.stop("host1")
    wires.lab.start("host1")
    wires.plays.renew()
    results = wires.play("realize", **order)
    assert results[network.id].changed and results[nic.id].changed
    assert not any(result.changed or result.failed for result in wires.play("realize", **order).values())


@pytest.mark.parametrize(
    "damage",
    [
        "virsh -q net-destroy vg-{id}",
        "virsh -q net-destroy vg-{id}; virsh -q net-undefine vg-{id}",
        "ip link delete {b}",
        "ip link set {b} down type bridge stp_state 1",
        "ip link delete {u}",
        "ip link set {u} nomaster",
        "ethtool -K {o} tx on",
        "ovs-vsctl del-port {o}",
        "ovs-vsctl clear port {o} tag",
        "ip link delete {d}",
        "kill $(ip netns pids {d}); sleep 0.2; ip netns delete {d}",
        "kill $(ip netns pids {d}); sleep 0.2; ip netns delete {d}; touch /run/netns/{d}",
        "ip -n {d} address flush dev eth0",
    ],
)
def test_what_is_half_there_is_completed(wires: Host, damage: str) -> None:
    network = Network()
    order = wanted(network, nics=(network.nic(1),))
    wires.play("realize", **order)
    names = {kind: network.name(kind) for kind in "buod"}
    wires.sh("sh", "-ec", damage.format(id=network.id, **names))
    results = wires.play("realize", **order).values()
    assert [result.error for result in results if result.failed or result.skipped] == []
    before = everything(wires, network)
    assert not any(result.changed or result.failed for result in wires.play("realize", **order).values())
    assert everything(wires, network) == before


@pytest.mark.parametrize(
    ("make", "undo"),
    [
        ("ip link add {b} type bridge; ip link set {b} alias mine", "ip link delete {b}"),
        ("ip netns add {d}", "ip netns delete {d}"),
        ("ovs-vsctl add-port br0 {o} -- set interface {o} type=internal", "ovs-vsctl del-port {o}"),
    ],
)
def test_what_is_not_ours_is_left_alone(wires: Host, make: str, undo: str) -> None:
    network = Network()
    names = {kind: network.name(kind) for kind in "buod"}
    wires.sh("sh", "-ec", make.format(**names))
    try:
        results = wires.play("realize", **wanted(network)).values()
        assert any(result.failed or result.skipped for result in results)
        wires.play("remove", **wanted(network))
    finally:
        wires.sh("sh", "-ec", undo.format(**names))  # fails when it is gone


def test_a_network_of_another_installation_is_left_alone(wires: Host) -> None:
    network = Network()
    wires.play("realize", **wanted(network))
    before = everything(wires, network)
    stranger = Host(wires.lab, wires.plays, wires.folder)
    for playbook in ("realize", "remove"):
        results = stranger.play(playbook, **wanted(network)).values()
        assert all(result.failed or result.skipped for result in results)
    assert everything(wires, network) == before


def test_removal_leaves_nothing_and_what_is_gone_is_no_failure(wires: Host) -> None:
    networks = Network(vlan=100), Network(vlan=None), Network(driver="none")
    nics = tuple(network.nic(1) for network in networks)
    wires.play("realize", **wanted(*networks, nics=nics))
    first = wires.play("remove", **wanted(*networks, nics=nics)).values()
    assert [result.error for result in first if result.failed or not result.changed] == []
    assert traces(wires) == []
    second = wires.play("remove", **wanted(*networks, nics=nics)).values()
    assert not any(result.changed or result.failed for result in second)


def test_a_network_in_use_is_not_removed(wires: Host) -> None:
    network = Network()
    wires.play("realize", **wanted(network))
    wires.sh("ip", "link", "add", "guest0", "type", "veth", "peer", "name", "guest1")
    wires.sh("ip", "link", "set", "guest0", "master", network.name("b"))
    try:
        refused = wires.play("remove", networks=[network.network()])[network.id]
        assert refused.failed and "guest0" in str(refused.error) and refused.cure
        assert network.name("b") in wires.sh("ip", "link", "show", "dev", network.name("b"))
    finally:
        wires.sh("ip", "link", "delete", "guest0")


def test_an_untagged_network_carries_no_tags_of_its_guests(wires: Host) -> None:
    network = Network(vlan=None)
    wires.play("realize", **wanted(network))
    assert wires.sh("ovs-vsctl", "get", "port", network.name("o"), "tag", "trunks").split() == ["[]", "[0]"]


def test_networks_whose_ids_begin_alike_share_nothing(wires: Host) -> None:
    network = Network()
    alike = Network(vlan=101, id=network.id[:-4] + ("0000" if network.id[-4:] != "0000" else "ffff"))
    wires.play("realize", **wanted(network))
    before = everything(wires, network)
    refused = wires.play("realize", networks=[alike.network()])[alike.id]
    assert refused.failed
    assert f"is of network {network.id}" in (refused.error or "")
    gone = wires.play("remove", **wanted(alike))
    assert [id for id, result in gone.items() if result.failed] == []
    assert everything(wires, network) == before
