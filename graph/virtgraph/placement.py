"""Which host takes what, and why not the others: fits, then without an error, then least loaded, then name. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

GIB = 1 << 30
TAGGING = frozenset({"ovs", "8021q"})


@dataclass(frozen=True, slots=True)
class Demand:
    """What something takes of a host: vcpus, bytes of memory, bytes of disk."""

    vcpus: int = 0
    memory: int = 0
    disk: int = 0

    def __add__(self, other: Demand) -> Demand:
        return Demand(self.vcpus + other.vcpus, self.memory + other.memory, self.disk + other.disk)


@dataclass(frozen=True, slots=True)
class HostRoom:
    """A host as placement sees it. Capacity is what it has times its overcommit ratios.

    `ailing`: it was probed, but the last that was heard of it is an error.
    """

    id: str
    name: str
    capacity: Demand
    reserved: Demand
    segment: str | None
    uplink_driver: str | None
    ready: bool = True
    why_not_ready: str = ""
    ailing: bool = False

    @property
    def load(self) -> float:
        """How full it is: the fullest of its three resources, 0.0 to 1.0."""
        pairs = (
            (self.reserved.vcpus, self.capacity.vcpus),
            (self.reserved.memory, self.capacity.memory),
            (self.reserved.disk, self.capacity.disk),
        )
        return max((used / total for used, total in pairs if total), default=0.0)

    @property
    def uplinked(self) -> bool:
        return self.segment is not None and self.uplink_driver not in (None, "none")

    def with_more(self, demand: Demand) -> HostRoom:
        return replace(self, reserved=self.reserved + demand)


@dataclass(frozen=True, slots=True)
class Untagged:
    """A flat network. `home`: the host that has it first, where one has it."""

    segment: str
    home: HostRoom | None = None


@dataclass(frozen=True, slots=True)
class Placing:
    """Something that goes to one host as a whole.

    `host`: the caller's choice (a host's id). `bound`: the host where what it needs already is, and why.
    `vlan_segments`: segments whose tags the host must carry. `untagged`: flat networks that it must carry.
    """

    key: str
    demand: Demand
    host: str | None = None
    bound: str | None = None
    bound_by: str = ""
    vlan_segments: frozenset[str] = frozenset()
    untagged: frozenset[Untagged] = frozenset()


@dataclass(frozen=True, slots=True)
class HostReason:
    name: str
    reason: str


@dataclass(eq=False)
class NoHost(Exception):
    """No host can take it; each one with its reason."""

    key: str
    hosts: tuple[HostReason, ...]


Placed: TypeAlias = Mapping[str, str]


def place(placings: Sequence[Placing], hosts: Iterable[HostRoom]) -> Placed:
    """The host's id for each placing, in order; what was placed before counts as taken. Raises NoHost."""
    rooms = {host.id: host for host in hosts}
    chosen: dict[str, str] = {}
    for placing in placings:
        reasons = {room.id: why_not(placing, room) for room in rooms.values()}
        fitting = [room for room in rooms.values() if reasons[room.id] is None]
        if not fitting:
            ordered = sorted(rooms.values(), key=lambda room: room.name)
            raise NoHost(placing.key, tuple(HostReason(r.name, reasons[r.id] or "") for r in ordered))
        best = min(fitting, key=lambda room: (room.ailing, room.load, room.name))
        rooms[best.id] = best.with_more(placing.demand)
        chosen[placing.key] = best.id
    return chosen


def why_not(placing: Placing, room: HostRoom) -> str | None:
    """Why this host cannot take it, in words, or None where it can."""
    if placing.host is not None and placing.host != room.id:
        return "another host was asked for"
    if placing.bound is not None and placing.bound != room.id:
        return placing.bound_by
    if not room.ready:
        return room.why_not_ready
    return cannot_carry(placing.vlan_segments, placing.untagged, room) or too_small(placing.demand, room)


def cannot_carry(vlan_segments: Collection[str], untagged: Collection[Untagged], room: HostRoom) -> str | None:
    for segment in sorted(vlan_segments):
        if room.segment != segment:
            return f"has no uplink to the segment {segment}"
        if room.uplink_driver not in TAGGING:
            return f"cannot carry VLAN tags: its uplink driver is {room.uplink_driver or 'none'}"
    reasons = (cannot_carry_untagged(network, room) for network in sorted(untagged, key=lambda flat: flat.segment))
    return next((reason for reason in reasons if reason), None)


def cannot_carry_untagged(network: Untagged, room: HostRoom) -> str | None:
    """A host without an uplink can have a network to itself; no host plugs it into another segment."""
    home = network.home or room
    if home.id == room.id and not room.uplinked:
        return None
    if not room.uplinked or room.segment != network.segment:
        return f"has no uplink to the segment {network.segment}"
    if not home.uplinked or home.segment != network.segment:
        return f"the network is on {home.name}, which has no uplink to the segment {network.segment}"
    return None


def too_small(demand: Demand, room: HostRoom) -> str | None:
    """What of the demand does not fit; nothing wanted fits always, on a host that is too full already too."""
    free_vcpus = room.capacity.vcpus - room.reserved.vcpus
    if 0 < demand.vcpus > free_vcpus:
        return f"{demand.vcpus} vcpus wanted, {max(free_vcpus, 0)} of {room.capacity.vcpus} free"
    free_memory = room.capacity.memory - room.reserved.memory
    if 0 < demand.memory > free_memory:
        return f"{gib(demand.memory)} of memory wanted, {gib(free_memory)} of {gib(room.capacity.memory)} free"
    free_disk = room.capacity.disk - room.reserved.disk
    if 0 < demand.disk > free_disk:
        return f"{gib(demand.disk)} of disk wanted, {gib(free_disk)} of {gib(room.capacity.disk)} free"
    return None


def gib(size: int) -> str:
    return f"{max(size, 0) / GIB:.1f} GiB"
