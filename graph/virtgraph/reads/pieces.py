"""Text under construction: the two programs that are written side by side, and their names."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any, NamedTuple


class Piece(NamedTuple):
    """A Cypher expression, and the Python expression that makes a part of the answer of its value."""

    cypher: str
    python: str


class Row:
    """A positional list that is being filled."""

    def __init__(self, *items: str) -> None:
        self.items = list(items)

    def add(self, cypher: str) -> int:
        """The place of an expression in the list; equal ones share it."""
        if cypher not in self.items:
            self.items.append(cypher)
        return self.items.index(cypher)

    @property
    def cypher(self) -> str:
        return f"[{', '.join(self.items)}]"


class Names:
    """Fresh variables, and the values that the Python text refers to by name."""

    def __init__(self, **known: Any) -> None:
        self.known = known
        self._numbers = count()

    def fresh(self, letter: str) -> str:
        return f"{letter}{next(self._numbers)}"

    def of(self, value: Any) -> str:
        name = self.fresh("c")
        self.known[name] = value
        return name


def dictionary(items: Iterable[tuple[str, str]]) -> str:
    """A Python dict of keys and expressions."""
    return f"{{{', '.join(f'{key!r}: {python}' for key, python in items)}}}"


def let(*bindings: tuple[str, str], then: str) -> str:
    """A Python expression after others were given names."""
    return f"({', '.join(f'({name} := {python})' for name, python in bindings)}, {then})[-1]"
