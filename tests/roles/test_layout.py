"""What people write of networks, volumes and VMs, and what each host is given of it."""

import uuid
from typing import Any

import pytest
import yaml
from layout import FOLDER, virtgraph_layout

from virtgraph.allocate import mac_of

Layout, Refused = virtgraph_layout.Layout, virtgraph_layout.Refused
SPECS = yaml.safe_load((FOLDER.parent / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]
INSTALLATION = "7d0a2b9c-5b0e-4a4e-9f4c-6f0e9d0c1a11"
ID = "56410722-d507-472a-a800-c89211b7c261"
NETWORK = {"name": "net", "vlan_id": 100, "subnet": {"cidr": "10.1.0.0/24", "dhcp": {"range": "10.1.0.10-10.1.0.12"}}}
VM = {"name": "web", "host": "host1", "nics": [{"network": "net"}]}


def served(range: str, **more: str) -> Any:
    return {**NETWORK, "subnet": {"cidr": "10.1.0.0/24", "dhcp": {"range": range, **more}}}


def layout(*, networks: Any = (NETWORK,), volumes: Any = (), vms: Any = (VM,), hosts: Any = ("host1", "host2")) -> Any:
    given = {"networks": networks, "volumes": volumes, "vms": vms, "hosts": hosts}
    return Layout({"installation": INSTALLATION, "domain_type": "auto", **given})


def on(name: str = "host1", **given: Any) -> Any:
    host = {"name": name, "pool_path": "/pool", "uplink_driver": "ovs", "uplink_interface": "br0", "segment": "default"}
    return layout(**given).on(host)


def given(**changes: Any) -> Any:
    """As host1's part of a play gives it: with the types that a person wrote."""
    host = {"pool_path": "/pool", "uplink_driver": "ovs", "uplink_interface": "br0", "segment": "default"}
    lists = {"networks": [NETWORK], "volumes": [], "vms": [VM], "hosts": ["host1", "host2"]}
    written = {"installation": INSTALLATION, "domain_type": "auto", **host, **lists, **changes}
    typed = virtgraph_layout.typed({f"virtgraph_{name}": value for name, value in written.items()}, SPECS["options"])
    return Layout(typed).on({**typed, "name": "host1"})


def derived(key: str) -> str:
    return str(uuid.uuid5(uuid.UUID(INSTALLATION), key))


def test_ids_derive_from_installation_kind_and_name_and_macs_from_ids() -> None:
    doc = on(volumes=[{"name": "disk", "size": "1gb"}], vms=[{**VM, "volumes": [{"name": "disk"}]}])
    (vm,) = doc["vms"]
    (interface,) = vm["interfaces"]
    assert vm["id"] == derived("VM/web")
    assert interface["id"] == derived("VM/web/NIC/0")
    assert interface["mac"] == mac_of(interface["id"]), "as the service derives it"
    assert interface["network"] == doc["networks"][0]["id"] == derived("Network/net")
    assert vm["disks"][0]["id"] == doc["volumes"][0]["id"] == derived("Volume/disk")


def test_what_is_given_stays() -> None:
    nic = {"network": "net", "id": ID, "mac": "52:54:00:AA:00:01", "ip": ["10.1.0.99"]}
    doc = on(vms=[{**VM, "nics": [nic]}])
    assert doc["vms"][0]["interfaces"][0] | {"network": ""} == {"id": ID, "mac": "52:54:00:aa:00:01", "network": ""}
    (reservation,) = doc["reservations"]
    assert (reservation["id"], reservation["addresses"]) == (ID, ["10.1.0.99"])


def test_addresses_are_the_lowest_free_ones_and_every_host_finds_the_same() -> None:
    dhcp = {"range": "10.1.0.10-10.1.0.14", "gateway": "10.1.0.10", "nameservers": ["10.1.0.11"]}
    network = {**NETWORK, "subnet": {"cidr": "10.1.0.0/24", "dhcp": dhcp}}
    nic, fixed = {"network": "net"}, {"network": "net", "ip": ["10.1.0.13"]}
    vms = [{"name": f"vm{n}", "host": f"host{1 + n % 2}", "nics": [one]} for n, one in enumerate((nic, fixed, nic))]
    doc = on(networks=[network], vms=vms)
    assert [one["addresses"] for one in doc["reservations"]] == [["10.1.0.12"], ["10.1.0.13"], ["10.1.0.14"]]
    assert doc["dhcp_servers"][0]["address"] == "10.1.0.254"
    away = on("host2", networks=[network], vms=vms)
    assert (away["dhcp_servers"], away["reservations"]) == ([], []), "one host serves"
    assert away["networks"] == doc["networks"], "and both have it"
    assert [vm["title"] for vm in away["vms"]] == ["vm1"]


def test_a_network_without_vms_is_on_the_first_host_or_on_its_own() -> None:
    assert len(on("host1", vms=[])["networks"]) == 1 and on("host2", vms=[])["networks"] == []
    own = [{**NETWORK, "host": "host2"}]
    assert on("host1", networks=own, vms=[])["networks"] == []
    assert len(on("host2", networks=own, vms=[])["dhcp_servers"]) == 1


def test_sizes_are_binary_and_a_lone_host_need_not_be_named() -> None:
    doc = on(vms=[{"name": "web", "memory": "1gb"}], volumes=[{"name": "disk", "size": 1 << 20}], hosts=["host1"])
    assert (doc["vms"][0]["memory"], doc["volumes"][0]["size"]) == (1 << 30, 1 << 20)


def test_a_removal_waits_for_the_users_and_leaves_the_pool() -> None:
    doc = virtgraph_layout.turned_round(
        on(volumes=[{"name": "disk", "size": "1gb"}], vms=[{**VM, "volumes": [{"name": "disk"}]}])
    )
    (vm,) = doc["vms"]
    assert doc["pools"] == [] and vm["needs"] == []
    assert doc["volumes"][0]["needs"] == [vm["id"]] and vm["id"] in doc["networks"][0]["needs"]


def test_text_of_a_number_or_of_a_truth_is_what_it_says() -> None:
    """As it comes of `-e` and of templates: "{{ mtu }}"."""
    network = {**NETWORK, "vlan_id": "100", "mtu": "1400", "segment": None}
    nic = {"network": "net", "ip": "10.1.0.7"}
    vms = [
        {**VM, "name": name, "vcpus": "2", "memory": 512, "nics": nics, "volumes": [{"name": "7", "read_only": ro}]}
        for name, nics, ro in ((101, [nic], "yes"), ("102", [], "true"))
    ]
    networks = [{**network, "subnet": {**NETWORK["subnet"]}}]
    networks[0]["subnet"]["dhcp"] = {"range": "10.1.0.10-10.1.0.12", "nameservers": "10.1.0.1,10.1.0.2"}
    doc = given(networks=networks, volumes=[{"name": 7, "size": "1gb"}], vms=vms)
    assert [(vm["title"], vm["vcpus"], vm["disks"][0]["read_only"]) for vm in doc["vms"]] == [
        ("101", 2, True),
        ("102", 2, True),
    ]
    (reservation,) = doc["reservations"]
    assert (reservation["addresses"], reservation["hostname"]) == (["10.1.0.7"], "101")
    assert doc["dhcp_servers"][0]["nameservers"] == ["10.1.0.1", "10.1.0.2"]
    (uplink,) = doc["uplinks"]
    assert (uplink["vlan_id"], uplink["mtu"], doc["networks"][0]["mtu"]) == (100, 1400, 1400)
    assert uplink["driver"] == "ovs", "a segment that is null is the default one, which the host is on"


def test_a_truth_that_says_no_is_no() -> None:
    vms = [{**VM, "volumes": [{"name": "disk", "read_only": "false"}]}]
    doc = given(volumes=[{"name": "disk", "size": "1gb"}], vms=vms)
    assert doc["vms"][0]["disks"][0]["read_only"] is False


def test_a_password_of_digits_is_one() -> None:
    vm = {**VM, "vnc_password": 123456}
    assert (
        given(vms=[vm])["vms"][0]["vnc_password"]
        == given(vms=[{**vm, "vnc_password": "123456"}])["vms"][0]["vnc_password"]
    )


def test_a_tag_is_one_however_it_is_written() -> None:
    with pytest.raises(Refused, match="VLAN 100 of the segment default is network net"):
        given(networks=[NETWORK, {"name": "same", "vlan_id": "100"}])


def test_of_a_password_a_service_is_told_that_there_is_one() -> None:
    vms = [{**VM, "vnc_password": "hunter2"}, {**VM, "name": "db"}]
    web, db = layout(vms=vms).filled("host1")["vms"]
    assert (web["vnc_password"], db["vnc_password"]) == ("********", None)


def test_no_password_is_told_of_what_cannot_be() -> None:
    with pytest.raises(Refused) as refused:
        given(vms=[{**VM, "vnc_password": "hunter2", "vcpus": "hunter2"}])
    assert "vcpus" in str(refused.value) and "hunter2" not in str(refused.value)


def test_a_pools_path_is_one_however_it_is_written() -> None:
    plain, twice = (
        given(volumes=[{"name": "disk", "size": 1, "host": "host1"}], pool_path=at) for at in ("/a/b", "//a/./b/")
    )
    assert plain["pools"] == twice["pools"] and plain["volumes"] == twice["volumes"]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"vms": [VM, {"name": "b", "host": "host2", "memory": "lots"}]}, "VM b: lots is not a size"),
        ({"vms": [VM, {"name": "b", "host": "host2", "vnc_password": "123456789"}]}, "1 to 8 characters"),
        ({"vms": [VM, {"name": "b", "host": "host2", "vnc_password": "a\x01"}]}, "is of printable ASCII characters"),
        (
            {"vms": [VM, {"name": "b", "host": "host2", "vnc_password": "gr\u00fcn"}]},
            "is of printable ASCII characters",
        ),
        ({"volumes": [{"name": "disk", "host": "host2"}]}, "Volume disk: it needs a size or a source."),
        ({"volumes": [{"name": "disk", "host": "host2", "size": "lots"}]}, "Volume disk: lots is not a size"),
    ],
)
def test_what_cannot_be_on_another_host_is_refused_on_each(other: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused) as refused:
        on("host1", **other)
    assert said in str(refused.value) and "gr" not in str(refused.value)


def test_an_interface_that_no_driver_uses_is_refused() -> None:
    """Else the VMs of two hosts would never meet, and the run be green."""
    with pytest.raises(
        Refused, match=r"host1: virtgraph_uplink_interface is eth1 .* Set virtgraph_uplink_driver to ovs"
    ):
        given(uplink_driver="none", uplink_interface="eth1")
    assert given(uplink_driver="none", uplink_interface="")["uplinks"][0]["driver"] == "none"


def test_a_removal_knows_all_networks_on_every_host_since_their_home_may_have_been_another() -> None:
    host = {"name": "host2", "pool_path": "/p", "uplink_driver": "none", "uplink_interface": None, "segment": "default"}
    doc = layout().off(host)
    assert [len(doc[kind]) for kind in ("networks", "uplinks", "dhcp_servers", "reservations", "vms")] == [
        1,
        1,
        1,
        1,
        0,
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"vms": [{"name": "web"}]}, "VM web: it needs a host; the hosts are host1, host2."),
        ({"vms": [{**VM, "host": "host9"}]}, "VM web: there is no host host9"),
        ({"vms": [VM, VM]}, "There are 2 entries for VM web."),
        ({"vms": [{**VM, "nics": [{"network": "gone"}]}]}, "there is no network gone in virtgraph_networks"),
        ({"vms": [{**VM, "volumes": [{"name": "gone"}]}]}, "there is no volume gone in virtgraph_volumes"),
        ({"vms": [{**VM, "memory": "much"}]}, "much is not a size"),
        ({"vms": [{**VM, "id": "web"}]}, "VM/web: web is not a UUID"),
        ({"vms": [{**VM, "vnc_password": "123456789"}]}, "a vnc_password has 1 to 8 characters"),
        ({"vms": [{**VM, "nics": [{"network": "net", "mac": "01:00:00:00:00:01"}]}]}, "is not the MAC address"),
        ({"vms": [{**VM, "nics": [{"network": "net", "mac": "52:54:00:00:00"}]}]}, "is not the MAC address"),
        ({"vms": [{**VM, "nics": [{"network": "net", "mac": "52:54:00:00:00:01"}] * 2}]}, "the MAC address of NIC 0"),
        ({"vms": [{**VM, "nics": [{"network": "net", "ip": ["10.2.0.1"]}]}]}, "10.2.0.1 is not in 10.1.0.0/24"),
        ({"vms": [{**VM, "nics": [{"network": "net", "ip": ["10.1.0.9"]}] * 2}]}, "the address of NIC 0 of VM web"),
        ({"vms": [{**VM, "nics": [{"network": "net"}] * 4}]}, "no address of 10.1.0.10-10.1.0.12"),
        ({"networks": [{**NETWORK, "type": "flat"}]}, "one of type flat has none"),
        ({"networks": [{"name": "net"}]}, "a network of type vlan has a vlan_id"),
        ({"networks": [NETWORK, {"name": "same", "vlan_id": 100}]}, "VLAN 100 of the segment default is network net."),
        (
            {"networks": [NETWORK, {"name": "a", "type": "flat"}, {"name": "b", "type": "flat"}]},
            "the untagged network of the segment default is network a.",
        ),
        (
            {
                "volumes": [{"name": "disk", "size": "1gb"}],
                "vms": [{"name": name, "host": "host1", "volumes": [{"name": "disk"}]} for name in ("a", "b")],
            },
            "Volume disk: VM a and VM b cannot share it unless both have it read_only.",
        ),
        ({"networks": [{**NETWORK, "subnet": {"cidr": "10.1.0.1/24"}}]}, "has host bits set"),
        (
            {"networks": [{**NETWORK, "subnet": {"cidr": "10.1.0.0/24", "dhcp": {"range": "10.1.1.1-10.1.1.9"}}}]},
            "have to be in 10.1.0.0/24",
        ),
        ({"networks": [served("10.1.0.0-10.1.0.9")]}, "10.1.0.0 is the address of the subnet 10.1.0.0/24 itself"),
        ({"networks": [served("10.1.0.1-10.1.0.255")]}, "10.1.0.255 is the broadcast address of 10.1.0.0/24"),
        ({"networks": [served("10.1.0.1-10.1.0.9", gateway="10.1.0.255")]}, "10.1.0.255 is the broadcast address"),
        ({"networks": [served("10.1.0.1-10.1.0.9", address="10.1.0.0")]}, "10.1.0.0 is the address of the subnet"),
        ({"vms": [{**VM, "nics": [{"network": "net", "ip": ["10.1.0.255"]}]}]}, "10.1.0.255 is the broadcast address"),
        ({"networks": [{**NETWORK, "subnet": {"cidr": "127.1.0.0/24"}}]}, "is not a subnet that guests can have"),
        ({"volumes": [{"name": "disk", "host": "host1"}]}, "Volume disk: it needs a size or a source."),
        ({"volumes": [{"name": "disk", "size": "1gb"}]}, "Volume disk: it needs a host"),
        (
            {"volumes": [{"name": "disk", "host": "host2"}], "vms": [{**VM, "volumes": [{"name": "disk"}]}]},
            "Volume disk: it is on host2, and VM web on host1.",
        ),
        (
            {"volumes": [{"name": "disk", "id": ID, "host": "host1", "size": "1gb"}], "vms": [{**VM, "id": ID}]},
            "have the same id",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused) as refused:
        on(**given)
    assert said in str(refused.value)


def test_an_installation_is_a_uuid() -> None:
    with pytest.raises(Refused, match="virtgraph_installation: mine is not a UUID"):
        Layout({"installation": "mine", "domain_type": "auto", "networks": [], "volumes": [], "vms": [], "hosts": []})


def test_none_is_not_nothing() -> None:
    """So that a zero meets the refusal of its role."""
    doc = on(networks=[{**NETWORK, "mtu": 0}], vms=[{**VM, "vcpus": 0}])
    assert (doc["vms"][0]["vcpus"], doc["networks"][0]["mtu"]) == (0, 0)
