"""JSON text → tree, under the same rules as YAML.

The standard reader alone would recurse, keep the last of two equal keys, and take NaN.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from math import isfinite
from typing import Any, NoReturn

from virtgraph.spec.errors import invalid, shown
from virtgraph.spec.tree import DEEPEST, Tree

# An unclosed string is taken to the end of the text, so that this stays linear on any text.
TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)
LONGEST_NUMBER = 20


class Pairs(list[tuple[str, Any]]):
    """An object's members as they were written, equal keys included."""


def read_json(text: str) -> Any:
    """The tree. Raises Invalid, and json.JSONDecodeError for text that is not JSON."""
    _refuse_depth(text)
    value = json.loads(
        text,
        object_pairs_hook=Pairs,
        parse_int=_integer,
        parse_float=_number,
        parse_constant=_refuse_constant,
    )
    tree = Tree()
    _build(value, tree)
    return tree.root


def _refuse_depth(text: str) -> None:
    """The standard reader recurses: it is only given what is shallow."""
    depth = 0
    for token in TOKEN.finditer(text):
        opening = token[0][0]
        if opening in "[{":
            depth += 1
            if depth > DEEPEST:
                raise invalid("", f"the document is nested more than {DEEPEST} levels deep")
        elif opening in "]}":
            depth -= 1


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise invalid("", f"the number {shown(text)} has more than {LONGEST_NUMBER} digits")
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise invalid("", f"the number {shown(text)} is too large")
    return number


def _refuse_constant(word: str) -> NoReturn:
    raise invalid("", f"{word} is not JSON")


def _build(value: Any, tree: Tree) -> None:
    """Walks with a stack of iterators: one for each container that is open."""
    open_: list[Iterator[Any]] = []
    todo: Iterator[Any] = iter((value,))
    while True:
        for member in todo:
            if isinstance(member, tuple):
                tree.key(member[0])
                member = member[1]
            if isinstance(member, list):
                tree.begin({} if isinstance(member, Pairs) else [])
                open_.append(todo)
                todo = iter(member)
                break
            tree.scalar(member)
        else:
            if not open_:
                return
            tree.end()
            todo = open_.pop()
