"""A place in a document's tree: its value, its path, and where to put what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from virtgraph.spec.errors import Problems, shown, unknown
from virtgraph.spec.paths import item, member

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Node:
    """Reading never stops at a problem: it is noted, and the reader goes on with nothing in its place."""

    value: Any
    path: str
    problems: Problems

    def refuse(self, reason: str) -> None:
        self.problems.add(self.path, reason)

    def refuse_member(self, key: str, reason: str) -> None:
        self.problems.add(member(self.path, key), reason)

    def members(self) -> dict[str, Node]:
        """The members that are given: a key without a value counts as left out."""
        if not isinstance(self.value, dict):
            self.refuse(f"must be a mapping, not {shown(self.value)}")
            return {}
        return {
            key: Node(value, member(self.path, key), self.problems)
            for key, value in self.value.items()
            if value is not None
        }

    def fields(self, known: Collection[str], what: str = "field") -> dict[str, Node]:
        """The members, all of which must be known."""
        members = self.members()
        strangers = [key for key in members if key not in known]
        for key in strangers:
            members.pop(key).refuse(unknown(what, key, known))
        return members

    def items(self) -> list[Node]:
        if not isinstance(self.value, list):
            self.refuse(f"must be a list, not {shown(self.value)}")
            return []
        return [Node(value, item(self.path, i), self.problems) for i, value in enumerate(self.value)]

    def read(self, parse: Callable[[Any], T]) -> T | None:
        """The value as `parse` understands it, which says in a ValueError why it does not."""
        try:
            return parse(self.value)
        except ValueError as error:
            self.refuse(str(error))
            return None
