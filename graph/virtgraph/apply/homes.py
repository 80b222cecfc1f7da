"""On which host each VM and volume of a wish lives: those placed before stay, the others are placed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from virtgraph.apply.resolve import Resolved, Target
from virtgraph.model.current import Spec
from virtgraph.model.wanted import Kind, Problem, WantedNetwork, WantedVM, WantedVolume
from virtgraph.placement import (
    Demand,
    HostReason,
    HostRoom,
    NoHost,
    Placing,
    Untagged,
    cannot_carry,
    place,
    too_small,
)


@dataclass(slots=True)
class Homes:
    """By id of a VM or volume, its host's id; by id of a network, the host that has it first, and serves its addresses.

    `fresh`: those that this wish placed.
    """

    of: dict[str, str] = field(default_factory=dict)
    networks: dict[str, str] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class Group:
    """What goes to one host together: a VM with its new volumes, or all VMs of a `same_host` wish."""

    vms: list[Target]
    volumes: list[Target] = field(default_factory=list)


def find_homes(resolved: Resolved, specs: Mapping[str, Spec], same_host: bool, rooms: Mapping[str, HostRoom]) -> Homes:
    """Raises NoHost. `specs` by id: the new spec of every target."""
    homes = Homes()
    for id, now in resolved.existing.items():
        if now.home is not None and now.kind in (Kind.VM, Kind.VOLUME):
            homes.of[id] = now.home
        if now.home is not None and now.kind == Kind.NETWORK:
            homes.networks[id] = now.home
    free = dict(rooms)
    for target in resolved.targets.values():
        check_host(target, homes, rooms)
        settle_network(target, homes, rooms)
    if homes.problems:
        return homes
    for target in resolved.targets.values():
        grow(target, specs, homes, free)
    for group in groups(resolved, specs, same_host):
        settle(group, resolved, specs, homes, free)
        for vm in group.vms:
            for network in networks_of(specs[vm.id], resolved, specs):
                homes.networks.setdefault(network, homes.of[vm.id])
    for target in resolved.targets.values():
        if isinstance(target.wanted, WantedVM):
            check_volumes(target, target.wanted, resolved, specs, homes, rooms)
            check_networks(target, resolved, specs, homes, rooms)
    if same_host:
        check_together(resolved, homes, rooms)
    return homes


def check_volumes(
    target: Target,
    vm: WantedVM,
    resolved: Resolved,
    specs: Mapping[str, Spec],
    homes: Homes,
    rooms: Mapping[str, HostRoom],
) -> None:
    """A volume is where its VM is."""
    home = homes.of[target.id]
    for spec, attachment in zip(specs[target.id]["volumes"], vm.volumes, strict=True):
        if (where := homes.of[spec["id"]]) != home:
            reason = f"the volume is on {host_name(where, rooms)}, the VM on {host_name(home, rooms)}"
            homes.problems.append(Problem(attachment.volume.path, reason))


def check_networks(
    target: Target, resolved: Resolved, specs: Mapping[str, Spec], homes: Homes, rooms: Mapping[str, HostRoom]
) -> None:
    """A VM that is placed already cannot be given a network that its host cannot carry. Raises NoHost."""
    room = rooms.get(homes.of[target.id])
    if target.now is None or room is None or specs[target.id]["nics"] == target.now.spec["nics"]:
        return
    networks = networks_of(specs[target.id], resolved, specs)
    if reason := cannot_carry(tags_needed(networks), untagged(networks, homes, rooms), room):
        raise NoHost(target.wanted.key, (HostReason(room.name, reason),))


def check_together(resolved: Resolved, homes: Homes, rooms: Mapping[str, HostRoom]) -> None:
    first: Target | None = None
    for target in resolved.targets.values():
        if not isinstance(target.wanted, WantedVM):
            continue
        first = first or target
        here, there = homes.of[target.id], homes.of[first.id]
        if here != there:
            reason = f"is on {host_name(here, rooms)}, {first.wanted.path} on {host_name(there, rooms)}: same_host cannot move them"
            homes.problems.append(Problem(target.wanted.path, reason))


def check_host(target: Target, homes: Homes, rooms: Mapping[str, HostRoom]) -> None:
    """The host that the caller named must exist, and cannot be another one than the present one."""
    wanted = target.wanted
    if not isinstance(wanted, WantedVM | WantedVolume) or wanted.host is None:
        return
    path = wanted.host_path or f"{wanted.path}.host"
    host = host_named(wanted.host, rooms)
    present = homes.of.get(target.id)
    if host is None:
        problem = Problem(path, f"there is no host {wanted.host}")
    elif present not in (None, host):
        name = rooms[present].name if present in rooms else present
        problem = Problem(path, f"{wanted.kind} {wanted.name or target.id} is on {name} and cannot move by a document")
    else:
        return
    if problem not in homes.problems:
        homes.problems.append(problem)


def settle_network(target: Target, homes: Homes, rooms: Mapping[str, HostRoom]) -> None:
    """Where somebody serves a network already, nobody else is to begin to."""
    wanted = target.wanted
    if not isinstance(wanted, WantedNetwork) or wanted.host is None:
        return
    host = host_named(wanted.host, rooms)
    present = homes.networks.get(target.id)
    if host is None:
        problem = f"there is no host {wanted.host}"
    elif present not in (None, host):
        name = host_name(present, rooms)
        problem = f"Network {wanted.name or target.id} is served on {name}, not on {wanted.host}: give it host: {name}"
    else:
        homes.networks[target.id] = host
        return
    homes.problems.append(Problem(wanted.host_path or f"{wanted.path}.host", problem))


def host_named(reference: str, rooms: Mapping[str, HostRoom]) -> str | None:
    """A host's id by its id or name."""
    if reference in rooms:
        return reference
    return next((room.id for room in rooms.values() if room.name == reference), None)


def demand_of(spec: Spec) -> Demand:
    """What a VM or volume takes of its host, by its spec."""
    if "vcpus" in spec:
        return Demand(vcpus=spec["vcpus"], memory=spec["memory"])
    return Demand(disk=spec["size"] or 0)


def grow(target: Target, specs: Mapping[str, Spec], homes: Homes, free: dict[str, HostRoom]) -> None:
    """What stays where it is may want more than before, and must still fit."""
    home = homes.of.get(target.id)
    if target.now is None or home is None or home not in free:
        return
    old, new = demand_of(target.now.spec), demand_of(specs[target.id])
    more = Demand(new.vcpus - old.vcpus, new.memory - old.memory, new.disk - old.disk)
    if more == Demand():
        return
    room = free[home]
    if reason := too_small(Demand(max(more.vcpus, 0), max(more.memory, 0), max(more.disk, 0)), room):
        raise NoHost(target.wanted.key, (HostReason(room.name, reason),))
    free[home] = room.with_more(more)


def groups(resolved: Resolved, specs: Mapping[str, Spec], same_host: bool) -> list[Group]:
    vms = [t for t in resolved.targets.values() if isinstance(t.wanted, WantedVM)]
    grouped = [Group(vms)] if same_host and vms else [Group([vm]) for vm in vms]
    by_id = resolved.by_id()
    claimed: set[str] = set()
    for group in grouped:
        for vm in group.vms:
            for attached in specs[vm.id]["volumes"]:
                volume = by_id.get(attached["id"])
                if volume is not None and volume.id not in claimed:
                    claimed.add(volume.id)
                    group.volumes.append(volume)
    alone = [
        Group([], [t]) for t in resolved.targets.values() if isinstance(t.wanted, WantedVolume) and t.id not in claimed
    ]
    return grouped + alone


def settle(
    group: Group, resolved: Resolved, specs: Mapping[str, Spec], homes: Homes, free: dict[str, HostRoom]
) -> None:
    """Place what of the group has no home yet, where the rest of it is."""
    fresh = [t for t in (*group.vms, *group.volumes) if t.id not in homes.of]
    if not fresh:
        return
    demand = sum((demand_of(specs[t.id]) for t in fresh), Demand())
    networks = {id: spec for vm in group.vms for id, spec in networks_of(specs[vm.id], resolved, specs).items()}
    bound, why = bound_host(group, specs, homes, free)
    placing = Placing(
        key=fresh[0].wanted.key,
        demand=demand,
        host=next((host_named(t.wanted.host, free) for t in fresh if names_host(t)), None),  # type: ignore[union-attr,arg-type]
        bound=bound,
        bound_by=why,
        vlan_segments=tags_needed(networks),
        untagged=untagged(networks, homes, free),
    )
    host = place([placing], free.values())[placing.key]
    free[host] = free[host].with_more(demand)
    for target in fresh:
        homes.of[target.id] = host
        homes.fresh.append(target.id)


def names_host(target: Target) -> bool:
    return isinstance(target.wanted, WantedVM | WantedVolume) and target.wanted.host is not None


def bound_host(
    group: Group, specs: Mapping[str, Spec], homes: Homes, rooms: Mapping[str, HostRoom]
) -> tuple[str | None, str]:
    """The host where a part of the group is already, and why the rest must go there."""
    for vm in group.vms:
        if vm.id in homes.of:
            return homes.of[vm.id], f"VM {vm.wanted.name} is on {host_name(homes.of[vm.id], rooms)}"
        for attached in specs[vm.id]["volumes"]:
            if attached["id"] in homes.of:
                home = homes.of[attached["id"]]
                return (
                    home,
                    f"volume {specs.get(attached['id'], {}).get('name') or attached['id']} is on {host_name(home, rooms)}",
                )
    return None, ""


def host_name(id: str, rooms: Mapping[str, HostRoom]) -> str:
    return rooms[id].name if id in rooms else id


def networks_of(vm: Spec, resolved: Resolved, specs: Mapping[str, Spec]) -> dict[str, Spec]:
    """By id the networks that a VM is on."""
    nics = (specs.get(nic) or resolved.existing[nic].spec for nic in vm["nics"])
    return {id: specs.get(id) or resolved.existing[id].spec for id in (nic["network"] for nic in nics)}


def tags_needed(networks: Mapping[str, Spec]) -> frozenset[str]:
    """Segments whose VLAN tags a host must carry."""
    return frozenset(spec["segment"] for spec in networks.values() if spec["type"] == "vlan")


def untagged(networks: Mapping[str, Spec], homes: Homes, rooms: Mapping[str, HostRoom]) -> frozenset[Untagged]:
    flat = ((id, spec) for id, spec in networks.items() if spec["type"] == "flat")
    return frozenset(Untagged(spec["segment"], rooms.get(homes.networks.get(id, ""))) for id, spec in flat)
