"""Scalars beyond GraphQL's own. Inside they are what the graph stores: epoch milliseconds, bytes, JSON text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NewType

import orjson
import strawberry
from strawberry.types.scalar import ScalarDefinition

from virtgraph.spec import units

DateTime = NewType("DateTime", int)
Size = NewType("Size", int)
JSON = NewType("JSON", object)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST = 1 << 62


def time_text(milliseconds: int) -> str:
    """Epoch milliseconds as ISO 8601 in UTC."""
    time = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}Z"


def milliseconds(text: Any) -> int:
    """ISO 8601 as epoch milliseconds. Raises ValueError where the zone is missing: nobody could say which was meant."""
    if not isinstance(text, str):
        raise ValueError("a time is a string such as 2026-01-31T12:00:00Z")
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text!r} names no zone: write 2026-01-31T12:00:00Z")
    return (time - _EPOCH) // timedelta(milliseconds=1)


def _json(stored: Any) -> Any:
    return orjson.loads(stored) if isinstance(stored, str) else stored


SCALARS: Mapping[object, ScalarDefinition] = {
    DateTime: strawberry.scalar(
        name="DateTime",
        description="A moment in ISO 8601, in UTC when it is given out: `2026-01-31T12:00:00.000Z`.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
        serialize=time_text,
        parse_value=milliseconds,
    ),
    Size: strawberry.scalar(
        name="Size",
        description='Bytes. Taken as a number or with a binary unit (`"4gb"` is `"4GiB"`); given out as a number.',
        serialize=int,
        parse_value=units.size(_LARGEST, least=0),
    ),
    JSON: strawberry.scalar(
        name="JSON", description="Any JSON value.", serialize=_json, parse_value=lambda value: value
    ),
}
