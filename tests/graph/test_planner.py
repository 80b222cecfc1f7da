"""The planner by tables: wanted and there → operations, what they come after, what they replace."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from virtgraph.model.current import Bound, OpenOperation
from virtgraph.model.states import Action, OperationState, State
from virtgraph.planner import Place, Plan, PlannedOperation, Target, plan_realize, plan_remove, ready

HERE, THERE = "host1", "host2"


def ids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"new{next(numbers)}"


def opened(
    state: OperationState, generation: int = 1, *, action: Action = Action.REALIZE, attempt: int = 0
) -> OpenOperation:
    return OpenOperation("old", action, state, generation, attempt)


def bound(state: State = State.RUNNING, realized: int = 1, *operations: OpenOperation, touched: bool = True) -> Bound:
    return Bound(HERE, state, realized, touched, operations)


def target(now: Bound | None, generation: int = 1, state: State | None = None) -> Target:
    return Target(Place("vm", HERE), "VM", generation, (), now, state)


PENDING, RUNNING = OperationState.PENDING, OperationState.RUNNING
NEW = {"operations": ["new1"]}

# what is there, the wanted generation, the wanted state → what is planned
REALIZE = {
    "nothing there": (None, 1, None, NEW),
    "never realized": (bound(State.VIRTUAL, 0, touched=False), 1, None, NEW),
    "right": (bound(), 1, None, {}),
    "right, and in the right state": (bound(), 1, State.RUNNING, {}),
    "right, but stopped by itself": (bound(State.STOPPED), 1, State.RUNNING, NEW),
    "an older generation": (bound(), 2, None, NEW),
    "failed": (bound(State.FAILED), 1, None, NEW),
    "gone behind our back": (bound(State.MISSING), 1, None, NEW),
    "waits": (bound(State.VIRTUAL, 0, opened(PENDING)), 1, None, {"under_way": ["old"]}),
    "waits for another try": (
        bound(State.VIRTUAL, 0, opened(PENDING, attempt=1)), 1, None, {"under_way": ["old"], "awake": ["old"]},
    ),
    "waits, an older generation": (
        bound(State.VIRTUAL, 0, opened(PENDING)), 2, None, NEW | {"superseded": {"old": "new1"}},
    ),
    "runs": (bound(State.DEPLOYING, 0, opened(RUNNING)), 1, None, {"under_way": ["old"]}),
    "runs, an older generation": (bound(State.DEPLOYING, 0, opened(RUNNING)), 2, None, NEW | {"after": ["old"]}),
    "is being removed": (
        bound(State.DELETING, 1, opened(RUNNING, action=Action.REMOVE)), 1, None, NEW | {"after": ["old"]},
    ),
    "is to be removed": (
        bound(State.RUNNING, 1, opened(PENDING, action=Action.REMOVE)), 1, None, NEW | {"superseded": {"old": "new1"}},
    ),
}  # fmt: skip


def shown(plan: Plan) -> dict[str, object]:
    found: dict[str, object] = {
        "operations": plan.ids(),
        "after": [before for operation in plan.operations for before in operation.after],
        "superseded": plan.superseded,
        "awake": plan.awake,
        "gone": [place.key for place in plan.gone],
        "under_way": list(plan.under_way),
    }
    return {name: value for name, value in found.items() if value}


@pytest.mark.parametrize(("now", "generation", "state", "planned"), REALIZE.values(), ids=REALIZE)
def test_realize(now: Bound | None, generation: int, state: State | None, planned: dict[str, object]) -> None:
    assert shown(plan_realize([target(now, generation, state)], ids())) == planned


REMOVE = {
    "nothing there": (None, {"gone": ["vm@host1"]}),
    "no host saw it": (bound(State.VIRTUAL, 0, touched=False), {"gone": ["vm@host1"]}),
    "no host saw it, and it waits": (
        bound(State.VIRTUAL, 0, opened(PENDING), touched=False), {"gone": ["vm@host1"], "superseded": {"old": None}},
    ),
    "there": (bound(), NEW),
    "half made": (bound(State.FAILED, 0), NEW),
    "waits for another try": (bound(State.VIRTUAL, 0, opened(PENDING, attempt=1)), NEW | {"superseded": {"old": "new1"}}),
    "runs": (bound(State.DEPLOYING, 0, opened(RUNNING)), NEW | {"after": ["old"]}),
    "is being removed": (bound(State.DELETING, 1, opened(RUNNING, action=Action.REMOVE)), {}),
}  # fmt: skip


@pytest.mark.parametrize(("now", "planned"), REMOVE.values(), ids=REMOVE)
def test_remove(now: Bound | None, planned: dict[str, object]) -> None:
    assert shown(plan_remove([target(now)], {}, ids())) == planned


def test_needs_come_first_where_they_are_still_to_be_made() -> None:
    network, made, vm = Place("net", HERE), Place("volume", HERE), Place("vm", HERE)
    plan = plan_realize(
        [
            Target(network, "Network", 1),
            Target(made, "Volume", 1, (), bound(State.ALLOCATED)),
            Target(vm, "VM", 1, (network, made)),
        ],
        ids(),
    )
    assert [(o.place, o.after) for o in plan.operations] == [(network, ()), (vm, ("new1",))]


def test_what_is_under_way_already_is_waited_for() -> None:
    network, vm = Place("net", HERE), Place("vm", HERE)
    now = Bound(HERE, State.DEPLOYING, 0, True, (opened(RUNNING),))
    plan = plan_realize([Target(network, "Network", 1, (), now), Target(vm, "VM", 1, (network,))], ids())
    assert [(o.place, o.after) for o in plan.operations] == [(vm, ("old",))]


def test_removals_follow_what_uses_them() -> None:
    vm, disk = Place("vm", HERE), Place("disk", HERE)
    targets = [Target(vm, "VM", 1, (), bound()), Target(disk, "Volume", 1, (vm,), bound(State.ALLOCATED))]
    assert [(o.place, o.after) for o in plan_remove(targets, {}, ids()).operations] == [(vm, ()), (disk, ("new1",))]
    changed = plan_remove(targets[1:], {vm: "realizing"}, ids())
    assert [o.after for o in changed.operations] == [("realizing",)], "a VM that stays lets go of it first"


def operation(id: str, host: str, *after: str, action: Action = Action.REALIZE) -> PlannedOperation:
    return PlannedOperation(id, action, Place(id, host), "VM", 1, after)


READY = {
    "needs nothing": ([operation("a", HERE)], {"a"}),
    "rides along": ([operation("a", HERE), operation("b", HERE, "a"), operation("c", HERE, "a", "b")], {"a", "b", "c"}),
    "on another host": ([operation("a", THERE), operation("b", HERE, "a"), operation("c", HERE, "b")], {"a"}),
    "after what was there before": ([operation("a", HERE, "old"), operation("b", HERE, "a")], set()),
    "another playbook": ([operation("a", HERE), operation("b", HERE, "a", action=Action.REMOVE)], {"a"}),
}


@pytest.mark.parametrize(("operations", "expected"), READY.values(), ids=READY)
def test_ready(operations: list[PlannedOperation], expected: set[str]) -> None:
    assert ready(operations) == expected
