"""The Bindings that a wish leads to and what each needs first, in the order of their needs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from virtgraph.apply.resolve import Resolved
from virtgraph.lifecycle import realized
from virtgraph.model.current import Bound, PoolOn, Spec
from virtgraph.model.wanted import Kind, Problem
from virtgraph.planner import Place, Target
from virtgraph.spec.errors import Invalid


@dataclass(slots=True)
class Scene:
    """All that the Bindings depend on, by id: specs as they will be, homes, generations, pools, what is bound."""

    specs: Mapping[str, Spec]
    kinds: Mapping[str, str]
    homes: Mapping[str, str]
    generations: Mapping[str, int]
    pools: Mapping[str, PoolOn]  # by host
    bound: Mapping[str, Mapping[str, Bound]]  # by resource and host
    unused: Collection[Place]  # networks where no VM will need them
    dhcp_homes: Mapping[str, str]  # by network: the host that serves its addresses

    def vms(self) -> Iterable[str]:
        return (id for id, kind in self.kinds.items() if kind == Kind.VM and id in self.homes)


def serves(network: Spec) -> bool:
    return any(subnet["server"] for subnet in network["subnets"])


def targets(scene: Scene, resolved: Resolved) -> list[Target]:
    """Every Binding of the scene as it should be. Raises Invalid for a cycle among what needs what."""
    needs: dict[Place, dict[Place, None]] = {}
    kinds: dict[Place, str] = {}

    def want(place: Place, kind: str, *needed: Place) -> Place:
        kinds[place] = kind
        needs.setdefault(place, {}).update(dict.fromkeys(needed))
        return place

    places: dict[str, list[Place]] = {}
    for vm in scene.vms():
        home = scene.homes[vm]
        needed = []
        for nic in scene.specs[vm]["nics"]:
            network = scene.specs[nic]["network"]
            here = want(Place(network, home), Kind.NETWORK)
            dhcp = scene.dhcp_homes[network] if serves(scene.specs[network]) else home
            there = want(Place(network, dhcp), Kind.NETWORK)
            reserved = want(Place(nic, dhcp), Kind.NIC, there)
            needed += [here, reserved]
            places.setdefault(nic, []).append(reserved)
            places.setdefault(network, []).extend({here: None, there: None})
        needed += [want_volume(scene, a["id"], want) for a in scene.specs[vm]["volumes"]]
        places.setdefault(vm, []).append(want(Place(vm, home), Kind.VM, *needed))
    for id, kind in scene.kinds.items():
        if kind == Kind.VOLUME and id in scene.homes:
            places.setdefault(id, []).append(want_volume(scene, id, want))
        if kind in (Kind.NETWORK, Kind.NIC):
            for host, bound in scene.bound.get(id, {}).items():
                place = Place(id, host)
                if bound.touched and place not in scene.unused and not (kind == Kind.NIC and places.get(id)):
                    places.setdefault(id, []).append(want(place, kind))
    for target in resolved.targets.values():
        for reference in target.wanted.needs:
            for place in places.get(target.id, []):
                needs[place].update(dict.fromkeys(places.get(resolved.id_of(reference), [])))
    for giver, taker in handed_over(scene, resolved):
        needs[Place(taker, scene.homes[taker])][Place(giver, scene.homes[giver])] = None
    return [
        Target(
            place,
            kinds[place],
            scene.generations[place.resource],
            tuple(needs[place]),
            scene.bound.get(place.resource, {}).get(place.host),
            realized(Kind.VM, scene.specs[place.resource]["state"]) if kinds[place] == Kind.VM else None,
        )
        for place in in_order(needs)
    ]


def handed_over(scene: Scene, resolved: Resolved) -> Iterable[tuple[str, str]]:
    """Pairs of VMs of which the one gives a NIC or volume to the other: it lets go of it first."""
    for taker in scene.vms():
        for id in used(scene.specs[taker]):
            now = resolved.existing.get(id)
            for giver in now.used_by if now else ():
                if giver != taker and giver in scene.kinds and id not in used(scene.specs[giver]):
                    yield giver, taker


def used(vm: Spec) -> list[str]:
    return [*vm["nics"], *(volume["id"] for volume in vm["volumes"])]


def want_volume(scene: Scene, volume: str, want: Callable[..., Place]) -> Place:
    home = scene.homes[volume]
    pool = want(Place(scene.pools[home].id, home), "Pool")
    return want(Place(volume, home), Kind.VOLUME, pool)


def in_order(needs: Mapping[Place, Iterable[Place]]) -> list[Place]:
    sorter: TopologicalSorter[Place] = TopologicalSorter()
    for place, needed in needs.items():
        sorter.add(place, *needed)
    try:
        return list(sorter.static_order())
    except CycleError as error:
        ids = " → ".join(place.resource for place in error.args[1])
        raise Invalid((Problem("spec", f"what needs what goes in a circle: {ids}"),)) from None
