"""What one transaction reads, under its locks: Stack, then Hosts, Segments and Resources in the order of their ids.

A network's lock stands for its subnets too: who holds it decides who has which address there.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from virtgraph.apply import addresses
from virtgraph.apply.draft import vlan_key
from virtgraph.apply.recognition import Recognized, recognize
from virtgraph.apply.requests import Edit, Request
from virtgraph.apply.resolve import Resolved, resolve
from virtgraph.model.current import Existing
from virtgraph.model.states import State
from virtgraph.model.wanted import Kind, WantedNetwork, WantedVM
from virtgraph.store import hosts, relations, resources, schema
from virtgraph.store.graph import Transaction
from virtgraph.store.hosts import HostNow
from virtgraph.store.resources import Held


@dataclass(slots=True)
class Reading:
    """Everything that the decision depends on, by id where it is a mapping."""

    edit: Edit
    resolved: Resolved
    left_out: list[Existing]
    removed: list[Existing]
    rooms: Mapping[str, HostNow]
    tombstones: Mapping[str, Existing]
    tags: Mapping[str, str] = field(default_factory=dict)  # by VLAN key the network that has it
    addresses: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by subnet: address → NIC
    macs: Mapping[str, str] = field(default_factory=dict)  # by `<network>/<mac>` the NIC that has it
    nics: Mapping[str, list[str]] = field(default_factory=dict)  # by removed network the NICs on it

    @property
    def found(self) -> dict[str, Collection[str]]:
        return found_on(self.rooms)


async def read(tx: Transaction, request: Request, stack: str, edit: Edit, own: Mapping[str, Existing]) -> Reading:
    """`own`: the locked stack's resources. What is wanted of them stays so; their states are read again under lock."""
    token = str(uuid.uuid4())
    peeked = resolve(edit.wish, stack, own, lambda _: new_id())
    mentioned = peeked.mentioned()
    left_out = [now for now in own.values() if request.document and is_left_out(now, mentioned)]
    removing = set(edit.remove) | {now.id for now in left_out if request.prune}
    rooms = await (hosts.hold_rooms(tx, token) if needs_room(peeked) or removing else hosts.rooms(tx))
    recognized = await meet(tx, peeked, rooms) if request.document else Recognized()
    keys = tags_wanted(peeked, request.facts)
    tags = await relations.hold_segments(tx, keys, token) if keys else {}
    going = {id for id, now in own.items() if now.state is State.DELETING} if removing else set()
    held = await hold(tx, mentioned | going | {*recognized.ids.values()}, removing, own, token)
    existing = {**own, **held.existing}
    others = held.others | {id: dead.kind for id, dead in held.tombstones.items()}
    recognized = recognized.without(existing.keys() | held.others.keys())
    edit = replace(edit, wish=recognized.placed(edit.wish))
    resolved = resolve(edit.wish, stack, existing, recognized.new_id, others)
    reading = Reading(edit, resolved, left_out, [existing[id] for id in sorted(removing)], rooms, held.tombstones, tags)
    if not resolved.problems:
        await read_uses(tx, reading)
    return reading


def found_on(rooms: Mapping[str, HostNow]) -> dict[str, Collection[str]]:
    """By host the ids of what is there and of no resource."""
    return {id: host.found for id, host in rooms.items() if host.found}


async def meet(tx: Transaction, peeked: Resolved, rooms: Mapping[str, HostNow]) -> Recognized:
    found = found_on(rooms)
    if not found:
        return Recognized()
    return recognize(peeked, found, {id: host.room for id, host in rooms.items()}, await schema.installation_in(tx))


async def read_uses(tx: Transaction, reading: Reading) -> None:
    """Addresses and MACs on networks that were there before, and who is on networks that go."""
    networks = addresses.networks_in_use(reading.resolved)
    before = [now for now in (n if isinstance(n, Existing) else n.now for n in networks.values()) if now is not None]
    subnets = [subnet["id"] for now in before for subnet in now.spec["subnets"]]
    if subnets:
        reading.addresses = await relations.addresses_taken(tx, subnets)
    known = {now.id for now in before}
    macs = [f"{id}/{mac}" for id, mac in addresses.macs_wanted(reading.resolved).values() if id in known]
    if macs:
        reading.macs = await relations.macs_taken(tx, macs)
    gone = [now.id for now in reading.removed if now.kind == Kind.NETWORK]
    if gone:
        reading.nics = await relations.nics_on(tx, gone)


def is_left_out(now: Existing, mentioned: Collection[str]) -> bool:
    """Whether an earlier document made it and this one does not mention it. What is going already is not told again."""
    return now.from_document and now.state is not State.DELETING and now.id not in mentioned


def needs_room(peeked: Resolved) -> bool:
    """Whether something is to be placed, or something that is placed may want more room than it has."""
    return any(t.now is None or wants_more(t.wanted, t.now) for t in peeked.targets.values())


def wants_more(wanted: object, now: Existing) -> bool:
    if isinstance(wanted, WantedVM):
        return (wanted.vcpus, wanted.memory) != (now.spec.get("vcpus"), now.spec.get("memory"))
    return getattr(wanted, "size", None) not in (None, now.spec.get("size"))


def tags_wanted(peeked: Resolved, facts: bool) -> dict[str, str]:
    """By VLAN key of each network that is new, or may have another one than before, its segment."""
    given = [t.wanted for t in peeked.targets.values() if isinstance(t.wanted, WantedNetwork) and (facts or not t.now)]
    return {vlan_key(wanted.segment, wanted.vlan_id): wanted.segment for wanted in given}


async def hold(tx: Transaction, meant: set[str], removing: set[str], own: Mapping[str, Existing], token: str) -> Held:
    """What is meant or removed, and what that needs."""
    held = Held()
    asked: set[str] = set()
    missing = with_neighbours(meant | removing, own, removing)
    while missing:
        await resources.hold(tx, missing, token, held)
        asked |= missing
        missing = with_neighbours(asked, held.existing, removing) - asked
    return held


def with_neighbours(ids: Iterable[str], known: Mapping[str, Existing], removing: Collection[str]) -> set[str]:
    """These, and whatever is reached from them."""
    reached: set[str] = set()
    ahead = list(ids)
    while ahead:
        id = ahead.pop()
        if id in reached:
            continue
        reached.add(id)
        if id in known:
            ahead += neighbours(known[id], id in removing)
    return reached


def neighbours(now: Existing, goes: bool) -> list[str]:
    """Ids of other resources in a spec; for what goes, the VMs that use it too."""
    spec = now.spec
    return [
        *spec.get("nics", ()),
        *(volume["id"] for volume in spec.get("volumes", ())),
        *([spec["network"]] if "network" in spec else ()),
        *(now.used_by if goes else ()),
    ]


def new_id() -> str:
    return str(uuid.uuid4())
