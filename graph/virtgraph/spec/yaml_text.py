"""YAML text → tree, from the parser's events, with the scalars of YAML 1.2's core schema.

PyYAML's own constructor is recursive and YAML 1.1: it reads a MAC address in base 60, and `no` as false.
Numbers that the two versions read differently (leading zeros, an exponent without a dot) stay strings here.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from virtgraph.spec.errors import invalid
from virtgraph.spec.tree import Tree

LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

CONSTANTS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,19})|0o[0-7]{1,20}|0x[0-9a-fA-F]{1,16}")
FLOAT = re.compile(r"[-+]?(?:[0-9]{1,20}\.[0-9]{0,20}|\.[0-9]{1,20})(?:[eE][-+]?[0-9]{1,3})?")


def read_yaml(text: str) -> Any:
    """The tree of the one document in the text. Raises Invalid."""
    tree = Tree()
    documents = 0
    try:
        for event in yaml.parse(text, Loader=LOADER):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents == 2:
                    raise invalid("", f"{_line(event)}: a second YAML document; one at a time")
            else:
                _take(event, tree)
    except yaml.YAMLError as error:
        raise invalid("", _syntax(error)) from None
    return tree.root


def _take(event: Any, tree: Tree) -> None:
    match event:
        case yaml.ScalarEvent():
            _refuse_marks(event, tree)
            value = _core(event.value) if event.implicit[0] else event.value  # implicit[0]: plain
            if tree.expects_key:
                tree.key(value)
            else:
                tree.scalar(value)
        case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
            _refuse_marks(event, tree)
            if tree.expects_key:
                tree.refuse(f"{_line(event)}: a key must be a string")
            tree.begin({} if isinstance(event, yaml.MappingStartEvent) else [])
        case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
            tree.end()
        case yaml.AliasEvent():
            tree.refuse(f"{_line(event)}: aliases (*{event.anchor}) are refused: write the value out")


def _refuse_marks(event: Any, tree: Tree) -> None:
    if event.anchor is not None:
        tree.refuse(f"{_line(event)}: anchors (&{event.anchor}) are refused: write the value out")
    if event.tag is not None:
        tree.refuse(f"{_line(event)}: tags ({event.tag}) are refused")


def _core(text: str) -> Any:
    """A plain scalar as YAML 1.2's core schema reads it (https://yaml.org/spec/1.2.2/#103-core-schema)."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    if text[0] not in "+-.0123456789":
        return text
    if INTEGER.fullmatch(text):
        return int(text, 0)
    if FLOAT.fullmatch(text):
        return float(text)
    return text


def _line(event: Any) -> str:
    return f"line {event.start_mark.line + 1}"


def _syntax(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else str(problem)
