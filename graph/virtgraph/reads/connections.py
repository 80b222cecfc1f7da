"""Relay connections: a page of nodes with cursors, and what is around it. https://relay.dev/graphql/connections.htm"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLError

from virtgraph.reads import cursors
from virtgraph.reads.arguments import Shape, parameter
from virtgraph.reads.matches import Match
from virtgraph.reads.ordering import Key, after
from virtgraph.reads.pieces import Names, Piece, Row, dictionary, let
from virtgraph.reads.selection import Asked

Rows = list[list[Any]]
WriteNode = Callable[[Asked, str], Piece]  # what is asked of a node; the Python variable that will hold its list


def first(rows: Rows, size: int) -> tuple[Rows, bool]:
    """A page out of its rows and one more, and whether there is more."""
    return rows[:size], len(rows) > size


def last(rows: Rows, size: int) -> tuple[Rows, bool]:
    """The same for rows that were read backwards."""
    return rows[:size][::-1], len(rows) > size


KNOWN = {"first": first, "last": last, "cursor": cursors.encode}


class Connection:
    """Writes one connection: `match` finds its nodes, `order` is that in which they are listed."""

    def __init__(self, asked: Asked, match: Match, order: Sequence[Key], shape: Shape, names: Names) -> None:
        self.asked, self.match, self.shape, self.names = asked, match, shape, names
        self.keys = [key.reversed for key in order] if shape.backward else list(order)
        if shape.cursor is not None and len(shape.cursor) != len(self.keys):
            raise GraphQLError("The cursor belongs to another list")
        self.value, self.page = names.fresh("v"), names.fresh("v")
        self.slots = Row()
        self.row = Row()

    def piece(self, access: str, write_node: WriteNode) -> Piece:
        ((type_name, fields),) = self.asked.inside.items()
        self.write_node = write_node
        python = dictionary((field.key, self._field(type_name, field)) for field in fields)
        bindings = [(self.value, access)]
        if self.row.items or any(field.name in ("edges", "nodes", "pageInfo") for field in fields):
            cut = "last" if self.shape.backward else "first"
            at = self.slots.add(self._rows())
            bindings.append((self.page, f"{cut}({self.value}[{at}], sizes[{self.asked.place}])"))
        return Piece(self.slots.cypher, let(*bindings, then=python))

    def _field(self, type_name: str, field: Asked) -> str:
        match field.name:
            case "totalCount":
                return f"{self.value}[{self.slots.add(self.match.count())}]"
            case "nodes":
                row, node = self.names.fresh("v"), self.names.fresh("v")
                python, source = self._node(field, row, node)
                return f"[{python} for {row} in {self.page}[0] {source}]"
            case "edges":
                return self._edges(field)
            case "pageInfo":
                ((name, parts),) = field.inside.items()
                return dictionary((part.key, self._page_info(name, part)) for part in parts)
        return repr(type_name)  # __typename

    def _edges(self, edges: Asked) -> str:
        ((type_name, fields),) = edges.inside.items()
        row = self.names.fresh("v")
        items, sources = [], ""
        for field in fields:
            if field.name == "node":
                python, source = self._node(field, row, self.names.fresh("v"))
                items.append((field.key, python))
                sources += source
            else:
                items.append((field.key, self._cursor(row) if field.name == "cursor" else repr(type_name)))
        return f"[{dictionary(items)} for {row} in {self.page}[0]{sources}]"

    def _node(self, field: Asked, row: str, node: str) -> tuple[str, str]:
        piece = self.write_node(field, node)
        return piece.python, f" for {node} in [{row}[{self.row.add(piece.cypher)}]]"

    def _page_info(self, type_name: str, field: Asked) -> str:
        match field.name:
            case "hasNextPage" | "hasPreviousPage":
                onward = (field.name == "hasPreviousPage") == self.shape.backward
                return f"{self.page}[1]" if onward else self._behind()
            case "startCursor" | "endCursor":
                end = f"{self.page}[0][{0 if field.name == 'startCursor' else -1}]"
                return f"({self._cursor(end)} if {self.page}[0] else None)"
        return repr(type_name)

    def _cursor(self, row: str) -> str:
        values = self.row.add(f"[{', '.join(key.expression for key in self.keys)}]")
        return f"cursor({self.shape.order_name!r}, {row}[{values}])"

    def _behind(self) -> str:
        """Whether something stands where the page was continued from."""
        if self.shape.cursor is None:
            return "False"
        behind = after([key.reversed for key in self.keys], self._given_cursor(), including=True)
        return f"{self.value}[{self.slots.add(self.match.where(behind).exists())}]"

    def _rows(self) -> str:
        match = self.match
        if self.shape.cursor is not None:
            match = match.where(after(self.keys, self._given_cursor()))
        return match.rows(self.row.cypher, self.keys, f"${parameter(self.asked.place, 'take')}")

    def _given_cursor(self) -> list[str | None]:
        return [
            None if is_null else parameter(self.asked.place, f"cursor{number}")
            for number, is_null in enumerate(self.shape.cursor or ())
        ]
