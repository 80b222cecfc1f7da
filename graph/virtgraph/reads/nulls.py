"""Null where the schema forbids it: an error with its path, and null at the nearest place that may be null.

https://spec.graphql.org/October2021/#sec-Handling-Field-Errors
"""

from __future__ import annotations

from typing import Any

from graphql import GraphQLError, GraphQLOutputType, is_list_type, is_non_null_type

from virtgraph.reads.compiler import TYPE
from virtgraph.reads.selection import Asked

Path = list[str | int]


def settled(asked: Asked, tree: Any) -> tuple[Any, list[GraphQLError]]:
    """The answer that may be given, and its errors; their paths begin below the field."""
    errors: list[GraphQLError] = []
    try:
        return _value(asked, "Query", asked.type, tree, [], errors), errors
    except _ForbiddenNull:
        return None, errors


class _ForbiddenNull(Exception):
    pass


def _value(
    asked: Asked, parent: str, type_: GraphQLOutputType, value: Any, path: Path, errors: list[GraphQLError]
) -> Any:
    if not is_non_null_type(type_):
        return _nullable(asked, parent, type_, value, path, errors)
    settled_value = _nullable(asked, parent, type_.of_type, value, path, errors)
    if value is None:
        message = f"Cannot return null for non-nullable field {parent}.{asked.name}."
        errors.append(GraphQLError(message, path=path))
    if settled_value is None:
        raise _ForbiddenNull
    return settled_value


def _nullable(
    asked: Asked, parent: str, type_: GraphQLOutputType, value: Any, path: Path, errors: list[GraphQLError]
) -> Any:
    if value is None:
        return None
    try:
        if is_list_type(type_):
            return [
                _value(asked, parent, type_.of_type, item, [*path, number], errors) for number, item in enumerate(value)
            ]
        return _object(asked, value, path, errors) if asked.inside else value
    except _ForbiddenNull:
        return None


def _object(asked: Asked, value: dict[str, Any], path: Path, errors: list[GraphQLError]) -> dict[str, Any]:
    name = value.pop(TYPE, None) or next(iter(asked.inside))
    return {
        field.key: _value(field, name, field.type, value[field.key], [*path, field.key], errors)
        for field in asked.inside[name]
    }
