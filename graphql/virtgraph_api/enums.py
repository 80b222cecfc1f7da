"""The core's words, as the API's enums."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry.types.enum import has_enum_definition

from virtgraph.model.states import Action, EventType, OperationState, State
from virtgraph.model.wanted import NetworkType, VMWanted
from virtgraph.model.word import Word

__all__ = ["Action", "Direction", "EventType", "NetworkType", "OperationState", "State", "VMWanted"]


def show(words: type[Word], description: str) -> None:
    """Have the API show an enum of the core, each member with what it means."""
    meanings = [word.meaning for word in words]
    strawberry.enum(words, description=description)
    assert has_enum_definition(words)
    for value, meaning in zip(words.__strawberry_definition__.values, meanings, strict=True):
        value.description = meaning


show(State, "What a resource is in now.")
show(Action, "What an operation does.")
show(OperationState, "How far an operation is; the last five are final.")
show(EventType, "What happened.")
show(NetworkType, "How a network's frames travel between hosts.")
show(VMWanted, "The power state that a VM is wanted in.")

BY_NAME = strawberry.enum_value("name", description="By name.")
BY_CREATED_AT = strawberry.enum_value("createdAt", description="By when it came into the graph.")
BY_STATE = strawberry.enum_value("state", description="By the state, as a word.")


@strawberry.enum(description="Ascending, or descending. What has no value counts as the greatest.")
class Direction(Enum):
    ASC = strawberry.enum_value("ASC", description="The least first.")
    DESC = strawberry.enum_value("DESC", description="The greatest first.")
