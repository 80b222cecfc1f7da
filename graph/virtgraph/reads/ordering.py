"""The order of a list, and which nodes come after a cursor in it. Both engines sort null as the greatest value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """An expression to sort by."""

    expression: str
    descending: bool = False

    @classmethod
    def of(cls, text: str) -> Key:
        """Of `n.name` or `n.name DESC`."""
        expression = text.removesuffix(" DESC")
        return cls(expression, descending=expression != text)

    @property
    def reversed(self) -> Key:
        return Key(self.expression, not self.descending)

    def __str__(self) -> str:
        return f"{self.expression} DESC" if self.descending else self.expression


def order_by(keys: Sequence[Key]) -> str:
    return "ORDER BY " + ", ".join(map(str, keys))


def after(keys: Sequence[Key], cursor: Sequence[str | None], *, including: bool = False) -> str:
    """The condition of standing after a cursor, given as parameters' names (None where its value is null).

    The last key is unique and never null. `including` is true also at the cursor itself.
    """
    key, value = keys[0], cursor[0]
    if len(keys) == 1:
        return f"{key.expression} {'<' if key.descending else '>'}{'=' if including else ''} ${value}"
    later, same = _later(key, value), _same(key, value)
    return f"({later} OR ({same} AND {after(keys[1:], cursor[1:], including=including)}))"


def _later(key: Key, value: str | None) -> str:
    if value is None:
        return f"{key.expression} IS NOT NULL" if key.descending else "false"
    if key.descending:
        return f"{key.expression} < ${value}"
    return f"({key.expression} > ${value} OR {key.expression} IS NULL)"


def _same(key: Key, value: str | None) -> str:
    return f"{key.expression} IS NULL" if value is None else f"{key.expression} = ${value}"
