"""A field's arguments: their shape, which is part of the statement, and their values, which are its parameters.

A field that gives one node takes filters (`vm(name:, stack:)`); a connection takes `filter`, `orderBy`, `first` and
`after`, or `last` and `before`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from graphql import GraphQLError

from virtgraph.reads import cursors

MOST = 500
USUAL = 50


@dataclass(frozen=True, slots=True)
class Shape:
    """What changes the statement."""

    filters: tuple[str, ...] = ()
    sort: str | None = None  # a field's name; None: the usual order
    descending: bool = False
    cursor: tuple[bool, ...] | None = None  # for each of its values: is it null?
    backward: bool = False

    @property
    def order_name(self) -> str:
        """What a cursor calls the order that it belongs to."""
        return f"{'-' if self.descending else ''}{self.sort or ''}"


@dataclass(frozen=True, slots=True)
class Arguments:
    shape: Shape
    parameters: Mapping[str, Any] = field(default_factory=dict)
    size: int = 0  # of the page


def parameter(place: int | None, name: str) -> str:
    """The name of the statement's parameter that carries an argument of the field at a place."""
    return f"p{place}_{name}"


def filters(place: int, given: Mapping[str, Any]) -> Arguments:
    """The arguments that name nodes. Raises GraphQLError where they name none."""
    present = _present(given)
    if not present.keys() & {"id", "name", "ids"}:
        raise GraphQLError("Give an id or a name")
    return Arguments(Shape(tuple(present)), _parameters(place, present))


def page(place: int, given: Mapping[str, Any]) -> Arguments:
    """The arguments of a connection. Raises GraphQLError where they contradict each other."""
    asked = _present(given)
    backward = "last" in asked or "before" in asked
    if backward and ("first" in asked or "after" in asked):
        raise GraphQLError("Give `first` and `after`, or `last` and `before`")
    size = _size(asked, "last" if backward else "first")
    chosen = _present(asked.get("filter") or {})
    sort = asked.get("orderBy") or {}
    shape = Shape(
        tuple(chosen),
        _stored(sort["field"]) if sort else None,
        _stored(sort.get("direction")) == "DESC",
        backward=backward,
    )
    values: list[Any] | None = None
    if cursor := asked.get("before" if backward else "after"):
        values = cursors.decode(shape.order_name, cursor)
        shape = Shape(shape.filters, shape.sort, shape.descending, tuple(value is None for value in values), backward)
    parameters = _parameters(place, chosen) | {parameter(place, "take"): size + 1}
    parameters |= {parameter(place, f"cursor{number}"): value for number, value in enumerate(values or ())}
    return Arguments(shape, parameters, size)


def _size(given: Mapping[str, Any], name: str) -> int:
    size = given.get(name, USUAL)
    if not 0 <= size <= MOST:
        raise GraphQLError(f"`{name}` must be from 0 to {MOST}")
    return int(size)


def _present(given: Mapping[str, Any]) -> dict[str, Any]:
    """Null and absent are the same."""
    return {name: value for name, value in given.items() if value is not None}


def _parameters(place: int, given: Mapping[str, Any]) -> dict[str, Any]:
    return {parameter(place, name): _stored(value) for name, value in given.items()}


def _stored(value: Any) -> Any:
    if isinstance(value, list):
        return [_stored(item) for item in value]
    return value.value if isinstance(value, Enum) else value
