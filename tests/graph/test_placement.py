"""Placement by tables: what a host has room for; fits, then least loaded, then name; each host's reason where none takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from virtgraph import fleet
from virtgraph.new_host import NewHost, checked
from virtgraph.placement import GIB, Demand, HostRoom, NoHost, Placing, Untagged, place, why_not
from virtgraph.store import hosts

ROOM = HostRoom("id", "host", Demand(8, 8 * GIB, 80 * GIB), Demand(), "default", "ovs")


def host(name: str, vcpus: int = 0, memory: int = 0, disk: int = 0) -> HostRoom:
    """`vcpus`, `memory` and `disk` (GiB) are taken."""
    return replace(ROOM, id=name, name=name, reserved=Demand(vcpus, memory * GIB, disk * GIB))


CHOSEN = {
    "the name decides between equals": ([host("b"), host("a")], "a"),
    "the least loaded": ([host("a", vcpus=1), host("b")], "b"),
    "by what is fullest": ([host("a", vcpus=3), host("b", vcpus=1, disk=40)], "a"),
    "one with an error last": ([replace(host("a"), ailing=True), host("b", vcpus=6)], "b"),
    "one with an error, where no other fits": ([replace(host("a"), ailing=True), host("b", vcpus=8)], "a"),
    "what fits, however loaded": ([host("a", vcpus=7), host("b", disk=79, memory=7)], "b"),
}


@pytest.mark.parametrize(("hosts", "chosen"), CHOSEN.values(), ids=CHOSEN)
def test_chosen(hosts: list[HostRoom], chosen: str) -> None:
    assert place([Placing("vm", Demand(2, GIB, GIB))], hosts) == {"vm": chosen}


def test_what_was_placed_before_counts() -> None:
    placings = [Placing(str(number), Demand(vcpus=4)) for number in range(4)]
    assert place(placings, [host("a"), host("b")]) == {"0": "a", "1": "b", "2": "a", "3": "b"}
    with pytest.raises(NoHost) as refused:
        place([*placings, Placing("one more", Demand(vcpus=1))], [host("b"), host("a")])
    assert refused.value.key == "one more"
    assert [reason.name for reason in refused.value.hosts] == ["a", "b"]


APART = replace(ROOM, id="apart", name="apart", segment=None, uplink_driver=None)


def flat(segment: str = "default", home: HostRoom | None = None) -> Placing:
    return Placing("vm", Demand(), untagged=frozenset({Untagged(segment, home)}))


WHY_NOT = {
    "fits": (Placing("vm", Demand(8, 8 * GIB, 80 * GIB)), ROOM, None),
    "vcpus": (Placing("vm", Demand(vcpus=9)), ROOM, "9 vcpus wanted, 8 of 8 free"),
    "memory": (Placing("vm", Demand(memory=9 * GIB)), ROOM, "9.0 GiB of memory wanted, 8.0 GiB of 8.0 GiB free"),
    "disk": (Placing("vm", Demand(disk=GIB)), host("a", disk=80), "1.0 GiB of disk wanted, 0.0 GiB of 80.0 GiB free"),
    "too full already, nothing of it wanted": (Placing("vm", Demand(disk=GIB)), host("a", vcpus=20), None),
    "too full already": (Placing("vm", Demand(1)), host("a", vcpus=20), "1 vcpus wanted, 0 of 8 free"),
    "another one was asked for": (Placing("vm", Demand(), host="x"), ROOM, "another host was asked for"),
    "asked for": (Placing("vm", Demand(), host="id"), ROOM, None),
    "what it needs is elsewhere": (Placing("vm", Demand(), bound="x", bound_by="volume v is on x"), ROOM, "volume v is on x"),
    "not probed": (Placing("vm", Demand()), replace(ROOM, ready=False, why_not_ready="not yet"), "not yet"),
    "tags": (Placing("vm", Demand(), vlan_segments=frozenset({"default"})), ROOM, None),
    "another segment": (
        Placing("vm", Demand(), vlan_segments=frozenset({"x"})), ROOM, "has no uplink to the segment x",
    ),
    "no uplink": (
        Placing("vm", Demand(), vlan_segments=frozenset({"default"})),
        replace(ROOM, uplink_driver=None),
        "cannot carry VLAN tags: its uplink driver is none",
    ),
    "flat": (flat(), ROOM, None),
    "flat, of another segment": (flat(segment="x"), ROOM, "has no uplink to the segment x"),
    "flat, without tags": (flat(), replace(ROOM, uplink_driver="bridge"), None),
    "flat, to itself": (flat(), APART, None),
    "flat, there already": (flat(home=APART), APART, None),
    "flat, on another one too": (flat(home=host("a")), ROOM, None),
    "flat, cut off from its home": (flat(home=ROOM), APART, "has no uplink to the segment default"),
    "flat, its home is cut off": (
        flat(home=APART), ROOM, "the network is on apart, which has no uplink to the segment default",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("placing", "room", "reason"), WHY_NOT.values(), ids=WHY_NOT)
def test_why_not(placing: Placing, room: HostRoom, reason: str | None) -> None:
    assert why_not(placing, room) == reason


FACTS: Mapping[str, Any] = {
    "cpus": 4,
    "memory": 15 * GIB,
    "disk": 100 * GIB,
    "libvirt_version": "9.0.0",
    "qemu_version": "7.2.13",
    "acceleration": "kvm",
    "uplink_driver": "ovs",
    "host_uuid": "c0ffee00-0000-4000-8000-000000000000",
    "kernel": "6.1.0",
}  # as observe.yml reports them
PROBED = {
    "as it is": (NewHost("h"), FACTS, Demand(64, 15 * GIB, 200 * GIB)),
    "other ratios": (
        NewHost("h", cpu_ratio=1.5, memory_ratio=0.5, disk_ratio=1), FACTS, Demand(6, 15 * GIB // 2, 100 * GIB),
    ),
    "given sizes": (NewHost("h", cpus=2, memory=GIB, disk=10 * GIB), FACTS, Demand(32, GIB, 20 * GIB)),
    "given sizes and ratios": (NewHost("h", cpus=3, cpu_ratio=0.5), FACTS, Demand(1, 15 * GIB, 200 * GIB)),
    "it says nothing": (NewHost("h"), {}, Demand()),
    "given sizes, it says nothing": (NewHost("h", cpus=1, memory=GIB, disk=GIB), {}, Demand(16, GIB, 2 * GIB)),
}  # fmt: skip


@pytest.mark.parametrize(("new", "facts", "capacity"), PROBED.values(), ids=PROBED)
def test_what_a_probe_makes_of_a_host(new: NewHost, facts: Mapping[str, Any], capacity: Demand) -> None:
    host = hosts.probed(facts, fleet.stored(new, None))
    assert Demand(host["cpuCapacity"], host["memoryCapacity"], host["diskCapacity"]) == capacity
    sizes = (new.cpus or facts.get("cpus", 0), new.memory or facts.get("memory", 0), new.disk or facts.get("disk", 0))
    assert (host["cpus"], host["memory"], host["disk"]) == sizes, "without overcommit"


def test_what_a_probe_says_is_kept() -> None:
    host = hosts.probed(FACTS, fleet.stored(NewHost("h"), None))
    assert (host["libvirtVersion"], host["qemuVersion"], host["kernel"]) == ("9.0.0", "7.2.13", "6.1.0")
    assert (host["hostUuid"], host["error"]) == (FACTS["host_uuid"], None)
    assert (host["acceleration"], host["uplinkDriver"]) == ("kvm", "ovs")
    given = hosts.probed(FACTS, fleet.stored(NewHost("h", acceleration="qemu", uplink_driver="none"), None))
    assert (given["acceleration"], given["uplinkDriver"]) == ("qemu", "none"), "what a person gave counts more"


def test_a_pools_path_is_one_however_it_is_written() -> None:
    """As libvirt tells it, which hosts are compared with."""
    assert checked(NewHost("h", local=True, pool_path="//srv/./vms/")).pool_path == "/srv/vms"
    assert checked(whole := NewHost("h", local=True, cpus=3, labels=("a",))) == whole
