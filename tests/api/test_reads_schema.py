"""The API's types and the declarations that reads are compiled from say the same; nothing hides beside them."""

from __future__ import annotations

from collections.abc import Iterator

from graphql import (
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_introspection_type,
    is_list_type,
    is_non_null_type,
    is_specified_scalar_type,
)
from strawberry.types.base import StrawberryObjectDefinition

from virtgraph.model.kinds import INTERFACES, KINDS
from virtgraph.reads.filters import FILTERS
from virtgraph_api.schema import schema

TYPES = schema._schema.type_map


def object_type(name: str) -> GraphQLObjectType:
    type_ = TYPES[name]
    assert isinstance(type_, GraphQLObjectType)
    return type_


def test_every_kind_is_a_type_with_the_same_fields() -> None:
    for kind in KINDS.values():
        assert set(object_type(kind.name).fields) == set(kind.by_name), kind.name


def test_relations_have_the_types_that_are_declared() -> None:
    for kind in KINDS.values():
        for relation in kind.relations:
            field = object_type(kind.name).fields[relation.name]
            shown = relation.edge or relation.target
            assert get_named_type(field.type).name == (f"{shown}Connection" if relation.connection else shown)
            assert is_list_type(get_nullable_type(field.type)) == relation.many
            assert is_non_null_type(field.type) == (relation.many or relation.connection)


def test_connections_end_in_something_unique() -> None:
    orders = [("{x}", kind.order) for kind in KINDS.values()]
    orders += [("{y}", r.order) for kind in KINDS.values() for r in kind.relations if r.connection]
    assert {order[-1].replace(x, "") for x, order in orders} <= {".id", ".key"}


def test_interfaces_stand_for_the_kinds_that_are_declared() -> None:
    for interface in INTERFACES.values():
        possible = schema._schema.get_possible_types(TYPES[interface.name])  # type: ignore[arg-type]
        assert {type_.name for type_ in possible} == set(interface.kinds)


def test_filters_and_orders_are_those_that_are_declared() -> None:
    for name, filters in FILTERS.items():
        if f"{name}Filter" in TYPES:
            assert set(TYPES[f"{name}Filter"].fields) == {f.name for f in filters} - {"id"}  # type: ignore[attr-defined]
            values = TYPES[f"{name}OrderField"].values.values()  # type: ignore[attr-defined]
            assert {value.value for value in values} == set(KINDS[name].sortable)


def test_every_field_is_described() -> None:
    """And every type, argument and enum value. The argument `input` is described where its type is."""
    assert [place for place, description in descriptions() if not description] == []


def descriptions() -> Iterator[tuple[str, str | None]]:
    """Of all that is not GraphQL's own, by its place in the schema."""
    for type_ in TYPES.values():
        if is_introspection_type(type_) or is_specified_scalar_type(type_):
            continue
        yield type_.name, type_.description
        for name, member in (*getattr(type_, "fields", {}).items(), *getattr(type_, "values", {}).items()):
            yield f"{type_.name}.{name}", member.description
            for argument, of in getattr(member, "args", {}).items():
                if argument != "input":
                    yield f"{type_.name}.{name}({argument})", of.description


def test_nothing_runs_for_a_field_inside_a_read() -> None:
    """A read's answer is handed on without walking it, so this would be silently passed by."""
    for definition in definitions():
        for field in definition.fields:
            assert field.base_resolver is None, f"{definition.name}.{field.python_name}"
            assert not field.permission_classes
            assert not field.extensions


def definitions() -> Iterator[StrawberryObjectDefinition]:
    """Every type that can stand inside a read's answer."""
    seen: set[str] = set()
    names = [*KINDS, *INTERFACES]
    for name in names:
        if name in seen:
            continue
        seen.add(name)
        type_ = schema.get_type_by_name(name)
        assert isinstance(type_, StrawberryObjectDefinition)
        yield type_
        if isinstance(TYPES[name], GraphQLObjectType):
            inside = (get_named_type(field.type) for field in object_type(name).fields.values())
            names += [found.name for found in inside if isinstance(found, GraphQLObjectType)]


def test_edges_lead_on_to_their_node() -> None:
    for kind in KINDS.values():
        for relation in kind.relations:
            if relation.edge:
                onward = [r for r in KINDS[relation.edge].relations if not r.arrow]
                assert [r.target for r in onward] == [relation.target]
