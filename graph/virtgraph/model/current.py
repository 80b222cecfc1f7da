"""What the graph holds now, as the planner sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from virtgraph.model.states import Action, OperationState, State

Spec = Mapping[str, Any]  # a resource's wanted state in its canonical JSON form, as its Versions keep it


@dataclass(frozen=True, slots=True)
class OpenOperation:
    """An operation that is not finished."""

    id: str
    action: Action
    state: OperationState
    generation: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Bound:
    """A Binding: this resource on that host. `touched`: some operation on it was claimed once."""

    host: str
    state: State
    realized: int  # the generation that was realized last, 0 for none
    touched: bool
    operations: tuple[OpenOperation, ...] = ()


@dataclass(frozen=True, slots=True)
class Existing:
    """A resource in the graph. `key` is its identity in its stack; `home` the host where it is placed."""

    id: str
    kind: str
    stack: str
    key: str
    name: str | None
    generation: int
    state: State
    task: str | None
    wanted: str | None
    spec: Spec
    home: str | None = None
    owner: str | None = None  # id of the VM that it goes with
    from_document: bool = True
    used_by: tuple[str, ...] = ()  # ids of the VMs that have this NIC or attach this volume
    writers: tuple[str, ...] = ()  # those of them that attach this volume for writing
    bindings: tuple[Bound, ...] = ()

    @property
    def label(self) -> str:
        return self.name or self.id


@dataclass(frozen=True, slots=True)
class PoolOn:
    """The pool that a host's volumes go to."""

    id: str
    host: str
    path: str
    generation: int
    bindings: tuple[Bound, ...] = ()
