"""What a GraphQL field asks for: a tree without fragments, directives and aliases that mean the same field.

graphql-core itself collects the fields, so that merging, @skip and @include are right by construction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    get_argument_values,
    get_named_type,
    is_abstract_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_subfields
from graphql.execution.values import VariableValues


@dataclass(frozen=True, slots=True)
class Asked:
    """One key of the answer. `inside` is what is asked of each object type that may stand there; empty for a leaf."""

    key: str
    name: str
    type: GraphQLOutputType
    inside: Mapping[str, tuple[Asked, ...]]
    place: int | None = None  # where it stands among the fields that take arguments


@dataclass(frozen=True, slots=True)
class Place:
    """A field that takes arguments."""

    field: GraphQLField
    node: FieldNode

    def arguments(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Its arguments, coerced; `variables` are coerced already. Raises GraphQLError."""
        return get_argument_values(self.field, self.node, _values(variables))

    @property
    def is_list(self) -> bool:
        return "first" in self.field.args


@dataclass(frozen=True, slots=True)
class Selection:
    """A resolver's field, whose place is the first, and all below it."""

    root: Asked
    places: tuple[Place, ...]


def variables(info: GraphQLResolveInfo[Any]) -> Mapping[str, Any]:
    """The operation's variables, coerced. strawberry's executor gives them alone, graphql-core's in a container."""
    values: Any = info.variable_values
    coerced: Mapping[str, Any] = getattr(values, "coerced", values)
    return coerced


def selection(info: GraphQLResolveInfo[Any]) -> Selection:
    """What the field that is being resolved asks for, with the values that @skip and @include have now."""
    collector = _Collector(info)
    definition = info.parent_type.fields[info.field_name]
    details = [FieldDetails(node, None) for node in info.field_nodes]
    root = collector.asked(str(info.path.key), definition, details, places=True)
    return Selection(root, tuple(collector.places))


class _Collector:
    def __init__(self, info: GraphQLResolveInfo[Any]) -> None:
        self.schema = info.schema
        self.operation = info.operation
        self.fragments = {name: FragmentDetails(fragment) for name, fragment in info.fragments.items()}
        self.variables = _values(variables(info))
        self.places: list[Place] = []

    def asked(self, key: str, definition: GraphQLField, details: list[FieldDetails], *, places: bool = False) -> Asked:
        """`places`: has a place even if it takes no arguments, as what is asked for must."""
        place = len(self.places) if places or definition.args else None
        if place is not None:
            self.places.append(Place(definition, details[0].node))
        inside = {type_.name: self._fields(type_, details) for type_ in self._possible(get_named_type(definition.type))}
        return Asked(key, details[0].node.name.value, definition.type, inside, place)

    def _fields(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> tuple[Asked, ...]:
        collected = collect_subfields(
            self.schema, self.fragments, self.variables, self.operation, type_, details
        ).grouped_field_set
        return tuple(
            self.asked(key, self._definition(type_, same[0].node.name.value), same) for key, same in collected.items()
        )

    def _definition(self, type_: GraphQLObjectType, name: str) -> GraphQLField:
        definition = self.schema.get_field(type_, name)
        assert definition is not None  # the document was validated
        return definition

    def _possible(self, type_: GraphQLNamedType) -> list[GraphQLObjectType]:
        if is_abstract_type(type_):
            return list(self.schema.get_possible_types(type_))
        return [type_] if is_object_type(type_) else []


def _values(coerced: Mapping[str, Any]) -> VariableValues:
    # what they were coerced from serves only error messages
    return VariableValues({}, dict(coerced))
