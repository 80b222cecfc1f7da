"""How large one operation may be, measured before it is executed.

A fragment counts wherever it is spread, as if it were written out there: else a short document could ask for
millions of fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from virtgraph_api.refusal import Code

MAX_TOKENS = 15_000
MAX_DEPTH = 15
MAX_ALIASES = 30
MAX_FIELDS = 5_000

# GraphiQL asks for 15 levels of it; graphql-core has a limit of its own for introspection.
_INTROSPECTION = ("__schema", "__type")


@dataclass(frozen=True, slots=True)
class Size:
    """Of a selection: levels of fields (`{ vm { name } }` is 2), aliases and fields in it."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0

    def beside(self, other: Size) -> Size:
        return Size(max(self.depth, other.depth), self.aliases + other.aliases, self.fields + other.fields)


@dataclass(slots=True)
class Scale:
    """Weighs the operations of one valid document; each fragment once."""

    fragments: dict[str, FragmentDefinitionNode]
    _weighed: dict[str, Size] = field(default_factory=dict)

    def weigh(self, selections: SelectionSetNode | None) -> Size:
        size = Size()
        for selection in selections.selections if selections else ():
            match selection:
                case FieldNode():
                    size = size.beside(self._field(selection))
                case InlineFragmentNode():
                    size = size.beside(self.weigh(selection.selection_set))
                case FragmentSpreadNode():
                    size = size.beside(self._fragment(selection.name.value))
        return size

    def _field(self, node: FieldNode) -> Size:
        inside = self.weigh(node.selection_set)
        depth = 0 if node.name.value in _INTROSPECTION else inside.depth
        return Size(1 + depth, inside.aliases + (node.alias is not None), inside.fields + 1)

    def _fragment(self, name: str) -> Size:
        if name not in self._weighed:
            self._weighed[name] = self.weigh(self.fragments[name].selection_set)
        return self._weighed[name]


def excesses(document: DocumentNode) -> Iterator[GraphQLError]:
    """What is too large in the operations of a valid document."""
    scale = Scale({node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)})
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            yield from _excesses(operation, scale.weigh(operation.selection_set))


def _excesses(operation: OperationDefinitionNode, size: Size) -> Iterator[GraphQLError]:
    for code, what, is_, most in (
        (Code.TOO_DEEP, "levels of fields", size.depth, MAX_DEPTH),
        (Code.TOO_MANY_ALIASES, "aliases", size.aliases, MAX_ALIASES),
        (Code.TOO_MANY_FIELDS, "fields with its fragments written out", size.fields, MAX_FIELDS),
    ):
        if is_ > most:
            message = f"The operation has {is_} {what}; at most {most} are allowed"
            yield GraphQLError(message, operation, extensions={"code": code, "limit": most, "found": is_})
