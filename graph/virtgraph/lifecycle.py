"""Which action is allowed in which state, and what state follows. A table; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from virtgraph.model.states import Action, State
from virtgraph.model.wanted import Kind

WORKING = frozenset({State.DEPLOYING, State.UPDATING, State.DELETING})

# what a resource of a kind is once it is as wanted; a VM's depends on its wanted power state
REALIZED: Mapping[str, State] = MappingProxyType(
    {
        Kind.NIC: State.ATTACHED,
        Kind.VOLUME: State.ALLOCATED,
        Kind.NETWORK: State.APPLIED,
        "Pool": State.READY,
        "Host": State.READY,
    }
)
VM_REALIZED: Mapping[str, State] = MappingProxyType({"running": State.RUNNING, "stopped": State.STOPPED})

SETTLED = frozenset(
    {State.VIRTUAL, State.RUNNING, State.STOPPED, State.MISSING, State.FAILED}
    | {State.ATTACHED, State.ALLOCATED, State.APPLIED, State.READY}
)

# realizing again while an operation runs is fine: the newer one follows it. Removing then is not.
ALLOWED: Mapping[Action, frozenset[State]] = MappingProxyType(
    {
        Action.REALIZE: SETTLED | {State.DEPLOYING, State.UPDATING},
        Action.REMOVE: SETTLED,
        Action.OBSERVE: SETTLED | WORKING,
    }
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An action that the state of a resource does not allow."""

    kind: str
    name: str
    state: State
    task: str | None
    needed: tuple[State, ...]

    @property
    def message(self) -> str:
        doing = f" (task {self.task})" if self.task else ""
        return f"{self.kind} {self.name} is {self.state}{doing}; it must be one of {', '.join(self.needed)}"


def refusal(action: Action, kind: str, name: str, state: State, task: str | None) -> Refusal | None:
    """Why the action is refused now, or None where it is allowed."""
    if state in ALLOWED[action]:
        return None
    return Refusal(kind, name, state, task, tuple(sorted(ALLOWED[action] - {State.READY})))


def begun(action: Action, state: State) -> State:
    """The state while an operation runs."""
    if action is Action.REMOVE:
        return State.DELETING
    return State.DEPLOYING if state in (State.VIRTUAL, State.DEPLOYING, State.MISSING) else State.UPDATING


def realized(kind: str, wanted: str | None) -> State:
    """The state once a resource is as wanted."""
    return VM_REALIZED[wanted or "running"] if kind == Kind.VM else REALIZED[kind]
