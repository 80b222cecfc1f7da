"""Tree → YAML text in block style: lists indented, nothing folded, nothing that a reader may mistake.

PyYAML's dumper is four times as slow, does not indent lists and quotes only what YAML 1.1 misreads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

STEP = "  "

# What needs no quotes in block style, unless it is misread: words of safe characters, joined singly.
PLAIN = re.compile(r"[\w/][\w./+@=,~%-]*(?::[\w./+@=,~%-]+)*(?: [\w./+@=,~%-]+(?::[\w./+@=,~%-]+)*)*")

# Everything that YAML 1.1 or 1.2 reads as null, a boolean, a number (of base 60 too), or a time.
MISREAD = re.compile(
    r"null|true|false|yes|no|on|off|y|n"
    r"|[0-9][0-9_,]*(:[0-9_]+)*(\.[0-9_]*)?(e[-+]?[0-9]+)?"
    r"|0[xob][0-9a-f_]+"
    r"|\d{4}-\d{1,2}-\d{1,2}([t ].*)?",
    re.IGNORECASE,
)


def write_yaml(tree: Mapping[str, Any]) -> str:
    """The text of a tree of mappings, lists, strings, whole numbers, booleans and nulls."""
    return "\n".join(_mapping(tree, "")) + "\n"


def _mapping(mapping: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in mapping.items():
        start = f"{indent}{_string(key)}:"
        if isinstance(value, dict | list) and value:
            yield start
            yield from _block(value, indent + STEP)
        else:
            yield f"{start} {_inline(value)}"


def _sequence(sequence: list[Any], indent: str) -> Iterator[str]:
    for value in sequence:
        if isinstance(value, dict | list) and value:
            first, *rest = _block(value, indent + STEP)
            yield f"{indent}- {first[len(indent) + len(STEP) :]}"
            yield from rest
        else:
            yield f"{indent}- {_inline(value)}"


def _block(value: dict[str, Any] | list[Any], indent: str) -> Iterator[str]:
    return _mapping(value, indent) if isinstance(value, dict) else _sequence(value, indent)


def _inline(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _string(value)
        case dict():
            return "{}"
        case list():
            return "[]"
        case _:
            return str(value)


def _string(text: str) -> str:
    if PLAIN.fullmatch(text) and not MISREAD.fullmatch(text):
        return text
    # A JSON string is a YAML string in double quotes: no document holds what they differ on.
    return json.dumps(text, ensure_ascii=False)
