"""The core's words, as the API's enums."""

from __future__ import annotations

from enum import Enum

import strawberry

from virtgraph.model.states import Action, EventType, OperationState, State
from virtgraph.model.wanted import NetworkType, VMWanted

__all__ = ["Action", "Direction", "EventType", "NetworkType", "OperationState", "State", "VMWanted"]

strawberry.enum(State, description="What a resource is in now.")
strawberry.enum(Action, description="What an operation does.")
strawberry.enum(OperationState, description="How far an operation is; the last five are final.")
strawberry.enum(EventType, description="What happened.")
strawberry.enum(
    NetworkType, description="How a network's frames travel between hosts: tagged (VLAN) or as they are (FLAT)."
)
strawberry.enum(VMWanted, description="The power state that a VM is wanted in.")


@strawberry.enum(description="Ascending, or descending. What has no value counts as the greatest.")
class Direction(Enum):
    ASC = "ASC"
    DESC = "DESC"
