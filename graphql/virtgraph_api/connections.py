"""Relay connections. https://relay.dev/graphql/connections.htm"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument

T = TypeVar("T")


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether the list goes on after this page.")
    has_previous_page: bool = strawberry.field(description="Whether something stands before this page.")
    start_cursor: str | None = strawberry.field(description="Of the first node; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="Of the last node: the `after` of the next page.")


@strawberry.type(description="A node and its place in the list.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(description="Its place: what `after` and `before` take. Stays right for this order.")
    node: T = strawberry.field(description="The node itself.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(description="The nodes with their cursors.")
    nodes: list[T] = strawberry.field(description="The nodes alone.")
    page_info: PageInfo = strawberry.field(description="Where this page lies in the list.")
    total_count: int = strawberry.field(description="How many there are in the whole list. Counted when asked for.")


FIRST = "At most so many from the start, up to 500; 50 where neither first nor last is given."
AFTER = "Only what stands after this cursor."
LAST = "At most so many from the end, up to 500."
BEFORE = "Only what stands before this cursor."
FILTER = "Only those that all of this is true of."
ORDER_BY = "Another order than the usual one."

_PAGE: dict[str, tuple[Any, str]] = {
    "first": (int | None, FIRST),
    "after": (str | None, AFTER),
    "last": (int | None, LAST),
    "before": (str | None, BEFORE),
}


def pages(description: str) -> Any:
    """A field that gives a connection of related nodes: its arguments are for the compiler of reads alone."""
    field = strawberry.field(description=description)
    field.arguments = [
        StrawberryArgument(name, None, StrawberryAnnotation(type_), description=words)
        for name, (type_, words) in _PAGE.items()
    ]
    return field
