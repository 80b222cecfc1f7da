"""Builds a document's tree piece by piece and refuses what no document may hold, whatever it is written in.

Nothing here recurses: how deep a document is costs memory, never the interpreter's stack.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn, TypeAlias

from virtgraph.spec.errors import invalid, shown
from virtgraph.spec.paths import item, member

Container: TypeAlias = dict[str, Any] | list[Any]

DEEPEST = 100
MOST_NODES = 500_000
LONGEST_KEY = 255

# Control characters but tab and line ends; separators that YAML folds; code points that are no characters.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
CONTROL = re.compile(f"[\t\n\r]|{UNPRINTABLE.pattern}")


class Tree:
    """A tree under construction; every refusal names the place where it stands."""

    def __init__(self) -> None:
        self.root: Any = None
        self._open: list[Container] = []
        self._keys: list[str | None] = []  # beside each open container: the key that waits for its value
        self._nodes = 0

    @property
    def expects_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1], dict) and self._keys[-1] is None

    @property
    def path(self) -> str:
        path = ""
        for container, key in zip(self._open, self._keys, strict=True):
            if isinstance(container, list):
                path = item(path, len(container))
            elif key is not None:
                path = member(path, key)
        return path

    def refuse(self, reason: str) -> NoReturn:
        raise invalid(self.path, reason)

    def begin(self, container: Container) -> None:
        """What follows, up to `end`, goes into this empty container."""
        if len(self._open) == DEEPEST:
            self.refuse(f"is nested more than {DEEPEST} levels deep")
        self._count()
        self._open.append(container)
        self._keys.append(None)

    def end(self) -> None:
        self._keys.pop()
        self._place(self._open.pop())

    def key(self, key: Any) -> None:
        if not isinstance(key, str):
            self.refuse(f"has the key {shown(key)}, which is not a string: put it in quotes")
        if len(key) > LONGEST_KEY:
            self.refuse(f"has a key of more than {LONGEST_KEY} characters")
        if CONTROL.search(key):
            self.refuse("has a key with control characters")
        if key in self._open[-1]:
            self._keys[-1] = key
            self.refuse("is given twice")
        self._keys[-1] = key
        if key == "<<":
            self.refuse("merge keys are refused")
        if key.startswith("__ansible"):
            self.refuse("keys that start with __ansible are refused")

    def scalar(self, value: Any) -> None:
        self._count()
        if isinstance(value, str) and UNPRINTABLE.search(value):
            self.refuse("has control characters")
        self._place(value)

    def _place(self, value: Any) -> None:
        if not self._open:
            self.root = value
            return
        container = self._open[-1]
        if isinstance(container, list):
            container.append(value)
            return
        key = self._keys[-1]
        assert key is not None
        container[key] = value
        self._keys[-1] = None

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise invalid("", f"the document has more than {MOST_NODES} values")
