"""The pieces of Cypher that reads are made of: subqueries over a pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from virtgraph.reads.ordering import Key, order_by


@dataclass(frozen=True, slots=True)
class Match:
    """Where nodes are found. `variables` are those of the pattern that rows are made from."""

    pattern: str
    variables: tuple[str, ...]
    conditions: tuple[str, ...] = ()

    def where(self, *conditions: str) -> Match:
        return replace(self, conditions=(*self.conditions, *conditions))

    def along(self, pattern: str) -> Match:
        return replace(self, pattern=f"{self.pattern}, {pattern}")

    def rows(self, row: str, order: Sequence[Key], limit: str | None = None) -> str:
        """A list of rows. Sorted and cut before rows are made: else the embedded engine makes all of them first."""
        cut = f" LIMIT {limit}" if limit else ""
        return f"COLLECT {{ {self} WITH {', '.join(self.variables)} {order_by(order)}{cut} RETURN {row} }}"

    def count(self) -> str:
        return f"COUNT {{ {self} }}"

    def exists(self) -> str:
        return f"EXISTS {{ {self} }}"

    def __str__(self) -> str:
        where = f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""
        return f"MATCH {self.pattern}{where}"
