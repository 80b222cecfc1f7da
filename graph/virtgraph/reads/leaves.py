"""Stored values → values in the answer: enums, times and other scalars by what the schema says of them."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from graphql import (
    GraphQLOutputType,
    get_named_type,
    get_nullable_type,
    is_enum_type,
    is_list_type,
    is_scalar_type,
    specified_scalar_types,
)

Conversion = Callable[[Any], Any]


def conversion(type_: GraphQLOutputType) -> Conversion | None:
    """How a stored value that is not null is converted; None where it stands as it is."""
    convert = _conversion_of_one(type_)
    if convert is not None and is_list_type(get_nullable_type(type_)):
        return lambda values: [convert(value) for value in values]
    return convert


def _conversion_of_one(type_: GraphQLOutputType) -> Conversion | None:
    named = get_named_type(type_)
    if is_enum_type(named):
        # a stored word that the enum does not have is a KeyError: a fault of ours, answered as one
        return {_stored(known.value): name for name, known in named.values.items()}.__getitem__
    if is_scalar_type(named) and named.name not in specified_scalar_types:
        return named.coerce_output_value
    return None


def _stored(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
