"""From what was read to what is written: specs, homes, work. Pure, apart from new ids and the clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from virtgraph.apply import addresses, removal
from virtgraph.apply.draft import Draft, vlan_key
from virtgraph.apply.homes import Homes, find_homes
from virtgraph.apply.making import make_specs, refused_changes
from virtgraph.apply.reading import Reading, new_id
from virtgraph.apply.recognition import moved
from virtgraph.apply.requests import Request
from virtgraph.apply.resolve import references
from virtgraph.apply.sharing import shared
from virtgraph.apply.specs import SpecDict
from virtgraph.apply.unused import Unused
from virtgraph.apply.work import Scene, targets
from virtgraph.lifecycle import refusal
from virtgraph.model.current import Bound, Existing, PoolOn
from virtgraph.model.refusals import Conflict
from virtgraph.model.states import Action
from virtgraph.model.wanted import Problem, WantedNetwork
from virtgraph.planner import Place, Plan, merged, plan_realize
from virtgraph.secrets import Vault
from virtgraph.spec.errors import Invalid
from virtgraph.store.operations import Named


@dataclass(slots=True)
class Placed:
    """A wish that is sound: the spec of each target, and where it lives."""

    reading: Reading
    allocated: addresses.Allocated
    specs: dict[str, SpecDict]
    homes: Homes


@dataclass(slots=True)
class Decision:
    """What will be written."""

    placed: Placed
    draft: Draft
    plan: Plan
    scene: Scene
    names: Mapping[Place, Named]

    @property
    def bound(self) -> dict[Place, Bound]:
        """The Bindings that are there already."""
        return {Place(id, host): bound for id, on in self.scene.bound.items() for host, bound in on.items()}

    @property
    def changes_something(self) -> bool:
        return bool(self.draft.changed or self.placed.reading.removed or self.plan.operations or self.plan.gone)


def place(reading: Reading, vault: Vault, facts: bool = False) -> Placed:
    """`facts`: as in a Request. Raises Invalid with every problem, Conflict or NoHost."""
    resolved = reading.resolved
    refuse(resolved.problems)
    check_states(reading)
    allocated = addresses.allocate(resolved, reading.addresses, new_id)
    addresses.give_macs(resolved, reading.macs, allocated)
    specs = make_specs(resolved, allocated, vault)
    problems = [*taken_tags(reading, facts), *refused_changes(resolved, specs, facts)]
    refuse([*problems, *allocated.problems, *shared(resolved, specs)])
    rooms = {id: host.room for id, host in reading.rooms.items()}
    homes = find_homes(resolved, specs, reading.edit.wish.same_host, rooms)
    refuse([*homes.problems, *moved(resolved, homes.of, reading.found, rooms)])
    return Placed(reading, allocated, specs, homes)


def check_states(reading: Reading) -> None:
    """What is changed or removed must be in a state that allows it; what is needed must not be going."""
    resolved = reading.resolved
    meant = {target.id for target in resolved.targets.values()}
    for target in resolved.targets.values():
        if target.now is not None:
            refuse_state(Action.REALIZE, target.now)
        for reference in references(target.wanted):
            needed = resolved.existing.get(reference.id or "")
            if needed is not None and needed.id not in meant:
                refuse_state(Action.REALIZE, needed)
    for now in reading.removed:
        refuse_state(Action.REMOVE, now)


def refuse_state(action: Action, now: Existing) -> None:
    refused = refusal(action, now.kind, now.label, now.state, now.task)
    if refused is not None:
        raise Conflict(refused.message, refused.state, refused.task, tuple(refused.needed))


def refuse(problems: Iterable[Problem]) -> None:
    found = tuple(problems)
    if found:
        raise Invalid(found)


def taken_tags(reading: Reading, facts: bool) -> list[Problem]:
    """A tag is used once per segment; the untagged network too. Only `facts` give another one to a network."""
    problems = []
    free = {None, *leaving_tags(reading)} if facts else {None}
    for target in reading.resolved.targets.values():
        wanted = target.wanted
        if not isinstance(wanted, WantedNetwork) or (target.now is not None and not facts):
            continue
        holder = reading.tags.get(vlan_key(wanted.segment, wanted.vlan_id))
        if holder not in free | {target.id}:
            path = "type" if wanted.vlan_id is None else "parameters.vlan_id"
            what = "the untagged network" if wanted.vlan_id is None else f"VLAN {wanted.vlan_id}"
            reason = f"{what} of the segment {wanted.segment} is taken by network {holder}"
            problems.append(Problem(f"{wanted.path}.{path}", reason))
    return problems


def leaving_tags(reading: Reading) -> Iterator[str]:
    """Networks that have another tag than before, which may be another network's now."""
    for target in reading.resolved.targets.values():
        wanted, now = target.wanted, target.now
        if isinstance(wanted, WantedNetwork) and now is not None:
            if vlan_key(wanted.segment, wanted.vlan_id) != vlan_key(now.spec["segment"], now.spec["vlanId"]):
                yield now.id


def decide(
    placed: Placed, pools: Mapping[str, PoolOn], unused: Unused, request: Request, stack: str, vault: Vault
) -> Decision:
    """`pools`: by host, those of the homes with their Bindings."""
    reading = placed.reading
    scene = set_scene(placed, pools, unused)
    draft = Draft(
        resolved=reading.resolved,
        specs=placed.specs,
        homes=placed.homes,
        dhcp_homes=scene.dhcp_homes,
        subnets=placed.allocated.subnets,
        pools=pools,
        stack=stack,
        from_document=request.document,
        vault=vault,
        tombstones=reading.tombstones,
    )
    draft.fill()
    realizing = plan_realize(targets(scene, reading.resolved), new_id)
    removing = removal.plan(reading.removed, reading.nics, reading.resolved, placed.specs, unused, realizing, new_id)
    plan = merged(realizing, removing)
    return Decision(placed, draft, plan, scene, names(plan, reading))


def set_scene(placed: Placed, pools: Mapping[str, PoolOn], unused: Unused) -> Scene:
    resolved = placed.reading.resolved
    existing = resolved.existing
    generations = {id: now.generation for id, now in existing.items()}
    generations |= {pool.id: pool.generation for pool in pools.values()}
    for target in resolved.targets.values():
        if target.now is None:
            generations[target.id] = 1
        elif target.now.spec != placed.specs[target.id] or target.now.key != target.wanted.key:
            generations[target.id] += 1
    there = {**existing, **placed.reading.tombstones}
    bound = {id: {b.host: b for b in now.bindings} for id, now in there.items()}
    bound |= {pool.id: {b.host: b for b in pool.bindings} for pool in pools.values()}
    return Scene(
        specs={id: now.spec for id, now in existing.items()} | placed.specs,
        kinds={target.id: str(target.wanted.kind) for target in resolved.targets.values()},
        homes=placed.homes.of,
        generations=generations,
        pools=pools,
        bound=bound,
        unused=unused.places,
        dhcp_homes=placed.homes.networks,
    )


def names(plan: Plan, reading: Reading) -> dict[Place, Named]:
    labels = {id: now.label for id, now in reading.resolved.existing.items()}
    labels |= {target.id: target.wanted.name or target.wanted.key for target in reading.resolved.targets.values()}
    places = [*(o.place for o in plan.operations), *(target.place for target in plan.under_way.values())]
    return {
        place: Named(
            labels.get(place.resource, "default"),
            reading.rooms[place.host].room.name if place.host in reading.rooms else place.host,
        )
        for place in places
    }
