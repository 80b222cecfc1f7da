"""What the hosts of a play say together, of what each of them saw."""

from typing import Any

import pytest
from layout import virtgraph_layout, virtgraph_play_hosts
from test_layout import INSTALLATION, NETWORK, VM, derived

NET, WEB, NIC = derived("Network/net"), derived("VM/web"), derived("VM/web/NIC/0")
MAC = virtgraph_layout.free_mac(NIC, {})
GUEST = {"id": "5b0e4a4e-9f4c-4f0e-8d0c-000000000001", "title": "VM guest", "macs": ["52:54:00:00:00:01"]}
GUESTS = {"mac": "52:54:00:00:00:01", "address": "10.1.0.10", "hostname": "guest"}  # its reservation
ELSE = {**GUESTS, "address": "10.1.0.11"}
DISK = {"name": "disk", "size": "1gb", "host": "host1"}


def listed(**given: Any) -> Any:
    """web is on host1, which so serves net; its address is 10.1.0.10, that of the server 10.1.0.254."""
    everything = {"networks": [NETWORK], "volumes": [], "vms": [VM], "hosts": ["host1", "host2"], **given}
    layout = virtgraph_layout.Layout({"installation": INSTALLATION, "domain_type": "auto", **everything})
    return layout.listed("/pool")


def look(**seen: Any) -> Any:
    items = {kind: [{"id": NET}] for kind in ("networks", "uplinks", "dhcp_servers")}
    nothing: dict[str, Any] = {"vms": [], "volumes": [], "moved": {}, "users": {}, "served": {}}
    doc = {**items, "reservations": [], "vms": [], "volumes": [{"id": derived("Volume/disk")}]}
    return {"doc": doc, "seen": {**nothing, **seen}, "refused": []}


def used(*users: Any) -> Any:
    return {NET: list(users)}


def served(**reservations: Any) -> Any:
    return {NET: reservations}


@pytest.mark.parametrize(
    ("host1", "host2", "kept"),
    [
        (look(), look(), {}),
        (look(users=used({**GUEST, "id": WEB})), look(), {}),
        (look(users=used(GUEST)), look(), {"host1"}),
        (look(served=served()), look(users=used(GUEST)), {"host1", "host2"}),
        (look(), look(users=used(GUEST), served=served()), {"host2"}),
        (look(served=served()), look(), {}),
    ],
    ids=["nobody", "the VM that goes itself", "one here", "one there, served here", "one there, served there", "none"],
)
def test_a_network_stays_where_it_is_used_and_where_its_users_are_served(
    host1: Any, host2: Any, kept: set[str]
) -> None:
    looks = {"host1": host1, "host2": host2}
    docs, why = virtgraph_play_hosts.absent(listed(), looks)
    for host, doc in docs.items():
        left = [] if host in kept else [{"id": NET}]
        assert (doc["networks"], doc["uplinks"], doc["dhcp_servers"]) == (left, left, left)
    where = "host1" if host1["seen"]["users"] else "host2"
    sentence = f"Network net stays on {', '.join(sorted(kept))}: it is used by VM guest on {where}."
    assert why == ({NET: sentence} if kept else {})


def test_a_network_whose_server_has_others_stays_while_a_host_is_unseen() -> None:
    """They may be there, and run."""
    mine = {"mac": MAC, "address": "10.1.0.10", "hostname": "web"}
    looks = {"host1": look(served={NET: {NIC: mine, "other": ELSE}}), "host3": look()}
    docs, why = virtgraph_play_hosts.absent(listed(), looks, ["host2"])
    assert [docs["host1"][kind] for kind in ("networks", "uplinks", "dhcp_servers")] == [[], [], []]
    assert docs["host3"]["networks"] == [{"id": NET}], "it serves nobody there"
    assert why[NET] == (
        "Network net stays on host1, whose DHCP server has 10.1.0.11 (guest) for others: whether they exist is not known "
        "without host2, which could not be looked at. Cure what failed there, then run again."
    )
    assert virtgraph_play_hosts.absent(listed(), looks)[1] == {}, "all were seen, and none of them has it"
    alone = {"host1": look(served={NET: {NIC: mine, "second": {**mine, "address": "10.1.0.11"}}})}
    assert virtgraph_play_hosts.absent(listed(), alone, ["host2"])[1] == {}, "the list's own, which go"


@pytest.mark.parametrize("where", ["host1", "host2"])
def test_a_volume_stays_where_a_vm_of_others_has_it(where: str) -> None:
    """A pool that hosts share has it on both."""
    disk, web = derived("Volume/disk"), {"id": WEB, "title": "VM web"}
    looks = {"host1": look(), "host2": look()}
    looks[where] = look(users={disk: [web, {"id": GUEST["id"], "title": "VM guest"}]})
    docs, why = virtgraph_play_hosts.absent(listed(volumes=[DISK]), looks)
    assert why == {disk: f"Volume disk stays: it is used by VM guest on {where}."}
    assert [doc["volumes"] for doc in docs.values()] == [[], []]
    docs, why = virtgraph_play_hosts.absent(listed(volumes=[DISK]), {"host1": look(users={disk: [web]})})
    assert why == {} and docs["host1"]["volumes"] == [{"id": disk}], "the VM goes itself"


def test_a_volume_in_another_directory_is_refused() -> None:
    elsewhere = {derived("Volume/disk"): {"is": "/a", "listed": "/b"}}
    (said,) = virtgraph_play_hosts.moved(listed(volumes=[DISK]), {"host1": look(moved=elsewhere), "host2": look()})
    assert said.startswith("Volume disk is in /a on host1, and the list has it in /b: put virtgraph_pool_path: /a back")
    assert list(virtgraph_play_hosts.moved(listed(volumes=[DISK]), {"host2": look(moved=elsewhere)})) == []


def test_what_hosts_refuse_is_said_once_with_their_names() -> None:
    looks = {name: {**look(), "refused": said} for name, said in {"a": ["x", "y"], "b": ["x"], "c": []}.items()}
    assert list(virtgraph_play_hosts.refused_by_hosts(looks)) == ["a, b: x", "a: y"]


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ({"host1": look(vms=[WEB])}, []),
        ({"host2": look(vms=[WEB])}, ["VM web is on host2, and the list has it on host1: put host: host2 back"]),
        ({"host1": look(), "host2": look(volumes=[derived("Volume/disk")])}, ["Volume disk is on host2"]),
        ({name: look(volumes=[derived("Volume/disk")]) for name in ("host1", "host2")}, []),
        ({"host2": look(volumes=[derived("Volume/disk")])}, []),
    ],
    ids=["at its place", "elsewhere", "a volume elsewhere", "a pool that both share", "its host is not in the play"],
)
def test_what_is_on_another_host_is_refused(seen: Any, said: list[str]) -> None:
    found = list(virtgraph_play_hosts.misplaced(listed(volumes=[DISK]), seen))
    assert len(found) == len(said) and all(text.startswith(start) for text, start in zip(found, said, strict=True)), (
        found
    )


def changes(host1: Any, host2: Any, wanted: Any) -> tuple[list[str], list[tuple[str, list[str]]], Any]:
    """Conflicts, what host1 is to reserve or release, and the servers that host2 is to take away."""
    looks = {"host1": host1, "host2": host2}
    (network,) = virtgraph_play_hosts.networks_of(wanted, looks)
    docs = virtgraph_play_hosts.present(wanted, looks)
    changed = [(one["id"], one["addresses"]) for one in docs["host1"]["reservations"]]
    assert docs["host2"]["reservations"] == docs["host1"]["servers_elsewhere"] == []
    return list(network.conflicts()), changed, [one["id"] for one in docs["host2"]["servers_elsewhere"]]


def test_reservations_of_others_stay_and_move_with_their_server() -> None:
    assert changes(look(served=served(other=ELSE)), look(), listed()) == ([], [], []), "it is where it should be"
    assert changes(look(), look(served=served(other=ELSE)), listed()) == ([], [("other", ["10.1.0.11"])], [NET])
    both = changes(look(served=served(other=ELSE)), look(served=served(other=ELSE)), listed())
    assert both == ([], [], [NET]), "the home has it already"
    mine = {"mac": MAC, "address": "10.1.0.10", "hostname": "web"}
    assert changes(look(), look(served={NET: {NIC: mine}}), listed()) == ([], [], [NET]), "the list says what it is"


def test_an_address_that_nobody_has_any_more_is_released() -> None:
    assert changes(look(served=served(gone=GUESTS)), look(), listed()) == ([], [("gone", [])], [])
    assert changes(look(), look(served=served(gone=GUESTS)), listed()) == ([], [], [NET]), "it goes with its server"
    server = {**GUESTS, "address": "10.1.0.254"}
    assert changes(look(served=served(gone=server)), look(), listed()) == ([], [("gone", [])], [])
    renumbered = {**GUESTS, "mac": MAC, "address": "10.1.0.11"}
    assert changes(look(served=served(gone=renumbered)), look(), listed())[1] == [("gone", [])], (
        "by its MAC it is listed"
    )


@pytest.mark.parametrize("where", ["host1", "host2"])
def test_an_address_that_somebody_has_is_refused(where: str) -> None:
    users = {where: {"users": used(GUEST)}}
    conflicts, _, _ = changes(
        look(served=served(other=GUESTS), **users.get("host1", {})), look(**users.get("host2", {})), listed()
    )
    (said,) = conflicts
    assert said == (
        f"Network net: 10.1.0.10 is to be the address of VM web, and VM guest on {where} has it, by its interface "
        "52:54:00:00:00:01. List that VM with this interface too, remove it, or give VM web another address (ip of a NIC)."
    )


def test_a_vm_may_have_its_own_address_by_another_interface() -> None:
    itself = look(served=served(other=GUESTS), users=used({**GUEST, "id": WEB}))
    assert changes(itself, look(), listed()) == ([], [("other", [])], [])


def test_a_server_whose_home_is_not_in_the_play_stays() -> None:
    docs = virtgraph_play_hosts.present(listed(), {"host2": look(served=served(other=GUESTS))})
    assert docs["host2"]["servers_elsewhere"] == docs["host2"]["reservations"] == []
