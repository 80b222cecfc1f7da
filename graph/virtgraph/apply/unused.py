"""Networks on hosts where no VM uses them any more: they leave these hosts. A network's home, which serves its addresses,
keeps it for as long as it exists."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from virtgraph.apply.reading import Reading
from virtgraph.model.current import Bound, Existing, Spec
from virtgraph.model.states import Action, State
from virtgraph.model.wanted import Kind, WantedVM
from virtgraph.planner import Place, Target, newest
from virtgraph.store import relations, resources
from virtgraph.store.graph import Transaction
from virtgraph.store.resources import Held


@dataclass(frozen=True, slots=True)
class Unused:
    """`places`: where no VM will use a network. `targets`: those of these Bindings that do not go already.
    `doing`: unfinished work on VMs that earlier changes took off a network."""

    places: frozenset[Place]
    targets: tuple[Target, ...]
    doing: Mapping[Place, str]


async def find(tx: Transaction, reading: Reading, specs: Mapping[str, Spec], homes: Mapping[str, str]) -> Unused:
    """Of the networks that the wish names, and of those that its VMs leave. They are locked: nobody else begins to use one.

    `specs` and `homes`: of the wish's resources as they will be.
    """
    left, used = places_before(reading), set(places_after(reading, specs, homes))
    named = {target.id for target in reading.resolved.targets.values()}
    found = {
        place: (network, bound)
        for network in staying_networks(reading)
        for bound in away_from_home(network)
        if (place := Place(network.id, bound.host)) not in used and (network.id in named or place in left)
    }
    own = named | {now.id for now in reading.removed}
    others = [row for row in await relations.vms_at(tx, found) if row["vm"] not in own]
    leaving = {row["vm"] for row in others if not row["has"] or row["state"] == State.DELETING}
    held = Held()  # the work on them may end at this moment, and badly
    await resources.hold(tx, leaving, str(uuid.uuid4()), held)
    leaving -= {id for id, vm in held.existing.items() if vm.state is not State.DELETING}
    kept = set()
    for row in others:
        place = Place(row["network"], row["host"])
        left.setdefault(place, []).append(Place(row["vm"], row["host"]))
        if row["has"] and row["vm"] not in leaving:
            kept.add(place)
    return Unused(
        places=frozenset(found.keys() - kept),
        targets=tuple(
            Target(place, network.kind, network.generation, tuple(left.get(place, ())), bound)
            for place, (network, bound) in found.items()
            if place not in kept and not goes(bound)
        ),
        doing={Place(vm.id, b.host): o.id for vm in held.existing.values() for b in vm.bindings if (o := newest(b))},
    )


def places_before(reading: Reading) -> dict[Place, list[Place]]:
    """Where VMs of the wish, and those that it removes, use a network until now: by network's place the VMs'."""
    existing = reading.resolved.existing
    changed = (target.now for target in reading.resolved.targets.values() if target.now is not None)
    found: dict[Place, list[Place]] = {}
    for vm in (*changed, *reading.removed):
        if vm.kind == Kind.VM and vm.home is not None:
            for nic in vm.spec["nics"]:
                if nic in existing:
                    place = Place(existing[nic].spec["network"], vm.home)
                    found.setdefault(place, []).append(Place(vm.id, vm.home))
    return found


def places_after(reading: Reading, specs: Mapping[str, Spec], homes: Mapping[str, str]) -> Iterator[Place]:
    """Where VMs of the wish will use a network."""
    existing = reading.resolved.existing
    for target in reading.resolved.targets.values():
        if isinstance(target.wanted, WantedVM):
            for nic in specs[target.id]["nics"]:
                spec = specs[nic] if nic in specs else existing[nic].spec
                yield Place(spec["network"], homes[target.id])


def staying_networks(reading: Reading) -> Iterator[Existing]:
    removed = {now.id for now in reading.removed}
    for now in reading.resolved.existing.values():
        if now.kind == Kind.NETWORK and now.id not in removed and now.state is not State.DELETING:
            yield now


def away_from_home(network: Existing) -> list[Bound]:
    """A network's Bindings on other hosts, where its home has one: with its last Binding it would be gone itself."""
    there = [bound for bound in network.bindings if bound.state is not State.DELETED]
    away = [bound for bound in there if bound.host != network.home]
    return away if len(away) < len(there) else []


def goes(bound: Bound) -> bool:
    operation = newest(bound)
    return operation is not None and operation.action is Action.REMOVE
