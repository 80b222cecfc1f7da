"""From what is wanted and what is there: the operations, and which of them comes after which. Pure: no I/O, no clock.

A Binding is "this resource on that host"; an operation makes one Binding right, or takes it away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from virtgraph.model.current import Bound, OpenOperation
from virtgraph.model.states import Action, OperationState, State
from virtgraph.model.wanted import Kind

# what others wait for, once a Binding of this kind is realized
FACTS: Mapping[str, str] = {
    Kind.NETWORK: "bridge",
    Kind.NIC: "address",
    Kind.VOLUME: "url",
    Kind.VM: "power",
    "Pool": "path",
    "Host": "facts",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A Binding by its two ends."""

    resource: str
    host: str

    @property
    def key(self) -> str:
        return f"{self.resource}@{self.host}"


@dataclass(frozen=True, slots=True)
class Target:
    """A Binding as it should be: its resource's generation, and the Bindings that it needs first."""

    place: Place
    kind: str
    generation: int
    needs: tuple[Place, ...] = ()
    now: Bound | None = None
    state: State | None = None  # what it should be in, where it can stray from that by itself


@dataclass(frozen=True, slots=True)
class PlannedOperation:
    """One new operation. `after`: ids of unfinished operations, planned here or running already."""

    id: str
    action: Action
    place: Place
    kind: str
    generation: int
    after: tuple[str, ...]

    @property
    def fact(self) -> str:
        return FACTS[self.kind]


@dataclass(slots=True)
class Plan:
    """What the transaction writes about the work to do."""

    operations: list[PlannedOperation] = field(default_factory=list)
    superseded: dict[str, str | None] = field(default_factory=dict)  # old operation → the one that replaces it
    awake: list[str] = field(default_factory=list)  # operations that wait for a retry: try them now
    gone: list[Place] = field(default_factory=list)  # Bindings that no host ever saw: dropped without work
    under_way: dict[str, Target] = field(default_factory=dict)  # what unfinished operations from before make right

    @property
    def makes_wait(self) -> bool:
        """Whether it takes work until all is as wanted: new work, or work from before."""
        return bool(self.operations or self.under_way)

    def ids(self) -> list[str]:
        return [operation.id for operation in self.operations]


def plan_realize(targets: Sequence[Target], new_id: Callable[[], str]) -> Plan:
    """Operations for every target that is not as wanted. `targets` are in the order of their needs."""
    plan = Plan()
    doing: dict[Place, str] = {}  # the unfinished operation that will make a Binding right
    for target in targets:
        running, pending = open_operations(target.now)
        current = next((o for o in (running, pending) if o and realizes(o, target.generation)), None)
        if current is not None:
            doing[target.place] = current.id
            plan.under_way[current.id] = target
            if current.state is OperationState.PENDING and current.attempt > 0:
                plan.awake.append(current.id)
            continue
        if pending is None and running is None and is_right(target):
            continue
        operation = PlannedOperation(
            id=new_id(),
            action=Action.REALIZE,
            place=target.place,
            kind=target.kind,
            generation=target.generation,
            after=tuple(dict.fromkeys(after(target, doing, running))),
        )
        if pending is not None:
            plan.superseded[pending.id] = operation.id
        plan.operations.append(operation)
        doing[target.place] = operation.id
    return plan


def plan_remove(targets: Iterable[Target], doing: Mapping[Place, str], new_id: Callable[[], str]) -> Plan:
    """Operations that take Bindings away. `doing`: operations planned already that the removals may have to follow."""
    plan = Plan()
    open_now = dict(doing)
    for target in targets:
        running, pending = open_operations(target.now)
        if running is not None and running.action is Action.REMOVE and pending is None:
            open_now[target.place] = running.id
            continue
        if target.now is None or not target.now.touched:
            plan.gone.append(target.place)
            if pending is not None:
                plan.superseded[pending.id] = None
            continue
        operation = PlannedOperation(
            id=new_id(),
            action=Action.REMOVE,
            place=target.place,
            kind=target.kind,
            generation=target.generation,
            after=tuple(dict.fromkeys(after(target, open_now, running))),
        )
        if pending is not None:
            plan.superseded[pending.id] = operation.id
        plan.operations.append(operation)
        open_now[target.place] = operation.id
    return plan


def open_operations(bound: Bound | None) -> tuple[OpenOperation | None, OpenOperation | None]:
    """The running and the pending operation of a Binding: at most one of each."""
    operations = bound.operations if bound else ()
    running = next((o for o in operations if o.state is OperationState.RUNNING), None)
    pending = next((o for o in operations if o.state is OperationState.PENDING), None)
    return running, pending


def newest(bound: Bound) -> OpenOperation | None:
    """What will have been done to a Binding last, as far as it is planned."""
    running, pending = open_operations(bound)
    return pending or running


def realizes(operation: OpenOperation, generation: int) -> bool:
    return operation.action is Action.REALIZE and operation.generation >= generation


def is_right(target: Target) -> bool:
    now = target.now
    if now is None or now.realized < target.generation or now.state in (State.FAILED, State.MISSING):
        return False
    return target.state is None or now.state is target.state


def after(target: Target, doing: Mapping[Place, str], running: OpenOperation | None) -> Iterable[str]:
    if running is not None:
        yield running.id
    for place in target.needs:
        if place in doing:
            yield doing[place]


def ready(operations: Sequence[PlannedOperation]) -> set[str]:
    """Operations that can be claimed at once: all that they come after is planned with them and rides in the same Run."""
    by_id = {operation.id: operation for operation in operations}
    result: set[str] = set()
    for operation in operations:  # in the order of their needs
        if all(before in result and ride_together(by_id[before], operation) for before in operation.after):
            result.add(operation.id)
    return result


def ride_together(one: PlannedOperation, other: PlannedOperation) -> bool:
    return one.place.host == other.place.host and one.action is other.action


def merged(first: Plan, second: Plan) -> Plan:
    return Plan(
        first.operations + second.operations,
        first.superseded | second.superseded,
        first.awake + second.awake,
        first.gone + second.gone,
        first.under_way | second.under_way,
    )
