"""The events of a transaction that stores a wish: what was decided, and who waits for what. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from virtgraph.apply.homes import Homes
from virtgraph.apply.resolve import Resolved
from virtgraph.model.states import EventType
from virtgraph.planner import FACTS, Place, Plan
from virtgraph.store.events import NewEvent
from virtgraph.store.hosts import HostNow
from virtgraph.store.operations import Named


def scheduled(
    resolved: Resolved, homes: Homes, rooms: Mapping[str, HostNow], stack: str, revision: int
) -> Iterator[NewEvent]:
    """The scheduler's decision for each VM and volume that has a host now."""
    by_id = resolved.by_id()
    for id in homes.fresh:
        wanted, host = by_id[id].wanted, rooms[homes.of[id]].room
        yield NewEvent(
            EventType.SCHEDULED,
            f"{wanted.kind} {wanted.name or wanted.key} goes to host {host.name}.",
            stack=stack,
            resource=id,
            kind=wanted.kind,
            name=wanted.name,
            host=host.name,
            revision=revision,
            data={"host": {"id": host.id, "name": host.name}},
        )


def superseded(plan: Plan, stack: str) -> Iterator[NewEvent]:
    for old in plan.superseded:
        yield NewEvent(EventType.SUPERSEDED, "A newer change replaces this operation.", stack=stack, operation=old)


def waiting(plan: Plan, names: Mapping[Place, Named], stack: str, revision: int) -> Iterator[NewEvent]:
    """For which fact of which resource each new operation waits."""
    facts = {operation.id: (operation.place, operation.kind) for operation in plan.operations}
    facts |= {id: (target.place, target.kind) for id, target in plan.under_way.items()}
    for operation in plan.operations:
        needed = [facts[before] for before in operation.after if before in facts]
        if not needed:
            continue
        name = names[operation.place]
        what = ", ".join(f"the {FACTS[kind]} of {kind} {names[p].resource} on {names[p].host}" for p, kind in needed)
        yield NewEvent(
            EventType.WAITING,
            f"{operation.kind} {name.resource} on {name.host} waits for {what}.",
            stack=stack,
            resource=operation.place.resource,
            kind=operation.kind,
            name=name.resource,
            host=name.host,
            operation=operation.id,
            revision=revision,
            data={
                "waitingFor": [
                    {"resource": p.resource, "kind": kind, "name": names[p].resource, "fact": FACTS[kind]}
                    for p, kind in needed
                ]
            },
        )


def applied(stack: str, revision: int) -> NewEvent:
    """A revision that waits for no work is applied when it is stored."""
    return NewEvent(
        EventType.APPLIED, f"Revision {revision} of stack {stack} is applied.", stack=stack, revision=revision
    )
