"""Text → Document: which format it is, how large it may be, and its tree."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from virtgraph.spec.errors import Invalid, invalid
from virtgraph.spec.json_text import read_json
from virtgraph.spec.tree import UNPRINTABLE
from virtgraph.spec.yaml_text import read_yaml

Format: TypeAlias = Literal["yaml", "json"]

LARGEST = 4 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Document:
    """A document as its author wrote it, order and spellings included: plain mappings, lists and scalars."""

    format: Format
    tree: Mapping[str, Any]

    @property
    def annotations(self) -> Mapping[str, Any]:
        given = self.tree.get("annotations")
        return given if isinstance(given, dict) else {}


def parse(text: str) -> Document:
    """Read YAML or JSON, told apart by the text. Raises Invalid with the first thing that is unreadable."""
    _refuse_size(text)
    text = text.removeprefix("\ufeff")
    if found := UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        column = found.start() - text.rfind("\n", 0, found.start())
        raise invalid("", f"line {line}, column {column}: the character U+{ord(found[0]):04X} is refused")
    format_, tree = _read(text)
    if not isinstance(tree, dict):
        raise invalid("", "the document is empty" if tree is None else "the document must be a mapping")
    return Document(format_, tree)


def _refuse_size(text: str) -> None:
    # A lone surrogate counts here like any character, to be refused by its place afterwards.
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > LARGEST:
        raise invalid("", f"the document has {size} bytes; the most that is read is {LARGEST} bytes (4 MiB)")


def _read(text: str) -> tuple[Format, Any]:
    if not text.lstrip().startswith("{"):
        return "yaml", read_yaml(text)
    try:
        return "json", read_json(text)
    except json.JSONDecodeError as error:
        not_json = f"line {error.lineno}, column {error.colno}: {error.msg}"
    try:
        return "yaml", read_yaml(text)  # YAML's flow style starts with a brace too
    except Invalid as error:
        reason = error.problems[0].reason
        raise invalid(error.problems[0].path, f"not JSON ({not_json}) and not YAML ({reason})") from None
