"""Opaque cursors: where a node stands in an order, as the values that it is sorted by.

They name values and not positions, so that a page stays right when nodes are inserted before it.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import orjson
from graphql import GraphQLError


def encode(order: str, values: list[Any]) -> str:
    """`order` names the order in which the values mean something; the last value is unique."""
    return urlsafe_b64encode(orjson.dumps([order, *values])).rstrip(b"=").decode()


def decode(order: str, cursor: str) -> list[Any]:
    """The values. Raises GraphQLError for what was not encoded for this order."""
    try:
        decoded = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        decoded = None
    match decoded:
        case [str(given), *values, last] if last is not None and all(_is_leaf(value) for value in [*values, last]):
            if given == order:
                return [*values, last]
            raise GraphQLError(f"The cursor {cursor!r} belongs to another orderBy")
    raise GraphQLError(f"{cursor[:200]!r} is not a cursor")


def _is_leaf(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)
